#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chain/chain_file.h"
#include "theater/bytes.h"
#include "theater/error.h"

/// As much of POSIX tar (ustar) as bundles need: plain files with short names. What is written has no owner, time or
/// mode of its own, so that equal contents make equal bytes.
namespace theater::tar {

/// More than any bundle has.
inline constexpr std::size_t kMembersMax = 10'000;
inline constexpr std::size_t kNameBytesMax = 100;
/// As much as the header's eleven octal digits can say.
inline constexpr std::uint64_t kMemberBytesMax = (1ull << 33) - 1;

/// Writes a new file. One thread at a time.
class Writer {
 public:
  /// Only its owner may read and write it; one that exists already is kAlreadyExists.
  static Result<std::unique_ptr<Writer>> create(const std::string& path);
  /// Removes the file again unless finish() succeeded.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Result<void> add(std::string_view name, ByteView content);
  /// For content whose size is not known before: to be written to the descriptor that is returned, which stands where
  /// it begins and stays the writer's; then end().
  Result<int> begin(std::string_view name);
  /// kTooLarge when the content does not fit a tar file.
  Result<void> end();
  /// Writes the end and waits until the disk has the file. No other call may follow.
  Result<void> finish();

 private:
  Writer(int descriptor, std::string path);
  Result<void> write_all(ByteView bytes);
  Result<void> pad(std::uint64_t content_bytes);

  int descriptor_;
  const std::string path_;
  std::string open_name_;
  std::uint64_t header_offset_ = 0;
  bool finished_ = false;
};

struct Member {
  std::string name;
  FileSection content;
};

/// What is in a tar file, in its order. Anything but plain files whose headers are in order is kCorrupt, as is anything
/// but zeros after the end; nothing of the content is read.
Result<std::vector<Member>> list(const std::string& path);

/// The bytes of a section of a file, at most `max_bytes` (kTooLarge).
Result<Bytes> read_section(const std::string& path, FileSection section, std::uint64_t max_bytes);

}  // namespace theater::tar
