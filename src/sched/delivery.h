#pragma once

#include <cstddef>
#include <cstdint>

namespace theater::sched {

class Shard;

inline constexpr std::size_t kCacheLineBytes = 64;

/// Asks for memory to be fetched into the cache. Any address will do, null and invalid ones too.
inline void prefetch_lines(const void* address, std::size_t lines) {
  // Numbers, since pointers must not leave their object.
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(reinterpret_cast<const void*>(at + i * kCacheLineBytes));
}

/// Something handed to a shard from any thread: deliver() is called once, on the shard's thread. It owns itself, so
/// deliver() ends with its deletion or reuse.
class Delivery {
 public:
  Delivery() = default;
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  virtual void deliver() = 0;

 protected:
  ~Delivery() = default;

 private:
  friend class Shard;
  friend class Outbound;
  Delivery* next_ = nullptr;
};

/// Work that stands in a shard's run queue. It belongs to one shard for good; owner's thread only.
class Runnable {
 public:
  Runnable() = default;
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  /// Does a bounded piece of work; schedules itself again for more.
  virtual void run() = 0;
  /// Called a little before run(), to fetch into the cache what run() will touch.
  virtual void prefetch() const {}
  /// Called before that, so that prefetch() itself need not wait: fetches the beginning of this object.
  void prefetch_head() const { prefetch_lines(this, 6); }
  /// Stands in the run queue: it must not be destroyed yet.
  bool is_queued() const { return queued_; }

 protected:
  ~Runnable() = default;

 private:
  friend class Shard;
  Runnable* next_runnable_ = nullptr;
  bool queued_ = false;
};

}  // namespace theater::sched
