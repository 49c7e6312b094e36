/* An allocator with a free list a power of two, and the few functions that compilers call. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern uint8_t __heap_base;

enum { kHeader = 16, kSmallest = 5, kClasses = 32, kPage = 65536 };

static void *free_blocks[kClasses];
static uintptr_t next_free;

static unsigned class_of(size_t size) {
  const size_t all = size + kHeader;
  unsigned bits = kSmallest;
  while (((size_t)1 << bits) < all) ++bits;
  return bits;
}

void *malloc(size_t size) {
  if (size > (1u << 30)) return 0;
  const unsigned bits = class_of(size);
  uint8_t *block = free_blocks[bits];
  if (block) {
    free_blocks[bits] = *(void **)block;
    return block;
  }
  if (!next_free) next_free = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  const uintptr_t start = next_free;
  const uintptr_t end = start + ((uintptr_t)1 << bits);
  const uintptr_t have = __builtin_wasm_memory_size(0) * (uintptr_t)kPage;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + kPage - 1) / kPage) == (size_t)-1) return 0;
  next_free = end;
  *(uint32_t *)start = bits;
  return (void *)(start + kHeader);
}

void free(void *block) {
  if (!block) return;
  const uint32_t bits = *(uint32_t *)((uint8_t *)block - kHeader);
  *(void **)block = free_blocks[bits];
  free_blocks[bits] = block;
}

void *realloc(void *block, size_t size) {
  if (!block) return malloc(size);
  const uint32_t bits = *(uint32_t *)((uint8_t *)block - kHeader);
  const size_t have = ((size_t)1 << bits) - kHeader;
  if (size <= have) return block;
  void *larger = malloc(size);
  if (larger) {
    memcpy(larger, block, have);
    free(block);
  }
  return larger;
}

void abort(void) { __builtin_trap(); }

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  uint8_t *t = to;
  const uint8_t *f = from;
  for (; size >= 8; size -= 8, t += 8, f += 8) *(uint64_t *)t = *(const uint64_t *)f;
  while (size--) *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size_t size) {
  uint8_t *t = to;
  while (size--) *t++ = (uint8_t)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const uint8_t *x = a, *y = b;
  for (; size; --size, ++x, ++y) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

size_t strlen(const char *text) {
  const char *end = text;
  while (*end) ++end;
  return (size_t)(end - text);
}
