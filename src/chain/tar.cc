#include "chain/tar.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace theater::tar {
namespace {

constexpr std::size_t kBlockBytes = 512;
using Block = std::array<std::uint8_t, kBlockBytes>;

/// A header's fields: where they begin and how long they are.
struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kOwner{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kMagicField{257, 8};
constexpr Field kDeviceMajor{329, 8};
constexpr Field kDeviceMinor{337, 8};
constexpr Field kPrefix{345, 155};

constexpr std::string_view kUstar{"ustar\00000", 8};
/// What GNU tar writes unless told otherwise; alike in all that is looked at here.
constexpr std::string_view kGnuUstar{"ustar  \0", 8};

void put(Block& block, Field field, std::string_view text) {
  THEATER_CHECK(text.size() <= field.size);
  std::memcpy(block.data() + field.offset, text.data(), text.size());
}

/// As octal digits with leading zeros, and a NUL.
void put_octal(Block& block, Field field, std::uint64_t value) {
  for (std::size_t i = field.size - 1; i-- > 0; value >>= 3) {
    block[field.offset + i] = static_cast<std::uint8_t>('0' + (value & 7));
  }
}

std::uint64_t checksum(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool is_own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    sum += is_own ? std::uint64_t{' '} : block[i];
  }
  return sum;
}

Block header_of(std::string_view name, std::uint64_t size) {
  Block block{};
  put(block, kName, name);
  put_octal(block, kMode, 0644);
  put_octal(block, kOwner, 0);
  put_octal(block, kGroup, 0);
  put_octal(block, kSize, size);
  put_octal(block, kTime, 0);
  put(block, kType, "0");
  put(block, kMagicField, kUstar);
  put_octal(block, kDeviceMajor, 0);
  put_octal(block, kDeviceMinor, 0);
  // Six digits, a NUL and a blank, as ever.
  put_octal(block, {kChecksum.offset, kChecksum.size - 1}, checksum(block));
  block[kChecksum.offset + kChecksum.size - 1] = ' ';
  return block;
}

/// Digits up to a NUL or a blank, or the field's end.
std::optional<std::uint64_t> get_octal(const Block& block, Field field) {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; digits < field.size; ++digits) {
    const std::uint8_t byte = block[field.offset + digits];
    if (byte == 0 || byte == ' ') break;
    if (byte < '0' || byte > '7') return std::nullopt;
    value = value * 8 + (byte - '0');
  }
  if (digits == 0) return std::nullopt;
  return value;
}

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

ByteView field_of(const Block& block, Field field) { return ByteView(block).subspan(field.offset, field.size); }

std::unexpected<Error> corrupt(const std::string& path, std::uint64_t offset, std::string_view what) {
  return fail(ErrorCode::kCorrupt,
              path + " is no tar file as bundles are: " + std::string(what) + " at byte " + std::to_string(offset));
}

Result<Member> read_header(const std::string& path, const Block& block, std::uint64_t offset) {
  const std::string_view magic = as_text(field_of(block, kMagicField));
  if (magic != kUstar && magic != kGnuUstar) return corrupt(path, offset, "no header of a file");
  if (get_octal(block, kChecksum) != checksum(block)) return corrupt(path, offset, "a header was changed");
  const std::uint8_t type = block[kType.offset];
  if (type != '0' && type != 0) return corrupt(path, offset, "something other than a plain file");
  const auto size = get_octal(block, kSize);
  if (!size || *size > kMemberBytesMax) return corrupt(path, offset, "a size that is no number");
  const std::string_view name_field = as_text(field_of(block, kName));
  const std::string_view name = name_field.substr(0, name_field.find('\0'));
  if (name.empty() || !is_zero(as_bytes(name_field.substr(name.size()))) || !is_zero(field_of(block, kPrefix))) {
    return corrupt(path, offset, "a name that is none, or too long");
  }
  return Member{.name = std::string(name), .content = {.offset = offset + kBlockBytes, .size = *size}};
}

/// A file that is open for reading.
class TarFile {
 public:
  static Result<TarFile> open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
      return fail(ErrorCode::kIo, "cannot open " + path + ": " + std::system_category().message(errno));
    TarFile input(descriptor, path);
    struct stat status{};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
      return fail(ErrorCode::kIo, path + " is not a file");
    input.size_ = static_cast<std::uint64_t>(status.st_size);
    return input;
  }
  TarFile(TarFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)), size_(other.size_) {}
  TarFile& operator=(TarFile&&) = delete;
  ~TarFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  std::uint64_t size() const { return size_; }
  /// All of `out`, which must lie in the file.
  Result<void> read(std::uint64_t offset, std::span<std::uint8_t> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t count =
          ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(ErrorCode::kIo, "cannot read " + path_ + ": " + std::system_category().message(errno));
      if (count == 0) return fail(ErrorCode::kIo, path_ + " became shorter while it was read");
      done += static_cast<std::size_t>(count);
    }
    return {};
  }

 private:
  TarFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_;
  std::string path_;
  std::uint64_t size_ = 0;
};

/// That nothing but zeros follows, two blocks of them at least.
Result<void> check_end(const std::string& path, const TarFile& input, std::uint64_t offset) {
  if (input.size() - offset < 2 * kBlockBytes) return corrupt(path, offset, "no whole end");
  Bytes part(64 * kBlockBytes);
  for (; offset < input.size(); offset += part.size()) {
    part.resize(std::min<std::uint64_t>(part.size(), input.size() - offset));
    if (auto read = input.read(offset, part); !read) return read;
    if (!is_zero(part)) return corrupt(path, offset, "bytes behind the end");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::create(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    if (errno == EEXIST) {
      return fail(ErrorCode::kAlreadyExists, path + " exists already; remove it or name another file");
    }
    return fail(ErrorCode::kIo, "cannot make " + path + ": " + std::system_category().message(errno));
  }
  return std::unique_ptr<Writer>(new Writer(descriptor, path));
}

Writer::Writer(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

Writer::~Writer() {
  ::close(descriptor_);
  if (!finished_) ::unlink(path_.c_str());
}

Result<void> Writer::write_all(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      return fail(ErrorCode::kIo, "cannot write " + path_ + ": " + std::system_category().message(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> Writer::pad(std::uint64_t content_bytes) {
  static constexpr Block kZeros{};
  return write_all(ByteView(kZeros).first((kBlockBytes - content_bytes % kBlockBytes) % kBlockBytes));
}

Result<void> Writer::add(std::string_view name, ByteView content) {
  THEATER_CHECK(!name.empty() && name.size() <= kNameBytesMax && open_name_.empty());
  if (content.size() > kMemberBytesMax) {
    return fail(ErrorCode::kTooLarge, std::string(name) + " is too large for a tar file");
  }
  if (auto written = write_all(header_of(name, content.size())); !written) return written;
  if (auto written = write_all(content); !written) return written;
  return pad(content.size());
}

Result<int> Writer::begin(std::string_view name) {
  THEATER_CHECK(!name.empty() && name.size() <= kNameBytesMax && open_name_.empty());
  open_name_ = name;
  const off_t at = lseek(descriptor_, 0, SEEK_CUR);
  if (at < 0) return fail(ErrorCode::kIo, "cannot write " + path_ + ": " + std::system_category().message(errno));
  header_offset_ = static_cast<std::uint64_t>(at);
  // Its size is put in by end().
  if (auto written = write_all(header_of(name, 0)); !written) return fail(std::move(written.error()));
  return descriptor_;
}

Result<void> Writer::end() {
  THEATER_CHECK(!open_name_.empty());
  const off_t at = lseek(descriptor_, 0, SEEK_CUR);
  if (at < 0) return fail(ErrorCode::kIo, "cannot write " + path_ + ": " + std::system_category().message(errno));
  const std::uint64_t size = static_cast<std::uint64_t>(at) - header_offset_ - kBlockBytes;
  if (size > kMemberBytesMax) {
    return fail(ErrorCode::kTooLarge, open_name_ + " has " + std::to_string(size) + " bytes, more than fit a tar file");
  }
  const Block header = header_of(open_name_, size);
  if (::pwrite(descriptor_, header.data(), header.size(), static_cast<off_t>(header_offset_)) !=
      static_cast<ssize_t>(header.size())) {
    return fail(ErrorCode::kIo, "cannot write " + path_ + ": " + std::system_category().message(errno));
  }
  open_name_.clear();
  return pad(size);
}

Result<void> Writer::finish() {
  static constexpr std::array<std::uint8_t, 2 * kBlockBytes> kEnd{};
  if (auto written = write_all(kEnd); !written) return written;
  if (::fsync(descriptor_) != 0)
    return fail(ErrorCode::kIo, "cannot sync " + path_ + ": " + std::system_category().message(errno));
  finished_ = true;
  return {};
}

Result<std::vector<Member>> list(const std::string& path) {
  const auto input = TarFile::open(path);
  if (!input) return fail(input.error());
  std::vector<Member> members;
  std::uint64_t offset = 0;
  while (true) {
    if (input->size() - offset < kBlockBytes) return corrupt(path, offset, "no end");
    Block block;
    if (auto read = input->read(offset, block); !read) return fail(std::move(read.error()));
    if (is_zero(block)) break;
    auto member = read_header(path, block, offset);
    if (!member) return fail(std::move(member.error()));
    if (members.size() == kMembersMax) return corrupt(path, offset, "more files than a bundle has");
    const std::uint64_t blocks = (member->content.size + kBlockBytes - 1) / kBlockBytes;
    if (blocks * kBlockBytes > input->size() - member->content.offset)
      return corrupt(path, offset, "a file that was cut");
    offset = member->content.offset + blocks * kBlockBytes;
    members.push_back(std::move(*member));
  }
  if (auto checked = check_end(path, *input, offset); !checked) return fail(std::move(checked.error()));
  return members;
}

Result<Bytes> read_section(const std::string& path, FileSection section, std::uint64_t max_bytes) {
  if (section.size > max_bytes) {
    return fail(ErrorCode::kTooLarge, "a part of " + path + " has " + std::to_string(section.size) +
                                          " bytes, more than the " + std::to_string(max_bytes) + " that it may have");
  }
  const auto input = TarFile::open(path);
  if (!input) return fail(input.error());
  Bytes content(section.size);
  if (auto read = input->read(section.offset, content); !read) return fail(std::move(read.error()));
  return content;
}

}  // namespace theater::tar
