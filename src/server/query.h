#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "theater/error.h"

namespace theater::server {

/// Decodes %XX; none when it is malformed. Where `plus_is_blank`, as in queries, + stands for a blank.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

/// The parameters of a request's query. Each is asked for once by its name; what is wrong is remembered and told by
/// check(), so that an endpoint asks for all and checks once.
class Query {
 public:
  /// `a=1&b=2`.
  explicit Query(std::string_view text);

  std::optional<std::string> text(std::string_view name);
  std::optional<std::uint64_t> number(std::string_view name, std::uint64_t min, std::uint64_t max);
  /// true or false.
  bool flag(std::string_view name);
  /// One of these words.
  std::optional<std::string> choice(std::string_view name, const std::vector<std::string_view>& words);

  /// kInvalidArgument that names the first parameter that is malformed, not known or given twice. Last.
  Result<void> check() const;

 private:
  void wrong(std::string what);

  std::vector<std::pair<std::string, std::string>> parameters_;
  std::optional<std::string> wrong_;
};

}  // namespace theater::server
