#include "server/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "server/listeners.h"
#include "server/tls_connection.h"

namespace theater::server {
namespace {

/// How long the serving thread looks for more before it sleeps: what answers a request mostly takes less, and a
/// sleeping processor takes as long to wake.
constexpr std::chrono::microseconds kSpinTime{50};

}  // namespace

class Server::Core final : public Work {
 public:
  Core(ServerOptions options, Access access, std::unique_ptr<TlsIdentity> tls, api::Management& management, Log& log)
      : options_(std::move(options)),
        access_(std::move(access)),
        tls_(std::move(tls)),
        log_(log),
        waiting_(options_.bounds.waiting_threads),
        endpoints_(management, *this, counters_),
        context_{.io = io_,
                 .management = management,
                 .work = *this,
                 .endpoints = endpoints_,
                 .access = access_,
                 .bounds = options_.bounds,
                 .legacy_protocol = options_.legacy_protocol,
                 .counters = counters_,
                 .log = log,
                 .rates = {},
                 .tls = tls_.get(),
                 .connections = {},
                 .draining = false} {}

  ~Core() override { stop(); }

  Result<void> start() {
    if (!options_.socket.empty()) {
      if (auto added = add(listen_unix(context_, options_.socket)); !added) return added;
    }
    for (const std::string& address : options_.listen) {
      if (auto added = add(listen_tcp(context_, address)); !added) return added;
    }
    for (const auto& listener : listeners_) {
      listener->accept();
      log_.info("event=listening address=\"" + listener->address() + "\"");
    }
    tick();
    thread_ = std::thread([this] { run(); });
    return {};
  }

  std::vector<std::string> addresses() const {
    std::vector<std::string> addresses;
    for (const auto& listener : listeners_) addresses.push_back(listener->address());
    return addresses;
  }

  void stop() {
    if (!thread_.joinable()) return;
    log_.info("event=stopping");
    std::promise<void> drained;
    auto done = drained.get_future();
    asio::post(io_, [this, &drained] {
      for (const auto& listener : listeners_) listener->close();
      context_.draining = true;
      for (const auto& connection : copy_of_connections()) connection->drain();
      drained.set_value();
    });
    done.get();
    const auto give_up = Clock::now() + options_.bounds.stop_time;
    while (open_connections() > 0 && Clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::promise<void> dropped;
    done = dropped.get_future();
    asio::post(io_, [this, &dropped] {
      for (const auto& connection : copy_of_connections()) connection->drop();
      timer_.cancel();
      dropped.set_value();
    });
    done.get();
    waiting_.join();
    io_.stop();
    thread_.join();
    log_.info("event=stopped");
  }

  void serve(std::function<void()> task) override {
    {
      const std::lock_guard lock(to_serve_mutex_);
      to_serve_.push_back(std::move(task));
      // The one before has the thread woken, and it takes them together.
      if (to_serve_.size() > 1) return;
    }
    asio::post(io_, [this] {
      {
        const std::lock_guard lock(to_serve_mutex_);
        served_.swap(to_serve_);
      }
      for (const auto& each : served_) each();
      served_.clear();
    });
  }

  bool wait_for(std::function<void()> task) override {
    if (tasks_.fetch_add(1) >= options_.bounds.waiting_requests) {
      --tasks_;
      return false;
    }
    asio::post(waiting_, [this, task = std::move(task)] {
      task();
      --tasks_;
    });
    return true;
  }

 private:
  /// Until the context is stopped.
  void run() {
    // With a single processor whoever is waited for needs it.
    const auto spin_time = std::thread::hardware_concurrency() > 1 ? kSpinTime : Clock::duration::zero();
    auto spins_until = Clock::now();
    while (!io_.stopped()) {
      if (io_.poll() > 0) {
        spins_until = Clock::now() + spin_time;
      } else if (Clock::now() < spins_until) {
        std::this_thread::yield();
      } else {
        io_.run_one();
      }
    }
  }

  Result<void> add(Result<std::unique_ptr<Listener>> listener) {
    if (!listener) return fail(std::move(listener.error()));
    listeners_.push_back(std::move(*listener));
    return {};
  }

  /// A connection that ends takes itself out of the set.
  std::vector<std::shared_ptr<Connection>> copy_of_connections() const {
    return {context_.connections.begin(), context_.connections.end()};
  }
  std::int64_t open_connections() const { return counters_.connections_open; }

  void tick() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](boost::system::error_code cancelled) {
      if (cancelled) return;
      const auto now = Clock::now();
      for (const auto& connection : copy_of_connections()) connection->tick(now);
      tick();
    });
  }

  const ServerOptions options_;
  const Access access_;
  const std::unique_ptr<TlsIdentity> tls_;
  Log& log_;
  ServerCounters counters_;
  // Before all that is served by it, so that it goes after them.
  asio::io_context io_{1};
  asio::thread_pool waiting_;
  std::mutex to_serve_mutex_;
  std::vector<std::function<void()>> to_serve_;
  /// The serving thread only: kept for its memory.
  std::vector<std::function<void()>> served_;
  std::atomic<std::size_t> tasks_{0};
  Endpoints endpoints_;
  ConnectionContext context_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_{io_.get_executor()};
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::io_context::executor_type> timer_{io_};
  std::thread thread_;
};

Server::Server(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, api::Management& management, Log& log) {
  if (options.socket.empty() && options.listen.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a server needs a socket or an address to listen on");
  }
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a certificate and its key belong together (--tls-cert, --tls-key)");
  }
  std::unique_ptr<TlsIdentity> tls;
  if (!options.tls_certificate.empty()) {
    auto read = read_tls_identity(options.tls_certificate, options.tls_key);
    if (!read) return fail(std::move(read.error()));
    tls = std::move(*read);
  }
  Access access;
  if (!options.listen.empty()) {
    std::vector<std::string> names = options.host_names;
    // Who calls by an address has no name that could be pointed elsewhere.
    names.insert(names.end(), options.listen.begin(), options.listen.end());
    auto opened = Access::open(options.tokens, std::move(names));
    if (!opened) return fail(std::move(opened.error()));
    access = std::move(*opened);
  }
  auto core = std::make_unique<Core>(std::move(options), std::move(access), std::move(tls), management, log);
  if (auto started = core->start(); !started) return fail(std::move(started.error()));
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

std::vector<std::string> Server::addresses() const { return core_->addresses(); }
void Server::stop() { core_->stop(); }

}  // namespace theater::server
