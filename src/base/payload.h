#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "base/limits.h"
#include "base/sha256.h"
#include "theater/bytes.h"

namespace theater {

/// Shared bytes that never change, with their digest when they are large enough to be recorded by digest
/// (limits::kLargePayloadBytes). One allocation; copying a reference costs one atomic increment. Any thread.
class Payload {
 public:
  Payload() = default;
  Payload(const Payload& other) : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Payload(Payload&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Payload& operator=(Payload other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Payload() { release(); }

  /// Copies the bytes; hashes them when they are large.
  static Payload copy(ByteView bytes) {
    Payload payload;
    if (bytes.empty()) return payload;
    void* memory = ::operator new(sizeof(Block) + bytes.size());
    payload.block_ = new (memory) Block{};
    payload.block_->size = bytes.size();
    std::memcpy(payload.block_->bytes(), bytes.data(), bytes.size());
    if (bytes.size() >= limits::kLargePayloadBytes) payload.block_->digest = sha256(payload.view());
    return payload;
  }

  ByteView view() const { return block_ == nullptr ? ByteView() : ByteView(block_->bytes(), block_->size); }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  bool is_large() const { return size() >= limits::kLargePayloadBytes; }
  /// Only when is_large().
  const Digest& digest() const { return block_->digest; }

 private:
  struct Block {
    std::atomic<std::uint32_t> references{1};
    std::size_t size = 0;
    Digest digest{};
    std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  };

  void release() {
    if (block_ == nullptr || block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    block_->~Block();
    ::operator delete(block_);
  }

  Block* block_ = nullptr;
};

}  // namespace theater
