#include "fixture.h"

#include <map>

#include "base/check.h"

namespace theater::engine::test {

te_host_status TestHost::callback(void* context, std::uint32_t import, te_value params, te_host_reply* reply) {
  auto& host = *static_cast<TestHost*>(context);
  const Bytes all = joined(params);
  const std::string& function = host.component->imports()[import].function;
  host.asked.emplace_back(function, all);
  host.reply.clear();
  const te_host_status status = host.answer ? host.answer(function, all, host.reply) : TE_HOST_DONE;
  if (!host.answer && host.component->imports()[import].result) host.reply = {0};
  reply->value.head = raw(host.reply);
  return status;
}

Bytes listed(std::string_view content) {
  Bytes out;
  ValueWriter(out).string(content);
  return out;
}

Bytes listed(std::string_view first, std::string_view second) {
  Bytes out = listed(first);
  append(out, listed(second));
  return out;
}

namespace {

/// Compiling takes longer than all that a test does; one compilation of each guest for the engine that all share.
Result<std::shared_ptr<const Component>> compiled(const Engine& engine, ByteView wasm) {
  if (&engine != &shared_engine()) return Component::compile(engine, wasm);
  static std::map<Digest, std::shared_ptr<const Component>> known;
  std::shared_ptr<const Component>& component = known[sha256(wasm)];
  if (component) return component;
  auto made = Component::compile(engine, wasm);
  if (made) component = *made;
  return made;
}

}  // namespace

Result<std::unique_ptr<TestGuest>> TestGuest::create(const Engine& engine, ByteView wasm, const Options& options,
                                                     TestHost::Answer answer) {
  std::unique_ptr<TestGuest> guest(new TestGuest());
  auto component = compiled(engine, wasm);
  if (!component) return std::unexpected(std::move(component).error());
  guest->component_ = *std::move(component);
  const std::vector<std::uint32_t> flags(guest->component_->imports().size(), options.import_flags);
  auto linked = LinkedComponent::link(guest->component_, TestHost::callback, flags, options.link_flags);
  if (!linked) return std::unexpected(std::move(linked).error());
  guest->linked_ = *std::move(linked);
  guest->host_.component = guest->component_.get();
  guest->host_.answer = std::move(answer);
  auto instance = Instance::create(guest->linked_, options.limits, &guest->host_);
  if (!instance) return std::unexpected(std::move(instance).error());
  guest->instance_.emplace(*std::move(instance));
  return guest;
}

const Outcome& TestGuest::call(const Call& call) {
  const auto index = component_->find_export(call.interface, call.function);
  if (!index) throw std::runtime_error("no export " + call.function);
  te_call_args args{};
  args.export_index = *index;
  args.has_state = call.state.has_value();
  if (call.state) args.state = raw(*call.state);
  args.params.head = raw(call.params);
  args.fuel = call.fuel;
  args.deadline_ticks = call.deadline_ticks;
  return *must(instance_->call(args));
}

const Outcome& TestGuest::send(std::string_view message) {
  return call({.interface = "theater:simple/message-server-client",
               .function = "handle-send",
               .params = listed(message),
               .state = {}});
}

const Engine& shared_engine() {
  static const auto engine = must(Engine::create({.instances = 64, .memory_bytes = 64u << 20}));
  return *engine;
}

ByteView misbehaving_guest() {
  static const Bytes wasm = [] {
    const std::string wit =
        read_text(THEATER_WIT_FOLDER "/theater-simple.wit") + read_text(GUEST_FOLDER "/misbehaving_guest.wit");
    return must(build_c_guest(wit, "guest", read_text(GUEST_FOLDER "/misbehaving_guest.c")));
  }();
  return wasm;
}

}  // namespace theater::engine::test
