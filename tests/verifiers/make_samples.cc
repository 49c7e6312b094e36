// Writes what verifiers and commands are tested with: a data directory with checkpoints, as a runtime leaves it, and
// what somebody may have kept of it. make_samples FOLDER
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "chain/bundle.h"
#include "store/checkpoint_writer.h"
#include "store/head_proofs.h"
#include "store/sample_store.h"
#include "store/verify_directory.h"

namespace {

using namespace theater;
using namespace theater::store;

constexpr std::size_t kActors = 3;

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "make_samples: %s\n", result.error().to_string().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void put(const std::filesystem::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

/// A directory that runs, each round of turns signed.
class Running {
 public:
  explicit Running(std::filesystem::path path) : path_(std::move(path)) {}

  void start() {
    DataDirectory::Options directory_options;
    directory_options.random = &random_;
    directory_ = must(DataDirectory::open(path_, DataDirectory::Access::kWrite, directory_options));
    CheckpointWriter::Options options;
    options.random = &random_;
    checkpoints_ = must(CheckpointWriter::open(posix_file_system(), path_, options));
    checkpoints_->all_found();
    segment_ = must(directory_->begin_segment(shard_++, 1));
  }
  void round(std::size_t message_bytes) {
    std::vector<std::uint64_t> before;
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      before.push_back(actors_.head(actor).next_sequence);
      actors_.record(*segment_, actor, message_bytes);
    }
    must(segment_->write());
    must(segment_->sync());
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      const ChainHead& head = actors_.head(actor);
      checkpoints_->head_is_safe(SampleActors::id(actor), head.next_sequence, head.hash,
                                 head.next_sequence - before[actor]);
    }
    must(checkpoints_->write(0));
    notes_.push_back(checkpoints_->latest());
  }
  /// The same shard, in the same session.
  void next_segment() {
    must(directory_->close_segment(std::move(segment_)));
    segment_ = must(directory_->begin_segment(shard_ - 1, 1));
  }
  void stop() {
    must(directory_->close_segment(std::move(segment_)));
    must(checkpoints_->close(0));
    directory_.reset();
  }
  /// As power loss leaves it: the segment is not closed.
  void abandon() {
    must(segment_->write());
    segment_.reset();
    checkpoints_.reset();
    directory_.reset();
  }
  /// Another directory, which goes on from a copy of this one.
  void follow(const Running& other) {
    std::filesystem::copy(other.path_, path_, std::filesystem::copy_options::recursive);
    actors_.follow(other.actors_);
    shard_ = other.shard_;
  }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  const std::filesystem::path path_;
  SeededRandom random_{1};
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<CheckpointWriter> checkpoints_;
  std::unique_ptr<SegmentWriter> segment_;
  SampleActors actors_{kActors};
  std::uint32_t shard_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("make_samples FOLDER\n", stderr);
    return 1;
  }
  const std::filesystem::path folder = argv[1];
  const std::filesystem::path data = folder / "data";
  Running running(data);
  running.start();
  for (const std::size_t bytes : {20, 3000}) running.round(bytes);
  running.next_segment();
  running.round(20);
  running.stop();
  Running earlier(folder / "earlier");
  earlier.follow(running);
  Running forked(folder / "forked");
  forked.follow(running);
  forked.start();
  for (const std::size_t bytes : {30, 3100, 30, 40}) forked.round(bytes);
  forked.stop();
  running.start();
  for (const std::size_t bytes : {20, 3100, 20}) running.round(bytes);
  Running crashed(folder / "crashed");
  running.stop();
  crashed.follow(running);
  crashed.start();
  for (const std::size_t bytes : {25, 2500}) crashed.round(bytes);
  crashed.next_segment();
  crashed.round(25);
  crashed.abandon();
  // Of the time after the copies were made.
  put(folder / "older.checkpoint", running.notes()[3]);
  const auto log = must(SignedLog::read(posix_file_system(), data));
  put(folder / "older.tlog-proof", must(log.prove_head(SampleActors::id(1), running.notes()[3])).to_text());

  const auto directory = must(DataDirectory::open(data, DataDirectory::Access::kRead));
  const auto chain = must(directory->chain(SampleActors::id(1)));
  BundleExtras extras;
  extras.proofs = {must(log.prove_head(SampleActors::id(1))),
                   must(log.prove_head(SampleActors::id(1), running.notes()[3]))};
  must(write_bundle((folder / "actor.bundle").string(), *chain, extras));
  return 0;
}
