#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "theater/error.h"

namespace theater::cli {

/// A folder on the disk that `theater bench --data` measures, with a data directory in it; gone when this is destroyed.
/// One thread at a time.
class BenchDisk {
 public:
  /// Makes the folder in `where`, and that if need be.
  static Result<std::unique_ptr<BenchDisk>> make(const std::filesystem::path& where);
  ~BenchDisk();
  BenchDisk(const BenchDisk&) = delete;
  BenchDisk& operator=(const BenchDisk&) = delete;

  std::filesystem::path data_directory() const { return folder_ / "data"; }
  /// Bytes that the segments of the data directory have now: of all that was written.
  std::uint64_t segment_bytes() const;

  /// Measures the disk by itself, for half a second at most; called again, it takes more samples.
  Result<void> measure();
  /// Times of appending 4 KiB to a file and syncing it, one at a time.
  std::vector<std::uint64_t>& sync_times_ns() { return sync_times_ns_; }
  /// Of a file that is written from its beginning to its end and synced once.
  double bytes_per_second() const { return bytes_per_second_; }

 private:
  explicit BenchDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path folder_;
  std::vector<std::uint64_t> sync_times_ns_;
  double bytes_per_second_ = 0;
};

}  // namespace theater::cli
