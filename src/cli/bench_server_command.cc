#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/bare_server.h"
#include "cli/bench_components.h"
#include "cli/commands.h"
#include "cli/remote.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;
using SteadyClock = std::chrono::steady_clock;

struct Options {
  double seconds = 3;
  std::uint64_t size = 64;
  unsigned connections = 64;
  unsigned channels = 1'000;
  std::uint64_t events = 100'000;
  std::uint32_t shards = 0;
  /// Of the bare server, which is a process of its own.
  std::string bare_socket;
};

constexpr std::chrono::milliseconds kWarmUp{300};
constexpr std::chrono::seconds kStartTime{30};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

Error system_error(const std::string& what) { return {ErrorCode::kIo, what + ": " + std::strerror(errno)}; }

/// This program once more, with other arguments; it ends with this.
class OwnProcess {
 public:
  static Result<std::unique_ptr<OwnProcess>> start(const std::vector<std::string>& arguments,
                                                   const std::filesystem::path& log) {
    std::vector<char*> argv = {const_cast<char*>("theater")};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t pid = fork();
    if (pid < 0) return fail(system_error("cannot start a process"));
    if (pid == 0) {
      // From here on only what is allowed between fork and exec.
      if (std::freopen(log.c_str(), "a", stdout) == nullptr || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(127);
      execv("/proc/self/exe", argv.data());
      _exit(127);
    }
    return std::unique_ptr<OwnProcess>(new OwnProcess(pid));
  }
  ~OwnProcess() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  OwnProcess(const OwnProcess&) = delete;
  OwnProcess& operator=(const OwnProcess&) = delete;

  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
  std::uint64_t resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }

 private:
  explicit OwnProcess(pid_t pid) : pid_(pid) {}
  const pid_t pid_;
};

/// A connection on which requests are made as fast as they are answered. All answers must be alike.
class Requests {
 public:
  static Result<std::unique_ptr<Requests>> open(const std::string& socket_path, const std::string& request) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, socket_path.c_str(), std::min(socket_path.size() + 1, sizeof(name.sun_path) - 1));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(system_error("no socket"));
    std::unique_ptr<Requests> requests(new Requests(fd, request));
    if (connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
      return fail(system_error("cannot connect to " + socket_path));
    }
    if (auto measured = requests->measure_answer(); !measured) return fail(std::move(measured.error()));
    return requests;
  }
  ~Requests() { close(fd_); }
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  int fd() const { return fd_; }
  Result<void> ask(std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += request_;
    std::string_view rest = all;
    while (!rest.empty()) {
      const ssize_t size = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (size < 0) return fail(system_error("cannot send"));
      rest.remove_prefix(static_cast<std::size_t>(size));
    }
    return {};
  }
  /// How many answers came to their end with what can be read now.
  Result<std::size_t> take() {
    const ssize_t size = recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) return fail(system_error("the server ended a connection"));
    received_ += static_cast<std::size_t>(size);
    const std::size_t answers = received_ / answer_bytes_;
    received_ %= answer_bytes_;
    return answers;
  }

 private:
  Requests(int fd, const std::string& request) : fd_(fd), request_(request), buffer_(64u << 10, '\0') {}

  Result<void> measure_answer() {
    if (auto asked = ask(1); !asked) return asked;
    std::string answer;
    while (true) {
      const ssize_t size = recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (size <= 0) return fail(system_error("no answer"));
      answer.append(buffer_, 0, static_cast<std::size_t>(size));
      const std::size_t head = answer.find("\r\n\r\n");
      const std::size_t length = answer.find("Content-Length: ");
      if (head == std::string::npos || length > head) continue;
      answer_bytes_ = head + 4 + std::strtoull(answer.c_str() + length + 16, nullptr, 10);
      if (answer.size() < answer_bytes_) continue;
      if (answer.compare(0, 12, "HTTP/1.1 200") == 0) return {};
      return fail(ErrorCode::kInternal, "the server answered " + answer.substr(0, 300));
    }
  }

  const int fd_;
  const std::string& request_;
  std::string buffer_;
  std::size_t answer_bytes_ = 0;
  std::size_t received_ = 0;
};

/// Answers a second, with so many requests under way on each of so many connections.
Result<double> rate(const std::string& socket_path, const std::string& request, unsigned connections, unsigned depth,
                    double seconds) {
  std::vector<std::unique_ptr<Requests>> all;
  std::vector<pollfd> look;
  for (unsigned i = 0; i < connections; ++i) {
    auto opened = Requests::open(socket_path, request);
    if (!opened) return fail(std::move(opened.error()));
    if (auto asked = (*opened)->ask(depth); !asked) return fail(std::move(asked.error()));
    look.push_back({.fd = (*opened)->fd(), .events = POLLIN, .revents = 0});
    all.push_back(std::move(*opened));
  }
  std::uint64_t answers = 0;
  bool is_warm = false;
  auto start = SteadyClock::now();
  while (seconds_since(start) < seconds || !is_warm) {
    if (!is_warm && SteadyClock::now() - start > kWarmUp) {
      is_warm = true;
      answers = 0;
      start = SteadyClock::now();
    }
    if (poll(look.data(), look.size(), 1000) <= 0)
      return fail(ErrorCode::kTimeout, "the server does not answer any more");
    for (std::size_t i = 0; i < look.size(); ++i) {
      if ((look[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      const auto came = all[i]->take();
      if (!came) return fail(came.error());
      answers += *came;
      if (auto asked = all[i]->ask(*came); !asked) return fail(std::move(asked.error()));
    }
  }
  return static_cast<double>(answers) / seconds_since(start);
}

class Bench {
 public:
  Bench(const Options& options, Context& context) : options_(options), context_(context) {}
  ~Bench() {
    bare_.reset();
    server_.reset();
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  Result<void> run() {
    if (auto begun = begin(); !begun) return begun;
    if (auto measured = measure_requests(); !measured) return measured;
    if (auto measured = measure_rates(); !measured) return measured;
    if (auto measured = measure_channels(); !measured) return measured;
    if (auto measured = measure_events(); !measured) return measured;
    if (context_.json) context_.output.line(json_.dump());
    return {};
  }

 private:
  Result<void> begin() {
    std::string folder = (std::filesystem::temp_directory_path() / "theater-bench-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) return fail(system_error("cannot make a folder"));
    folder_ = folder;
    std::vector<std::string> arguments = {"server", "--socket", socket(), "--chains", folder};
    if (options_.shards != 0) arguments.insert(arguments.end(), {"--shards", std::to_string(options_.shards)});
    auto server = OwnProcess::start(arguments, folder_ / "log");
    if (!server) return fail(std::move(server.error()));
    server_ = std::move(*server);
    auto bare = OwnProcess::start({"bench", "server", "--bare", bare_socket(), "--size", std::to_string(options_.size)},
                                  folder_ / "log");
    if (!bare) return fail(std::move(bare.error()));
    bare_ = std::move(*bare);
    const auto give_up = SteadyClock::now() + kStartTime;
    while (!client().status() || !std::filesystem::exists(bare_socket())) {
      if (SteadyClock::now() > give_up || !server_->lives() || !bare_->lives()) {
        return fail(ErrorCode::kUnavailable, "the servers did not start");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {};
  }

  std::string socket() const { return (folder_ / "theater.sock").string(); }
  std::string bare_socket() const { return (folder_ / "bare.sock").string(); }
  Client client() const { return Client(*ServerAddress::parse("unix:" + socket())); }

  Result<std::string> start(const std::string& name, ByteView component) {
    std::ofstream(folder_ / (name + ".wasm"), std::ios::binary) << as_text(component);
    std::ofstream(folder_ / (name + ".toml"))
        << "name = \"" << name << "\"\nversion = \"1\"\ncomponent = \"" << name
        << ".wasm\"\n[[handler]]\ntype = \"message-server\"\n[limits]\nchannels_max = "
        << std::max(1u, options_.channels) << "\n";
    RemoteStart start;
    start.manifest_path = (folder_ / (name + ".toml")).string();
    const auto id = client().start(start);
    return id ? Result<std::string>(to_string(*id)) : fail(id.error());
  }

  void tell(const std::string& key, double value, const std::string& line) {
    json_[key] = value;
    if (!context_.json) context_.output.line(line);
  }

  Result<void> measure_requests() {
    auto id = start("responder", responder_component());
    if (!id) return fail(std::move(id.error()));
    responder_ = *id;
    Client asking = client();
    const std::string message(options_.size, 'x');
    std::vector<std::uint64_t> times_ns;
    bool is_warm = false;
    auto begun = SteadyClock::now();
    while (seconds_since(begun) < options_.seconds || !is_warm) {
      if (!is_warm && SteadyClock::now() - begun > kWarmUp) {
        is_warm = true;
        times_ns.clear();
        begun = SteadyClock::now();
      }
      const auto asked = SteadyClock::now();
      if (auto answer = asking.request(responder_, as_bytes(message)); !answer) return fail(std::move(answer.error()));
      times_ns.push_back(static_cast<std::uint64_t>((SteadyClock::now() - asked).count()));
    }
    std::ranges::sort(times_ns);
    const auto at = [&](double part) {
      return static_cast<double>(times_ns[static_cast<std::size_t>(part * static_cast<double>(times_ns.size() - 1))]) /
             1000;
    };
    char text[200];
    std::snprintf(text, sizeof(text), "request    p50 %.1f µs, p99 %.1f µs, one after the other over the Unix socket",
                  at(0.5), at(0.99));
    json_["request_p99_us"] = at(0.99);
    tell("request_p50_us", at(0.5), text);
    return {};
  }

  std::string http_request(const std::string& target) const {
    return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n" +
           "Accept: application/octet-stream\r\nContent-Length: " + std::to_string(options_.size) + "\r\n\r\n" +
           std::string(options_.size, 'x');
  }

  Result<void> measure_rates() {
    const std::string request = http_request("/v1/actors/" + responder_ + "/request");
    struct Way {
      const char* key;
      const char* words;
      unsigned connections;
      unsigned depth;
    };
    for (const Way way : {Way{"pipelined", "pipelined, 64 at a time on one connection", 1, 64},
                          Way{"connections", "connections with one request each", options_.connections, 1}}) {
      const auto bare = rate(bare_socket(), request, way.connections, way.depth, options_.seconds);
      if (!bare) return fail(bare.error());
      const auto ours = rate(socket(), request, way.connections, way.depth, options_.seconds);
      if (!ours) return fail(ours.error());
      json_[std::string(way.key) + "_bare_per_s"] = *bare;
      char share[60];
      std::snprintf(share, sizeof(share), "%.0f %% of a bare server's ", 100 * *ours / *bare);
      tell(std::string(way.key) + "_per_s", *ours,
           "rate       " + context_.output.bold(grouped(static_cast<std::uint64_t>(*ours))) + " requests/s, " + share +
               grouped(static_cast<std::uint64_t>(*bare)) + " (" +
               (way.connections > 1 ? std::to_string(way.connections) + " " : "") + way.words + ")");
    }
    return {};
  }

  Result<void> measure_channels() {
    Client opening = client();
    std::vector<std::unique_ptr<RemoteChannel>> channels;
    std::uint64_t before = 0;
    // The first makes what all share.
    for (unsigned i = 0; i <= options_.channels; ++i) {
      if (i == 1) before = server_->resident_bytes();
      if (i == 1) channels.clear();
      auto channel = opening.open_channel(responder_, {});
      if (!channel) return fail(std::move(channel.error()));
      channels.push_back(std::move(*channel));
    }
    const double each = static_cast<double>(server_->resident_bytes() - before) / options_.channels / 1024;
    char text[200];
    std::snprintf(text, sizeof(text), "channels   %.1f KiB each (%u idle WebSockets)", each, options_.channels);
    tell("channel_kib", each, text);
    return {};
  }

  /// How fast a subscription gives what is kept, and for how long it follows an actor that never rests.
  Result<void> measure_events() {
    const auto first = start("bencher", bencher_component());
    if (!first) return fail(first.error());
    const auto second = start("bencher2", bencher_component());
    if (!second) return fail(second.error());
    std::string ball = *second;
    ball.resize(std::max<std::size_t>(ball.size(), options_.size), 'x');
    if (auto sent = client().send(*first, as_bytes(ball)); !sent) return sent;
    std::uint64_t events = 0;
    while (events < options_.events) {
      const auto info = client().inspect(*first);
      if (!info) return fail(info.error());
      events = info->events;
    }
    for (const std::string& id : {*first, *second}) {
      if (auto ended = client().terminate(id); !ended) return fail(std::move(ended.error()));
    }
    const auto info = client().inspect(*first);
    if (!info) return fail(info.error());
    const std::uint64_t from = info->events - std::min(info->events, options_.events);
    const auto begun = SteadyClock::now();
    const auto came = count_events(*first, from, info->events - from);
    if (!came) return fail(came.error());
    const double rate = static_cast<double>(*came) / seconds_since(begun);
    tell("events_per_s", rate,
         "events     " + context_.output.bold(grouped(static_cast<std::uint64_t>(rate))) +
             " events/s through a subscription (" + grouped(*came) + " of one actor's)");
    return {};
  }

  /// Until so many came. Only counted: whoever reads them has work of their own.
  Result<std::uint64_t> count_events(const std::string& id, std::uint64_t from, std::uint64_t wanted) {
    const std::string request = "GET /v1/actors/" + id + "/events?from=" + std::to_string(from) +
                                " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, socket().c_str(), std::min(socket().size() + 1, sizeof(name.sun_path) - 1));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(system_error("no socket"));
    const std::unique_ptr<const int, void (*)(const int*)> closing(&fd, [](const int* open) { ::close(*open); });
    if (connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
        ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
      return fail(system_error("cannot ask for events"));
    }
    std::string buffer(256u << 10, '\0');
    std::uint64_t events = 0;
    char last = 0;
    // An empty line ends an event.
    while (events < wanted) {
      const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
      if (size <= 0) return fail(system_error("the subscription ended after " + std::to_string(events) + " events"));
      for (const char* at = buffer.data(); at != buffer.data() + size; ++at) {
        at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(buffer.data() + size - at)));
        if (at == nullptr) break;
        if ((at == buffer.data() ? last : at[-1]) == '\n') ++events;
      }
      last = buffer[static_cast<std::size_t>(size) - 1];
    }
    return events;
  }

  const Options& options_;
  Context& context_;
  std::filesystem::path folder_;
  std::unique_ptr<OwnProcess> server_;
  std::unique_ptr<OwnProcess> bare_;
  std::string responder_;
  ordered_json json_ = {{"bench", "server"}};
};

}  // namespace

void add_bench_server_command(CLI::App& bench, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = bench.add_subcommand(
      "server", "Requests, connections, channels and subscriptions of a server in a process of its own");
  command->add_option("--seconds", options->seconds, "How long each part measures, after a short warm-up")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->add_option("--size", options->size, "Bytes of a message")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--connections", options->connections, "Connections that ask at once")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--channels", options->channels, "Idle channels")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--events", options->events, "Events of the subscription")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--shards", options->shards, "Threads that run actors (default: one for each processor)")
      ->check(CLI::Range(1, 256));
  // What the rates are compared with; started by this command itself.
  command->add_option("--bare", options->bare_socket, "")->group("");
  command->callback([options, &context] {
    const auto done =
        options->bare_socket.empty() ? Bench(*options, context).run() : serve_bare(options->bare_socket, options->size);
    if (done) return;
    tell_error(context, "bench server", done.error());
    context.exit_code = kExitFailed;
  });
}

}  // namespace theater::cli
