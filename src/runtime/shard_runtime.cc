#include "runtime/shard_runtime.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "chain/runtime_notes.h"
#include "handlers/supervisor.h"
#include "runtime/runtime_core.h"

namespace theater::runtime {

// Subscriptions -------------------------------------------------------------------------------------------------------

struct Subscriptions::Handle {
  Handle(Subscriptions& owner, std::shared_ptr<const Subscription> subscription)
      : owner(owner), subscription(std::move(subscription)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    const std::lock_guard lock(owner.mutex_);
    std::erase(owner.subscriptions_, subscription);
    owner.count_ = owner.subscriptions_.size();
  }
  Subscriptions& owner;
  std::shared_ptr<const Subscription> subscription;
};

std::shared_ptr<void> Subscriptions::add(std::optional<ActorId> actor, Runtime::EventCallback heard) {
  auto subscription = std::make_shared<const Subscription>(Subscription{.actor = actor, .heard = std::move(heard)});
  {
    const std::lock_guard lock(mutex_);
    subscriptions_.push_back(subscription);
    count_ = subscriptions_.size();
  }
  return std::make_shared<Handle>(*this, std::move(subscription));
}

bool Subscriptions::wanted(const ActorId& actor) const {
  if (!any()) return false;
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(subscriptions_, [&](const auto& s) { return !s->actor || *s->actor == actor; });
}

void Subscriptions::tell(const Event& event) const {
  std::vector<std::shared_ptr<const Subscription>> listeners;
  {
    const std::lock_guard lock(mutex_);
    listeners = subscriptions_;
  }
  for (const auto& listener : listeners) {
    if (!listener->actor || *listener->actor == event.actor) listener->heard(event);
  }
}

// Shard ---------------------------------------------------------------------------------------------------------------

namespace {

/// The content of a link's own large values.
class LinkPayloads final : public ChainReader::Payloads {
 public:
  explicit LinkPayloads(std::span<const RecordedPayload> payloads) : payloads_(payloads) {}
  std::optional<Bytes> find(const Digest& digest) const override {
    for (const RecordedPayload& payload : payloads_) {
      if (payload.digest == digest) return to_bytes(payload.content.view());
    }
    return std::nullopt;
  }

 private:
  std::span<const RecordedPayload> payloads_;
};

}  // namespace

namespace {

std::unique_ptr<store::SegmentLog> make_log(store::DataDirectory* directory, store::CheckpointKeeper* checkpoints,
                                            const sched::Shard& shard, const RuntimeOptions& options) {
  if (directory == nullptr) return nullptr;
  return std::make_unique<store::SegmentLog>(*directory, shard.clock(),
                                             store::SegmentLog::Options{.shard = shard.index(),
                                                                        .link_bytes = options.chain_memory_bytes,
                                                                        .payload_bytes = options.payload_memory_bytes,
                                                                        .checkpoints = checkpoints});
}

std::unique_ptr<MemoryLog> make_memory(const store::DataDirectory* directory, const RuntimeOptions& options) {
  if (directory != nullptr || !options.record) return nullptr;
  return std::make_unique<MemoryLog>(options.chain_memory_bytes, options.payload_memory_bytes);
}

EventSink& one_of(store::SegmentLog* segments, MemoryLog* memory, NullSink& none) {
  if (segments != nullptr) return *segments;
  if (memory != nullptr) return *memory;
  return none;
}

}  // namespace

ShardRuntime::ShardRuntime(RuntimeCore& core, sched::Shard& shard, const RuntimeOptions& options,
                           store::DataDirectory* directory, store::CheckpointKeeper* checkpoints,
                           actor::GateTable& gates, actor::WaitGraph& waits)
    : core_(core),
      options_(options),
      memory_(make_memory(directory, options)),
      segments_(make_log(directory, checkpoints, shard, options)),
      services_(shard, one_of(segments_.get(), memory_.get(), no_log_),
                options.record ? Recording::kOn : Recording::kOff, std::make_unique<SecureRandom>(), gates, waits,
                *this) {
  services_.memory_log = memory_.get();
  services_.nursery = &core;
  if (!segments_) return;
  services_.memory_log = &segments_->memory();
  services_.sink_condition = &segments_->condition();
  services_.directory = directory;
  segments_->on_progress([this] { log_progress_.post(); });
}

void ShardRuntime::LogProgress::post() {
  if (!is_posted_.exchange(true)) runtime_.shard().post(*this);
}

void ShardRuntime::LogProgress::deliver() {
  // First, so that what comes meanwhile is told once more.
  is_posted_ = false;
  runtime_.log_progressed();
}

void ShardRuntime::log_progressed() {
  if (segments_->condition().has_failed() && !std::exchange(failure_told_, true)) {
    core_.warn(segments_->status().error().to_string() + "; no actor whose chain is kept takes further turns");
  }
  services_.sink_progressed();
}

Result<void> ShardRuntime::write_chains() { return segments_ ? segments_->write_all() : Result<void>(); }

void ShardRuntime::close_log() {
  if (segments_) segments_->stop();
}

ShardRuntime::~ShardRuntime() {
  for (const auto& [number, wait] : waits_) services_.shard.timers().disarm(*wait);
}

Result<std::unique_ptr<ChainFileWriter>> ShardRuntime::open_chain_file(const actor::ActorSpec& spec, const ActorId& id,
                                                                       const ChainHead& head) const {
  if (!spec.manifest.save_chain || segments_) return nullptr;
  if (!options_.chains_directory) {
    return fail(ErrorCode::kInvalidArgument,
                "the manifest says save_chain = true, but this runtime has no folder for chains "
                "(RuntimeOptions::chains_directory)");
  }
  std::error_code error;
  std::filesystem::create_directories(*options_.chains_directory, error);
  // A file that was closed at an end takes no more: one that is started again by hand begins another.
  const std::string part = head.next_sequence == 0 ? "" : "-" + std::to_string(head.next_sequence);
  auto file = ChainFileWriter::create((*options_.chains_directory / (to_string(id) + part + ".chain")).string());
  if (!file) return file;
  // With it and the component the chain can be replayed.
  if (auto kept = (*file)->keep(as_bytes(spec.manifest.text)); !kept) return fail(std::move(kept.error()));
  return file;
}

void ShardRuntime::close_chain_file(const ActorId& id, ChainFileWriter& file) const {
  if (auto closed = file.close(); !closed) core_.log("chain of " + to_string(id) + ": " + closed.error().to_string());
}

void ShardRuntime::spawn(std::shared_ptr<const actor::ActorSpec> spec, actor::ActorCell::Start start, Started started) {
  const ActorId id = start.id;
  const bool again = start.reason == StartReason::kRestarted;
  const auto failed = [&](Error error) {
    if (again) return could_not_start_again(id, std::move(error));
    residents_.erase(id);
    core_.actor_gone(id);
    started(fail(std::move(error)));
  };
  const bool is_durable = segments_ && spec->manifest.chain.durability != Durability::kNone;
  if (is_durable && segments_->condition().has_failed()) return failed(segments_->status().error());
  Left left;
  if (const auto found = left_.find(id); again && found != left_.end()) left = std::move(found->second);
  if (again) start.chain = left.head;
  if (again && left.head.next_sequence == 0) {
    return failed(Error(ErrorCode::kNotFound, "the end of its chain is no longer known"));
  }
  auto file = left.file ? Result<std::unique_ptr<ChainFileWriter>>(std::move(left.file))
                        : open_chain_file(*spec, id, start.chain);
  if (!file) return failed(std::move(file.error()));
  auto cell = std::make_unique<actor::ActorCell>(services_, std::move(spec), std::move(start));
  actor::ActorCell& made = *cell;
  Resident& resident = residents_[id];
  resident.cell = std::move(cell);
  resident.file = std::move(*file);
  has_files_ |= resident.file != nullptr;
  auto guest = made.make_guest(made.spec());
  if (!guest) return failed(std::move(guest.error()).with_context("while making the instance"));
  resident.started = std::move(started);
  if (auto begun = made.start(std::move(*guest)); !begun) {
    started = std::move(resident.started);
    failed(std::move(begun.error()));
  }
}

void ShardRuntime::could_not_start_again(const ActorId& id, Error error) {
  // The chain stays as it was: nothing began.
  Left& left = left_[id];
  if (const auto resident = residents_.find(id); resident != residents_.end()) {
    left.head = resident->second.cell->chain_head();
    left.file = std::move(resident->second.file);
    residents_.erase(resident);
  }
  ActorInfo info;
  info.id = id;
  info.status = ActorStatus::kFailed;
  info.end_reason = StopReason::kFailed;
  info.failure = FailureReason::kHostError;
  info.end_message = std::move(error).with_context("while starting it again").to_string();
  info.events = left.head.next_sequence;
  if (!core_.actor_ended(info)) finish(id);
}

void ShardRuntime::start_again(std::shared_ptr<const actor::ActorSpec> spec, actor::ActorCell::Start start) {
  start.reason = StartReason::kRestarted;
  spawn(std::move(spec), std::move(start), nullptr);
}

void ShardRuntime::update(const ActorId& id, const actor::ActorSpec* present,
                          std::shared_ptr<const actor::ActorSpec> spec, actor::ActorCell::Updated done) {
  actor::ActorCell* cell = find(id);
  if (cell == nullptr) return done(fail(ErrorCode::kStopped, "the actor has ended, or is being started again"));
  if (&cell->spec() != present) {
    return done(fail(ErrorCode::kUnavailable, "the actor was updated by somebody else meanwhile; try again"));
  }
  cell->update(std::move(spec), std::move(done));
}

void ShardRuntime::note_refused_update(const ActorId& id, const Digest& component, const Error& error) {
  actor::ActorCell* cell = find(id);
  if (cell == nullptr) return;
  const std::string what = to_hex(component) + " " + error.to_string();
  cell->note(chain::kUpdateRefusedNote, as_bytes(what).first(std::min(what.size(), limits::kErrorTextBytes)));
}

void ShardRuntime::actor_updated(const actor::ActorCell& cell) { core_.actor_updated(cell.id(), cell.shared_spec()); }

void ShardRuntime::tell_parent(const ActorId& parent, const ActorInfo& child) {
  actor::ActorCell* cell = find(parent);
  if (cell == nullptr) return;
  const auto& handlers = cell->spec().handlers;
  const auto supervisor = std::ranges::find(handlers, "supervisor", [](const Handler* h) { return h->type(); });
  if (supervisor == handlers.end()) return;
  auto news = handlers::ChildNews::kExternalStop;
  Bytes params = handlers::child_stop_params(child.id);
  if (child.end_reason == StopReason::kFailed) {
    news = handlers::ChildNews::kError;
    params = handlers::child_error_params(child.id, handlers::error_type_of(child.failure), child.end_message);
  } else if (child.end_reason == StopReason::kShutdown) {
    news = handlers::ChildNews::kExit;
    params = handlers::child_exit_params(child.id, child.result);
  }
  const std::size_t slot = cell->spec().first_slots[static_cast<std::size_t>(supervisor - handlers.begin())];
  std::optional<Cause> cause;
  if (child.events > 0) cause = Cause{.actor = child.id, .sequence = child.events - 1};
  (void)cell->call_later(static_cast<std::uint16_t>(slot + static_cast<std::size_t>(news)), params, cause);
}

void ShardRuntime::wait(std::uint64_t delay_ms, std::uint64_t number) {
  auto& wait = waits_[number];
  wait = std::make_unique<Wait>(*this, number);
  services_.shard.timers().arm(*wait, services_.shard.clock().monotonic_ns() + delay_ms * kNsPerMs);
}

void ShardRuntime::Wait::expired() {
  const std::unique_ptr<Wait> self = std::move(owner_.waits_.at(number_));
  owner_.waits_.erase(number_);
  owner_.core_.wait_is_over(number_);
}

void ShardRuntime::finish(const ActorId& id) {
  if (const auto left = left_.find(id); left != left_.end() && left->second.file) {
    close_chain_file(id, *left->second.file);
    left->second.file.reset();
  }
  core_.actor_finished(id);
}

actor::ActorCell* ShardRuntime::find(const ActorId& id) {
  const auto found = residents_.find(id);
  return found == residents_.end() ? nullptr : found->second.cell.get();
}

void ShardRuntime::stop(const ActorId& id, StopReason reason, bool by_force, std::string_view message) {
  actor::ActorCell* cell = find(id);
  if (cell == nullptr) return;
  if (by_force) return cell->end(reason, message);
  const std::uint64_t deadline_ns =
      services_.shard.clock().monotonic_ns() + cell->spec().manifest.limits.stop_timeout_ms * kNsPerMs;
  cell->end_after_turn(reason, message, deadline_ns);
}

ActorInfo ShardRuntime::info(const actor::ActorCell& cell) const {
  ActorInfo info;
  info.id = cell.id();
  info.name = cell.name();
  switch (cell.phase()) {
    case actor::ActorPhase::kStarting: info.status = ActorStatus::kStarting; break;
    case actor::ActorPhase::kRunning:
      info.status = cell.is_paused() ? ActorStatus::kPaused : ActorStatus::kRunning;
      break;
    case actor::ActorPhase::kEnded:
      info.status = cell.end_reason() == StopReason::kFailed ? ActorStatus::kFailed : ActorStatus::kStopped;
      info.end_reason = cell.end_reason();
      info.failure = cell.failure();
      info.end_message = cell.end_message();
      info.result = cell.end_result();
      break;
  }
  info.parent = cell.parent();
  info.shard = services_.shard.index();
  info.events = cell.chain_head().next_sequence;
  info.turns = cell.turns();
  info.fuel_used = cell.fuel_used();
  info.fuel_last_turn = cell.fuel_last_turn();
  if (cell.phase() != actor::ActorPhase::kEnded) {
    info.mailbox_messages = cell.address().gate->messages();
    info.memory_bytes = cell.memory_bytes();
  }
  return info;
}

std::vector<ActorWait> ShardRuntime::waits() const {
  std::vector<ActorWait> waits;
  const std::uint64_t now_ns = services_.shard.clock().monotonic_ns();
  for (const auto& [id, resident] : residents_) {
    const actor::ActorCell& cell = *resident.cell;
    if (!cell.is_suspended() || waits.size() == limits::kWaitsReported) continue;
    ActorWait& wait = waits.emplace_back(ActorWait{.actor = id, .name = cell.name()});
    wait.function = cell.spec().functions.imports[cell.pending_import()];
    wait.waiting_ns = now_ns - cell.pending_since_ns();
    wait.mailbox_messages = cell.address().gate->messages();
    if (!services_.waits.waits_for(cell.address()) || cell.hooks() == nullptr) continue;
    const actor::AwaitedAnswer& awaited = cell.hooks()->awaited();
    wait.waits_for = awaited.from;
    wait.awaited = awaited.kind == actor::MessageKind::kRequest ? to_string(RequestId(awaited.id))
                                                                : to_string(ChannelId(awaited.id));
    wait.given_up_in_ns = awaited.expires_ns > now_ns ? awaited.expires_ns - now_ns : 0;
  }
  return waits;
}

std::optional<AwaitedActor> ShardRuntime::awaited(const ActorId& id) {
  const actor::ActorCell* cell = find(id);
  if (cell == nullptr) return std::nullopt;
  return AwaitedActor{.actor = id,
                      .name = cell->name(),
                      .has_ended = false,
                      .is_paused = cell->is_paused(),
                      .mailbox_messages = cell->address().gate->messages(),
                      .outstanding_requests = cell->hooks() == nullptr ? 0 : cell->hooks()->outstanding_requests()};
}

void ShardRuntime::actor_started(actor::ActorCell& cell) {
  Resident& resident = residents_.at(cell.id());
  core_.actor_started(cell.id());
  if (options_.listener != nullptr) options_.listener->actor_started(cell.id(), cell.name());
  if (resident.started) std::exchange(resident.started, nullptr)(cell.id());
}

void ShardRuntime::remember(const actor::ActorCell& cell) {
  ended_[cell.id()] = {.head = cell.chain_head(), .spec = cell.shared_spec(), .former = cell.former_components()};
  if (const auto oldest = ended_order_.ended(cell.id())) ended_.erase(*oldest);
}

void ShardRuntime::actor_ended(actor::ActorCell& cell) {
  const ActorId id = cell.id();
  Resident resident = std::move(residents_.at(id));
  residents_.erase(id);
  leaving_[&cell] = std::move(resident.cell);
  remember(cell);
  left_[id] = {.head = cell.chain_head(), .file = std::move(resident.file)};
  const ActorInfo ended = info(cell);
  if (options_.listener != nullptr && cell.was_running()) options_.listener->actor_ended(ended);
  const bool comes_back = core_.actor_ended(ended);
  if (resident.started) {
    std::exchange(resident.started, nullptr)(
        fail(Error(cell.end_reason() == StopReason::kFailed ? ErrorCode::kGuestError : ErrorCode::kStopped,
                   cell.end_message())
                 .with_context("while starting actor " + cell.name())));
  }
  if (!comes_back) finish(id);
}

void ShardRuntime::actor_released(actor::ActorCell& cell) { leaving_.erase(&cell); }

void ShardRuntime::actor_logged(const actor::ActorCell& cell, std::string_view line) {
  if (options_.listener != nullptr) options_.listener->actor_logged(cell.id(), cell.name(), line);
}

void ShardRuntime::link_sealed(const actor::ActorCell& cell, const SealedLink& link) {
  events_.store(events_.load(std::memory_order_relaxed) + link.event_count, std::memory_order_relaxed);
  const bool listened_to = core_.subscriptions().any();
  if (!listened_to && !has_files_) return;
  const auto found = residents_.find(cell.id());
  if (found == residents_.end()) return;
  Resident& resident = found->second;
  if (resident.file) {
    // An error is kept by the writer and reported when it is closed.
    (void)resident.file->append(link);
  }
  if (listened_to && core_.subscriptions().wanted(cell.id())) {
    tell_events(cell, resident, link);
  } else {
    resident.reader.reset();
  }
}

void ShardRuntime::tell_events(const actor::ActorCell& cell, Resident& resident, const SealedLink& link) {
  if (!resident.reader) resident.reader = std::make_unique<ChainReader>(cell.spec().functions);
  const LinkPayloads payloads(link.payloads);
  resident.reader->use_payloads(&payloads);
  const auto events = resident.reader->read(link.bytes);
  resident.reader->use_payloads(nullptr);
  THEATER_CHECK(events.has_value());
  for (const Event& event : *events) core_.subscriptions().tell(event);
}

Result<ShardRuntime::KeptChain> ShardRuntime::chain(const ActorId& id, std::uint64_t from_sequence,
                                                    std::uint64_t events_max) {
  if (services_.memory_log == nullptr) return fail(ErrorCode::kUnavailable, "this runtime records nothing");
  KeptChain kept;
  const ChainHead* head = nullptr;
  const std::vector<actor::FormerComponent>* former = nullptr;
  if (const actor::ActorCell* cell = find(id)) {
    head = &cell->chain_head();
    kept.spec = cell->shared_spec();
    former = &cell->former_components();
  } else if (const auto ended = ended_.find(id); ended != ended_.end()) {
    head = &ended->second.head;
    kept.spec = ended->second.spec;
    former = &ended->second.former;
  } else {
    return fail(ErrorCode::kNotFound, "no such actor: " + to_string(id));
  }
  kept.snapshot = services_.memory_log->snapshot(id, *head, from_sequence, events_max);
  if (kept.snapshot.complete) return kept;
  const auto begins = [&] {
    return kept.snapshot.links.empty() ? head->next_sequence : kept.snapshot.links.front().first_sequence;
  };
  if (former->size() == limits::kFormerComponentsKept && begins() < former->front().end_sequence) {
    // What the functions' numbers meant there is no longer known.
    kept.snapshot = services_.memory_log->snapshot(id, *head, former->front().end_sequence, events_max);
  }
  const auto first =
      std::ranges::find_if(*former, [&](const actor::FormerComponent& one) { return begins() < one.end_sequence; });
  kept.snapshot.functions = (first == former->end() ? *kept.spec : *first->spec).functions;
  return kept;
}

}  // namespace theater::runtime
