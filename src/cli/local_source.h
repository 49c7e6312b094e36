#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "cli/remote.h"

namespace theater::cli {

/// What a command reads on this machine: the file or folder that was named, or, where the name is that of a server's
/// actor, what the server keeps of its chain, as a bundle in a file of its own that goes with this. So the server need
/// not be believed.
class LocalSource {
 public:
  ~LocalSource();
  LocalSource(LocalSource&& other) noexcept
      : path_(std::move(other.path_)), folder_(std::exchange(other.folder_, {})) {}
  LocalSource& operator=(LocalSource&&) = delete;

  static Result<LocalSource> find(const Configuration& configuration, const RemoteOptions& remote,
                                  const std::string& source);

  const std::string& path() const { return path_; }

 private:
  explicit LocalSource(std::string path) : path_(std::move(path)) {}

  std::string path_;
  /// Of what was fetched.
  std::filesystem::path folder_;
};

}  // namespace theater::cli
