#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstring>

#include "base/check.h"

namespace theater {

void SecureRandom::fill(std::span<std::uint8_t> out) {
  if (out.size() > block_.size() - used_) {
    if (out.size() > block_.size()) {
      THEATER_CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
      return;
    }
    THEATER_CHECK(RAND_bytes(block_.data(), static_cast<int>(block_.size())) == 1);
    used_ = 0;
  }
  std::memcpy(out.data(), block_.data() + used_, out.size());
  // What was handed out must not stay behind: an id is a capability.
  OPENSSL_cleanse(block_.data() + used_, out.size());
  used_ += out.size();
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::uint64_t word = engine_();
    const std::size_t count = out.size() < sizeof(word) ? out.size() : sizeof(word);
    std::memcpy(out.data(), &word, count);
    out = out.subspan(count);
  }
}

}  // namespace theater
