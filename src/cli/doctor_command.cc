#include <filesystem>
#include <set>

#include "base/clock.h"
#include "base/limits.h"
#include "base/machine.h"
#include "cli/json.h"
#include "cli/paths.h"
#include "cli/remote.h"
#include "store/data_directory.h"
#include "theater/permissions.h"
#include "theater/runtime.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct DoctorOptions : RemoteOptions {
  std::vector<std::string> places;
};

/// Machines with less can run, but not what the defaults promise.
constexpr std::uint64_t kOpenFilesMin = 1024;
constexpr std::uint64_t kAvailableBytesMin = 512ull << 20;
constexpr std::uint64_t kDiskBytesMin = 1ull << 30;
/// Mappings that as many instances as the default allows take.
constexpr std::uint64_t kMappingsMin = 65'530;
/// Whoever waits longer than this is told of as slow.
constexpr std::uint64_t kSlowMs = 10'000;

/// Looks at everything that was asked for, and shows what it finds.
class Examination {
 public:
  Examination(const DoctorOptions& options, Context& context) : options_(options), context_(context) {}

  void run() {
    look_at_this_machine();
    look_at_home();
    for (const std::string& place : options_.places) look_at(place);
    look_at_server();
    if (context_.json) {
      context_.output.line(one_line({{"ok", !has_problem_}, {"findings", findings_}, {"waits", waits_}}));
    } else {
      show_waits();
      context_.output.line(has_problem_ ? context_.output.bad("something is wrong")
                                        : context_.output.good("all is well"));
    }
    context_.exit_code = has_problem_ ? kExitFailed : kExitOk;
  }

 private:
  enum class Level : std::uint8_t { kGood, kWarning, kProblem };

  void find(Level level, const std::string& about, const std::string& text) {
    has_problem_ |= level == Level::kProblem;
    const std::string name = level == Level::kGood ? "good" : level == Level::kWarning ? "warning" : "problem";
    constexpr std::size_t kMarkColumns = 9;
    const std::string shown = printable_lines(text, limits::kErrorTextBytes, context_.json ? 0 : kMarkColumns);
    if (context_.json) return findings_.push_back({{"level", name}, {"about", about}, {"text", shown}});
    const std::string mark = name + std::string(kMarkColumns - name.size(), ' ');
    context_.output.line((level == Level::kGood ? context_.output.good(mark) : context_.output.bad(mark)) + about +
                         ": " + shown);
  }
  void good(const std::string& about, const std::string& text) { find(Level::kGood, about, text); }
  void warn(const std::string& about, const std::string& text) { find(Level::kWarning, about, text); }
  void problem(const std::string& about, const std::string& text) { find(Level::kProblem, about, text); }

  void look_at_this_machine() {
    const Machine machine = look_at_machine();
    good("processors", std::to_string(machine.processors));
    const std::string mappings = std::to_string(machine.mappings_max);
    if (machine.mappings_max < kMappingsMin) {
      warn("vm.max_map_count", mappings +
                                   " memory mappings: fewer actors fit into memory than the 20,000 of the "
                                   "default; sysctl -w vm.max_map_count=262144");
    } else {
      good("vm.max_map_count", mappings + " memory mappings");
    }
    const std::string files = std::to_string(machine.open_files_max);
    if (machine.open_files_max < kOpenFilesMin) {
      warn("open files", files + " at once, few for a server with many clients; ulimit -n " +
                             std::to_string(std::min<std::uint64_t>(machine.open_files_hard_max, 65'536)));
    } else {
      good("open files", files + " at once");
    }
    const std::string memory =
        byte_size(machine.usable_memory_bytes()) + ", " + byte_size(machine.available_bytes) + " of it free" +
        (machine.group_memory_bytes && *machine.group_memory_bytes < machine.memory_bytes
             ? "; the machine has " + byte_size(machine.memory_bytes) + ", the control group allows less"
             : "");
    machine.available_bytes < kAvailableBytesMin ? warn("memory", memory) : good("memory", memory);
    if (machine.address_space_bytes != UINT64_MAX) {
      warn("address space", "bounded to " + byte_size(machine.address_space_bytes) +
                                " (ulimit -v): instances cannot be made from a pool, which is slower");
    }
  }

  void look_at_disk(const std::string& about, const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(path, error);
    if (error) return;
    const std::string text = byte_size(space.available) + " free on its disk";
    space.available < kDiskBytesMin ? warn(about, text) : good(about, text);
  }

  void look_at_home() {
    const std::filesystem::path home = home_directory();
    std::error_code error;
    if (!std::filesystem::exists(home, error)) {
      return good(home.string(), "is not there yet; it is made when something is kept");
    }
    look_at_disk(home.string(), home);
    // Who can write there can put machine code into this user's actors.
    using std::filesystem::perms;
    const auto permissions = std::filesystem::status(code_cache_directory(), error).permissions();
    if (!error && (permissions & (perms::group_write | perms::others_write)) != perms::none) {
      problem(code_cache_directory().string(), "others can write there, and compiled code is trusted; chmod go-w");
    }
  }

  void look_at(const std::string& place) {
    std::error_code error;
    const std::filesystem::path path(place);
    if (std::filesystem::is_directory(path, error) && store::DataDirectory::is_one(path)) return look_at_data(place);
    look_at_manifest(place, std::filesystem::is_directory(path, error) ? path / "manifest.toml" : path);
  }

  void look_at_data(const std::string& place) {
    const auto directory = store::DataDirectory::open(place, store::DataDirectory::Access::kRead);
    if (!directory) return problem(place, directory.error().to_string());
    for (const store::Damage& damage : (*directory)->damages()) problem(place, "damaged: " + damage.to_string());
    if ((*directory)->torn_bytes() > 0) {
      warn(place, std::to_string((*directory)->torn_bytes()) +
                      " bytes at ends of files were never said to be safe: a writer was cut off, or still writes");
    }
    const auto actors = (*directory)->actors();
    if (!actors) return problem(place, actors.error().to_string());
    std::uint64_t events = 0;
    for (const store::StoredActor& actor : *actors) {
      events += actor.next_sequence - actor.first_sequence;
      if (actor.damage) problem(place, actor.name + " (" + to_string(actor.id) + "): " + actor.damage->to_string());
    }
    good(place, "a data directory with " + grouped(events) + " events of " + grouped(actors->size()) +
                    (actors->size() == 1 ? " actor" : " actors") + "; theater verify reads all of them");
    look_at_disk(place, place);
  }

  /// A component against its manifest: everything but starting it.
  void look_at_manifest(const std::string& place, const std::filesystem::path& manifest) {
    MessageRouter router;
    RuntimeOptions options;
    options.shards = 1;
    options.actors_max = 1;
    options.code_cache = code_cache_directory();
    const HandlerRegistry handlers = builtin_handlers(router);
    auto runtime = Runtime::start(std::move(options), builtin_handlers(router), router);
    if (!runtime) return problem(place, runtime.error().to_string());
    auto loaded = (*runtime)->load(manifest);
    if (!loaded) return problem(place, loaded.error().to_string());
    const auto blueprint = (*runtime)->prepare(std::move(loaded->manifest));
    if (!blueprint) return problem(place, blueprint.error().to_string());
    look_at_imports(place, *blueprint, handlers);
    const ActorLimits& limits = blueprint->manifest().limits;
    if (limits.memory_bytes > look_at_machine().usable_memory_bytes()) {
      warn(place, "limits.memory is more than this machine has");
    }
    good(place, "the component and its manifest go together");
  }

  void look_at_imports(const std::string& place, const Blueprint& blueprint, const HandlerRegistry& handlers) {
    const EffectivePermissions permissions = compose_permissions(nullptr, blueprint.manifest());
    std::set<std::string_view> used;
    for (const std::string& import : blueprint.functions().imports) {
      const Handler* handler = handlers.find_by_interface(import.substr(0, import.rfind('.')));
      if (handler == nullptr || !handler->needs_grant() || !used.insert(handler->type()).second) continue;
      if (const auto denial = permissions.denial(handler->type())) {
        warn(place, "the component imports " + import + ", and every call of it will be refused: " + *denial);
      }
    }
    for (const HandlerConfig& block : blueprint.manifest().handlers) {
      const Handler* handler = handlers.find(block.type);
      if (used.contains(block.type) || handler == nullptr || is_called(blueprint, *handler)) continue;
      warn(place, "the component uses nothing of the handler " + block.type + " on line " + std::to_string(block.line) +
                      "; leave it out unless it is for children");
    }
  }

  static bool is_called(const Blueprint& blueprint, const Handler& handler) {
    return std::ranges::any_of(blueprint.functions().exports, [&](const std::string& function) {
      const std::size_t dot = function.rfind('.');
      if (dot == std::string::npos) return false;
      const std::string name = canonical_interface(function.substr(0, dot)) + function.substr(dot);
      return std::ranges::find(handler.exports(), name) != handler.exports().end();
    });
  }

  // The server ------------------------------------------------------------------------------------------------------

  void look_at_server() {
    auto client = find_server(context_.configuration, options_);
    if (!client) return problem("server", client.error().to_string());
    const auto text = client->waits();
    if (!text) {
      const bool was_named =
          !options_.address.empty() || !context_.configuration.text("server.default_address").empty();
      const bool is_absent = text.error().code() == ErrorCode::kUnavailable && !was_named;
      return is_absent ? good("server", "none runs for this user") : problem("server", text.error().to_string());
    }
    waits_ = ordered_json::parse(*text);
    for (const char* list : {"waits", "awaited", "shards"}) {
      if (!waits_[list].is_array()) waits_[list] = ordered_json::array();
    }
    std::uint64_t slow = 0;
    for (const ordered_json& wait : waits_["waits"])
      slow += wait.value("waiting_ms", std::uint64_t{0}) >= kSlowMs ? 1 : 0;
    const std::string count = number_of(waits_["waits"].size(), "actor waits", "actors wait");
    if (slow > 0) {
      warn("server", count + ", " + grouped(slow) + " of them for more than " + std::to_string(kSlowMs / 1000) + " s");
    } else {
      good("server", count);
    }
    for (const ordered_json& shard : waits_["shards"]) {
      if (shard.value("answers", true)) continue;
      const std::string runs = text_of(shard, "runs");
      problem("server", "shard " + std::to_string(shard.value("shard", 0)) + " does not answer" +
                            (runs.empty() ? ""
                                          : ": actor " + runs + " has run for " +
                                                seconds(shard.value("running_ms", std::uint64_t{0}))));
    }
  }

  static std::string text_of(const ordered_json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
  }
  static std::string seconds(std::uint64_t ms) {
    return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  }
  static std::string number_of(std::uint64_t number, std::string_view one, std::string_view more) {
    return grouped(number) + " " + std::string(number == 1 ? one : more);
  }
  static std::string who(const ordered_json& actor) {
    return printable(as_bytes(text_of(actor, "name")), 200) + " (" + text_of(actor, "actor") + ")";
  }

  void show_waits() const {
    if (!waits_.is_object()) return;
    for (const ordered_json& wait : waits_["waits"]) {
      const std::string target = text_of(wait, "waits_for");
      std::string line = who(wait) + " waits in " + text_of(wait, "function") + " since " +
                         seconds(wait.value("waiting_ms", std::uint64_t{0}));
      if (!target.empty()) {
        line += " for the answer of " + target + " to " + text_of(wait, "awaited") + ", and gives up in " +
                seconds(wait.value("given_up_in_ms", std::uint64_t{0}));
      }
      const auto waiting = wait.value("mailbox_messages", std::uint64_t{0});
      if (waiting > 0) line += "; " + number_of(waiting, "message waits", "messages wait") + " for it";
      context_.output.line("  " + line);
    }
    for (const ordered_json& actor : waits_["awaited"]) {
      std::string line = who(actor) + " waits for nobody: ";
      if (actor.value("has_ended", false)) {
        line += "it has ended";
      } else {
        line += actor.value("is_paused", false) ? "it is paused, " : "";
        line += number_of(actor.value("mailbox_messages", std::uint64_t{0}), "message", "messages") +
                " in its mailbox, " +
                number_of(actor.value("outstanding_requests", std::uint64_t{0}), "request", "requests") + " unanswered";
      }
      context_.output.line("  " + line);
    }
  }

  const DoctorOptions& options_;
  Context& context_;
  bool has_problem_ = false;
  ordered_json findings_ = ordered_json::array();
  ordered_json waits_;
};

}  // namespace

void add_doctor_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand(
      "doctor", "Look for what is wrong: with the machine, data directories, components, and actors that wait");
  command
      ->add_option(
          "places", options->places,
          "Data directories to check, and manifests (or folders with a manifest.toml) whose components to check")
      ->type_name("PLACE");
  add_address(*command, *options);
  command->footer(
      "Asks the server, when one runs, who waits for whom, since when and for which request. Exit codes: 0 nothing is "
      "wrong, though there may be warnings; 1 there is a problem.");
  command->callback([options, &context] { Examination(*options, context).run(); });
}

}  // namespace theater::cli
