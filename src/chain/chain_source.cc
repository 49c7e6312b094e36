#include "chain/chain_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "chain/link_codec.h"

namespace theater {
namespace {

/// Where a link lies in its file. Noted for every so many links: from there on reading finds the others.
struct Landmark {
  std::uint64_t first_sequence = 0;
  std::uint64_t file_offset = 0;
};
constexpr std::uint64_t kLinksPerLandmark = 32;

struct PayloadPlace {
  Digest digest{};
  std::uint64_t content_offset = 0;
  std::uint64_t size = 0;
};

/// The sequence after the link's last event; none when its header is malformed.
std::optional<std::uint64_t> sequence_after(ByteView link) {
  const chain::LinkDecoder decoder(link);
  if (!decoder.ok()) return std::nullopt;
  return decoder.header().first_sequence + decoder.header().event_count;
}

class FileLinks final : public ChainSource::Links {
 public:
  FileLinks(std::unique_ptr<ChainFileReader> reader, std::uint64_t from_sequence)
      : reader_(std::move(reader)), from_sequence_(from_sequence) {}

  Result<std::optional<KeptLink>> next() override {
    while (true) {
      auto record = reader_->next();
      if (!record) return fail(std::move(record.error()));
      if (!*record) return std::optional<KeptLink>();
      if ((*record)->type != ChainFileRecord::Type::kLink) continue;
      // One that is malformed is for the verifier to judge.
      if (sequence_after((*record)->bytes).value_or(UINT64_MAX) <= from_sequence_) continue;
      return KeptLink{.bytes = (*record)->bytes, .hash = (*record)->digest};
    }
  }

 private:
  std::unique_ptr<ChainFileReader> reader_;
  const std::uint64_t from_sequence_;
};

class FileSource final : public ChainSource {
 public:
  FileSource(std::string path, FileSection section, int descriptor)
      : path_(std::move(path)), section_(section), descriptor_(descriptor) {}
  ~FileSource() override { ::close(descriptor_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  Result<void> look_through(ChainFileReader& reader) {
    std::uint64_t links = 0;
    while (true) {
      const auto record = reader.next();
      // Whoever reads the links meets the damage at its place.
      if (!record || !*record) break;
      if ((*record)->type == ChainFileRecord::Type::kPayload) {
        payloads_.push_back({.digest = (*record)->digest,
                             .content_offset = (*record)->content_offset,
                             .size = (*record)->bytes.size()});
      } else if ((*record)->type == ChainFileRecord::Type::kLink && !note_link(**record, links++)) {
        break;
      }
    }
    if (links == 0) return fail(ErrorCode::kCorrupt, path_ + " holds no whole link of a chain");
    std::ranges::sort(payloads_, {}, &PayloadPlace::digest);
    return {};
  }

  const std::string& name() const override { return path_; }
  const ActorId& actor() const override { return actor_; }
  std::uint64_t first_sequence() const override { return first_sequence_; }
  std::uint64_t next_sequence() const override { return next_sequence_; }

  Result<std::unique_ptr<Links>> links(std::uint64_t from_sequence) const override {
    auto reader = ChainFileReader::open(path_, section_);
    if (!reader) return fail(std::move(reader.error()));
    const auto after = std::ranges::upper_bound(landmarks_, from_sequence, {}, &Landmark::first_sequence);
    if (after != landmarks_.begin()) {
      if (auto sought = (*reader)->seek(std::prev(after)->file_offset); !sought) return fail(std::move(sought.error()));
    }
    return std::make_unique<FileLinks>(std::move(*reader), from_sequence);
  }

  std::optional<Bytes> find(const Digest& digest) const override {
    for (const PayloadPlace& place : std::ranges::equal_range(payloads_, digest, {}, &PayloadPlace::digest)) {
      std::optional<Bytes> content = read(place);
      if (content && sha256(*content) == digest) return content;
    }
    return std::nullopt;
  }

  // A writer may have put them beside the large values; nothing in the format asks for it.
  std::optional<Bytes> component(const Digest& digest) const override { return find(digest); }
  std::optional<std::string> manifest(const Digest& digest) const override {
    const auto text = find(digest);
    return text ? std::optional(std::string(as_text(*text))) : std::nullopt;
  }

 private:
  std::optional<Bytes> read(const PayloadPlace& place) const {
    Bytes content(place.size);
    std::size_t done = 0;
    while (done < content.size()) {
      const ssize_t count = ::pread(descriptor_, content.data() + done, content.size() - done,
                                    static_cast<off_t>(place.content_offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return std::nullopt;
      done += static_cast<std::size_t>(count);
    }
    return content;
  }

  bool note_link(const ChainFileRecord& record, std::uint64_t number) {
    const chain::LinkDecoder decoder(record.bytes);
    if (!decoder.ok()) return false;
    const chain::LinkHeader& header = decoder.header();
    if (number == 0) {
      actor_ = header.actor;
      first_sequence_ = header.first_sequence;
    }
    if (number % kLinksPerLandmark == 0) {
      landmarks_.push_back({.first_sequence = header.first_sequence, .file_offset = record.file_offset});
    }
    next_sequence_ = header.first_sequence + header.event_count;
    return true;
  }

  const std::string path_;
  const FileSection section_;
  const int descriptor_;
  ActorId actor_;
  std::uint64_t first_sequence_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::vector<Landmark> landmarks_;
  std::vector<PayloadPlace> payloads_;
};

class MemorySource final : public ChainSource {
 public:
  MemorySource(ChainSnapshot snapshot, std::string name) : snapshot_(std::move(snapshot)), name_(std::move(name)) {}

  const std::string& name() const override { return name_; }
  const ActorId& actor() const override { return snapshot_.actor; }
  std::uint64_t first_sequence() const override {
    return snapshot_.links.empty() ? snapshot_.next_sequence : snapshot_.links.front().first_sequence;
  }
  std::uint64_t next_sequence() const override { return snapshot_.next_sequence; }

  Result<std::unique_ptr<Links>> links(std::uint64_t from_sequence) const override {
    const auto first = std::ranges::partition_point(snapshot_.links, [&](const ChainSnapshot::Link& link) {
      return link.first_sequence + link.event_count <= from_sequence;
    });
    return std::make_unique<MemoryLinks>(snapshot_, static_cast<std::size_t>(first - snapshot_.links.begin()));
  }
  std::optional<Bytes> find(const Digest& digest) const override { return snapshot_.find(digest); }
  std::optional<Bytes> component(const Digest&) const override { return std::nullopt; }
  std::optional<std::string> manifest(const Digest&) const override { return std::nullopt; }

 private:
  class MemoryLinks final : public Links {
   public:
    MemoryLinks(const ChainSnapshot& snapshot, std::size_t at) : snapshot_(snapshot), at_(at) {}
    Result<std::optional<KeptLink>> next() override {
      if (at_ == snapshot_.links.size()) return std::optional<KeptLink>();
      const ChainSnapshot::Link& link = snapshot_.links[at_++];
      return KeptLink{.bytes = snapshot_.link_bytes(link), .hash = link.hash};
    }

   private:
    const ChainSnapshot& snapshot_;
    std::size_t at_;
  };

  const ChainSnapshot snapshot_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<ChainSource>> open_chain_file(const std::string& path, FileSection section) {
  auto reader = ChainFileReader::open(path, section);
  if (!reader) return fail(std::move(reader.error()));
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ErrorCode::kIo, "cannot open " + path);
  auto source = std::make_unique<FileSource>(path, section, descriptor);
  if (auto looked = source->look_through(**reader); !looked) return fail(std::move(looked.error()));
  return source;
}

std::unique_ptr<ChainSource> make_chain_source(ChainSnapshot snapshot, std::string name) {
  return std::make_unique<MemorySource>(std::move(snapshot), std::move(name));
}

}  // namespace theater
