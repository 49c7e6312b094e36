// Its result lies where no result may begin.
#include "../guests/guest_support/raw.h"

void* raw_answer(const char* data, size_t size) {
  (void)data, (void)size;
  raw_nothing();
  return (char*)raw_result + 1;
}
