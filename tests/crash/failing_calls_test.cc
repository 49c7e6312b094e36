// A whole runtime on a disk of which the Nth write, sync, open, mkdir… fails. The calls that the store makes to the
// operating system are led through here by the linker (--wrap in CMakeLists.txt). `make test` looks at a sample that a
// seed chooses, `make soak` (THEATER_CRASH_COMPLETE) at every one.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "recorded_sum.h"
#include "store/data_directory.h"
#include "store/verify_directory.h"
#include "theater/handlers.h"
#include "theater/router.h"
#include "theater/runtime.h"

namespace theater::testing {
namespace {

enum class Call : std::uint8_t { kWrite, kSync, kSyncDirectory, kOpen, kMakeDirectory, kRename, kTruncate, kRemove };
constexpr std::size_t kCalls = 8;
constexpr std::array<const char*, kCalls> kNames = {"write", "sync",   "sync of a folder", "open",
                                                    "mkdir", "rename", "truncate",         "remove"};

struct Fault {
  Call call{};
  std::uint64_t nth = 0;
  int error = EIO;
  /// All later ones of its kind as well.
  bool for_good = false;
  /// A write: the first half is written, and what follows fails.
  bool is_short = false;
};

/// What the linker leads here: has to be one for the process.
class WatchedCalls {
 public:
  /// Counts the calls on files below this folder from now on, and lets one fail.
  void watch(const std::filesystem::path& folder, const Fault& fault) {
    const std::lock_guard lock(mutex_);
    folder_ = folder.string() + "/";
    fault_ = fault;
    for (auto& count : counts_) count = 0;
    is_watching_ = true;
  }
  void stop() { is_watching_ = false; }
  std::uint64_t count(Call call) const { return counts_[static_cast<std::size_t>(call)]; }

  /// What is to become of this call: 0, or an errno; for a short write that one writes half.
  int outcome(Call call, bool& is_short) {
    const std::uint64_t number = counts_[static_cast<std::size_t>(call)]++;
    if (call != fault_.call || number < fault_.nth) return 0;
    is_short = fault_.is_short && number == fault_.nth;
    const bool follows_short = fault_.is_short && number == fault_.nth + 1;
    return number == fault_.nth || fault_.for_good || follows_short ? fault_.error : 0;
  }
  int outcome(Call call) {
    bool is_short = false;
    return outcome(call, is_short);
  }
  bool is_below(const char* path) {
    if (!is_watching_) return false;
    const std::lock_guard lock(mutex_);
    return (std::string(path) + "/").starts_with(folder_);
  }
  void opened(int descriptor, bool is_below) {
    if (descriptor < 0 || static_cast<std::size_t>(descriptor) >= below_.size()) return;
    below_[static_cast<std::size_t>(descriptor)] = is_below;
    if (is_below) synced(descriptor);
  }
  /// All that the file has now is safe.
  void synced(int descriptor) {
    struct stat status{};
    if (fstat(descriptor, &status) == 0) safe_bytes_[static_cast<std::size_t>(descriptor)] = status.st_size;
  }
  off_t safe_bytes(int descriptor) const { return safe_bytes_[static_cast<std::size_t>(descriptor)]; }
  bool is_below(int descriptor) const {
    return is_watching_ && static_cast<std::size_t>(descriptor) < below_.size() &&
           below_[static_cast<std::size_t>(descriptor)];
  }

 private:
  std::mutex mutex_;
  std::string folder_;
  Fault fault_;
  std::atomic<bool> is_watching_ = false;
  std::array<std::atomic<std::uint64_t>, kCalls> counts_{};
  /// Descriptors of files below the folder.
  std::array<std::atomic<bool>, 4096> below_{};
  std::array<std::atomic<off_t>, 4096> safe_bytes_{};
};

WatchedCalls& watched_calls() {
  static WatchedCalls calls;
  return calls;
}

int failed(int error_number) {
  errno = error_number;
  return -1;
}

}  // namespace
}  // namespace theater::testing

using theater::testing::Call;
using theater::testing::failed;
using theater::testing::watched_calls;

// The names are the linker's.
extern "C" {
int __real_open(const char* path, int flags, mode_t mode);
ssize_t __real_pwrite(int descriptor, const void* bytes, size_t size, off_t offset);
int __real_fdatasync(int descriptor);
int __real_fsync(int descriptor);
int __real_mkdir(const char* path, mode_t mode);
int __real_rename(const char* from, const char* to);
int __real_ftruncate(int descriptor, off_t size);
int __real_unlink(const char* path);

int __wrap_open(const char* path, int flags, mode_t mode) {
  const bool is_below = watched_calls().is_below(path);
  if (is_below) {
    if (const int error = watched_calls().outcome(Call::kOpen)) return failed(error);
  }
  const int descriptor = __real_open(path, flags, mode);
  watched_calls().opened(descriptor, is_below);
  return descriptor;
}

ssize_t __wrap_pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  if (!watched_calls().is_below(descriptor)) return __real_pwrite(descriptor, bytes, size, offset);
  bool is_short = false;
  const int error = watched_calls().outcome(Call::kWrite, is_short);
  if (is_short && size > 1) return __real_pwrite(descriptor, bytes, size / 2, offset);
  return error != 0 ? failed(error) : __real_pwrite(descriptor, bytes, size, offset);
}

int __wrap_fdatasync(int descriptor) {
  if (!watched_calls().is_below(descriptor)) return __real_fdatasync(descriptor);
  if (const int error = watched_calls().outcome(Call::kSync)) {
    // As a kernel may: what it could not write is gone, and a later sync would say that all is well.
    static_cast<void>(__real_ftruncate(descriptor, watched_calls().safe_bytes(descriptor)));
    return failed(error);
  }
  const int result = __real_fdatasync(descriptor);
  if (result == 0) watched_calls().synced(descriptor);
  return result;
}

int __wrap_fsync(int descriptor) {
  const int error = watched_calls().is_below(descriptor) ? watched_calls().outcome(Call::kSyncDirectory) : 0;
  return error != 0 ? failed(error) : __real_fsync(descriptor);
}

int __wrap_mkdir(const char* path, mode_t mode) {
  const int error = watched_calls().is_below(path) ? watched_calls().outcome(Call::kMakeDirectory) : 0;
  return error != 0 ? failed(error) : __real_mkdir(path, mode);
}

int __wrap_rename(const char* from, const char* to) {
  const int error = watched_calls().is_below(from) ? watched_calls().outcome(Call::kRename) : 0;
  return error != 0 ? failed(error) : __real_rename(from, to);
}

int __wrap_ftruncate(int descriptor, off_t size) {
  const int error = watched_calls().is_below(descriptor) ? watched_calls().outcome(Call::kTruncate) : 0;
  return error != 0 ? failed(error) : __real_ftruncate(descriptor, size);
}

int __wrap_unlink(const char* path) {
  const int error = watched_calls().is_below(path) ? watched_calls().outcome(Call::kRemove) : 0;
  return error != 0 ? failed(error) : __real_unlink(path);
}
}

namespace theater::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

bool is_complete() { return std::getenv("THEATER_CRASH_COMPLETE") != nullptr; }

class FailingCalls : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/theater_failing_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    watched_calls().stop();
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path data() const { return folder_ / "data"; }

  Result<std::unique_ptr<Runtime>> start(MessageRouter& router) {
    RuntimeOptions options;
    options.shards = 1;
    options.data_directory = data();
    options.code_cache = folder_ / "code";
    options.warn = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      warnings_ += std::string(line) + "\n";
    };
    return Runtime::start(std::move(options), builtin_handlers(router), router);
  }
  static Result<ActorId> spawn(Runtime& runtime, const std::string& name, const std::string& keys,
                               const std::string& component) {
    ParseOptions own_paths;
    own_paths.base_directory = "/";
    auto manifest = parse_manifest("name = \"" + name + "\"\nversion = \"1\"\ncomponent = \"" THEATER_COMPONENTS "/" +
                                       component + ".wasm\"\n" + keys +
                                       "[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = \"runtime\"\n",
                                   own_paths);
    if (!manifest) return fail(std::move(manifest.error()));
    const auto blueprint = runtime.prepare(std::move(*manifest));
    if (!blueprint) return fail(blueprint.error());
    return runtime.spawn(*blueprint, SpawnOptions());
  }
  static Result<std::string> ask(MessageRouter& router, const ActorId& id, std::string_view text) {
    std::promise<Result<Bytes>> promise;
    router.request(id, as_bytes(text), 0, [&](Result<Bytes> answer) { promise.set_value(std::move(answer)); });
    auto answer = promise.get_future().get();
    if (!answer) return fail(std::move(answer.error()));
    return std::string(as_text(*answer));
  }

  /// One life of a runtime: resumes or makes what is kept, works, reads, stops one of them, and ends. True if it could
  /// begin and make all of its actors.
  bool live(const std::string& when) {
    MessageRouter router;
    auto runtime = start(router);
    if (!runtime) return false;
    for (const ResumedActor& resumed : (*runtime)->resume()) {
      if (!resumed.error) counters_[resumed.name] = resumed.id;
    }
    std::map<std::string, ActorId> here;
    for (const char* name : {"first", "second", "passing"}) {
      const auto known = counters_.find(name);
      if (known != counters_.end() && (*runtime)->info(known->second)) {
        here[name] = known->second;
        continue;
      }
      // Nobody stops these two: they are to be found again.
      if (known != counters_.end() && known->first != "passing") continue;
      const auto id = spawn(**runtime, name, "resume = true\n[chain]\ndurability = \"sync\"\n", "counter");
      if (id) counters_[name] = here[name] = *id;
    }
    const auto memory = spawn(**runtime, "memory", "save_chain = false\n", "counter");
    EXPECT_TRUE(memory) << when << memory.error().to_string();
    // A large value has a way of its own to the disk.
    if (const auto large = spawn(**runtime, "large", "[chain]\ndurability = \"sync\"\n", "guests/echo")) {
      static_cast<void>(ask(router, *large, std::string(200'000, 'l')));
    }
    for (int round = 1; round <= 3; ++round) {
      for (const auto& [name, id] : here) {
        static_cast<void>(router.send(id, as_bytes("1")));
        const auto sum = ask(router, id, "?");
        if (!sum) continue;
        EXPECT_GE(std::stoul(*sum), acknowledged_[id]) << when << "a sum went back";
        acknowledged_[id] = std::stoul(*sum);
      }
      if (!memory) continue;
      static_cast<void>(router.send(*memory, as_bytes("1")));
      EXPECT_EQ(ask(router, *memory, "?").value_or("none"), std::to_string(round)) << when << "in memory only";
    }
    for (const auto& [name, id] : here) {
      const auto events = (*runtime)->events(id);
      // A disk that opens nothing any more cannot be read.
      if (!can_read_) continue;
      EXPECT_TRUE(events) << when << name << ": " << events.error().to_string();
    }
    if (here.contains("passing")) {
      EXPECT_TRUE((*runtime)->stop(here["passing"])) << when;
      counters_.erase("passing");
    }
    (*runtime)->shut_down();
    return here.size() == 3;
  }

  /// Everything that was acknowledged is on the disk, and nothing is damaged.
  void expect_kept(const std::string& when) {
    const auto directory = store::DataDirectory::open(data(), store::DataDirectory::Access::kRead);
    ASSERT_TRUE(directory) << when << directory.error().to_string();
    for (const store::Damage& damage : (*directory)->damages()) ADD_FAILURE() << when << damage.to_string();
    for (const auto& [id, sum] : acknowledged_) {
      const auto chain = (*directory)->chain(id);
      ASSERT_TRUE(chain) << when << chain.error().to_string();
      EXPECT_GE(sum_in_chain(**chain), sum) << when;
    }
    const auto report = store::verify_directory(data());
    ASSERT_TRUE(report && report->ok()) << when;
  }

  std::filesystem::path folder_;
  std::map<std::string, ActorId> counters_;
  std::map<ActorId, unsigned long> acknowledged_;
  bool can_read_ = true;
  std::mutex mutex_;
  std::string warnings_;
};

TEST_F(FailingCalls, whichever_fails_nothing_is_acknowledged_falsely_and_reading_and_stopping_work) {
  // What an earlier life has left, which each of the following goes on with.
  ASSERT_TRUE(live("at first: "));
  const auto counters = counters_;
  const auto acknowledged = acknowledged_;
  std::filesystem::copy(data(), folder_ / "before", std::filesystem::copy_options::recursive);
  const auto back_to_before = [&] {
    std::filesystem::remove_all(data());
    std::filesystem::copy(folder_ / "before", data(), std::filesystem::copy_options::recursive);
    counters_ = counters;
    acknowledged_ = acknowledged;
  };
  std::array<std::uint64_t, kCalls> counts{};
  back_to_before();
  watched_calls().watch(data(), {.nth = UINT64_MAX});
  ASSERT_TRUE(live("without a fault: "));
  for (std::size_t call = 0; call < kCalls; ++call) counts[call] = watched_calls().count(static_cast<Call>(call));

  const char* seed = std::getenv("THEATER_CRASH_SEED");
  std::mt19937 random(seed == nullptr ? 1 : static_cast<unsigned>(std::stoul(seed)));
  int lives = 0;
  for (std::size_t call = 0; call < kCalls; ++call) {
    // Groups form by time: a life may make a few calls more or less than another.
    for (std::uint64_t nth = 0; nth < counts[call] + 2; ++nth) {
      if (!is_complete() && random() % 6 != 0) continue;
      Fault fault{.call = static_cast<Call>(call), .nth = nth};
      fault.for_good = random() % 2 == 0;
      fault.is_short = fault.call == Call::kWrite && random() % 2 == 0;
      fault.error = random() % 2 == 0 ? EIO : ENOSPC;
      const std::string when = std::string(kNames[call]) + " number " + std::to_string(nth) +
                               (fault.is_short ? ", short" : "") + (fault.for_good ? ", for good: " : ": ");
      back_to_before();
      can_read_ = fault.call != Call::kOpen;
      watched_calls().watch(data(), fault);
      live(when);
      watched_calls().stop();
      ++lives;
      ASSERT_NO_FATAL_FAILURE(expect_kept(when));
      warnings_.clear();
      can_read_ = true;
      EXPECT_TRUE(live(when + "afterwards: "));
      EXPECT_THAT(warnings_, Not(HasSubstr("damaged"))) << when;
      EXPECT_THAT(warnings_, Not(HasSubstr("was changed"))) << when;
      ASSERT_NO_FATAL_FAILURE(expect_kept(when + "afterwards: "));
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(lives, 15);
  std::printf("%d lives, each with one fault\n", lives);
}

}  // namespace
}  // namespace theater::testing
