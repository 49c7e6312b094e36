// Traps while its instance is made.
#include <theater.h>

__attribute__((constructor)) static void die(void) { __builtin_trap(); }
