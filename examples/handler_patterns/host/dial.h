#pragma once

#include <functional>
#include <memory>
#include <string>

#include "connection.h"
#include "theater/handler.h"

namespace patterns {

/// What really connects: sockets, or a test. Called on shards' threads: none of it may block. It tells what happened by
/// `happened`, later and on a thread of its own.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void connect(std::uint64_t connection, std::string address) = 0;
  virtual void write(std::uint64_t connection, theater::ByteView data) = 0;
  virtual void close(std::uint64_t connection) = 0;
};

class Switchboard;

/// Connections as state machines: the guest asks for something and goes on at once, the transport says when it
/// happened, and the guest hears of each new phase in a turn of its own. An actor has at most kConnectionsMax, and none
/// outlives it.
class DialHandler final : public theater::Handler {
 public:
  static constexpr std::size_t kConnectionsMax = 16;

  explicit DialHandler(std::shared_ptr<Transport> transport);
  ~DialHandler() override;

  /// Any thread but from within the transport's methods: what happened to a connection, and why. Ignored when the
  /// connection is gone, or cannot have come to this.
  void happened(std::uint64_t connection, Happening what, std::string_view why);
  std::size_t connections() const;

  std::string_view type() const override { return "dial"; }
  std::span<const theater::HandlerInterface> imports() const override;
  std::span<const std::string_view> exports() const override;
  theater::Result<std::unique_ptr<theater::HandlerInstance>> create(const theater::HandlerSetup& setup) const override;

 private:
  const std::shared_ptr<Switchboard> board_;
};

}  // namespace patterns
