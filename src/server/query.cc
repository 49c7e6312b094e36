#include "server/query.h"

#include <algorithm>
#include <charconv>

#include "theater/bytes.h"

namespace theater::server {
namespace {

/// A request line is bounded by the header's bytes; this bounds what is made of it.
constexpr std::size_t kParametersMax = 64;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string quoted(std::string_view text) { return "\"" + printable(as_bytes(text), 100) + "\""; }

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

Query::Query(std::string_view text) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(pair.size(), equals + 1)), true);
    if (!name || !value) {
      wrong("the query is not percent-encoded as it should be");
      return;
    }
    if (std::ranges::find(parameters_, *name, &std::pair<std::string, std::string>::first) != parameters_.end()) {
      wrong("the parameter " + quoted(*name) + " is given twice");
      return;
    }
    if (parameters_.size() == kParametersMax) {
      wrong("the query has too many parameters");
      return;
    }
    parameters_.emplace_back(std::move(*name), std::move(*value));
  }
}

void Query::wrong(std::string what) {
  if (!wrong_) wrong_ = std::move(what);
}

std::optional<std::string> Query::text(std::string_view name) {
  const auto found = std::ranges::find(parameters_, name, &std::pair<std::string, std::string>::first);
  if (found == parameters_.end()) return std::nullopt;
  std::string value = std::move(found->second);
  parameters_.erase(found);
  return value;
}

std::optional<std::uint64_t> Query::number(std::string_view name, std::uint64_t min, std::uint64_t max) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc() || stop != end || number < min || number > max) {
    wrong(std::string(name) + " must be a number from " + std::to_string(min) + " to " + std::to_string(max) +
          ", not " + quoted(*value));
    return std::nullopt;
  }
  return number;
}

bool Query::flag(std::string_view name) { return choice(name, {"true", "false"}) == "true"; }

std::optional<std::string> Query::choice(std::string_view name, const std::vector<std::string_view>& words) {
  auto value = text(name);
  if (!value) return std::nullopt;
  if (std::ranges::find(words, *value) != words.end()) return value;
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  wrong(std::string(name) + " must be one of " + list + ", not " + quoted(*value));
  return std::nullopt;
}

Result<void> Query::check() const {
  if (wrong_) return fail(ErrorCode::kInvalidArgument, *wrong_);
  if (!parameters_.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no such parameter: " + quoted(parameters_.front().first));
  }
  return {};
}

}  // namespace theater::server
