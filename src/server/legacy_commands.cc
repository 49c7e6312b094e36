#include "server/legacy_commands.h"

#include <algorithm>
#include <exception>

#include "base/clock.h"
#include "base/random.h"
#include "server/problem.h"

namespace theater::server {
namespace {

/// Subscriptions and channels that one connection may have.
constexpr std::size_t kSubscriptionsMax = 1'000;
constexpr std::size_t kChannelsMax = 1'000;
constexpr std::size_t kPushedEventsAtOnce = 64;

/// Thrown while a command's fields are read, caught in handle().
struct BadCommand : std::exception {
  explicit BadCommand(std::string what) : text(std::move(what)) {}
  const char* what() const noexcept override { return text.c_str(); }
  std::string text;
};

/// As the protocol names errors: a word, or a word with a text.
Json error_answer(std::string_view name, const std::string& text) {
  for (const std::string_view bare : {"ActorNotFound", "ActorAlreadyExists", "ActorNotRunning", "ChannelNotFound",
                                      "ChannelClosed", "ChannelRejected", "Timeout"}) {
    if (name == bare) return {{"Error", {{"error", name}}}};
  }
  return {{"Error", {{"error", {{name, text}}}}}};
}
Json error_answer(const Error& error) { return error_answer(management_name(error.code()), error.to_string()); }

Json bytes_array(ByteView bytes) {
  Json array = Json::array();
  for (const std::uint8_t byte : bytes) array.push_back(byte);
  return array;
}
Json bytes_or_null(const std::optional<Bytes>& bytes) { return bytes ? bytes_array(*bytes) : Json(nullptr); }

const Json& field(const Json& fields, const char* name) {
  const auto found = fields.is_object() ? fields.find(name) : fields.end();
  if (!fields.is_object() || found == fields.end()) throw BadCommand(std::string("the field ") + name + " is missing");
  return *found;
}
std::string text_field(const Json& fields, const char* name) {
  const Json& value = field(fields, name);
  if (!value.is_string()) throw BadCommand(std::string(name) + " must be a string");
  return value.get<std::string>();
}
template <class Id>
Id id_field(const Json& fields, const char* name) {
  const auto id = parse_id<Id>(text_field(fields, name));
  if (!id) throw BadCommand(std::string(name) + " must be a UUID");
  return *id;
}
Bytes bytes_of_array(const Json& value, const char* name) {
  Bytes bytes;
  if (!value.is_array()) throw BadCommand(std::string(name) + " must be an array of bytes");
  bytes.reserve(value.size());
  for (const Json& item : value) {
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() > 255) {
      throw BadCommand(std::string(name) + " must be an array of bytes");
    }
    bytes.push_back(item.get<std::uint8_t>());
  }
  return bytes;
}
Bytes bytes_field(const Json& fields, const char* name) { return bytes_of_array(field(fields, name), name); }
bool flag_field(const Json& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() && found->is_boolean() && found->get<bool>();
}

Json legacy_event(const Event& event) {
  return {{"hash", bytes_array(event.hash)},
          {"parent_hash", event.parent_hash ? bytes_array(*event.parent_hash) : Json(nullptr)},
          {"event_type", event_type(event)},
          {"data", bytes_array(event_data(event))},
          {"timestamp", event.time_ns / kNsPerMs},
          {"description", describe(event)}};
}

std::string_view legacy_status(ActorStatus status) {
  switch (status) {
    case ActorStatus::kStopped: return "Stopped";
    case ActorStatus::kFailed: return "Failed";
    default: return "Running";
  }
}

Json actor_answer(const char* name, const ActorId& id) { return {{name, {{"id", to_string(id)}}}}; }

}  // namespace

struct LegacyCommands::Following {
  ActorId actor;
  bool tell_events = false;
  bool tell_result = false;
  std::shared_ptr<api::EventFeed> feed;
  std::shared_ptr<Wakeup> wakeup;
};

struct LegacyCommands::OpenChannel {
  ActorId actor;
  std::shared_ptr<ChannelFeed> feed;
};

LegacyCommands::LegacyCommands(api::Management& management, Work& work, std::function<void(const Json&)> tell)
    : management_(management), work_(work), tell_(std::move(tell)) {}

void LegacyCommands::end() {
  ended_ = true;
  for (const auto& [name, following] : following_) following->wakeup->set(nullptr);
  following_.clear();
  channels_.clear();
}

void LegacyCommands::tell(const Json& message) {
  if (!ended_) tell_(message);
}

void LegacyCommands::handle(ByteView command, std::function<void()> done) {
  const Answer answer = [self = shared_from_this(), done = std::move(done)](const Json& json) {
    self->tell(json);
    done();
  };
  const Json json = Json::parse(command.begin(), command.end(), nullptr, false);
  try {
    if (json.is_string()) return run(json.get<std::string>(), Json::object(), answer);
    if (!json.is_object() || json.size() != 1) throw BadCommand("a command is a name, or an object of one name");
    run(json.begin().key(), json.begin().value(), answer);
  } catch (const BadCommand& bad) {
    answer(error_answer("InvalidRequest", bad.text));
  } catch (const std::exception& error) {
    answer(error_answer("InternalError", error.what()));
  }
}

void LegacyCommands::wait_for(const Answer& answer, std::function<Json()> work) {
  Work& thread = work_;
  const bool taken = work_.wait_for([&thread, answer, work = std::move(work)] {
    Json result;
    try {
      result = work();
    } catch (const std::exception& error) {
      result = error_answer("InternalError", error.what());
    }
    thread.serve([answer, result = std::move(result)] { answer(result); });
  });
  if (!taken) answer(error_answer("RuntimeError", "too many requests wait already: try again"));
}

void LegacyCommands::run(const std::string& name, const Json& fields, const Answer& answer) {
  api::Management& management = management_;
  const auto id = [&] { return id_field<ActorId>(fields, "id"); };
  if (name == "StartActor") return start(fields, answer);
  if (name == "SubscribeToActor") return subscribe(fields, answer);
  if (name == "RequestActorMessage") return ask(fields, answer);
  if (name == "OpenChannel") return open_channel(fields, answer);
  if (name == "StopActor" || name == "TerminateActor") {
    return wait_for(answer, [&management, actor = id(), ends = name == "TerminateActor"] {
      const auto stopped = ends ? management.terminate(actor) : management.stop(actor);
      return stopped ? actor_answer("ActorStopped", actor) : error_answer(stopped.error());
    });
  }
  if (name == "ListActors") {
    return wait_for(answer, [&management] {
      api::ActorQuery query;
      query.limit = UINT32_MAX;
      const auto page = management.list(query);
      if (!page) return error_answer(page.error());
      Json actors = Json::array();
      for (const ActorInfo& actor : page->actors) {
        const bool lives = !has_ended(actor.status);
        if (lives) actors.push_back(Json::array({to_string(actor.id), actor.name}));
      }
      return Json{{"ActorList", {{"actors", std::move(actors)}}}};
    });
  }
  if (name == "UpdateActorComponent") {
    api::UpdateRequest request;
    // As in manifests that its clients send: an absolute path of this machine.
    request.component_path = text_field(fields, "component");
    return wait_for(answer, [&management, actor = id(), request = std::move(request)] {
      const auto updated = management.update(actor, request);
      return updated ? actor_answer("ActorComponentUpdated", actor) : error_answer(updated.error());
    });
  }
  if (name == "UnsubscribeFromActor") {
    const ActorId actor = id();
    const auto found = following_.find(text_field(fields, "subscription_id"));
    if (found == following_.end() || found->second->actor != actor) throw BadCommand("there is no such subscription");
    found->second->wakeup->set(nullptr);
    following_.erase(found);
    return answer(actor_answer("Unsubscribed", actor));
  }
  if (name == "SendActorMessage") {
    const ActorId actor = id();
    const auto sent = management_.send(actor, bytes_field(fields, "data"));
    return answer(sent ? actor_answer("SentMessage", actor) : error_answer(sent.error()));
  }
  if (name == "GetActorManifest") {
    return wait_for(answer, [&management, actor = id()] {
      const auto manifest = management.manifest(actor);
      if (!manifest) return error_answer(manifest.error());
      return Json{{"ActorManifest", {{"id", to_string(actor)}, {"manifest", manifest_of(*manifest)}}}};
    });
  }
  if (name == "GetActorStatus") {
    return wait_for(answer, [&management, actor = id()] {
      const auto info = management.info(actor);
      if (!info) return error_answer(info.error());
      return Json{{"ActorStatus", {{"id", to_string(actor)}, {"status", legacy_status(info->status)}}}};
    });
  }
  if (name == "GetActorState") {
    return wait_for(answer, [&management, actor = id()] {
      const auto state = management.state(actor);
      if (!state) return error_answer(state.error());
      return Json{{"ActorState", {{"id", to_string(actor)}, {"state", bytes_or_null(*state)}}}};
    });
  }
  if (name == "GetActorEvents") {
    return wait_for(answer, [&management, actor = id()] {
      api::EventQuery query;
      query.limit = UINT32_MAX;
      const auto page = management.events(actor, query);
      if (!page) return error_answer(page.error());
      Json events = Json::array();
      for (const Event& event : page->events) events.push_back(legacy_event(event));
      return Json{{"ActorEvents", {{"id", to_string(actor)}, {"events", std::move(events)}}}};
    });
  }
  if (name == "GetActorMetrics") {
    return wait_for(answer, [&management, actor = id()] {
      const auto info = management.info(actor);
      if (!info) return error_answer(info.error());
      return Json{{"ActorMetrics", {{"id", to_string(actor)}, {"metrics", metrics_of(*info)}}}};
    });
  }
  if (name == "SendOnChannel") {
    const ChannelId channel = id_field<ChannelId>(fields, "channel_id");
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return answer(error_answer("ChannelNotFound", ""));
    const auto sent = found->second->feed->send(bytes_field(fields, "message"));
    return answer(sent ? Json{{"MessageSent", {{"channel_id", to_string(channel)}}}} : error_answer(sent.error()));
  }
  if (name == "CloseChannel") {
    const ChannelId channel = id_field<ChannelId>(fields, "channel_id");
    if (channels_.erase(channel) == 0) return answer(error_answer("ChannelNotFound", ""));
    return answer({{"ChannelClosed", {{"channel_id", to_string(channel)}}}});
  }
  throw BadCommand("this server has no command " + printable(as_bytes(name), 100));
}

// Starting, asking ----------------------------------------------------------------------------------------------------

void LegacyCommands::start(const Json& fields, const Answer& answer) {
  api::StartRequest request;
  request.manifest_text = text_field(fields, "manifest");
  // Its clients name components by absolute paths of this machine.
  request.base_directory = "/";
  if (const auto state = fields.find("initial_state"); state != fields.end() && !state->is_null()) {
    request.initial_state = bytes_of_array(*state, "initial_state");
  }
  const bool tell_events = flag_field(fields, "subscribe");
  const bool tell_result = flag_field(fields, "parent");
  auto following = std::make_shared<std::shared_ptr<Following>>();
  // The answer comes before whatever is pushed about the actor.
  wait_for(
      [self = shared_from_this(), answer, following](const Json& json) {
        answer(json);
        if (*following && !self->ended_) self->adopt(*following);
      },
      [&management = management_, &work = work_, request = std::move(request), following, tell_events, tell_result] {
        const auto actor = management.start(request);
        if (!actor) return error_answer(management_name_of_start(actor.error().code()), actor.error().to_string());
        if (tell_events || tell_result) {
          // From its first event on: it may have ended already.
          auto followed = follow(management, work, actor->id, 0);
          if (!followed) return error_answer(followed.error());
          (*followed)->tell_events = tell_events;
          (*followed)->tell_result = tell_result;
          *following = std::move(*followed);
        }
        return actor_answer("ActorStarted", actor->id);
      });
}

void LegacyCommands::ask(const Json& fields, const Answer& answer) {
  const ActorId id = id_field<ActorId>(fields, "id");
  const Bytes message = bytes_field(fields, "data");
  management_.request(id, message, 0, [&work = work_, answer, id](Result<Bytes> reply) {
    work.serve([answer, id, reply = std::move(reply)] {
      answer(reply ? Json{{"RequestedMessage", {{"id", to_string(id)}, {"message", bytes_array(*reply)}}}}
                   : error_answer(reply.error()));
    });
  });
}

// Events --------------------------------------------------------------------------------------------------------------

void LegacyCommands::subscribe(const Json& fields, const Answer& answer) {
  const ActorId id = id_field<ActorId>(fields, "id");
  if (following_.size() >= kSubscriptionsMax) throw BadCommand("this connection has too many subscriptions");
  auto following = std::make_shared<std::shared_ptr<Following>>();
  wait_for(
      [self = shared_from_this(), answer, following, id](const Json& json) {
        if (!*following || self->ended_) return answer(json);
        (*following)->tell_events = true;
        // Its id is part of the answer, which comes before the first event.
        answer({{"Subscribed", {{"id", to_string(id)}, {"subscription_id", self->adopt(*following)}}}});
      },
      [&management = management_, &work = work_, following, id]() -> Json {
        auto followed = follow(management, work, id, std::nullopt);
        if (!followed) return error_answer(followed.error());
        *following = std::move(*followed);
        return nullptr;
      });
}

Result<std::shared_ptr<LegacyCommands::Following>> LegacyCommands::follow(api::Management& management, Work& work,
                                                                          const ActorId& id,
                                                                          std::optional<std::uint64_t> from) {
  auto following = std::make_shared<Following>();
  following->actor = id;
  following->wakeup = std::make_shared<Wakeup>(work);
  auto feed = management.follow(id, from, {}, [wakeup = following->wakeup] { wakeup->call(); });
  if (!feed) return fail(std::move(feed.error()));
  following->feed = std::move(*feed);
  return following;
}

std::string LegacyCommands::adopt(const std::shared_ptr<Following>& following) {
  std::string name = to_string(SecureRandom().make_id<RequestId>());
  following_[name] = following;
  // Not at once: what tells the name goes first.
  work_.serve([weak = weak_from_this(), following, name] {
    following->wakeup->set([weak, name] {
      if (const auto self = weak.lock()) self->pump(name);
    });
  });
  return name;
}

void LegacyCommands::pump(const std::string& subscription) {
  const auto found = following_.find(subscription);
  if (found == following_.end()) return;
  const std::shared_ptr<Following> following = found->second;
  while (true) {
    const auto events = following->feed->take(kPushedEventsAtOnce);
    for (const Event& event : events) {
      if (following->tell_events) tell({{"ActorEvent", {{"event", legacy_event(event)}}}});
      if (following->tell_result && event.kind == EventKind::kStopped) tell_result(following->actor);
    }
    if (events.empty()) break;
  }
  if (!following->feed->cut()) return;
  following->wakeup->set(nullptr);
  following_.erase(subscription);
  tell(error_answer("CommunicationError", "events came faster than this connection took them"));
}

void LegacyCommands::tell_result(const ActorId& id) {
  wait_for(
      [self = shared_from_this()](const Json& json) { self->tell(json); },
      [&management = management_, id]() -> Json {
        const auto info = management.info(id);
        if (!info) return error_answer(info.error());
        const std::string actor = to_string(id);
        if (info->status == ActorStatus::kFailed) {
          return {{"ActorResult", {{"Error", {{"actor_id", actor}, {"error", {{"ActorError", info->end_message}}}}}}}};
        }
        if (info->end_reason != StopReason::kShutdown) {
          return {{"ActorResult", {{"ExternalStop", {{"actor_id", actor}}}}}};
        }
        return {{"ActorResult", {{"Success", {{"actor_id", actor}, {"result", bytes_or_null(info->result)}}}}}};
      });
}

// Channels ------------------------------------------------------------------------------------------------------------

void LegacyCommands::open_channel(const Json& fields, const Answer& answer) {
  if (channels_.size() >= kChannelsMax) throw BadCommand("this connection has too many channels");
  const Json& participant = field(fields, "actor_id");
  if (!participant.is_object()) throw BadCommand("a channel leads to an actor: {\"Actor\": id}");
  const ActorId id = id_field<ActorId>(participant, "Actor");
  const Bytes first = bytes_field(fields, "initial_message");
  ChannelFeed::open(
      management_, work_, id, first,
      [self = shared_from_this(), &work = work_, id, answer](Result<std::shared_ptr<ChannelFeed>> opened) {
        work.serve([self, id, answer, opened = std::move(opened)] {
          if (!opened) return answer(error_answer(opened.error()));
          const ChannelId channel = (*opened)->id();
          answer({{"ChannelOpened", {{"channel_id", to_string(channel)}, {"actor_id", {{"Actor", to_string(id)}}}}}});
          if (self->ended_) return;
          self->channels_[channel] = std::make_shared<OpenChannel>(OpenChannel{.actor = id, .feed = *opened});
          (*opened)->on_ready([weak = self->weak_from_this(), channel] {
            if (const auto held = weak.lock()) held->pump_channel(channel);
          });
          self->pump_channel(channel);
        });
      });
}

void LegacyCommands::pump_channel(const ChannelId& channel) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  const std::shared_ptr<OpenChannel> open = found->second;
  while (const auto message = open->feed->next()) {
    if (ended_) return;
    tell({{"ChannelMessage",
           {{"channel_id", to_string(channel)},
            {"sender_id", {{"Actor", to_string(open->actor)}}},
            {"message", bytes_array(*message)}}}});
  }
  if (!open->feed->closed() && !open->feed->cut()) return;
  channels_.erase(channel);
  tell({{"ChannelClosed", {{"channel_id", to_string(channel)}}}});
}

}  // namespace theater::server
