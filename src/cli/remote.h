#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "theater/client.h"

namespace theater::cli {

/// What every command that talks to a server is given.
struct RemoteOptions {
  std::string address;
  std::string actor;
};

/// Adds -a/--address.
void add_address(CLI::App& command, RemoteOptions& options);
/// Adds the actor that the command is about.
void add_actor(CLI::App& command, RemoteOptions& options);

/// The server that --address or the configuration names, or this user's, with the token of $THEATER_TOKEN or, by TCP,
/// of the file of tokens. Where the configuration says how often to try again, one that listens: else kUnavailable.
Result<Client> find_server(const Configuration& configuration, const RemoteOptions& options);

/// Whether a source of chains is an actor of a server: one was named, or nothing lies at that path.
bool names_an_actor(const std::string& source, const RemoteOptions& options);
/// For what was taken for an actor though it may have been meant as a path.
Error neither_here_nor_there(const std::string& source, const RemoteOptions& options, Error error);

/// On standard error, or as an object with --json. `name` is the command's, or empty before one is known.
void tell_error(Context& context, const std::string& name, const Error& error);
/// Runs a command's body and tells its error.
template <class Body>
void run_remote(Context& context, const std::string& name, const RemoteOptions& options, Body body) {
  auto client = find_server(context.configuration, options);
  Result<void> done = client ? body(*client) : Result<void>(fail(client.error()));
  if (done) return;
  context.exit_code = kExitFailed;
  tell_error(context, name, done.error());
}

/// A file's bytes, "-" for standard input.
Result<Bytes> read_bytes(const std::string& path);
/// A message as a line, or as an object with `text` or `data`.
void show_message(Context& context, ByteView message);

}  // namespace theater::cli
