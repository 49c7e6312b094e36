#include "theater.h"

/// Bytes of the well-formed UTF-8 sequence at `text`, 0 when there is none (overlong forms and surrogates are none).
static size_t sequence_bytes(const unsigned char* text, size_t size) {
  unsigned char first = text[0];
  if (first < 0x80) return 1;
  size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes > size) return 0;
  for (size_t i = 1; i < bytes; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  bool malformed = (first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
                   (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f);
  return malformed ? 0 : bytes;
}

theater_view theater_utf8_slow(theater_view text) {
  const unsigned char* in = (const unsigned char*)text.data;
  char* out = NULL;
  for (size_t i = 0; i < text.size;) {
    size_t bytes = sequence_bytes(in + i, text.size - i);
    if (bytes != 0) {
      i += bytes;
      continue;
    }
    if (out == NULL) {
      out = theater_turn_alloc(text.size);
      __builtin_memcpy(out, text.data, text.size);
    }
    out[i++] = '?';
  }
  return out == NULL ? text : theater_bytes(out, text.size);
}
