#pragma once

#include <random>

#include "chain_editor.h"

namespace theater::testing {

/// Changes what the guest did in one event. False: there is nothing of that kind in it.
inline bool forge(ChainEditor& editor, std::uint64_t sequence, std::mt19937_64& random) {
  const auto change = [&](ByteView bytes) {
    Bytes other = to_bytes(bytes);
    if (other.empty() || random() % 4 == 0) {
      other.push_back(static_cast<std::uint8_t>(random()));
    } else {
      other[random() % other.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
    }
    return editor.own(std::move(other));
  };
  const auto change_value = [&](chain::ValueRef& value) {
    if (value.by_digest() && random() % 2 == 0) {
      Bytes digest = to_bytes(value.body_digest);
      digest[random() % digest.size()] ^= 1;
      value.body_digest = editor.own(std::move(digest));
    } else if (value.by_digest() && random() % 2 == 0) {
      ++value.body_size;
    } else {
      value.head = change(value.head);
    }
  };
  auto& body = editor.event(sequence).body;
  if (auto* call = std::get_if<chain::HostCallView>(&body)) {
    const std::uint64_t imports = editor.body<chain::StartedView>(0).imports.count;
    if (random() % 4 == 0 && imports > 1) {
      call->import_index = static_cast<std::uint32_t>((call->import_index + 1) % imports);
    } else {
      change_value(call->params);
    }
    return true;
  }
  if (auto* call = std::get_if<chain::HostCallBeginView>(&body)) {
    change_value(call->params);
    return true;
  }
  if (auto* returned = std::get_if<chain::ReturnedView>(&body)) {
    switch (random() % 4) {
      case 0: returned->fuel += 1 + random() % 100; break;
      case 1: change_value(returned->result); break;
      case 2: body = chain::FailedView{FailureReason::kGuestError, "forged", "", returned->fuel}; break;
      default: {
        const bool is_inline = returned->state.form == EventState::Form::kInline;
        const ByteView other = is_inline ? change(returned->state.bytes) : editor.own(to_bytes("forged"));
        returned->state = {.form = EventState::Form::kInline, .bytes = other, .size = other.size()};
      }
    }
    return true;
  }
  if (auto* failed = std::get_if<chain::FailedView>(&body)) {
    if (failed->reason == FailureReason::kStopped || failed->reason == FailureReason::kTimedOut) return false;
    switch (random() % 4) {
      case 0: failed->fuel += 1 + random() % 100; break;
      case 1: failed->message = "forged"; break;
      case 2: failed->backtrace = "forged"; break;
      default: body = chain::ReturnedView{{}, {}, failed->fuel};
    }
    return true;
  }
  return false;
}

}  // namespace theater::testing
