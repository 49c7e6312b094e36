// Never ends while its instance is made, before any export is called.
#include <theater.h>

__attribute__((constructor)) static void loop(void) {
  for (volatile uint32_t i = 0;; i++) {
  }
}
