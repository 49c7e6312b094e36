#include "guest_harness.h"

#include <fstream>
#include <iterator>

namespace theater {
namespace {

Bytes read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

te_bytes raw(ByteView bytes) { return {bytes.data(), bytes.size()}; }

Bytes copy(te_bytes bytes) { return {bytes.data, bytes.data + bytes.size}; }

/// "message-server-host.send" of "theater:simple/message-server-host" and "send".
std::string short_name(const engine::FunctionType& function) {
  return function.interface.substr(function.interface.find('/') + 1) + "." + function.function;
}

Bytes params_of(std::initializer_list<std::string_view> items) {
  Bytes params;
  ValueWriter writer(params);
  for (std::string_view item : items) writer.string(item);
  return params;
}

constexpr std::string_view kActor = "theater:simple/actor";
constexpr std::string_view kMessages = "theater:simple/message-server-client";

}  // namespace

std::unique_ptr<GuestHarness> GuestHarness::load(const std::string& component_file) {
  std::unique_ptr<GuestHarness> harness(new GuestHarness);
  auto engine = engine::Engine::create({.allocation = engine::Allocation::kOnDemand, .instances = 1});
  if (!engine) return nullptr;
  harness->engine_ = std::move(*engine);
  auto component = engine::Component::compile(*harness->engine_, read_file(component_file));
  if (!component) return nullptr;
  harness->component_ = std::move(*component);
  const std::vector<std::uint32_t> flags(harness->component_->imports().size(), 0);
  auto linked = engine::LinkedComponent::link(harness->component_, &GuestHarness::on_host_call, flags);
  if (!linked) return nullptr;
  harness->linked_ = std::move(*linked);
  return harness;
}

Result<void> GuestHarness::instantiate() {
  if (instance_) return {};
  engine::InstanceLimits limits;
  limits.start_fuel = fuel_;
  Result<engine::Instance> instance = engine::Instance::create(linked_, limits, this);
  if (!instance) return fail(std::move(instance.error()));
  instance_ = std::move(*instance);
  return {};
}

te_host_status GuestHarness::on_host_call(void* harness, std::uint32_t import, te_value params, te_host_reply* reply) {
  GuestHarness& self = *static_cast<GuestHarness*>(harness);
  const engine::FunctionType& function = self.component_->imports()[import];
  HostCall call{short_name(function), copy(params.head)};
  append(call.params, {params.body.data, params.body.size});
  const auto answer = self.answers_.find(call.function);
  static const Bytes ok = {0};
  const Bytes& result = answer != self.answers_.end() ? answer->second : ok;
  reply->value.head = function.result ? raw(result) : te_bytes{nullptr, 0};
  self.host_calls_.push_back(std::move(call));
  return TE_HOST_DONE;
}

GuestOutcome GuestHarness::call(std::string_view interface, std::string_view function, const Bytes& params) {
  GuestOutcome copied;
  const std::optional<std::uint32_t> index = component_->find_export(interface, function);
  if (!index) {
    copied.status = TE_CALL_TRAPPED;
    copied.message = "there is no such export";
    return copied;
  }
  if (const Result<void> made = instantiate(); !made) {
    copied.status = TE_CALL_TRAPPED;
    copied.message = made.error().to_string();
    return copied;
  }
  te_call_args args{};
  args.export_index = *index;
  args.has_state = state_.has_value();
  if (state_) args.state = raw(*state_);
  args.params.head = raw(params);
  args.fuel = fuel_;
  args.deadline_ticks = UINT64_MAX;
  const Result<const engine::Outcome*> called = instance_->call(args);
  if (!called) {
    copied.status = TE_CALL_TRAPPED;
    copied.message = called.error().to_string();
    return copied;
  }
  const engine::Outcome& outcome = **called;
  fuel_used_ = outcome.fuel_used;
  copied.status = outcome.status;
  copied.trap = outcome.trap;
  if (outcome.status == TE_CALL_RETURNED) {
    if (outcome.has_state) copied.state = copy(outcome.state);
    state_ = copied.state;
    copied.result = copy(outcome.result.head);
    append(copied.result, {outcome.result.body.data, outcome.result.body.size});
  } else {
    const te_bytes text = outcome.status == TE_CALL_GUEST_ERROR ? outcome.result.head : outcome.message;
    copied.message.assign(reinterpret_cast<const char*>(text.data), text.size);
  }
  return copied;
}

GuestOutcome GuestHarness::init(std::string_view id) { return call(kActor, "init", params_of({id})); }
GuestOutcome GuestHarness::send(std::string_view message) {
  return call(kMessages, "handle-send", params_of({message}));
}
GuestOutcome GuestHarness::request(std::string_view id, std::string_view message) {
  return call(kMessages, "handle-request", params_of({id, message}));
}
GuestOutcome GuestHarness::channel_open(std::string_view channel, std::string_view message) {
  return call(kMessages, "handle-channel-open", params_of({channel, message}));
}
GuestOutcome GuestHarness::channel_message(std::string_view channel, std::string_view message) {
  return call(kMessages, "handle-channel-message", params_of({channel, message}));
}
GuestOutcome GuestHarness::channel_close(std::string_view channel) {
  return call(kMessages, "handle-channel-close", params_of({channel}));
}

}  // namespace theater
