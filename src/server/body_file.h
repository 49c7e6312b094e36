#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "theater/error.h"

namespace theater::server {

/// A file that is a response's body. One thread at a time.
class BodyFile {
 public:
  /// `owner`: kept as long as this, such as what removes the file.
  static Result<std::shared_ptr<BodyFile>> open(const std::filesystem::path& path, std::shared_ptr<const void> owner);
  ~BodyFile();
  BodyFile(const BodyFile&) = delete;
  BodyFile& operator=(const BodyFile&) = delete;

  std::uint64_t size() const { return size_; }
  /// The next piece; empty at the end. kIo also when the file has become shorter.
  Result<std::string> next();

 private:
  BodyFile(int fd, std::uint64_t size, std::shared_ptr<const void> owner)
      : fd_(fd), size_(size), owner_(std::move(owner)) {}

  const int fd_;
  const std::uint64_t size_;
  const std::shared_ptr<const void> owner_;
  std::uint64_t read_ = 0;
};

}  // namespace theater::server
