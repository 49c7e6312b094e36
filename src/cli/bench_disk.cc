#include "cli/bench_disk.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "base/random.h"
#include "store/file_system.h"

namespace theater::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kSyncedBytes = 4096;
constexpr std::size_t kSyncs = 200;
constexpr std::chrono::milliseconds kSyncTime{400};
constexpr std::size_t kPieceBytes = 1u << 20;
constexpr std::size_t kPieces = 64;

std::uint64_t nanoseconds(SteadyClock::duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

/// That no disk and no file system makes smaller.
Bytes random_bytes(std::size_t size) {
  Bytes bytes(size);
  SeededRandom(1).fill(bytes);
  return bytes;
}

Result<void> time_syncs(store::File& file, std::vector<std::uint64_t>& times_ns) {
  const Bytes bytes = random_bytes(kSyncedBytes);
  const auto begin = SteadyClock::now();
  for (std::size_t i = 0; i < kSyncs && SteadyClock::now() - begin < kSyncTime; ++i) {
    const auto start = SteadyClock::now();
    if (auto written = file.write(i * bytes.size(), bytes); !written) return written;
    if (auto synced = file.sync(); !synced) return synced;
    times_ns.push_back(nanoseconds(SteadyClock::now() - start));
  }
  return {};
}

Result<double> time_writing(store::File& file) {
  const Bytes bytes = random_bytes(kPieceBytes);
  const auto start = SteadyClock::now();
  for (std::size_t i = 0; i < kPieces; ++i) {
    if (auto written = file.write(i * bytes.size(), bytes); !written) return fail(std::move(written.error()));
  }
  if (auto synced = file.sync(); !synced) return fail(std::move(synced.error()));
  return static_cast<double>(kPieces * kPieceBytes) / std::chrono::duration<double>(SteadyClock::now() - start).count();
}

}  // namespace

Result<std::unique_ptr<BenchDisk>> BenchDisk::make(const std::filesystem::path& where) {
  const std::filesystem::path folder = where / ("theater-bench-" + std::to_string(getpid()));
  if (auto made = store::posix_file_system().make_directory(folder); !made) return fail(std::move(made.error()));
  return std::unique_ptr<BenchDisk>(new BenchDisk(folder));
}

BenchDisk::~BenchDisk() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::uint64_t BenchDisk::segment_bytes() const {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_directory() / "segments", error)) {
    const auto size = entry.file_size(error);
    if (!error) bytes += size;
  }
  return bytes;
}

Result<void> BenchDisk::measure() {
  store::FileSystem& files = store::posix_file_system();
  const std::filesystem::path path = folder_ / "probe";
  auto file = files.open(path, store::OpenMode::kCreate);
  if (!file) return fail(std::move(file.error()));
  if (auto timed = time_syncs(**file, sync_times_ns_); !timed) return timed;
  const auto speed = time_writing(**file);
  if (!speed) return fail(speed.error());
  bytes_per_second_ = std::max(bytes_per_second_, *speed);
  return files.remove(path);
}

}  // namespace theater::cli
