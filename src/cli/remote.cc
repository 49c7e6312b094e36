#include "cli/remote.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/base64.h"
#include "cli/paths.h"
#include "server/access.h"

namespace theater::cli {
namespace {

/// All that a compiler says is part of an error.
constexpr std::size_t kErrorBytes = 1u << 20;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string saved_token(const Configuration& configuration) {
  const std::string& named = configuration.text("server.token_file");
  std::ifstream file(named.empty() ? token_file() : std::filesystem::path(named));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return server::best_token(text);
}

/// Tries again as often as the configuration says; without that the first request finds out.
Result<void> wait_for(Client& client, const Configuration& configuration) {
  std::uint64_t left = configuration.number("server.retry_attempts");
  if (left == 0) return {};
  while (true) {
    const auto status = client.status();
    // One that says no is there.
    if (status || status.error().code() != ErrorCode::kUnavailable) return {};
    if (left-- == 0) return fail(status.error());
    std::this_thread::sleep_for(configuration.duration("server.retry_delay"));
  }
}

}  // namespace

void add_address(CLI::App& command, RemoteOptions& options) {
  command
      .add_option("-a,--address", options.address,
                  "The server: unix:/PATH, HOST:PORT or https://HOST:PORT (default: $THEATER_SERVER_ADDRESS, or this "
                  "user's socket)")
      ->type_name("ADDRESS");
}

void add_actor(CLI::App& command, RemoteOptions& options) {
  command.add_option("actor", options.actor, "The actor's id, or its name while it lives")->required()->type_name("ID");
}

Result<Client> find_server(const Configuration& configuration, const RemoteOptions& options) {
  std::string text = options.address.empty() ? configuration.text("server.default_address") : options.address;
  if (text.empty()) text = "unix:" + std::filesystem::absolute(server_socket()).string();
  auto address = ServerAddress::parse(text);
  if (!address) return fail(std::move(address.error()));
  if (address->socket.empty()) {
    address->token = variable("THEATER_TOKEN");
    // That of the usual file opens this user's own server, so no other machine is told.
    const bool is_here = address->host == "localhost" || address->host == "127.0.0.1" || address->host == "::1";
    const bool is_named = !configuration.text("server.token_file").empty();
    if (address->token.empty() && (is_here || is_named)) address->token = saved_token(configuration);
  }
  Client client(std::move(*address));
  if (auto found = wait_for(client, configuration); !found) return fail(std::move(found.error()));
  return client;
}

bool names_an_actor(const std::string& source, const RemoteOptions& options) {
  std::error_code ignored;
  return !options.address.empty() || !std::filesystem::exists(source, ignored);
}

Error neither_here_nor_there(const std::string& source, const RemoteOptions& options, Error error) {
  if (!options.address.empty()) return error;
  return std::move(error).with_context("there is no file or folder " + source + ", and no actor of that name");
}

void tell_error(Context& context, const std::string& name, const Error& error) {
  if (context.json) {
    const nlohmann::json json = {{"error", {{"code", to_string(error.code())}, {"message", error.to_string()}}}};
    context.output.line(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    context.output.error_line(context.output.bad(name.empty() ? "theater: " : "theater " + name + ": ") +
                              printable_lines(error.to_string(), kErrorBytes));
  }
}

Result<Bytes> read_bytes(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return fail(ErrorCode::kNotFound, "cannot read " + path);
  }
  std::istream& stream = path == "-" ? std::cin : file;
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  return to_bytes(text);
}

void show_message(Context& context, ByteView message) {
  if (!context.json) return context.output.line(printable(message, SIZE_MAX));
  nlohmann::json json = {{"data", to_base64(message)}};
  if (is_utf8(message)) json["text"] = as_text(message);
  context.output.line(json.dump());
}

}  // namespace theater::cli
