#include <algorithm>
#include <map>

#include "base/check.h"
#include "store/data_directory.h"

namespace theater::store {
namespace {

/// Where one of the values lies in a segment.
struct KeptValue {
  Digest digest{};
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  /// Not redacted yet, or not to the end.
  bool is_kept = false;
};

Result<KeptValue> look_at(const File& file, const PayloadPlace& place) {
  const auto header = read_payload_header(file, place.offset, place.digest);
  if (!header) return fail(header.error());
  KeptValue value{.digest = place.digest, .offset = place.offset, .length = header->length};
  if (header->type == static_cast<std::uint8_t>(RecordType::kPayload)) {
    value.is_kept = true;
    // What was changed is evidence.
    if (const auto content = read_payload(file, place.offset, place.digest); !content) return fail(content.error());
    return value;
  }
  Bytes content(header->length);
  const auto read = file.read(place.offset + chain::kRecordHeaderBytes, content);
  if (!read) return fail(read.error());
  value.is_kept = std::ranges::any_of(content, [](std::uint8_t byte) { return byte != 0; });
  return value;
}

Result<void> redact_in(File& file, const std::vector<KeptValue>& values) {
  // One byte says what they are from now on: however this ends, each is there as it was or is a redacted one.
  constexpr std::uint8_t kRedacted[] = {static_cast<std::uint8_t>(RecordType::kRedacted)};
  for (const KeptValue& value : values) {
    if (auto written = file.write(value.offset, kRedacted); !written) return written;
  }
  if (auto synced = file.sync(); !synced) return synced;
  for (const KeptValue& value : values) {
    if (auto freed = file.punch_hole(value.offset + chain::kRecordHeaderBytes, value.length); !freed) return freed;
  }
  return file.sync();
}

}  // namespace

/// One run of it.
class DataDirectory::Redaction {
 public:
  Redaction(DataDirectory& directory, const std::set<Digest>& values) : directory_(directory), values_(values) {
    const std::lock_guard lock(directory_.mutex_);
    segments_ = directory_.segments_;
  }

  Result<RedactSummary> run() {
    if (auto refused = refuse_what_actors_run_with(); !refused) return fail(std::move(refused.error()));
    // All are looked at before the first is changed.
    if (auto found = look(); !found) return fail(std::move(found.error()).with_context("nothing was removed"));
    for (const auto& [path, places] : places_) {
      auto file = directory_.files_.open(path, OpenMode::kWrite);
      if (!file) return fail(std::move(file.error()));
      if (auto redacted = redact_in(**file, places); !redacted) return fail(std::move(redacted.error()));
    }
    for (const Digest& digest : files_) {
      if (auto gone = directory_.content_.remove(digest); !gone) return fail(std::move(gone.error()));
    }
    return summary_of(removed_);
  }

 private:
  Result<void> refuse_what_actors_run_with() const {
    const auto actors = directory_.actors();
    if (!actors) return fail(actors.error());
    for (const StoredActor& actor : *actors) {
      const bool is_component = values_.contains(actor.component);
      if (!is_component && !values_.contains(actor.manifest)) continue;
      return fail(ErrorCode::kInvalidArgument, to_hex(is_component ? actor.component : actor.manifest) +
                                                   " is no value but the " + (is_component ? "component" : "manifest") +
                                                   " of actor " + to_string(actor.id) + " (" +
                                                   printable(as_bytes(actor.name), 100) + ")");
    }
    return {};
  }

  Result<void> look() {
    for (const Segment& segment : segments_) {
      THEATER_CHECK(!segment.is_open());
      if (auto looked = look_in(segment); !looked) {
        return fail(std::move(looked.error()).with_context(directory_.path_of(segment).string()));
      }
    }
    // States that retention has put there.
    for (const Digest& digest : values_) {
      const auto content = directory_.content_.get(digest, chain::kPayloadBytesMax);
      if (!content && content.error().code() == ErrorCode::kNotFound) continue;
      if (!content) return fail(content.error());
      files_.push_back(digest);
      removed_[digest] = content->size();
    }
    return {};
  }

  Result<void> look_in(const Segment& segment) {
    const auto file = directory_.open_segment(segment.number);
    if (!file) return fail(file.error());
    // Its own index first: it knows of values that were changed since.
    auto index = read_index(**file);
    if (!index) return fail(index.error());
    if (!*index) {
      const auto made = directory_.index_of(segment);
      if (!made) return fail(made.error());
      *index = **made;
    }
    for (const PayloadPlace& place : (*index)->payloads) {
      if (!values_.contains(place.digest)) continue;
      const auto value = look_at(**file, place);
      if (!value) return fail(value.error());
      if (!value->is_kept) continue;
      places_[directory_.path_of(segment)].push_back(*value);
      removed_[value->digest] = value->length;
    }
    return {};
  }

  DataDirectory& directory_;
  const std::set<Digest>& values_;
  std::vector<Segment> segments_;
  /// Where they lie in each segment, and those that have a file each.
  std::map<std::filesystem::path, std::vector<KeptValue>> places_;
  std::vector<Digest> files_;
  NamedValues removed_;
};

Result<RedactSummary> DataDirectory::redact(const std::set<Digest>& values) {
  THEATER_CHECK(access_ == Access::kWrite);
  return Redaction(*this, values).run();
}

}  // namespace theater::store
