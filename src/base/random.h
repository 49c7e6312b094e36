#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>

namespace theater {

/// Where random bytes come from; passed in, so that a test can make them repeatable. One thread at a time.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  template <class Id>
  Id make_id() {
    std::array<std::uint8_t, 16> bytes;
    fill(bytes);
    return Id::from_random(bytes);
  }
};

/// OpenSSL's generator, read in blocks since ids are made by the million.
class SecureRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::array<std::uint8_t, 4096> block_;
  std::size_t used_ = sizeof(block_);
};

/// Repeatable bytes from a seed: simulation and tests only, guessable by design.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::mt19937_64 engine_;
};

}  // namespace theater
