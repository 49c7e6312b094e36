#include "base/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>

#include "base/check.h"

namespace theater::ed25519 {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

Key private_key(const Seed& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  THEATER_CHECK(key != nullptr);
  return key;
}

}  // namespace

PublicKey public_key(const Seed& seed) {
  PublicKey bytes;
  std::size_t size = bytes.size();
  const Key key = private_key(seed);
  THEATER_CHECK(EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) == 1 && size == bytes.size());
  return bytes;
}

Signature sign(const Seed& seed, ByteView message) {
  Signature signature;
  std::size_t size = signature.size();
  const Key key = private_key(seed);
  const Context context(EVP_MD_CTX_new());
  THEATER_CHECK(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1 &&
                size == signature.size());
  return signature;
}

bool verify(const PublicKey& key_bytes, ByteView message, const Signature& signature) {
  // A bad signature is an answer here; it must not stay in the thread's list of errors, where a TLS connection finds
  // it.
  ERR_set_mark();
  // Bytes that are no point of the curve make no key, and then no signature is good.
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key_bytes.data(), key_bytes.size()));
  const Context context(EVP_MD_CTX_new());
  const bool is_good =
      key != nullptr && context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_pop_to_mark();
  return is_good;
}

}  // namespace theater::ed25519
