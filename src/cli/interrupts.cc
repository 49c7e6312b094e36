#include "cli/interrupts.h"

#include <csignal>

namespace theater::cli {
namespace {

// A signal handler has no other way to say anything.
volatile std::sig_atomic_t interrupted = 0;

void note_interrupt(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

Interrupts::Interrupts() {
  interrupted = 0;
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
}

Interrupts::~Interrupts() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool Interrupts::seen() const { return interrupted != 0; }

}  // namespace theater::cli
