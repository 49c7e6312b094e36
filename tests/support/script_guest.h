#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actor/actor_cell.h"
#include "actor/guest.h"
#include "theater/value.h"

namespace theater::testing {

/// The imports of a scripted actor, by index.
enum Import : std::uint32_t {
  kSendImport,
  kRequestImport,
  kOpenChannelImport,
  kSendOnChannelImport,
  kCloseChannelImport,
  kListOutstandingImport,
  kRespondImport,
  kCancelImport,
  kNowImport,
  kSleepImport,
  kDeadlineImport,
  kLogImport,
  kGetChainImport,
  kShutdownImport,
  kWhereisImport,
  kRegisterImport,
  kUnregisterImport,
  kJoinImport,
  kLeaveImport,
  kMembersImport,
  kPublishImport,
  kSendAfterImport,
  kSendEveryImport,
  kCancelTimerImport,
  kImports,
};

/// Its exports, by index.
enum Export : std::uint32_t {
  kInit,
  kHandleSend,
  kHandleRequest,
  kHandleChannelOpen,
  kHandleChannelMessage,
  kHandleChannelClose,
  kExports
};

struct Trap {
  std::string message;
};
struct GuestError {
  std::string message;
};

/// One turn of a scripted actor: a coroutine that ends with the canonical bytes of what comes after the state. It
/// throws Trap or GuestError to end otherwise.
class Turn {
 public:
  struct promise_type {
    Bytes result;
    std::exception_ptr error;
    Turn get_return_object() { return Turn(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(Bytes value) { result = std::move(value); }
    void unhandled_exception() { error = std::current_exception(); }
  };
  explicit Turn(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Turn(Turn&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Turn& operator=(Turn&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Turn() {
    if (handle_) handle_.destroy();
  }
  std::coroutine_handle<promise_type> handle() const { return handle_; }

 private:
  std::coroutine_handle<promise_type> handle_;
};

/// A result<T, string> as a script sees it.
struct Answer {
  bool ok = false;
  std::string value;  ///< the bytes or string, or the error's text
};

/// What a script uses to call the host: `co_await me.request("other", "text")`.
class ScriptContext {
 public:
  explicit ScriptContext(actor::ActorCell& cell) : cell_(cell) {}

  class HostCallAwaiter {
   public:
    HostCallAwaiter(ScriptContext& context, std::uint32_t import, Bytes params)
        : context_(context), import_(import), params_(std::move(params)) {}
    bool await_ready() { return context_.start(import_, params_); }
    void await_suspend(std::coroutine_handle<>) {}
    Bytes await_resume() { return context_.take_result(); }

   private:
    ScriptContext& context_;
    std::uint32_t import_;
    Bytes params_;
  };

  HostCallAwaiter call(std::uint32_t import, Bytes params) { return {*this, import, std::move(params)}; }
  HostCallAwaiter send(std::string_view target, std::string_view message) {
    return call(kSendImport, two(target, message));
  }
  HostCallAwaiter request(std::string_view target, std::string_view message) {
    return call(kRequestImport, two(target, message));
  }
  HostCallAwaiter open_channel(std::string_view target, std::string_view first) {
    return call(kOpenChannelImport, two(target, first));
  }
  HostCallAwaiter send_on_channel(std::string_view id, std::string_view message) {
    return call(kSendOnChannelImport, two(id, message));
  }
  HostCallAwaiter close_channel(std::string_view id) { return call(kCloseChannelImport, one(id)); }
  HostCallAwaiter respond(std::string_view id, std::string_view response) {
    return call(kRespondImport, two(id, response));
  }
  HostCallAwaiter cancel(std::string_view id) { return call(kCancelImport, one(id)); }
  HostCallAwaiter list_outstanding() { return call(kListOutstandingImport, {}); }
  HostCallAwaiter now() { return call(kNowImport, {}); }
  HostCallAwaiter sleep(std::uint64_t ms) { return call(kSleepImport, number(ms)); }
  HostCallAwaiter deadline(std::uint64_t ms) { return call(kDeadlineImport, number(ms)); }
  HostCallAwaiter whereis(std::string_view name) { return call(kWhereisImport, one(name)); }
  HostCallAwaiter register_name(std::string_view name) { return call(kRegisterImport, one(name)); }
  HostCallAwaiter unregister_name(std::string_view name) { return call(kUnregisterImport, one(name)); }
  HostCallAwaiter join(std::string_view group) { return call(kJoinImport, one(group)); }
  HostCallAwaiter leave(std::string_view group) { return call(kLeaveImport, one(group)); }
  HostCallAwaiter members(std::string_view group) { return call(kMembersImport, one(group)); }
  HostCallAwaiter publish(std::string_view group, std::string_view message) {
    return call(kPublishImport, two(group, message));
  }
  HostCallAwaiter send_after(std::uint64_t ms, std::string_view target, std::string_view message) {
    return call(kSendAfterImport, later(ms, target, message));
  }
  HostCallAwaiter send_every(std::uint64_t ms, std::string_view target, std::string_view message) {
    return call(kSendEveryImport, later(ms, target, message));
  }
  HostCallAwaiter cancel_timer(std::uint64_t timer) { return call(kCancelTimerImport, number(timer)); }
  HostCallAwaiter shutdown() { return call(kShutdownImport, Bytes{0}); }

  static Bytes one(std::string_view text) {
    Bytes params;
    ValueWriter(params).string(text);
    return params;
  }
  static Bytes two(std::string_view first, std::string_view second) {
    Bytes params = one(first);
    ValueWriter(params).string(second);
    return params;
  }
  static Bytes number(std::uint64_t value) {
    Bytes params;
    ValueWriter(params).unsigned_integer(value);
    return params;
  }

  static Bytes later(std::uint64_t ms, std::string_view target, std::string_view message) {
    Bytes params = number(ms);
    append(params, two(target, message));
    return params;
  }

  actor::ActorCell& cell() { return cell_; }

 private:
  friend class ScriptGuest;
  /// True when the result is there.
  bool start(std::uint32_t import, const Bytes& params) {
    te_host_reply reply{};
    const te_value value = {.head = actor::to_engine(params), .body = {}};
    const te_host_status status = cell_.host_call(import, value, &reply);
    const Bytes head = to_bytes(actor::from_engine(reply.value.head));
    if (status == TE_HOST_TRAP) throw Trap{std::string(as_text(head))};
    if (status == TE_HOST_PENDING) return false;
    result_ = head;
    return true;
  }
  Bytes take_result() { return std::move(result_); }

  actor::ActorCell& cell_;
  Bytes result_;
};

/// Reads result<list<u8>, string>, result<string, string> or result<_, string>.
inline Answer answer_of(const Bytes& bytes) {
  ValueReader reader(bytes);
  Answer answer;
  answer.ok = !reader.tag();
  if (!reader.done()) answer.value = as_text(reader.bytes());
  return answer;
}

/// Reads result<u64, string> or result<u32, string>, whose value is there in decimal.
inline Answer number_of(const Bytes& bytes) {
  ValueReader reader(bytes);
  Answer answer;
  answer.ok = !reader.tag();
  answer.value = answer.ok ? std::to_string(reader.unsigned_integer()) : std::string(as_text(reader.bytes()));
  return answer;
}
/// Reads result<list<string>, string>, whose values are there with blanks between them.
inline Answer list_of(const Bytes& bytes) {
  ValueReader reader(bytes);
  Answer answer;
  answer.ok = !reader.tag();
  if (!answer.ok) {
    answer.value = as_text(reader.bytes());
    return answer;
  }
  for (std::uint64_t left = reader.unsigned_integer(); left > 0; --left) {
    answer.value += std::string(as_text(reader.bytes())) + (left > 1 ? " " : "");
  }
  return answer;
}

// What handlers return after the state.
inline Bytes nothing() { return {}; }
inline Bytes reply(std::string_view text) {
  Bytes bytes = {1};
  ValueWriter(bytes).string(text);
  return bytes;
}
inline Bytes no_reply() { return {0}; }
inline Bytes accept() { return {1, 0}; }
inline Bytes accept(std::string_view first_message) {
  Bytes bytes = {1, 1};
  ValueWriter(bytes).string(first_message);
  return bytes;
}
inline Bytes refuse(std::string_view reason) {
  Bytes bytes = {0, 1};
  ValueWriter(bytes).string(reason);
  return bytes;
}

/// A message's parameters as a script sees them: the id, where there is one, and the content.
struct Received {
  std::string id;
  std::string content;
};

/// What an actor does, by export. Whatever is left out does nothing, answers nothing, or refuses.
struct Script {
  using Handler = std::function<Turn(ScriptContext&, Received)>;
  std::map<std::uint32_t, Handler> handlers;
  Script& on(std::uint32_t function, Handler handler) {
    handlers[function] = std::move(handler);
    return *this;
  }
};

/// Runs a script in the place of a component's instance.
class ScriptGuest final : public actor::Guest {
 public:
  ScriptGuest(actor::ActorCell& cell, Script script) : context_(cell), script_(std::move(script)) {}

  const te_outcome& call(const te_call_args& args) override;
  const te_outcome& resume(te_value result) override;
  std::uint64_t memory_bytes() const override { return 0; }

 private:
  const te_outcome& advance();

  ScriptContext context_;
  Script script_;
  std::optional<Turn> turn_;
  te_outcome outcome_{};
  Bytes state_;
  bool has_state_ = false;
  Bytes result_;
  std::string message_;
};

}  // namespace theater::testing
