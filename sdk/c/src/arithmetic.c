/// What clang calls for arithmetic that WebAssembly has no instruction for.
#include <stdint.h>

typedef unsigned __int128 u128;

/// The low 128 bits of a product; clang needs it for 64-bit multiplications that check for overflow.
__int128 __multi3(__int128 a, __int128 b) {
  uint64_t a_low = (uint64_t)(u128)a;
  uint64_t b_low = (uint64_t)(u128)b;
  uint64_t low = (a_low & 0xffffffff) * (b_low & 0xffffffff);
  uint64_t middle = (a_low >> 32) * (b_low & 0xffffffff) + (low >> 32);
  uint64_t other = (a_low & 0xffffffff) * (b_low >> 32) + (middle & 0xffffffff);
  uint64_t high = (a_low >> 32) * (b_low >> 32) + (middle >> 32) + (other >> 32);
  high += (uint64_t)((u128)a >> 64) * b_low + a_low * (uint64_t)((u128)b >> 64);
  return (__int128)(((u128)high << 64) | ((other << 32) | (low & 0xffffffff)));
}
