#include "cli/remote.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "cli/paths.h"
#include "server/access.h"

namespace theater::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string saved_token() {
  std::ifstream file(token_file());
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return server::best_token(text);
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

Result<Client> find_server(const RemoteOptions& options) {
  std::string text = options.address.empty() ? variable("THEATER_SERVER_ADDRESS") : options.address;
  if (text.empty()) text = "unix:" + std::filesystem::absolute(server_socket()).string();
  auto address = ServerAddress::parse(text);
  if (!address) return fail(std::move(address.error()));
  if (address->socket.empty()) {
    address->token = variable("THEATER_TOKEN");
    // It opens this user's own server, so no other machine is told.
    const bool is_here = address->host == "localhost" || address->host == "127.0.0.1" || address->host == "::1";
    if (address->token.empty() && is_here) address->token = saved_token();
  }
  return Client(std::move(*address));
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
    context.output.error_line(context.output.bad("theater " + name + ": ") + error.to_string());
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
  if (!context.json) return context.output.line(printable(message, message.size() + 1));
  nlohmann::json json = {{"data", to_base64(message)}};
  if (is_utf8(message)) json["text"] = as_text(message);
  context.output.line(json.dump());
}

}  // namespace theater::cli
