#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/management.h"
#include "server/json_forms.h"
#include "server/live.h"
#include "server/work.h"

namespace theater::server {

/// What the legacy management protocol's commands do, for one connection: knows JSON messages, not frames. The serving
/// thread only; answers and pushed messages come there too.
class LegacyCommands : public std::enable_shared_from_this<LegacyCommands> {
 public:
  /// `tell` sends a message to the client; management and work must outlive it.
  LegacyCommands(api::Management& management, Work& work, std::function<void(const Json&)> tell);

  /// Does what the command says and then calls `done`, after the answer was told. One command at a time.
  void handle(ByteView command, std::function<void()> done);
  /// The client is gone: nothing is told any more; its subscriptions and channels end.
  void end();

 private:
  struct Following;
  struct OpenChannel;
  using Answer = std::function<void(Json)>;

  void tell(const Json& message);

  void run(const std::string& name, const Json& fields, const Answer& answer);
  /// Answers with what `work` gives, which may wait.
  void wait_for(const Answer& answer, std::function<Json()> work);

  void start(const Json& fields, const Answer& answer);
  void ask(const Json& fields, const Answer& answer);
  void open_channel(const Json& fields, const Answer& answer);
  void subscribe(const Json& fields, const Answer& answer);
  /// What follows an actor: events to the client, and the actor's end to whoever started it as its parent. May wait.
  static Result<std::shared_ptr<Following>> follow(api::Management& management, Work& work, const ActorId& id,
                                                   std::optional<std::uint64_t> from);
  /// From here on it tells. The subscription's id.
  std::string adopt(const std::shared_ptr<Following>& following);
  void pump(const std::string& subscription);
  void tell_result(const ActorId& id);
  void pump_channel(const ChannelId& channel);

  api::Management& management_;
  Work& work_;
  const std::function<void(const Json&)> tell_;
  bool ended_ = false;
  std::map<std::string, std::shared_ptr<Following>> following_;
  std::map<ChannelId, std::shared_ptr<OpenChannel>> channels_;
};

}  // namespace theater::server
