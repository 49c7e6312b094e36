/// The memory of a turn: a bump pointer through one piece of memory. The host writes parameters and results there; when
/// the turn has returned, the next one begins at the start again. What does not fit gets a new piece twice as large,
/// which the following turns keep, so that an actor with large messages soon allocates by the bump alone.
#include <stdlib.h>
#include <string.h>

#include "theater.h"

extern char __heap_base;
extern char __heap_end;

/// At the start of each piece but the first, which is what the linker left free.
struct piece {
  struct piece* older;
  size_t bytes;
};
enum { kPieceHeaderBytes = 16, kPieceBytes = 128 << 10 };

struct theater_turn_memory theater_turn = {&__heap_base, &__heap_end, &__heap_base, false, false};
// Results with 64-bit numbers are written in steps of eight bytes.
_Alignas(8) uint32_t theater_host_result[8];

/// The piece in use, NULL for the first one.
static struct piece* current;

/// The turn that filled the older pieces is over, and the host has read its results.
static void free_older(void) {
  struct piece* piece = current->older;
  while (piece != NULL) {
    struct piece* older = piece->older;
    free(piece);
    piece = older;
  }
  current->older = NULL;
  theater_turn.has_older = false;
  theater_turn.ended = false;
  theater_turn.next = theater_turn.begin;
}

static void add_piece(size_t size) {
  size_t bytes = (size_t)(theater_turn.end - theater_turn.begin) * 2;
  if (bytes < kPieceBytes) bytes = kPieceBytes;
  if (bytes < size || size > SIZE_MAX / 4) bytes = size;
  struct piece* piece = bytes > SIZE_MAX - 64 ? NULL : malloc(bytes + kPieceHeaderBytes + 16);
  // Near the limit the turn's memory grows by what is needed only.
  if (piece == NULL && bytes > size) piece = malloc((bytes = size) + kPieceHeaderBytes + 16);
  if (piece == NULL) abort();
  piece->older = current;
  piece->bytes = bytes + kPieceHeaderBytes + 16;
  current = piece;
  theater_turn.has_older = true;
  theater_turn.begin = (char*)piece + kPieceHeaderBytes;
  theater_turn.end = theater_turn.begin + ((bytes + 15) & ~(size_t)15);
  theater_turn.next = theater_turn.begin;
}

void* theater_turn_alloc_slow(size_t size) {
  if (theater_turn.ended) free_older();
  if (size > (size_t)(theater_turn.end - theater_turn.next)) add_piece(size);
  return theater_turn_alloc(size);
}

bool theater_turn_owns(const void* bytes) {
  const char* place = (const char*)bytes;
  if (place >= theater_turn.begin && place < theater_turn.end) return true;
  if (!theater_turn.has_older) return false;
  if (place >= &__heap_base && place < &__heap_end) return true;
  for (const struct piece* piece = current; piece != NULL; piece = piece->older) {
    const char* begin = (const char*)piece;
    if (place >= begin && place < begin + piece->bytes) return true;
  }
  return false;
}

/// Called by the host for everything it passes in.
__attribute__((export_name("cabi_realloc"))) void* cabi_realloc(void* old, size_t old_size, size_t align, size_t size) {
  (void)align;
  void* bytes = theater_turn_alloc(size);
  if (__builtin_expect(old_size != 0, 0)) memcpy(bytes, old, old_size < size ? old_size : size);
  return bytes;
}
