#pragma once

#include <exception>

namespace theater {

/// Thrown where toml++ would assert.
class TomlAssertionFailed final : public std::exception {
 public:
  const char* what() const noexcept override { return "an assertion of the TOML parser failed"; }
};

[[noreturn]] inline void throw_toml_assertion_failed() { throw TomlAssertionFailed(); }

}  // namespace theater

// toml++ 3.3 asserts things that a text can make false ("[[[a]]]" is enough), and in a release build it tells the
// compiler to take them for true; its test for blanks reaches code that it calls unreachable for every letter from
// U+00A1 to U+0499. A text must cause neither, so that its assertions throw here, in every build, and no code is
// declared unreachable. The namespace has a name of its own lest a program that uses toml++ itself is linked with these
// functions, or the manifest with the program's.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::theater::throw_toml_assertion_failed())
/// What is nested deeper is no manifest; the parser descends by recursion.
#define TOML_MAX_NESTED_VALUES 16
#define TOML_HEADER_ONLY 1
#define toml theater_toml
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE ::theater::throw_toml_assertion_failed()
#include <toml++/toml.h>
#undef toml
#pragma pop_macro("NDEBUG")

namespace theater {

namespace toml = ::theater_toml;

}  // namespace theater
