#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/segment_format.h"

namespace theater::store {

/// Where a link's record lies in its segment.
struct LinkPlace {
  std::uint64_t first_sequence = 0;
  std::uint64_t offset = 0;
  /// Of the link, without its record's frame.
  std::uint32_t bytes = 0;
};

/// What an open segment holds, kept by its writer for those who read meanwhile: they find an actor's links without
/// reading what others recorded between them. Readers see what was handed to the operating system, a group as a whole
/// or not at all; what they see once can be read from the file for good, also after the segment was closed.
///
/// Of the writing thread, but for what any thread may call. One lock: the writer holds it while it publishes a group,
/// a reader while it looks up; nobody reads or writes a file under it. Beside what the segment's own index will hold it
/// takes 24 bytes a link. No link's record has fewer than 96: a quarter of a segment's size at most, and far less where
/// actors do anything.
class OpenSegmentIndex {
 public:
  OpenSegmentIndex() = default;
  /// Of a segment that is only to be closed: where its links lie is not known.
  explicit OpenSegmentIndex(const SegmentIndex& index);

  /// `link`: what the segment would hold of the actor if it held this link alone.
  void add_link(const ActorId& actor, const ChainPart& link, std::uint32_t bytes) {
    added_.push_back({actor, link, bytes});
  }
  /// To be added before the link that names it.
  void add_payload(const Digest& digest, std::uint64_t offset);
  bool has_payload(const Digest& digest) const { return payloads_.contains(digest); }
  /// All that was added can be read from the file, which has so many bytes now.
  void publish(std::uint64_t file_bytes);
  /// Once all is published: what the closed segment says of its content.
  SegmentIndex contents() const;

  // Any thread.

  /// What is there of one actor's chain; none when nothing is.
  std::optional<ChainPart> chain(const ActorId& actor) const;
  /// Of all actors, in no order.
  std::vector<std::pair<ActorId, ChainPart>> chains() const;
  /// The actor's links from the one that holds `from_sequence` (or the first here) to the one before `until_sequence`.
  std::vector<LinkPlace> links(const ActorId& actor, std::uint64_t from_sequence, std::uint64_t until_sequence) const;
  /// Where this large value's record lies.
  std::optional<std::uint64_t> payload(const Digest& digest) const;

 private:
  struct Added {
    ActorId actor;
    ChainPart link;
    std::uint32_t bytes = 0;
  };
  struct Link {
    std::uint64_t first_sequence = 0;
    std::uint64_t offset = 0;
    std::uint32_t bytes = 0;
    /// The actor's link before it in links_, counted from 1; 0: none.
    std::uint32_t before = 0;
  };
  struct Chain {
    ChainPart part;
    /// Likewise.
    std::uint32_t last_link = 0;
  };

  /// Of the writing thread alone: not published yet.
  std::vector<Added> added_;

  /// For what follows; the writing thread, which alone changes it, reads it without.
  mutable std::mutex mutex_;
  std::unordered_map<ActorId, Chain> chains_;
  std::deque<Link> links_;
  std::map<Digest, std::uint64_t> payloads_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace theater::store
