#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "store/checkpoint_writer.h"

namespace theater::store {

/// A chain that reached the disk.
struct SafeHead {
  std::uint64_t next_sequence = 0;
  Digest head{};
  /// New since it was told of last.
  std::uint64_t events = 0;
};
using SafeHeads = std::unordered_map<ActorId, SafeHead>;

/// Signs checkpoints while a data directory is written by several shards: a CheckpointWriter with a thread of its own.
/// Any thread.
class CheckpointKeeper {
 public:
  /// Takes over a writer that knows all chains that are there. `failed`: called once, on the keeper's thread, when no
  /// further checkpoint can be signed.
  CheckpointKeeper(std::unique_ptr<CheckpointWriter> writer, const Clock& clock,
                   std::function<void(const Error&)> failed);
  /// Signs what is left.
  ~CheckpointKeeper();
  CheckpointKeeper(const CheckpointKeeper&) = delete;
  CheckpointKeeper& operator=(const CheckpointKeeper&) = delete;

  /// These chains are safe on the disk up to there. Empties `heads`. After a failure it forgets them.
  void heads_are_safe(SafeHeads& heads);
  /// Signs what is left and closes the log; nothing may be told after that.
  void stop();

 private:
  void run();
  void take_told();

  const Clock& clock_;
  const std::function<void(const Error&)> failed_;

  std::mutex mutex_;
  std::condition_variable wakeup_;
  SafeHeads told_;
  bool is_stopping_ = false;
  std::atomic<bool> has_failed_ = false;

  // Of the keeper's thread.
  const std::unique_ptr<CheckpointWriter> writer_;
  std::thread thread_;
};

}  // namespace theater::store
