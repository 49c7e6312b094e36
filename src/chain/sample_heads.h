#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "base/sha256.h"
#include "chain/checkpoint.h"
#include "chain/sample_chain.h"

/// Heads of chains and keys of logs for tests: always the same bytes.
namespace theater::chain {

inline note::SigningKey sample_log_key(std::uint64_t seed = 1) {
  SeededRandom random(seed);
  return make_log_key(random);
}

inline HeadEntry sample_head(std::uint8_t actor, std::uint64_t next_sequence) {
  return {sample_actor(actor), next_sequence, sha256(as_bytes(std::to_string(next_sequence)))};
}

}  // namespace theater::chain
