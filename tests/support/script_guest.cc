#include "script_guest.h"

namespace theater::testing {
namespace {

Turn idle(Bytes result) { co_return result; }

Received parse(const te_call_args& args) {
  ValueReader reader(actor::from_engine(args.params.head), actor::from_engine(args.params.body));
  Received received;
  const bool has_id = args.export_index != kHandleSend && args.export_index != kInit;
  if (has_id) received.id = as_text(reader.bytes());
  if (args.export_index != kHandleChannelClose) received.content = as_text(reader.bytes());
  return received;
}

Bytes default_result(std::uint32_t function) {
  if (function == kHandleRequest) return no_reply();
  if (function == kHandleChannelOpen) return refuse("not scripted");
  return {};
}

}  // namespace

const te_outcome& ScriptGuest::call(const te_call_args& args) {
  has_state_ = args.has_state;
  state_ = to_bytes(actor::from_engine(args.state));
  const auto handler = script_.handlers.find(args.export_index);
  turn_.emplace(handler == script_.handlers.end() ? idle(default_result(args.export_index))
                                                  : handler->second(context_, parse(args)));
  return advance();
}

const te_outcome& ScriptGuest::resume(te_value result) {
  context_.result_ = to_bytes(actor::from_engine(result.head));
  append(context_.result_, actor::from_engine(result.body));
  return advance();
}

const te_outcome& ScriptGuest::advance() {
  outcome_ = {};
  turn_->handle().resume();
  if (!turn_->handle().done()) {
    outcome_.status = TE_CALL_SUSPENDED;
    return outcome_;
  }
  auto& promise = turn_->handle().promise();
  if (promise.error) {
    try {
      std::rethrow_exception(promise.error);
    } catch (const Trap& trap) {
      message_ = trap.message;
      outcome_.status = TE_CALL_TRAPPED;
      outcome_.trap = TE_TRAP_UNREACHABLE;
      outcome_.message = actor::to_engine(as_bytes(message_));
    } catch (const GuestError& error) {
      message_ = error.message;
      outcome_.status = TE_CALL_GUEST_ERROR;
      outcome_.result.head = actor::to_engine(as_bytes(message_));
    }
    return outcome_;
  }
  result_ = promise.result;
  outcome_.status = TE_CALL_RETURNED;
  outcome_.has_state = has_state_;
  outcome_.state = actor::to_engine(state_);
  outcome_.result.head = actor::to_engine(result_);
  return outcome_;
}

}  // namespace theater::testing
