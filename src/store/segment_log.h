#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/limits.h"
#include "chain/event_sink.h"
#include "chain/memory_log.h"
#include "store/checkpoint_keeper.h"
#include "store/data_directory.h"

namespace theater::store {

/// Keeps a shard's chains in the segments of a data directory. Appending copies the link into memory, where the latest
/// links can be read again, as with a MemoryLog; a thread of its own writes from there, in groups, and syncs.
///
/// After the first write or sync that fails nothing is acknowledged any more, for good: nobody knows what is on the
/// disk then, and a second try would prove nothing.
class SegmentLog final : public EventSink {
 public:
  struct Options {
    std::uint32_t shard = 0;
    std::size_t link_bytes = limits::kChainMemoryBytesPerShard;
    std::size_t payload_bytes = limits::kPayloadMemoryBytesPerShard;
    std::uint64_t segment_bytes = limits::kSegmentBytes;
    std::uint64_t pace_us = limits::kGroupPaceUs;
    std::uint64_t sync_delay_ms = limits::kSyncDelayMs;
    /// Told of all that is safe; none: nobody. Must outlive the log.
    CheckpointKeeper* checkpoints = nullptr;
    /// Without it nothing is written but by work(): for tests that decide when.
    bool own_thread = true;
  };

  /// The directory and the clock must outlive the log.
  SegmentLog(DataDirectory& directory, const Clock& clock, const Options& options);
  /// Writes and syncs all that is left, and closes the segment.
  ~SegmentLog() override;
  SegmentLog(const SegmentLog&) = delete;
  SegmentLog& operator=(const SegmentLog&) = delete;

  // The shard's thread.

  /// Waits for the disk where more than the memory's size is not written yet; condition() says so long before.
  void append(const SealedLink& link, ChainHead& head) override;
  /// Any thread.
  std::uint64_t acknowledged_position() const override { return acknowledged_.load(std::memory_order_acquire) - 1; }
  /// Any thread.
  Result<void> status() const override;
  void hasten(std::uint64_t position) override;

  /// Full: half of the memory is not written yet. Any thread.
  const SinkCondition& condition() const { return condition_; }
  /// The latest links and large values.
  const MemoryLog& memory() const { return memory_; }

  // Any thread.

  /// Called on the writing thread when some of what was hastened is acknowledged, when the log is no longer full, and
  /// when it failed. To be set before the first append.
  void on_progress(std::function<void()> progress) { progress_ = std::move(progress); }
  /// Waits until all that is appended now can be read from the files. The error of status().
  Result<void> write_all();
  /// Waits until all that is appended now is safe. The error of status().
  Result<void> sync_all();
  /// Writes, syncs and closes; no append may follow. Called by the destructor.
  void stop();

  /// One round of what the thread does; only without one.
  void work();

 private:
  struct WaitingPayload {
    /// Of the link that names it.
    std::uint64_t position = 0;
    RecordedPayload payload;
  };

  void run();
  bool write_some();
  bool take_link(const MemoryLog::Entry& link);
  void sync_if_due(bool now);
  Result<void> begin_segment();
  Result<void> next_segment_if_full();
  void wait_for_room();
  void bound_payloads();
  void become_full();
  void tell_room();
  void acknowledge_written();
  void fail_for_good(Error error);
  void wake();
  void raise_hastened(std::uint64_t position);
  Result<void> wait_for(const std::atomic<std::uint64_t>& reached, bool hasten);

  DataDirectory& directory_;
  const Clock& clock_;
  const Options options_;
  MemoryLog memory_;
  std::function<void()> progress_;

  // The shard's thread writes, the writing thread reads.
  alignas(64) std::atomic<std::uint64_t> published_;
  std::atomic<std::uint64_t> queued_payload_bytes_{0};
  /// Of the shard's thread: taken_ as it was when last looked at; looking costs more than appending.
  std::uint64_t taken_seen_;

  // The writing thread writes. Each is behind the last link that it covers, where the next begins.
  alignas(64) std::atomic<std::uint64_t> taken_;
  std::atomic<std::uint64_t> written_;
  std::atomic<std::uint64_t> acknowledged_;
  SinkCondition condition_;
  /// It sleeps, and an append must wake it.
  std::atomic<bool> is_asleep_{false};
  std::atomic<std::uint64_t> hastened_{0};

  // Of the writing thread.
  std::unique_ptr<SegmentWriter> segment_;
  /// Chains' ends that were written and are not safe yet.
  SafeHeads written_heads_;
  std::uint64_t unsynced_since_ns_ = 0;
  /// Of what was hastened, up to here it was said to be safe.
  std::uint64_t told_ = 0;
  bool is_marked_ = true;

  mutable std::mutex mutex_;
  std::condition_variable wakeup_;
  std::condition_variable progressed_;
  bool wake_requested_ = false;
  bool is_stopping_ = false;
  std::optional<Error> error_;

  std::mutex payloads_mutex_;
  std::deque<WaitingPayload> payloads_;

  std::thread thread_;
};

}  // namespace theater::store
