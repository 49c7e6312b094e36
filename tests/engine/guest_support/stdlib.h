/* The little of the C library that generated bindings and test guests need. */
#ifndef GUEST_STDLIB_H
#define GUEST_STDLIB_H
#include <stddef.h>
void* malloc(size_t size);
void* realloc(void* block, size_t size);
void free(void* block);
_Noreturn void abort(void);
#endif
