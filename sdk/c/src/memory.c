/// malloc and the memory functions. Blocks come in size classes, four to a doubling, each with a free list; a block
/// keeps its class in the 8 bytes before it. Freed blocks serve their own class again, and larger requests never split
/// or join them: an actor's memory is small and bounded, and this way every operation is a few instructions.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "theater.h"

enum { kHeaderBytes = 8, kSmallClasses = 8, kClasses = kSmallClasses + 4 * (31 - 7), kPageBytes = 65536 };

/// Before the bytes that malloc returns, which lie 8 behind a multiple of 16 plus this header.
struct block {
  uint32_t size_class;
  uint32_t usable_bytes;
  struct block* next_free;
};

static struct block* free_blocks[kClasses];
static uintptr_t heap_next;
static uintptr_t heap_end;

/// The class of blocks of `bytes` in total, header included, and what such a block takes.
static uint32_t class_of(uint32_t bytes, uint32_t* block_bytes) {
  if (bytes <= 128) {
    *block_bytes = (bytes + 15) & ~15u;
    return (*block_bytes >> 4) - 1;
  }
  uint32_t last = bytes - 1;
  uint32_t power = 31 - (uint32_t)__builtin_clz(last);
  uint32_t step = power - 2;
  *block_bytes = ((last >> step) + 1) << step;
  return kSmallClasses + (power - 7) * 4 + ((last >> step) & 3);
}

/// A block of this or a larger class that was freed; for when memory cannot grow any more.
static struct block* take_larger(uint32_t size_class) {
  for (uint32_t i = size_class; i < kClasses; i++) {
    struct block* block = free_blocks[i];
    if (block == NULL) continue;
    free_blocks[i] = block->next_free;
    return block;
  }
  return NULL;
}

static struct block* take_new(uint32_t size_class, uint32_t block_bytes) {
  if (heap_end - heap_next < block_bytes) {
    uint32_t pages = (block_bytes + kPageBytes + 15) / kPageBytes;
    size_t before = __builtin_wasm_memory_grow(0, pages);
    if (before == SIZE_MAX) return take_larger(size_class);
    uintptr_t start = before * kPageBytes;
    // Memory that joins what is left is one piece; otherwise the rest before it is given up.
    if (start != heap_end) heap_next = start + 8;
    heap_end = start + (uintptr_t)pages * kPageBytes;
    if (heap_end - heap_next < block_bytes) return take_larger(size_class);
  }
  struct block* block = (struct block*)heap_next;
  heap_next += block_bytes;
  block->size_class = size_class;
  block->usable_bytes = block_bytes - kHeaderBytes;
  return block;
}

void* malloc(size_t size) {
  if (size > 0x7fff0000u) return NULL;
  uint32_t block_bytes;
  uint32_t size_class = class_of((uint32_t)size + kHeaderBytes, &block_bytes);
  struct block* block = free_blocks[size_class];
  if (__builtin_expect(block != NULL, 1)) {
    free_blocks[size_class] = block->next_free;
  } else {
    block = take_new(size_class, block_bytes);
    if (block == NULL) return NULL;
  }
  return (char*)block + kHeaderBytes;
}

/// Generated bindings free what the host gave them, which is memory of the turn and stays until its end.
static bool is_turn_memory(const void* bytes) {
#ifdef THEATER_NO_TURNS
  (void)bytes;
  return false;
#else
  return theater_turn_owns(bytes);
#endif
}

void free(void* bytes) {
  if (bytes == NULL || is_turn_memory(bytes)) return;
  struct block* block = (struct block*)((char*)bytes - kHeaderBytes);
  block->next_free = free_blocks[block->size_class];
  free_blocks[block->size_class] = block;
}

void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  void* memory = malloc(bytes);
  return memory == NULL ? NULL : memset(memory, 0, bytes);
}

static size_t usable_bytes(const void* bytes) {
  if (is_turn_memory(bytes)) return __builtin_wasm_memory_size(0) * kPageBytes - (uintptr_t)bytes;
  return ((const struct block*)((const char*)bytes - kHeaderBytes))->usable_bytes;
}

void* realloc(void* bytes, size_t size) {
  if (bytes == NULL) return malloc(size);
  size_t old_bytes = usable_bytes(bytes);
  if (!is_turn_memory(bytes) && size <= old_bytes) return bytes;
  void* memory = malloc(size);
  if (memory == NULL) return NULL;
  memcpy(memory, bytes, size < old_bytes ? size : old_bytes);
  free(bytes);
  return memory;
}

void abort(void) { __builtin_trap(); }

// Short copies are done here: an engine calls out of the guest for the bulk instructions, which costs more than they
// do.
enum { kShortBytes = 64 };

__attribute__((target("bulk-memory"))) static void copy_bulk(void* to, const void* from, size_t size) {
  __builtin_memmove(to, from, size);
}
__attribute__((target("bulk-memory"))) static void fill_bulk(void* to, int byte, size_t size) {
  __builtin_memset(to, byte, size);
}

typedef uint64_t __attribute__((aligned(1), may_alias)) word64;
typedef uint32_t __attribute__((aligned(1), may_alias)) word32;

/// Reads everything before it writes anything below 17 bytes, and goes in the safe direction above.
void* memmove(void* to, const void* from, size_t size) {
  char* out = (char*)to;
  const char* in = (const char*)from;
  if (size > kShortBytes) {
    copy_bulk(to, from, size);
  } else if (size >= 8) {
    uint64_t last = *(const word64*)(in + size - 8);
    if (out <= in || out >= in + size) {
      // The last word was read before; the loop's writes stay behind its reads.
      for (size_t i = 0; i + 8 < size; i += 8) *(word64*)(out + i) = *(const word64*)(in + i);
      *(word64*)(out + size - 8) = last;
    } else {
      uint64_t first = *(const word64*)in;
      for (size_t i = size; i > 8; i -= 8) {
        uint64_t word = *(const word64*)(in + i - 8);
        *(word64*)(out + i - 8) = word;
      }
      *(word64*)out = first;
    }
  } else if (size >= 4) {
    uint32_t first = *(const word32*)in;
    uint32_t last = *(const word32*)(in + size - 4);
    *(word32*)out = first;
    *(word32*)(out + size - 4) = last;
  } else if (size != 0) {
    char first = in[0];
    char middle = in[size / 2];
    char last = in[size - 1];
    out[0] = first;
    out[size / 2] = middle;
    out[size - 1] = last;
  }
  return to;
}

void* memcpy(void* restrict to, const void* restrict from, size_t size) {
  char* out = (char*)to;
  const char* in = (const char*)from;
  if (size > kShortBytes) {
    copy_bulk(to, from, size);
  } else if (size >= 8) {
    for (size_t i = 0; i + 8 < size; i += 8) *(word64*)(out + i) = *(const word64*)(in + i);
    *(word64*)(out + size - 8) = *(const word64*)(in + size - 8);
  } else if (size >= 4) {
    *(word32*)out = *(const word32*)in;
    *(word32*)(out + size - 4) = *(const word32*)(in + size - 4);
  } else if (size != 0) {
    out[0] = in[0];
    out[size / 2] = in[size / 2];
    out[size - 1] = in[size - 1];
  }
  return to;
}

void* memset(void* to, int byte, size_t size) {
  char* out = (char*)to;
  if (size > kShortBytes) {
    fill_bulk(to, byte, size);
  } else {
    uint64_t word = (unsigned char)byte * 0x0101010101010101u;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) *(word64*)(out + i) = word;
    for (; i < size; i++) ((volatile char*)out)[i] = (char)byte;
  }
  return to;
}

int memcmp(const void* a, const void* b, size_t size) {
  const unsigned char* x = (const unsigned char*)a;
  const unsigned char* y = (const unsigned char*)b;
  size_t i = 0;
  while (i + 8 <= size && *(const word64*)(x + i) == *(const word64*)(y + i)) i += 8;
  for (; i < size; i++) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char* text) {
  size_t size = 0;
  while (text[size] != 0) size++;
  return size;
}
