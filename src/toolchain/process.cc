#include "toolchain/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

extern char** environ;

namespace theater::toolchain {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// A child process and the pipe that its output comes through. Destroying one that still runs ends it.
class Child {
 public:
  static Result<Child> start(const Command& command, std::size_t place) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      return fail(ErrorCode::kIo, std::string("no pipe for a program: ") + strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::vector<std::string> words = command.arguments;
    words.insert(words.begin(), command.program.string());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t process = 0;
    const int error = posix_spawn(&process, command.program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error != 0) {
      close(ends[0]);
      return fail(ErrorCode::kIo, "cannot run " + command.program.string() + ": " + strerror(error));
    }
    return Child(process, ends[0], place);
  }

  Child(Child&& other) noexcept
      : process_(std::exchange(other.process_, 0)),
        output_(std::exchange(other.output_, -1)),
        place_(other.place_),
        deadline_(other.deadline_),
        result_(std::move(other.result_)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(process_, other.process_);
    std::swap(output_, other.output_);
    std::swap(place_, other.place_);
    std::swap(deadline_, other.deadline_);
    std::swap(result_, other.result_);
    return *this;
  }
  ~Child() {
    if (process_ == 0) return;
    kill(process_, SIGKILL);
    wait();
  }

  int output() const { return output_; }
  std::size_t place() const { return place_; }
  SteadyTime deadline() const { return deadline_; }

  /// Reads what is there; false at the end of the output.
  bool read_some() {
    char block[16384];
    const ssize_t count = read(output_, block, sizeof block);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    const std::size_t room = kOutputMaxBytes - std::min(kOutputMaxBytes, result_.output.size());
    result_.output.append(block, std::min(room, static_cast<std::size_t>(count)));
    return count > 0;
  }

  void end_by_force() {
    result_.timed_out = true;
    kill(process_, SIGKILL);
  }

  CommandResult wait() {
    int status = 0;
    while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = 0;
    close(output_);
    result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return std::move(result_);
  }

 private:
  Child(pid_t process, int output, std::size_t place) : process_(process), output_(output), place_(place) {}

  pid_t process_;
  int output_;
  std::size_t place_;
  SteadyTime deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(kCommandTimeoutMs);
  CommandResult result_;
};

/// Waits for output of any child, reads it, and takes out those that have ended.
void serve(std::vector<Child>& children, std::vector<CommandResult>& results) {
  std::vector<pollfd> watched;
  SteadyTime deadline = SteadyTime::max();
  for (const Child& child : children) {
    watched.push_back({child.output(), POLLIN, 0});
    deadline = std::min(deadline, child.deadline());
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  poll(watched.data(), watched.size(), static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, INT32_MAX)));
  for (std::size_t i = children.size(); i-- > 0;) {
    bool open = watched[i].revents == 0 || children[i].read_some();
    if (open && std::chrono::steady_clock::now() > children[i].deadline()) {
      children[i].end_by_force();
      open = false;
    }
    if (open) continue;
    results[children[i].place()] = children[i].wait();
    children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace

Result<std::vector<CommandResult>> run(std::span<const Command> commands, unsigned parallel) {
  std::vector<CommandResult> results(commands.size());
  std::vector<Child> children;
  std::size_t next = 0;
  while (next < commands.size() || !children.empty()) {
    while (next < commands.size() && children.size() < std::max(1u, parallel)) {
      Result<Child> child = Child::start(commands[next], next);
      if (!child) return fail(std::move(child.error()));
      children.push_back(std::move(*child));
      ++next;
    }
    serve(children, results);
  }
  return results;
}

}  // namespace theater::toolchain
