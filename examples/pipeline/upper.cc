#include <theater.hpp>

/// Second stage: makes a word's small letters capital.
struct Upper : theater::Actor {
  theater::Status on_send(theater::View word) {
    char* const letters = static_cast<char*>(theater_turn_alloc(word.size()));
    for (size_t i = 0; i < word.size(); i++) {
      const char c = word.data()[i];
      letters[i] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return theater::send("collect", theater::View(letters, word.size()));
  }
};

template struct theater::Component<Upper>;
