#include <poll.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "cli/interrupts.h"
#include "cli/remote.h"

namespace theater::cli {
namespace {

struct MessageOptions : RemoteOptions {
  std::string text;
  std::string file;
  double timeout_s = 0;
  bool request = false;
  /// Empty text is a message as well.
  bool has_text = false;
};

Result<Bytes> message_of(const MessageOptions& options) {
  if (!options.file.empty() && !options.text.empty()) {
    return fail(ErrorCode::kInvalidArgument, "give the message as text or as a file, not both");
  }
  return options.file.empty() ? to_bytes(options.text) : read_bytes(options.file);
}

Result<void> deliver(Client& client, Context& context, const MessageOptions& options) {
  if (options.file.empty() && !options.has_text) {
    return fail(ErrorCode::kInvalidArgument, "there is no message: give it as text (\"\" is an empty one), or -f FILE");
  }
  const auto message = message_of(options);
  if (!message) return fail(message.error());
  if (!options.request) return client.send(options.actor, *message);
  const auto answer =
      client.request(options.actor, *message,
                     options.timeout_s > 0 ? std::chrono::milliseconds(static_cast<long>(options.timeout_s * 1000))
                                           : context.configuration.duration("server.timeout"));
  if (!answer) return fail(answer.error());
  if (context.json) {
    show_message(context, *answer);
  } else {
    context.output.line(printable_lines(as_text(*answer), SIZE_MAX));
  }
  return {};
}

CLI::App* add_message_command(CLI::App& app, Context& context, const std::string& name, const std::string& help,
                              std::shared_ptr<MessageOptions> options) {
  CLI::App* command = app.add_subcommand(name, help);
  add_address(*command, *options);
  add_actor(*command, *options);
  const CLI::Option* text = command->add_option("text", options->text, "The message");
  command->add_option("-f,--file", options->file, "A file that is the message (-: standard input)")->type_name("FILE");
  command->callback([options, text, name, &context] {
    options->has_text = text->count() > 0;
    run_remote(context, name, *options, [&](Client& client) { return deliver(client, context, *options); });
  });
  return command;
}

/// Lines of standard input to the channel, its messages to standard output, until one side ends. Input that is no
/// terminal ends with its last line; then answers are shown until none comes for a while.
class ChannelPrompt {
 public:
  ChannelPrompt(Context& context, RemoteChannel& channel) : context_(context), channel_(channel) {}

  Result<void> run() {
    const Interrupts interrupts;
    if (isatty(STDIN_FILENO) == 1 && !context_.json) {
      context_.output.error_line("open: each line is a message; Ctrl-D or Ctrl-C closes the channel");
    }
    while (!interrupts.seen()) {
      if (auto shown = show_waiting(); !shown)
        return shown.error().code() == ErrorCode::kClosed ? closed(shown.error()) : shown;
      pollfd both[2] = {{.fd = channel_.descriptor(), .events = POLLIN, .revents = 0},
                        {.fd = input_ended_ ? -1 : STDIN_FILENO, .events = POLLIN, .revents = 0}};
      const int ready = poll(both, 2, kQuietMs);
      if (ready == 0 && input_ended_) return {};
      if (ready > 0 && both[1].revents != 0) {
        if (auto sent = send_lines(); !sent) return sent;
      }
    }
    context_.exit_code = kExitInterrupted;
    return {};
  }

 private:
  static constexpr int kQuietMs = 500;

  Result<void> closed(const Error& reason) {
    if (!context_.json) context_.output.error_line("channel closed: " + reason.message());
    return {};
  }

  Result<void> show_waiting() {
    while (true) {
      const auto message = channel_.receive(std::chrono::milliseconds(0));
      if (!message) return fail(message.error());
      if (!*message) return {};
      show_message(context_, **message);
    }
  }

  Result<void> send_lines() {
    char data[4096];
    const ssize_t size = read(STDIN_FILENO, data, sizeof(data));
    if (size > 0) {
      pending_.append(data, static_cast<std::size_t>(size));
    } else {
      input_ended_ = true;
      if (!pending_.empty()) pending_ += '\n';
    }
    for (std::size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
      if (auto sent = channel_.send(as_bytes(std::string_view(pending_).substr(0, end))); !sent) return sent;
      pending_.erase(0, end + 1);
    }
    if (pending_.size() > limits::kMessageMaxBytesMax) {
      return fail(ErrorCode::kTooLarge, "a line is longer than any message may be");
    }
    return {};
  }

  Context& context_;
  RemoteChannel& channel_;
  std::string pending_;
  bool input_ended_ = false;
};

void add_channel_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<MessageOptions>();
  CLI::App* channel = app.add_subcommand("channel", "Talk to an actor over a channel");
  channel->require_subcommand(1);
  CLI::App* command = channel->add_subcommand("open", "Open one: each line typed is a message, each message is a line");
  add_address(*command, *options);
  add_actor(*command, *options);
  command->add_option("-m,--message", options->text, "The first message")->type_name("TEXT");
  command->add_option("-f,--file", options->file, "A file that is the first message")->type_name("FILE");
  command->callback([options, &context] {
    run_remote(context, "channel open", *options, [&](Client& client) -> Result<void> {
      const auto first = message_of(*options);
      if (!first) return fail(first.error());
      const auto opened = client.open_channel(options->actor, *first);
      if (!opened) return fail(opened.error());
      return ChannelPrompt(context, **opened).run();
    });
  });
}

}  // namespace

void add_message_commands(CLI::App& app, Context& context) {
  auto either = std::make_shared<MessageOptions>();
  CLI::App* command = add_message_command(app, context, "message", "Send a message to an actor, or ask it", either);
  command->add_flag("-r,--request", either->request, "Wait for the answer and show it");

  add_message_command(app, context, "send", "Send a message to an actor", std::make_shared<MessageOptions>());

  auto request = std::make_shared<MessageOptions>();
  request->request = true;
  command = add_message_command(app, context, "request", "Ask an actor and show its answer", request);
  command->add_option("-t,--timeout", request->timeout_s, "How long to wait (default: 30)")->type_name("SECONDS");

  add_channel_command(app, context);
}

}  // namespace theater::cli
