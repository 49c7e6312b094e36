#include "chain/chain_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"
#include "base/limits.h"
#include "chain/link_codec.h"
#include "chain/record.h"

namespace theater {
namespace {

/// Format and version in one; also tells a person what the file is.
constexpr std::string_view kMagic = "theater chain 1\n";
constexpr std::size_t kClosedBytes = 8 + 8;
constexpr std::size_t kBufferBytes = 256u << 10;

std::uint64_t content_bytes_max(ChainFileRecord::Type type) {
  switch (type) {
    case ChainFileRecord::Type::kLink: return chain::kLinkBytesMax;
    case ChainFileRecord::Type::kPayload: return chain::kPayloadBytesMax;
    case ChainFileRecord::Type::kClosed: return kClosedBytes;
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<ChainFileWriter>> ChainFileWriter::create(const std::string& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    if (errno == EEXIST)
      return fail(ErrorCode::kAlreadyExists, path + " exists already; remove it or name another file");
    return fail(ErrorCode::kIo, "cannot make " + path + ": " + std::system_category().message(errno));
  }
  return onto(descriptor, path);
}

std::unique_ptr<ChainFileWriter> ChainFileWriter::onto(int descriptor, std::string path) {
  std::unique_ptr<ChainFileWriter> writer(new ChainFileWriter(descriptor, std::move(path)));
  theater::append(writer->buffer_, as_bytes(kMagic));
  return writer;
}

ChainFileWriter::ChainFileWriter(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {
  buffer_.reserve(kBufferBytes);
}

ChainFileWriter::~ChainFileWriter() {
  if (descriptor_ < 0) return;
  if (!error_) static_cast<void>(write_all(buffer_));
  ::close(descriptor_);
}

Result<void> ChainFileWriter::append(const SealedLink& link) {
  for (std::size_t i = 0; i < link.payloads.size(); ++i) {
    const RecordedPayload& payload = link.payloads[i];
    const auto before = link.payloads.first(i);
    const bool is_repeated = std::any_of(before.begin(), before.end(),
                                         [&](const RecordedPayload& other) { return other.digest == payload.digest; });
    if (is_repeated) continue;
    auto put = put_record(ChainFileRecord::Type::kPayload, payload.content.view(), payload.digest);
    if (!put) return put;
  }
  ++links_;
  next_sequence_ = link.first_sequence + link.event_count;
  head_hash_ = link.hash;
  return put_record(ChainFileRecord::Type::kLink, link.bytes, link.hash);
}

Result<void> ChainFileWriter::keep(ByteView content) {
  return put_record(ChainFileRecord::Type::kPayload, content, sha256(content));
}

Result<void> ChainFileWriter::put_record(ChainFileRecord::Type type, ByteView content, const Digest& digest) {
  if (error_) return fail(*error_);
  THEATER_CHECK(descriptor_ >= 0 && content.size() <= content_bytes_max(type));
  std::uint8_t header[chain::kRecordHeaderBytes];
  chain::put_record_header(
      header, {.type = static_cast<std::uint8_t>(type), .length = static_cast<std::uint32_t>(content.size())});
  if (buffer_.size() + chain::kRecordFrameBytes + content.size() > kBufferBytes) {
    if (auto flushed = flush(); !flushed) return flushed;
  }
  theater::append(buffer_, header);
  if (content.size() > kBufferBytes / 2) {
    // Too large to be worth a copy.
    if (auto flushed = flush(); !flushed) return flushed;
    if (auto written = write_all(content); !written) return written;
  } else {
    theater::append(buffer_, content);
  }
  theater::append(buffer_, digest);
  return {};
}

Result<void> ChainFileWriter::flush(bool sync) {
  if (error_) return fail(*error_);
  if (auto written = write_all(buffer_); !written) return written;
  buffer_.clear();
  if (sync && fdatasync(descriptor_) != 0) return fail_for_good("cannot sync", errno);
  return {};
}

Result<void> ChainFileWriter::close(bool sync) {
  std::uint8_t content[kClosedBytes];
  chain::put_little_endian(content, links_);
  chain::put_little_endian(content + 8, next_sequence_);
  auto result = put_record(ChainFileRecord::Type::kClosed, content, head_hash_);
  if (result) result = flush(sync);
  if (::close(std::exchange(descriptor_, -1)) != 0 && result) return fail_for_good("cannot close", errno);
  return result;
}

Result<void> ChainFileWriter::write_all(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_for_good("cannot write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> ChainFileWriter::fail_for_good(std::string what, int error_number) {
  error_ = Error(ErrorCode::kIo, what + " " + path_ + ": " + std::system_category().message(error_number) +
                                     "; the chain in it ends here");
  return fail(*error_);
}

Result<std::unique_ptr<ChainFileReader>> ChainFileReader::open(const std::string& path, FileSection section) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ErrorCode::kIo, "cannot open " + path + ": " + std::system_category().message(errno));
  struct stat status{};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return fail(ErrorCode::kIo, path + " is not a file");
  }
  const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
  section.offset = std::min(section.offset, file_bytes);
  section.size = std::min(section.size, file_bytes - section.offset);
  std::unique_ptr<ChainFileReader> reader(new ChainFileReader(descriptor, section));
  if (auto sought = reader->seek(0); !sought) return fail(std::move(sought.error()).with_context("reading " + path));
  std::uint8_t magic[kMagic.size()];
  auto read = reader->read_up_to(magic, sizeof(magic));
  if (!read) return fail(std::move(read.error()).with_context("reading " + path));
  if (as_text({magic, *read}) != kMagic) {
    return fail(ErrorCode::kCorrupt, path + " is no chain file, or one of another version");
  }
  return reader;
}

ChainFileReader::ChainFileReader(int descriptor, FileSection section)
    : descriptor_(descriptor), begin_offset_(section.offset), size_bytes_(section.size) {}

ChainFileReader::~ChainFileReader() { ::close(descriptor_); }

Result<std::size_t> ChainFileReader::read_up_to(std::uint8_t* out, std::size_t bytes) {
  std::size_t done = 0;
  bytes = std::min<std::uint64_t>(bytes, size_bytes_ - std::min(offset_, size_bytes_));
  while (done < bytes) {
    if (input_used_ == input_.size()) {
      input_.resize(std::min<std::uint64_t>(kBufferBytes, size_bytes_ + 1));
      input_used_ = 0;
      ssize_t count;
      do count = ::read(descriptor_, input_.data(), input_.size());
      while (count < 0 && errno == EINTR);
      if (count < 0) return fail(ErrorCode::kIo, "cannot read: " + std::system_category().message(errno));
      input_.resize(static_cast<std::size_t>(count));
      if (count == 0) break;
    }
    const std::size_t part = std::min(bytes - done, input_.size() - input_used_);
    std::memcpy(out + done, input_.data() + input_used_, part);
    input_used_ += part;
    done += part;
  }
  offset_ += done;
  return done;
}

Result<std::optional<ChainFileRecord>> ChainFileReader::torn(std::uint64_t from_offset) {
  ended_ = true;
  torn_bytes_ = size_bytes_ - from_offset;
  return std::optional<ChainFileRecord>();
}

Result<std::optional<ChainFileRecord>> ChainFileReader::damaged(std::uint64_t at_offset, std::string_view what) {
  ended_ = true;
  return fail(ErrorCode::kCorrupt,
              "the file is damaged at byte " + std::to_string(at_offset) + ": " + std::string(what));
}

Result<std::optional<ChainFileRecord>> ChainFileReader::next() {
  const std::uint64_t start = offset_;
  if (ended_ || start >= size_bytes_) return std::optional<ChainFileRecord>();
  if (is_closed_) return damaged(start, "bytes after the closing record");
  std::uint8_t header[chain::kRecordHeaderBytes];
  auto read = read_up_to(header, sizeof(header));
  if (!read) return fail(std::move(read.error()));
  if (*read < sizeof(header)) return torn(start);
  const auto record = chain::get_record_header(header);
  if (!record) {
    auto is_zero = rest_is_zero(header);
    if (!is_zero) return fail(std::move(is_zero.error()));
    // A file that grew before its content reached the disk.
    return *is_zero ? torn(start) : damaged(start, "no record begins here");
  }
  const auto type = static_cast<ChainFileRecord::Type>(record->type);
  const std::uint32_t length = record->length;
  const bool is_known = record->type >= 1 && record->type <= static_cast<std::uint8_t>(ChainFileRecord::Type::kClosed);
  if (!is_known) return damaged(start, "an unknown record (made by a newer version?)");
  if (length > content_bytes_max(type)) return damaged(start, "a record longer than may be");
  if (type == ChainFileRecord::Type::kClosed && length != kClosedBytes)
    return damaged(start, "a malformed closing record");
  if (size_bytes_ - start < chain::kRecordFrameBytes + length) return torn(start);
  return content(type, length, start);
}

Result<std::optional<ChainFileRecord>> ChainFileReader::content(ChainFileRecord::Type type, std::uint32_t length,
                                                                std::uint64_t start) {
  record_.resize(length + sizeof(Digest));
  auto read = read_up_to(record_.data(), record_.size());
  if (!read) return fail(std::move(read.error()));
  if (*read < record_.size()) return torn(start);
  ChainFileRecord record;
  record.type = type;
  record.bytes = ByteView(record_).first(length);
  record.file_offset = start;
  record.content_offset = begin_offset_ + start + chain::kRecordHeaderBytes;
  std::memcpy(record.digest.data(), record_.data() + length, sizeof(Digest));
  if (type == ChainFileRecord::Type::kClosed) {
    record.closed_links = chain::get_little_endian<std::uint64_t>(record_.data());
    record.closed_next_sequence = chain::get_little_endian<std::uint64_t>(record_.data() + 8);
    is_closed_ = true;
  }
  return std::optional(record);
}

Result<void> ChainFileReader::seek(std::uint64_t file_offset) {
  if (lseek(descriptor_, static_cast<off_t>(begin_offset_ + file_offset), SEEK_SET) < 0) {
    return fail(ErrorCode::kIo, "cannot seek: " + std::system_category().message(errno));
  }
  offset_ = file_offset;
  input_.clear();
  input_used_ = 0;
  torn_bytes_ = 0;
  ended_ = false;
  is_closed_ = false;
  return {};
}

Result<bool> ChainFileReader::rest_is_zero(ByteView already_read) {
  const auto is_zero = [](ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
  };
  if (!is_zero(already_read)) return false;
  std::uint8_t part[4096];
  while (true) {
    auto read = read_up_to(part, sizeof(part));
    if (!read) return fail(std::move(read.error()));
    if (*read == 0) return true;
    if (!is_zero({part, *read})) return false;
  }
}

}  // namespace theater
