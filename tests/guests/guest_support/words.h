/// Messages to the guests are words with a space between them.
#ifndef THEATER_TESTS_GUESTS_WORDS_H
#define THEATER_TESTS_GUESTS_WORDS_H

#include <theater.h>

/// Takes the next word off the front.
static inline theater_view take_word(theater_view* text) {
  size_t size = 0;
  while (size < text->size && text->data[size] != ' ') size++;
  theater_view word = theater_bytes(text->data, size);
  size_t used = size < text->size ? size + 1 : size;
  *text = theater_bytes(text->data + used, text->size - used);
  return word;
}

static inline uint64_t number_of(theater_view word) {
  uint64_t value = 0;
  for (size_t i = 0; i < word.size && word.data[i] >= '0' && word.data[i] <= '9'; i++) {
    value = value * 10 + (uint64_t)(word.data[i] - '0');
  }
  return value;
}

/// Writes a number in decimal and returns its digits.
static inline size_t write_number(char* out, uint64_t value) {
  char digits[20];
  size_t count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  for (size_t i = 0; i < count; i++) out[i] = digits[count - 1 - i];
  return count;
}

/// "<a> <b>", in the turn's memory.
static inline theater_view two_numbers(uint64_t a, uint64_t b) {
  char* out = theater_turn_alloc(48);
  size_t size = write_number(out, a);
  out[size++] = ' ';
  size += write_number(out + size, b);
  return theater_bytes(out, size);
}

#endif
