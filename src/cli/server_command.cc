#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/management.h"
#include "base/clock.h"
#include "base/log_sinks.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/paths.h"
#include "cli/remote.h"
#include "cli/room_options.h"
#include "cli/version.h"
#include "server/server.h"
#include "server/trace_exporter.h"

namespace theater::cli {
namespace {

struct ServeOptions {
  std::string socket;
  bool no_socket = false;
  std::vector<std::string> listen;
  std::string tokens;
  std::vector<std::string> host_names;
  std::string tls_certificate;
  std::string tls_key;
  std::string otlp;
  server::ServerBounds bounds;
  std::string chains;
  std::string data;
  std::uint32_t shards = 0;
  RoomOptions room;
  bool legacy_protocol = false;
  std::string log_level = "info";
  std::string log_filter;
  std::string log_directory;
  bool log_to_output = false;
};

/// Where the server's lines go.
Result<std::unique_ptr<Log>> open_log(const ServeOptions& options) {
  LogSinks sinks{.level = parse_log_level(options.log_level).value_or(LogLevel::kInfo),
                 .file = {},
                 .standard_output = options.log_to_output};
  if (const auto level = level_of_filter(options.log_filter)) sinks.level = *level;
  if (!options.log_directory.empty()) sinks.file = std::filesystem::path(options.log_directory) / "theater-server.log";
  return make_log(sinks);
}

/// A line for each thing that happens to an actor. Called on shards.
class ActorLines final : public RuntimeListener {
 public:
  explicit ActorLines(Log& log) : log_(log) {}

  void actor_started(const ActorId& id, const std::string& name) override {
    log_.info("event=actor-started " + who(id, name));
  }
  void actor_ended(const ActorInfo& info) override {
    const std::string line =
        "event=actor-ended " + who(info.id, info.name) + " status=" + std::string(to_string(info.status)) +
        " reason=" + std::string(to_string(info.end_reason)) + " message=" + quoted(info.end_message);
    info.status == ActorStatus::kFailed ? log_.warning(line) : log_.info(line);
  }
  void actor_logged(const ActorId& id, const std::string& name, std::string_view line) override {
    log_.info("event=actor-log " + who(id, name) + " line=" + quoted(line));
  }
  static std::string not_resumed(const ResumedActor& actor) {
    return "event=actor-not-resumed " + who(actor.id, actor.name) + " message=" + quoted(actor.error->to_string());
  }

 private:
  static std::string quoted(std::string_view text) {
    return nlohmann::json(printable(as_bytes(text), 4096))
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  static std::string who(const ActorId& id, const std::string& name) {
    return "actor=" + to_string(id) + " name=" + quoted(name);
  }

  Log& log_;
};

/// Tells a service manager (systemd's Type=notify), when there is one.
void notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || (*path != '/' && *path != '@') || std::strlen(path) >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (*path == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  (void)sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  close(fd);
}

Result<void> serve(const ServeOptions& options, Context& context) {
  // Before any thread, so that all take the same.
  const Interrupts interrupts;
  const SystemClock clock;
  const auto opened_log = open_log(options);
  if (!opened_log) return fail(opened_log.error());
  Log& log = **opened_log;
  ActorLines lines(log);
  MessageRouter router;
  RuntimeOptions runtime_options;
  runtime_options.shards = options.shards;
  options.room.apply(runtime_options);
  runtime_options.code_cache = code_cache_directory();
  runtime_options.chains_directory =
      options.chains.empty() ? chains_directory() : std::filesystem::path(options.chains);
  runtime_options.listener = &lines;
  runtime_options.log = [&](std::string_view line) { log.info(line); };
  runtime_options.warn = [&](std::string_view line) { log.warning(line); };
  if (!options.data.empty()) runtime_options.data_directory = options.data;
  auto runtime = Runtime::start(std::move(runtime_options), builtin_handlers(router), router);
  if (!runtime) return fail(std::move(runtime.error()));
  // Before actors run, so that no call is missed.
  std::unique_ptr<server::TraceExporter> traces;
  std::shared_ptr<void> traced;
  if (!options.otlp.empty()) {
    auto started = server::TraceExporter::start(options.otlp, log);
    if (!started) return fail(std::move(started.error()));
    traces = std::move(*started);
    traced = (*runtime)->subscribe(std::nullopt, [&traces](const Event& event) { traces->see(event); });
  }
  for (const ResumedActor& actor : (*runtime)->resume()) {
    if (actor.error) log.warning(ActorLines::not_resumed(actor));
  }

  api::RuntimePlaces places{.code_cache = code_cache_directory()};
  if (!options.data.empty()) places.data_directory = options.data;
  api::Management management(**runtime, router, version_text(), clock, std::move(places));
  server::ServerOptions server_options;
  if (!options.no_socket) {
    server_options.socket =
        std::filesystem::absolute(options.socket.empty() ? server_socket() : std::filesystem::path(options.socket));
  }
  server_options.listen = options.listen;
  server_options.tokens =
      std::filesystem::absolute(options.tokens.empty() ? token_file() : std::filesystem::path(options.tokens));
  server_options.host_names = options.host_names;
  server_options.legacy_protocol = options.legacy_protocol;
  server_options.tls_certificate = options.tls_certificate;
  server_options.tls_key = options.tls_key;
  server_options.bounds = options.bounds;
  auto server = server::Server::start(std::move(server_options), management, log);
  if (!server) return fail(std::move(server.error()));
  for (const std::string& address : (*server)->addresses()) {
    if (context.json) {
      context.output.line(nlohmann::json{{"what", "listening"}, {"address", address}}.dump());
    } else {
      context.output.line("listening on " + address);
    }
  }
  notify("READY=1");
  while (!interrupts.seen()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  notify("STOPPING=1");
  (*server)->stop();
  // Before the server goes: answers that still come are posted there.
  (*runtime)->shut_down();
  traced.reset();
  return {};
}

Result<void> show_status(Client& client, Context& context) {
  const auto text = client.status();
  if (!text) return fail(text.error());
  if (context.json) {
    context.output.line(*text);
    return {};
  }
  const auto status = nlohmann::json::parse(*text);
  const auto number = [](const nlohmann::json& object, const char* name) {
    return grouped(object.value(name, std::uint64_t{0}));
  };
  const nlohmann::json messages = status.value("messages", nlohmann::json::object());
  context.output.line("version   " + status.value("version", ""));
  context.output.line("started   " + status.value("started", ""));
  context.output.line("actors    " + number(status, "actors_living") + " run");
  context.output.line("events    " + number(status, "events_recorded") + " recorded");
  context.output.line("messages  " + number(messages, "sent") + " sent, " + number(messages, "delivered") +
                      " delivered, " + number(messages, "refused") + " refused, " + number(messages, "dead_letters") +
                      " dead letters");
  context.output.line("runtime   " + status.value("description", ""));
  return {};
}

/// Seconds on the command line.
void add_time(CLI::App& command, const std::string& name, std::chrono::milliseconds& time,
              const std::string& description) {
  command
      .add_option_function<double>(
          name,
          [&time](double seconds) { time = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)); },
          description)
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 86'400.0));
}

void add_bounds(CLI::App& command, server::ServerBounds& bounds) {
  command.add_option("--max-connections", bounds.connections, "Connections at once")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--max-body", bounds.body_bytes, "Bytes of a request's body")
      ->type_name("BYTES")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  add_time(command, "--header-time", bounds.header_time,
           "For the header of a request, from its first byte (default: 10)");
  add_time(command, "--body-time", bounds.body_time, "For the body of a request (default: 60)");
  add_time(command, "--idle-time", bounds.idle_time, "Until a connection without a request is closed (default: 120)");
}

}  // namespace

void add_server_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("server", "Run actors for programs outside, until told to stop");
  command
      ->add_option("--socket", options->socket,
                   "Unix socket to listen on, for this user only (default: $THEATER_HOME/server.sock)")
      ->type_name("FILE");
  command->add_flag("--no-socket", options->no_socket, "Listen by TCP only");
  command
      ->add_option("-a,--address,--listen", options->listen,
                   "Listen by TCP as well; clients need a token. Beyond loopback with a certificate only. May be "
                   "repeated")
      ->type_name("IP:PORT")
      ->allow_extra_args(false);
  command
      ->add_option("--tls-cert", options->tls_certificate,
                   "Encrypt TCP with this certificate (PEM, with those that lead to a known one); clients say https://")
      ->type_name("FILE");
  command->add_option("--tls-key", options->tls_key, "The certificate's private key (PEM)")->type_name("FILE");
  add_bounds(*command, options->bounds);
  command->add_option("-l,--log-level", options->log_level, "What to log: trace, debug, info, warn or error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->capture_default_str();
  command
      ->add_option(
          "--log-filter", options->log_filter,
          "The same as a filter: \"info\", \"warn,theater=debug\"; what it says of other programs is passed over")
      ->type_name("FILTER");
  command->add_option("--log-dir", options->log_directory, "Log into theater-server.log in this folder, too")
      ->type_name("DIR");
  command->add_flag("--log-stdout", options->log_to_output, "Log on standard output, too");
  command
      ->add_option("--otlp", options->otlp,
                   "Send traces to this OpenTelemetry collector by OTLP/HTTP: a message's way from actor to actor")
      ->envname("OTEL_EXPORTER_OTLP_ENDPOINT")
      ->type_name("URL");
  command->add_flag(
      "--legacy-protocol", options->legacy_protocol,
      "On loopback also the older management protocol, which knows no tokens: every program of this machine "
      "may do everything then");
  command
      ->add_option("--tokens", options->tokens,
                   "File with tokens for TCP, made when it is not there (default: $THEATER_HOME/tokens)")
      ->type_name("FILE");
  command
      ->add_option("--host-name", options->host_names,
                   "A name by which clients may call this server, beside localhost; for a proxy before it")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      ->add_option("--chains", options->chains,
                   "Where actors with save_chain = true write their chains (default: $THEATER_HOME/chains)")
      ->type_name("DIR");
  command
      ->add_option("--data", options->data,
                   "Keep all chains in this folder, and go on with its actors that have resume = true")
      ->type_name("DIR");
  command->add_option("--shards", options->shards, "Threads that run actors (default: one for each processor)")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  add_room_options(*command, options->room);
  command->footer(
      "Ends on Ctrl-C or SIGTERM, when what runs has been answered. Exit codes: 0 stopped; 1 it could not start.");
  auto remote = std::make_shared<RemoteOptions>();
  CLI::App* status = command->add_subcommand("status", "How the running server is doing");
  add_address(*status, *remote);
  status->callback([remote, &context] {
    run_remote(context, "server status", *remote, [&](Client& client) { return show_status(client, context); });
  });
  command->callback([options, command, &context] {
    if (!command->get_subcommands().empty()) return;
    if (const auto served = serve(*options, context); !served) {
      tell_error(context, "server", served.error());
      context.exit_code = kExitFailed;
    }
  });
}

}  // namespace theater::cli
