#include "server/access.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/base64.h"
#include "base/random.h"
#include "base/sha256.h"

namespace theater::server {
namespace {

constexpr std::size_t kTokenFileBytes = 64u << 10;
constexpr std::size_t kTokensMax = 256;
/// Shorter ones could be guessed.
constexpr std::size_t kTokenCharsMin = 20;
constexpr std::size_t kTokenBytes = 32;
constexpr std::uint32_t kRequestsPerSecondMax = 1'000'000;

std::string make_token(RandomSource& random) {
  std::array<std::uint8_t, kTokenBytes> bytes;
  random.fill(bytes);
  std::string token = to_base64(bytes);
  // Letters that need no quoting anywhere.
  std::ranges::replace(token, '+', '-');
  std::ranges::replace(token, '/', '_');
  std::erase(token, '=');
  return token;
}

std::string make_file_text() {
  SecureRandom random;
  std::string text =
      "# Tokens of this Theater server: a right and a token a line. Rights: read, operate, admin. Behind a token "
      "\"50/s\"\n"
      "# says how often it may ask.\n";
  for (const Right right : {Right::kRead, Right::kOperate, Right::kAdmin}) {
    text += std::string(to_string(right)) + " " + make_token(random) + "\n";
  }
  return text;
}

Error system_error(const std::filesystem::path& file, std::string_view what) {
  return {ErrorCode::kIo, "cannot " + std::string(what) + " " + file.string() + ": " + std::strerror(errno)};
}

class OpenFile {
 public:
  OpenFile(const std::filesystem::path& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

/// Kept beside the others until it is whole, so that nobody ever reads half of it; a link does not replace one that
/// another server made meanwhile.
Result<void> make_file(const std::filesystem::path& path) {
  const std::string text = make_file_text();
  const std::filesystem::path draft = path.string() + "." + std::to_string(getpid());
  {
    const OpenFile file(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    if (file.fd() < 0) return fail(system_error(draft, "make the token file"));
    if (write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || fsync(file.fd()) != 0) {
      unlink(draft.c_str());
      return fail(system_error(draft, "write the token file"));
    }
  }
  const bool linked = link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
  unlink(draft.c_str());
  if (!linked) return fail(system_error(path, "make the token file"));
  return {};
}

Result<std::string> read_private_file(const std::filesystem::path& path) {
  const OpenFile file(path, O_RDONLY | O_NOFOLLOW);
  if (file.fd() < 0) return fail(system_error(path, "read the token file"));
  struct stat status{};
  if (fstat(file.fd(), &status) != 0) return fail(system_error(path, "read the token file"));
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    return fail(ErrorCode::kNotPermitted, "the token file " + path.string() +
                                              " must be a file of this user that nobody else can read: chmod 600");
  }
  std::string text(kTokenFileBytes, '\0');
  const ssize_t size = read(file.fd(), text.data(), text.size());
  if (size < 0) return fail(system_error(path, "read the token file"));
  if (static_cast<std::size_t>(size) == text.size()) {
    return fail(ErrorCode::kTooLarge, "the token file " + path.string() + " is too long");
  }
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<Right> parse_right(std::string_view word) {
  for (const Right right : {Right::kRead, Right::kOperate, Right::kAdmin}) {
    if (to_string(right) == word) return right;
  }
  return std::nullopt;
}

/// "50/s"; none when it is no such thing.
std::optional<std::uint32_t> parse_rate(std::string_view word) {
  std::uint32_t rate = 0;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), rate);
  const std::string_view unit(stop, static_cast<std::size_t>(word.data() + word.size() - stop));
  if (error != std::errc() || unit != "/s" || rate == 0 || rate > kRequestsPerSecondMax) return std::nullopt;
  return rate;
}

/// The text up to the next blank, taken off with it.
std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

/// Calls `found(right's word, token, rate's word, line's number)` for each line that is no comment.
template <class Found>
void each_token(std::string_view text, Found found) {
  for (unsigned number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::string_view right = take_word(line);
    const std::string_view token = take_word(line);
    found(right, token, line, number);
  }
}

/// The name in a Host header: without the port, without the brackets of an IPv6 address, in lower case.
std::optional<std::string> host_name(std::string_view host) {
  std::string_view name = host;
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    name = host.substr(1, end - 1);
    port = host.substr(end + 1);
  } else if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
    name = host.substr(0, colon);
    port = host.substr(colon);
  }
  if (!port.empty() &&
      (port.size() < 2 || port.front() != ':' || port.find_first_not_of("0123456789", 1) != std::string_view::npos)) {
    return std::nullopt;
  }
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

}  // namespace

Result<Access> Access::open(const std::filesystem::path& tokens, std::vector<std::string> host_names) {
  Access access;
  access.host_names_ = {"localhost", "127.0.0.1", "::1"};
  for (const std::string& given : host_names) {
    if (auto name = host_name(given)) access.host_names_.push_back(std::move(*name));
  }
  std::error_code error;
  if (!std::filesystem::exists(tokens, error)) {
    std::filesystem::create_directories(tokens.parent_path(), error);
    if (auto made = make_file(tokens); !made) return fail(std::move(made.error()));
  }
  auto text = read_private_file(tokens);
  if (!text) return fail(std::move(text.error()));
  if (auto read = access.read(*text, tokens); !read) return fail(std::move(read.error()));
  return access;
}

Result<void> Access::read(std::string_view text, const std::filesystem::path& file) {
  std::optional<Error> wrong;
  each_token(text, [&](std::string_view word, std::string_view token, std::string_view rate_word, unsigned number) {
    const auto right = parse_right(word);
    const std::optional<std::uint32_t> rate = rate_word.empty() ? 0 : parse_rate(rate_word);
    if (!right || !rate || token.size() < kTokenCharsMin || entries_.size() == kTokensMax) {
      if (!wrong) {
        wrong = Error(ErrorCode::kInvalidArgument,
                      file.string() + ":" + std::to_string(number) +
                          ": a line is a right (read, operate, admin), a blank and a token of at least " +
                          std::to_string(kTokenCharsMin) +
                          " characters, and perhaps a blank and how often it may ask (" + "50/s, up to " +
                          std::to_string(kRequestsPerSecondMax) + "/s); at most " + std::to_string(kTokensMax));
      }
      return;
    }
    entries_.push_back({.digest = sha256(as_bytes(token)), .right = *right, .requests_per_s = *rate});
  });
  if (wrong) return fail(std::move(*wrong));
  return {};
}

Bearer Access::bearer_of(std::string_view authorization) const {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if ((authorization[i] | 0x20) != (kScheme[i] | 0x20)) return {};
  }
  const Digest digest = sha256(as_bytes(authorization.substr(kScheme.size())));
  Bearer bearer;
  // All are looked at, each in the same time, so that the time tells nothing.
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    const Entry& entry = entries_[place];
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0 && entry.right > bearer.right) {
      bearer = {.right = entry.right, .place = place, .requests_per_s = entry.requests_per_s};
    }
  }
  return bearer;
}

bool Access::knows_host(std::string_view host) const {
  const auto name = host_name(host);
  return name && std::ranges::find(host_names_, *name) != host_names_.end();
}

bool Access::knows_origin(std::string_view origin, std::string_view host) const {
  if (origin.empty()) return true;
  return origin == "http://" + std::string(host) || origin == "https://" + std::string(host);
}

std::string best_token(std::string_view text) {
  std::string best;
  Right best_right = Right::kNone;
  each_token(text, [&](std::string_view word, std::string_view token, std::string_view, unsigned) {
    const auto right = parse_right(word);
    if (right && *right > best_right) {
      best_right = *right;
      best = token;
    }
  });
  return best;
}

}  // namespace theater::server
