#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chain/event_sink.h"
#include "theater/bytes.h"
#include "theater/error.h"

namespace theater {

/// A part of a file: all of it, unless said otherwise.
struct FileSection {
  std::uint64_t offset = 0;
  std::uint64_t size = UINT64_MAX;
};

/// One record of a chain file; its bytes are valid until the reader's next call.
struct ChainFileRecord {
  enum class Type : std::uint8_t {
    kLink = 1,
    kPayload = 2,  ///< content of a large value that the next link names
    kClosed = 3,   ///< the writer closed the file here
  };
  Type type = Type::kLink;
  ByteView bytes;
  /// kLink: the hash stored beside it; kPayload: the digest stored beside it; kClosed: the last link's hash. Not
  /// checked by the reader.
  Digest digest{};
  std::uint64_t closed_links = 0;          ///< kClosed: links in the file
  std::uint64_t closed_next_sequence = 0;  ///< kClosed: sequence after the last event
  std::uint64_t file_offset = 0;           ///< of the record; in the section, where the chain is one of a larger file
  std::uint64_t content_offset = 0;        ///< of `bytes`, in the file as a whole
};

/// Writes one actor's chain to a file (docs/event-format.md): what `save_chain = true` asks for. Buffered: nothing is
/// sure to be in the file before flush() or close(). One thread at a time.
class ChainFileWriter {
 public:
  /// Makes a new file that only its owner may read and write; one that exists already is kAlreadyExists.
  static Result<std::unique_ptr<ChainFileWriter>> create(const std::string& path);
  /// Writes from where the descriptor stands, which it takes over; errors call it `path`.
  static std::unique_ptr<ChainFileWriter> onto(int descriptor, std::string path);
  /// Closes the file without its closing record, dropping errors; call close() to know.
  ~ChainFileWriter();
  ChainFileWriter(const ChainFileWriter&) = delete;
  ChainFileWriter& operator=(const ChainFileWriter&) = delete;

  /// Adds the link and the large values it names. After the first error nothing more is written and each call returns
  /// that error.
  Result<void> append(const SealedLink& link);
  /// Adds content that goes with the chain though no link names it as a value: the manifest of its start. Errors as in
  /// append().
  Result<void> keep(ByteView content);
  /// Hands all that was appended to the operating system; `sync` waits until the disk has it.
  Result<void> flush(bool sync = false);
  /// Writes the closing record, flushes and closes. To be called once; no other call may follow.
  Result<void> close(bool sync = false);

 private:
  ChainFileWriter(int descriptor, std::string path);
  Result<void> put_record(ChainFileRecord::Type type, ByteView content, const Digest& digest);
  Result<void> write_all(ByteView bytes);
  Result<void> fail_for_good(std::string what, int error_number);

  int descriptor_ = -1;
  const std::string path_;
  Bytes buffer_;
  std::optional<Error> error_;
  std::uint64_t links_ = 0;
  std::uint64_t next_sequence_ = 0;
  Digest head_hash_{};
};

/// Reads a chain file record by record; holds one record at a time. One thread at a time.
class ChainFileReader {
 public:
  /// kIo when the file cannot be opened, kCorrupt when it is no chain file.
  static Result<std::unique_ptr<ChainFileReader>> open(const std::string& path, FileSection section = {});
  ~ChainFileReader();
  ChainFileReader(const ChainFileReader&) = delete;
  ChainFileReader& operator=(const ChainFileReader&) = delete;

  /// The next record; none at the end of what is whole: then torn_bytes() says how much is left over. kCorrupt when the
  /// file is damaged here rather than cut; nothing can be read after that.
  Result<std::optional<ChainFileRecord>> next();
  /// Goes on at a record's file_offset, of this or another reader of the same file.
  Result<void> seek(std::uint64_t file_offset);

  /// Bytes at the file's end that do not make a whole record.
  std::uint64_t torn_bytes() const { return torn_bytes_; }
  std::uint64_t offset() const { return offset_; }

 private:
  ChainFileReader(int descriptor, FileSection section);
  Result<std::size_t> read_up_to(std::uint8_t* out, std::size_t bytes);
  Result<std::optional<ChainFileRecord>> content(ChainFileRecord::Type type, std::uint32_t length, std::uint64_t start);
  Result<std::optional<ChainFileRecord>> torn(std::uint64_t from_offset);
  Result<std::optional<ChainFileRecord>> damaged(std::uint64_t at_offset, std::string_view what);
  Result<bool> rest_is_zero(ByteView already_read);

  int descriptor_ = -1;
  const std::uint64_t begin_offset_;
  /// When it was opened; what is written later is not read.
  const std::uint64_t size_bytes_;
  /// From the section's beginning.
  std::uint64_t offset_ = 0;
  std::uint64_t torn_bytes_ = 0;
  bool ended_ = false;
  bool is_closed_ = false;
  Bytes input_;
  std::size_t input_used_ = 0;
  Bytes record_;
};

}  // namespace theater
