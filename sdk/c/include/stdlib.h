/// The part of the C library that generated bindings and small actors need.
#ifndef THEATER_STDLIB_H
#define THEATER_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Aligned to 16, not cleared; NULL when the actor's memory limit is reached.
void* malloc(size_t size);
void* calloc(size_t count, size_t size);
void* realloc(void* bytes, size_t size);
/// Bytes of a turn's memory are left alone: they go when the turn ends.
void free(void* bytes);
/// Traps.
__attribute__((noreturn)) void abort(void);

#ifdef __cplusplus
}
#endif

#endif
