#include "base/ed25519.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <cstring>

namespace theater {
namespace {

template <std::size_t Size>
std::array<std::uint8_t, Size> from_hex(std::string_view text) {
  std::array<std::uint8_t, Size> bytes;
  EXPECT_TRUE(parse_hex(text, bytes));
  return bytes;
}

struct Vector {
  const char* seed;
  const char* key;
  const char* message;
  const char* signature;
};

// RFC 8032, section 7.1.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
     "655141438e7a100b"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
     "c027beceea1ec40a"},
};

TEST(Ed25519, keys_and_signatures_are_those_of_rfc_8032) {
  for (const Vector& vector : kVectors) {
    const auto seed = from_hex<32>(vector.seed);
    const auto signature = from_hex<64>(vector.signature);
    EXPECT_EQ(ed25519::public_key(seed), from_hex<32>(vector.key));
    EXPECT_EQ(ed25519::sign(seed, as_bytes(vector.message)), signature);
    EXPECT_TRUE(ed25519::verify(from_hex<32>(vector.key), as_bytes(vector.message), signature));
  }
}

TEST(Ed25519, a_changed_key_message_or_signature_is_refused) {
  ed25519::Seed seed{};
  seed[3] = 7;
  const auto key = ed25519::public_key(seed);
  const auto signature = ed25519::sign(seed, as_bytes("message"));
  EXPECT_FALSE(ed25519::verify(key, as_bytes("massage"), signature));
  for (std::size_t bit = 0; bit < 512; ++bit) {
    auto changed = signature;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ed25519::verify(key, as_bytes("message"), changed)) << bit;
  }
  for (std::size_t bit = 0; bit < 256; ++bit) {
    auto changed = key;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ed25519::verify(changed, as_bytes("message"), signature)) << bit;
  }
  EXPECT_EQ(ERR_peek_error(), 0u) << "an answer, not an error to be kept";
}

}  // namespace
}  // namespace theater
