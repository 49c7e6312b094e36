#include "cli/explore_source.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "replay/source.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kTextBytes = 400;
constexpr std::size_t kValueBytes = 4096;
/// As many as a server gives in one page.
constexpr std::uint32_t kPageEvents = 1'000;

std::string one_line_of(std::string_view text, std::size_t max_bytes) { return printable(as_bytes(text), max_bytes); }

// What lies on the disk -----------------------------------------------------------------------------------------------

class DiskSource final : public ExploreSource {
 public:
  DiskSource(std::string name, replay::Chains chains, std::optional<ActorId> chosen, ExploreLimits limits,
             ReplayOptions replay)
      : name_(std::move(name)),
        chains_(std::move(chains)),
        chosen_(chosen),
        limits_(std::move(limits)),
        replay_(std::move(replay)) {}

  const std::string& name() const override { return name_; }
  bool is_live() const override { return false; }

  Result<std::optional<ActorId>> chosen() override { return chosen_; }
  Result<std::vector<ExploredActor>> actors() override {
    std::vector<ExploredActor> actors;
    for (std::size_t place = 0; place < chains_.size(); ++place) {
      actors.push_back({.id = chains_.actor(place).id, .name = one_line_of(chains_.actor(place).name, kTextBytes)});
    }
    return actors;
  }

  Result<std::vector<ExploredEvent>> events(const ActorId& actor, std::uint64_t from) override {
    const auto chain = find(actor);
    if (!chain) return fail(chain.error());
    const bool needs_values = !limits_.filter.search.empty();
    auto stream =
        EventStream::open(**chain, from, needs_values ? EventStream::Values::kFilled : EventStream::Values::kInline);
    if (!stream) return fail(std::move(stream.error()));
    std::vector<ExploredEvent> found;
    while (true) {
      const auto link = (*stream)->next();
      if (!link) return fail(link.error());
      if (link->empty()) return found;
      for (const Event& event : *link) {
        if (!limits_.filter.matches(event)) continue;
        if (found.size() == limits_.events_max) return found;
        found.push_back({.sequence = event.sequence,
                         .time_ms = event.time_ns / kNsPerMs,
                         .kind = std::string(to_string(event.kind)),
                         .type = one_line_of(event_type(event), kTextBytes),
                         .description = one_line_of(describe(event), kTextBytes),
                         .cause = event.cause});
      }
    }
  }

  Result<EventSheet> sheet(const ActorId& actor, std::uint64_t sequence) override {
    const auto chain = find(actor);
    if (!chain) return fail(chain.error());
    const auto found = find_event(**chain, sequence);
    if (!found) return fail(found.error());
    std::string why = "the chain's start is not kept";
    const EventDecoder* decoder = nullptr;
    if (found->component) {
      const auto made = decoder_of(**chain, *found->component);
      if (made) {
        decoder = *made;
        why.clear();
      } else {
        why = made.error().to_string();
      }
    }
    return sheet_of(*found, decoder, why, kValueBytes);
  }

 private:
  Result<const ChainSource*> find(const ActorId& actor) {
    if (const auto known = opened_.find(actor); known != opened_.end()) return known->second.get();
    for (std::size_t place = 0; place < chains_.size(); ++place) {
      if (chains_.actor(place).id != actor) continue;
      auto chain = chains_.take(place);
      if (!chain) return fail(std::move(chain.error()));
      return opened_.emplace(actor, std::move(*chain)).first->second.get();
    }
    return fail(ErrorCode::kNotFound, "the chain of " + to_string(actor) + " is not here");
  }

  /// Compiled once; most chains of a directory have few components between them.
  Result<const EventDecoder*> decoder_of(const ChainSource& chain, const Digest& component) {
    if (const auto known = decoders_.find(component); known != decoders_.end()) return known->second.get();
    auto decoder = EventDecoder::make(chain, component, replay_);
    if (!decoder) return fail(std::move(decoder.error()));
    return decoders_.emplace(component, std::move(*decoder)).first->second.get();
  }

  const std::string name_;
  replay::Chains chains_;
  const std::optional<ActorId> chosen_;
  const ExploreLimits limits_;
  const ReplayOptions replay_;
  std::map<ActorId, std::unique_ptr<ChainSource>> opened_;
  std::map<Digest, std::unique_ptr<EventDecoder>> decoders_;
};

// A server ------------------------------------------------------------------------------------------------------------

std::optional<Cause> cause_in(const std::string& text) {
  const auto json = ordered_json::parse(text, nullptr, false);
  const auto cause = json.find("cause");
  if (cause == json.end() || !cause->is_object()) return std::nullopt;
  const auto actor = parse_id<ActorId>(cause->value("actor", std::string()));
  if (!actor) return std::nullopt;
  return Cause{.actor = *actor, .sequence = cause->value("sequence", std::uint64_t{0})};
}

/// A value of an event's JSON: as text where it is told so.
std::string value_in(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("actor") && value.contains("sequence")) {
    return "event " + value["sequence"].dump() + " of " + value.value("actor", "");
  }
  if (!value.is_object() || !value.contains("size")) return value.dump();
  if (value["size"] == 0) return "";
  const std::string text = value.value("text", "");
  const std::string hex = value.value("hex", "");
  return !text.empty() ? text : !hex.empty() ? "0x" + hex : value.dump();
}

/// What the list does not say already.
EventSheet sheet_in(const ordered_json& json) {
  EventSheet sheet;
  for (const auto& [name, value] : json.items()) {
    if (name == "actor" || name == "sequence" || name == "kind" || name == "description" || name == "timestamp_ms") {
      continue;
    }
    const std::string label = name == "parent_hash" ? "parent" : name == "event_type" ? "type" : name;
    if (name == "imports" || name == "exports") {
      for (const auto& one : value) sheet.emplace_back(label, one_line_of(value_in(one), kTextBytes));
    } else if (const std::string text = value_in(value); !text.empty()) {
      sheet.emplace_back(one_line_of(label, kTextBytes), one_line_of(text, kValueBytes));
    }
  }
  return sheet;
}

class ServerSource final : public ExploreSource {
 public:
  ServerSource(Client client, std::string actor, ExploreLimits limits, bool is_live)
      : client_(std::move(client)), actor_(std::move(actor)), limits_(std::move(limits)), is_live_(is_live) {}

  const std::string& name() const override { return name_; }
  bool is_live() const override { return is_live_; }

  Result<std::optional<ActorId>> chosen() override {
    if (actor_.empty()) return std::nullopt;
    const auto actor = client_.inspect(actor_);
    if (!actor) return fail(actor.error());
    return actor->id;
  }

  Result<std::vector<ExploredActor>> actors() override {
    std::vector<ExploredActor> actors;
    const auto listed = client_.list();
    if (!listed) return fail(listed.error());
    for (const RemoteActor& actor : *listed) {
      actors.push_back({.id = actor.id, .name = one_line_of(actor.name, kTextBytes)});
    }
    return actors;
  }

  Result<std::vector<ExploredEvent>> events(const ActorId& actor, std::uint64_t from) override {
    const api::EventFilter& filter = limits_.filter;
    RemoteEventQuery query;
    query.from = from;
    query.limit = kPageEvents;
    query.type_prefix = filter.type_prefix;
    query.search = filter.search;
    if (filter.from_time_ns) query.from_time_ms = *filter.from_time_ns / kNsPerMs;
    if (filter.to_time_ns) query.to_time_ms = *filter.to_time_ns / kNsPerMs;
    std::vector<ExploredEvent> found;
    while (true) {
      const auto page = client_.events(to_string(actor), query);
      if (!page) return fail(page.error());
      for (const RemoteEvent& event : *page) {
        if (found.size() == limits_.events_max) return found;
        found.push_back({.sequence = event.sequence,
                         .time_ms = event.time_ms,
                         .kind = event.kind,
                         .type = one_line_of(event.type, kTextBytes),
                         .description = one_line_of(event.description, kTextBytes),
                         .cause = event.kind == "call" ? cause_in(event.json) : std::nullopt});
      }
      if (page->size() < kPageEvents) return found;
      query.from = page->back().sequence + 1;
    }
  }

  Result<EventSheet> sheet(const ActorId& actor, std::uint64_t sequence) override {
    RemoteEventQuery query;
    query.from = sequence;
    query.limit = 1;
    const auto page = client_.events(to_string(actor), query);
    if (!page) return fail(page.error());
    if (page->empty() || page->front().sequence != sequence) {
      return fail(ErrorCode::kNotFound, "the server does not keep event " + std::to_string(sequence) + " any more");
    }
    const auto json = ordered_json::parse(page->front().json, nullptr, false);
    return json.is_object() ? sheet_in(json) : EventSheet();
  }

 private:
  const std::string name_ = "server";
  Client client_;
  const std::string actor_;
  const ExploreLimits limits_;
  const bool is_live_;
};

}  // namespace

Result<std::unique_ptr<ExploreSource>> explore_disk(const std::string& path, const std::string& actor,
                                                    ExploreLimits limits, ReplayOptions replay) {
  std::optional<ActorId> chosen;
  if (!actor.empty()) {
    const auto one = replay::Chains::open(path, actor);
    if (!one) return fail(one.error());
    chosen = one->actor(0).id;
  }
  // All of them, since causes lead from one to the other.
  auto chains = replay::Chains::open(path, "");
  if (!chains) return fail(std::move(chains.error()));
  return std::make_unique<DiskSource>(path, std::move(*chains), chosen, std::move(limits), std::move(replay));
}

std::unique_ptr<ExploreSource> explore_server(Client client, std::string actor, ExploreLimits limits, bool is_live) {
  return std::make_unique<ServerSource>(std::move(client), std::move(actor), std::move(limits), is_live);
}

}  // namespace theater::cli
