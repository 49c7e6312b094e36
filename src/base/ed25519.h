#pragma once

#include <array>
#include <cstdint>

#include "theater/bytes.h"

/// Ed25519 signatures (RFC 8032). Any thread.
namespace theater::ed25519 {

using PublicKey = std::array<std::uint8_t, 32>;
/// What the private key is made from; must stay secret.
using Seed = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

PublicKey public_key(const Seed& seed);
/// The same signature each time for the same seed and message.
Signature sign(const Seed& seed, ByteView message);
bool verify(const PublicKey& key, ByteView message, const Signature& signature);

}  // namespace theater::ed25519
