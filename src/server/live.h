#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/management.h"
#include "server/work.h"

namespace theater::server {

/// Calls whoever serves a connection when there is something for it. May be called before anybody waits for it.
class Wakeup : public std::enable_shared_from_this<Wakeup> {
 public:
  explicit Wakeup(Work& work) : work_(work) {}
  /// Any thread.
  void call();
  /// From now on, and once if call() came before. The serving thread only; a null target ends it.
  void set(std::function<void()> target);

 private:
  Work& work_;
  std::function<void()> target_;
  bool called_ = false;
};

/// A subscription on its way to a connection. The serving thread only.
class LiveEvents {
 public:
  LiveEvents(std::shared_ptr<api::EventFeed> feed, std::shared_ptr<Wakeup> wakeup, api::EventFilter filter,
             bool one_actor);
  ~LiveEvents();
  LiveEvents(const LiveEvents&) = delete;
  LiveEvents& operator=(const LiveEvents&) = delete;

  void on_ready(std::function<void()> ready) { wakeup_->set(std::move(ready)); }
  /// What comes next, some events in one text: as server-sent events, or as one JSON object a message. Empty when there
  /// is nothing now.
  std::string next_sent_events();
  std::optional<std::string> next_message();
  /// The listener was too slow; nothing comes after what next…() still gives.
  bool cut() const { return feed_->cut(); }

 private:
  /// The next one that the filter lets through, valid until the next call; null when nothing is there now.
  const Event* next();

  const std::shared_ptr<api::EventFeed> feed_;
  const std::shared_ptr<Wakeup> wakeup_;
  const api::EventFilter filter_;
  /// Sequences of one actor tell where to go on.
  const bool one_actor_;
  std::vector<Event> taken_;
  std::size_t taken_next_ = 0;
};

/// What a subscriber is told when it was too slow, as JSON.
std::string cut_notice();

/// A channel to an actor whose other end is a connection.
class ChannelFeed {
 public:
  /// How much may wait for a client that does not read.
  static constexpr std::size_t kWaitingMessages = 10'000;
  static constexpr std::size_t kWaitingBytes = 8u << 20;

  /// Opens a channel. `outcome` is called once: on this thread when it cannot even be tried, otherwise on a shard's.
  static void open(api::Management& management, Work& work, const ActorId& actor, ByteView first_message,
                   std::function<void(Result<std::shared_ptr<ChannelFeed>>)> outcome);
  /// Closes the channel.
  ~ChannelFeed();
  ChannelFeed(const ChannelFeed&) = delete;
  ChannelFeed& operator=(const ChannelFeed&) = delete;

  const ChannelId& id() const { return id_; }
  // The serving thread.
  void on_ready(std::function<void()> ready);
  std::optional<Bytes> next();
  /// The actor closed the channel or ended; nothing comes after what next() still gives.
  bool closed() const;
  /// The client was too slow; the same.
  bool cut() const;
  Result<void> send(ByteView message) { return management_.send_on_channel(id_, message); }

 private:
  class Inbox;
  ChannelFeed(api::Management& management, std::shared_ptr<Inbox> inbox, const ChannelId& id);

  api::Management& management_;
  const std::shared_ptr<Inbox> inbox_;
  const ChannelId id_;
};

}  // namespace theater::server
