// The state that it returns lies outside its memory; for a message that is not empty the result itself does.
#include "guest_support/raw.h"

void* raw_answer(const char* data, size_t size) {
  (void)data, (void)size;
  raw_nothing();
  if (size > 0) return (void*)0xfffffff0u;
  raw_result[1] = 1;
  raw_result[2] = 0xfffff000u;
  raw_result[3] = 4096;
  return raw_result;
}
