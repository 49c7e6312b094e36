#include <algorithm>

#include "base/limits.h"
#include "manifest/diagnostics.h"
#include "theater/manifest.h"

namespace theater {
namespace {

constexpr std::string_view kStoreScheme = "store://";
constexpr std::string_view kHashPrefix = "hash/";
/// SHA-1, which existing stores use, and SHA-256, as hexadecimal.
constexpr std::size_t kSha1Digits = 40;
constexpr std::size_t kSha256Digits = 64;

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return result;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// Not a letter, digit, '-', '_' or '.' alone: an id names one folder of a store and no other.
bool is_store_id(std::string_view id) {
  constexpr std::string_view kAllowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
  return !id.empty() && id != "." && id != ".." && id.find_first_not_of(kAllowed) == std::string_view::npos;
}

Result<ComponentReference> parse_store(std::string_view text) {
  const std::string_view rest = text.substr(kStoreScheme.size());
  const std::size_t slash = rest.find('/');
  const std::string_view id = rest.substr(0, slash);
  const std::string_view what = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  if (!is_store_id(id) || what.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                in_quotes(text) + " is no store reference: write store://<id>/hash/<hash> or store://<id>/<label>");
  }
  StoreReference reference;
  reference.store = id;
  if (!what.starts_with(kHashPrefix)) {
    reference.label = what;
    return reference;
  }
  const std::string_view hash = what.substr(kHashPrefix.size());
  if ((hash.size() != kSha1Digits && hash.size() != kSha256Digits) || !is_hexadecimal(hash)) {
    return fail(ErrorCode::kInvalidArgument, in_quotes(hash) + " is no hash: it has 40 or 64 hexadecimal digits");
  }
  reference.hash = lower(hash);
  return reference;
}

Result<ComponentReference> parse_url(std::string_view text, std::size_t scheme_end) {
  const std::string scheme = lower(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") {
    return fail(ErrorCode::kInvalidArgument,
                in_quotes(text) + " has an unknown scheme; known are store://, http:// and https://");
  }
  const std::string_view rest = text.substr(scheme_end + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::string_view host = authority.substr(authority.rfind('@') + 1);
  if (host.empty() || host.starts_with(':') || text.contains(' ')) {
    return fail(ErrorCode::kInvalidArgument,
                in_quotes(text) + " is no URL: write " + scheme + "://host/path, with %20 for a blank");
  }
  return UrlReference{std::string(text)};
}

}  // namespace

Result<ComponentReference> parse_component_reference(std::string_view text,
                                                     const std::optional<std::filesystem::path>& base_directory) {
  if (text.empty()) return fail(ErrorCode::kInvalidArgument, "a reference must not be empty");
  if (text.size() > limits::kReferenceBytes) {
    return fail(ErrorCode::kInvalidArgument,
                "a reference may have " + std::to_string(limits::kReferenceBytes) + " bytes at most");
  }
  if (has_control(text) || !is_utf8(as_bytes(text))) {
    return fail(ErrorCode::kInvalidArgument, in_quotes(text) + " has characters that no reference may have");
  }
  if (text.starts_with(kStoreScheme)) return parse_store(text);
  const std::size_t scheme_end = text.find("://");
  if (scheme_end != std::string_view::npos && text.substr(0, scheme_end).find('/') == std::string_view::npos) {
    return parse_url(text, scheme_end);
  }
  if (!base_directory) {
    return fail(
        ErrorCode::kNotPermitted,
        in_quotes(text) + " is a path, which this manifest's sender may not choose; use store:// or http(s)://");
  }
  // An absolute path replaces the base.
  return FileReference{(*base_directory / std::filesystem::path(text)).lexically_normal()};
}

}  // namespace theater
