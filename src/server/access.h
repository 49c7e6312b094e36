#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_message.h"
#include "theater/error.h"
#include "theater/event.h"

namespace theater::server {

/// Whose request it is, as its token says.
struct Bearer {
  /// kNone: the token is not known.
  Right right = Right::kNone;
  /// Which of the file's tokens it is, counted from 0.
  std::size_t place = 0;
  /// 0: as often as it likes.
  std::uint32_t requests_per_s = 0;
};

/// Who may do what by TCP: tokens and their rights, and the names by which this server may be called. Never changes
/// after it is made. Any thread.
class Access {
 public:
  /// Reads the tokens' file: a line each, a right ("read", "operate", "admin"), the token and, if it may not ask as
  /// often as it likes, "50/s"; # begins a comment. It must belong to this user and be closed to others. Is there none,
  /// it is made with one token of each right.
  static Result<Access> open(const std::filesystem::path& tokens, std::vector<std::string> host_names);
  /// For a server without TCP: no token is right.
  Access() = default;

  /// Who an Authorization header's bearer token stands for.
  Bearer bearer_of(std::string_view authorization) const;
  /// Whether a Host header calls this server by a name that it knows: its loopback names and those that were given. A
  /// page of another site that had its name point here (DNS rebinding) calls by its own.
  bool knows_host(std::string_view host) const;
  /// Whether a page of this origin may call: none was named, or one of this very host.
  bool knows_origin(std::string_view origin, std::string_view host) const;

 private:
  struct Entry {
    Digest digest{};
    Right right = Right::kNone;
    std::uint32_t requests_per_s = 0;
  };
  Result<void> read(std::string_view text, const std::filesystem::path& file);

  std::vector<Entry> entries_;
  std::vector<std::string> host_names_;
};

/// The tokens in a file's text, for whoever has the file: the one with the highest right, or nothing.
std::string best_token(std::string_view text);

}  // namespace theater::server
