// Never ends what it does after it has returned.
#include "../guests/guest_support/raw.h"

void* raw_answer(const char* data, size_t size) {
  (void)data, (void)size;
  return raw_nothing();
}

__attribute__((export_name("cabi_post_theater:simple/message-server-client#handle-send"))) void raw_after(
    void* result) {
  (void)result;
  for (volatile uint32_t i = 0;; i++) {
  }
}
