#include "cli/completion.h"

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <optional>

#include "cli/remote.h"
#include "toolchain/build.h"
#include "toolchain/create.h"

namespace theater::cli {
namespace {

/// A person waits at the prompt.
constexpr suseconds_t kServerTimeMs = 500;
constexpr std::size_t kActorsShown = 1'000;

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() != 0; }
bool takes_many(const CLI::Option& option) { return option.get_items_expected_max() > 1'000; }
bool is_hidden(const CLI::Option& option) { return option.get_group().empty(); }

/// An app and those above it, whose options may stand behind it too.
std::vector<const CLI::App*> with_parents(const CLI::App* app) {
  std::vector<const CLI::App*> apps;
  for (; app != nullptr; app = app->get_parent()) apps.push_back(app);
  return apps;
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !is_hidden(*option); });
}

const CLI::Option* find_option(const CLI::App* app, const std::string& name) {
  for (const CLI::App* one : with_parents(app)) {
    for (const CLI::Option* option : options_of(*one)) {
      if (option->nonpositional() && option->check_name(name)) return option;
    }
  }
  return nullptr;
}

const CLI::App* find_command(const CLI::App* app, const std::string& name) {
  const auto commands = app->get_subcommands([&](const CLI::App* one) { return one->get_name() == name; });
  return commands.empty() ? nullptr : commands.front();
}

/// "one of these" as the help shows it: TEXT:{chain,time}.
std::vector<std::string> choices_of(const std::string& type) {
  std::vector<std::string> choices;
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return choices;
  for (std::size_t begin = open + 1; begin <= close;) {
    const std::size_t end = std::min(type.find(',', begin), close);
    choices.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

class Walk {
 public:
  explicit Walk(const CLI::App& app) : app_(&app) {}

  void pass(const std::string& word) {
    if (awaiting_ != nullptr) {
      if (awaiting_->check_lname("address")) address_ = word;
      awaiting_ = nullptr;
    } else if (only_positionals_) {
      ++positionals_;
    } else if (word == "--") {
      only_positionals_ = true;
    } else if (word.starts_with("--")) {
      pass_long(word);
    } else if (word.size() > 1 && word.starts_with('-')) {
      pass_short(word);
    } else if (const CLI::App* command = find_command(app_, word)) {
      app_ = command;
      positionals_ = 0;
    } else {
      ++positionals_;
    }
  }

  Completion complete(const std::string& word) {
    if (awaiting_ != nullptr) {
      add_values(*awaiting_, "");
    } else if (const std::size_t equals = word.find('=');
               !only_positionals_ && word.starts_with("--") && equals != std::string::npos) {
      const CLI::Option* option = find_option(app_, word.substr(0, equals));
      if (option != nullptr && takes_value(*option)) add_values(*option, word.substr(0, equals + 1));
    } else if (!only_positionals_ && word.starts_with('-')) {
      add_options();
    } else {
      if (!only_positionals_) add_commands();
      if (const CLI::Option* positional = current_positional()) add_values(*positional, "");
    }
    std::erase_if(found_.candidates, [&](const Candidate& one) { return !one.text.starts_with(word); });
    found_.address = address_;
    return std::move(found_);
  }

 private:
  void pass_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const CLI::Option* option = find_option(app_, word.substr(0, equals));
    if (option == nullptr || !takes_value(*option)) return;
    if (equals == std::string::npos) {
      awaiting_ = option;
    } else if (option->check_lname("address")) {
      address_ = word.substr(equals + 1);
    }
  }

  /// "-a", "-aVALUE", or flags before one of them.
  void pass_short(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const CLI::Option* option = find_option(app_, std::string("-") + word[i]);
      if (option == nullptr || !takes_value(*option)) continue;
      if (i + 1 == word.size()) {
        awaiting_ = option;
      } else if (option->check_lname("address")) {
        address_ = word.substr(i + 1);
      }
      return;
    }
  }

  void add_commands() {
    for (const CLI::App* command :
         app_->get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
      found_.candidates.push_back({command->get_name(), command->get_description()});
    }
  }

  void add_options() {
    for (const CLI::App* app : with_parents(app_)) {
      for (const CLI::Option* option : options_of(*app)) {
        for (const std::string& name : option->get_lnames()) add_option("--" + name, *option);
        if (!option->get_lnames().empty()) continue;
        for (const std::string& name : option->get_snames()) add_option("-" + name, *option);
      }
    }
  }
  /// A command's own comes before one of the same name above it.
  void add_option(const std::string& name, const CLI::Option& option) {
    const auto is_same = [&](const Candidate& one) { return one.text == name; };
    if (std::ranges::none_of(found_.candidates, is_same)) {
      found_.candidates.push_back({name, option.get_description()});
    }
  }

  const CLI::Option* current_positional() const {
    std::size_t place = 0;
    const CLI::Option* last = nullptr;
    for (const CLI::Option* option : options_of(*app_)) {
      if (!option->get_positional()) continue;
      if (place++ == positionals_) return option;
      last = option;
    }
    return last != nullptr && takes_many(*last) ? last : nullptr;
  }

  void add_values(const CLI::Option& option, const std::string& prefix) {
    found_.prefix = prefix;
    const std::string whole_type = option.get_type_name();
    for (const std::string& choice : choices_of(whole_type)) found_.candidates.push_back({prefix + choice, ""});
    const std::string type = whole_type.substr(0, whole_type.find(':'));
    if (type == "FILE" || type == "MANIFEST" || type == "COMPONENT" || type == "PLACE" || type == "A" || type == "B") {
      found_.also = AlsoThere::kFiles;
    }
    if (type == "DIR") found_.also = AlsoThere::kFolders;
    if (type == "ID") found_.also = AlsoThere::kActors;
    if (type == "TEMPLATE") found_.also = AlsoThere::kTemplates;
    // What may name an actor of a server has an option for the server.
    if (type == "SOURCE") {
      found_.also = find_option(app_, "--address") != nullptr ? AlsoThere::kActorsAndFiles : AlsoThere::kFiles;
    }
  }

  const CLI::App* app_;
  const CLI::Option* awaiting_ = nullptr;
  bool only_positionals_ = false;
  std::size_t positionals_ = 0;
  std::string address_;
  Completion found_;
};

/// On one line, without what would end it or a candidate.
std::string plain(std::string text) {
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, ' ');
  return text;
}
/// What every shell takes as a word without quotes.
bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '/' || c == '=';
  });
}

void tell(const Candidate& candidate) {
  std::cout << plain(candidate.text) << '\t' << plain(candidate.description) << '\n';
}

void tell_actors(const Configuration& configuration, const Completion& completion, const std::string& word) {
  std::cout.flush();
  // Whatever a server does, or does not: the process ends.
  std::signal(SIGALRM, [](int) { _exit(kExitOk); });
  const itimerval timer{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = kServerTimeMs * 1000}};
  setitimer(ITIMER_REAL, &timer, nullptr);
  RemoteOptions options;
  options.address = completion.address;
  auto client = find_server(configuration, options);
  const auto actors = client ? client->list() : fail(client.error());
  if (!actors) return;
  std::size_t shown = 0;
  for (const RemoteActor& actor : *actors) {
    const bool lives = actor.status != "stopped" && actor.status != "failed";
    const std::string name = completion.prefix + actor.name;
    const std::string id = completion.prefix + to_string(actor.id);
    if (lives && is_word(name) && name.starts_with(word)) tell({name, actor.status});
    // Nobody begins to type an id without knowing its first digit.
    const bool wants_id = !is_word(name) || word.size() > completion.prefix.size();
    if (wants_id && id.starts_with(word)) tell({id, actor.name + " " + actor.status});
    if (++shown == kActorsShown) return;
  }
}

void tell_templates(const Configuration& configuration, const Completion& completion, const std::string& word) {
  std::vector<std::filesystem::path> folders;
  for (const std::string& folder : configuration.texts("templates.directories")) folders.emplace_back(folder);
  if (const auto sdk = toolchain::find_sdk()) folders.push_back(*sdk / "templates");
  for (const toolchain::ProjectTemplate& one : toolchain::find_templates(folders)) {
    const std::string name = completion.prefix + one.name;
    if (is_word(name) && name.starts_with(word)) tell({name, "in " + one.language});
  }
}

// Scripts. Each hands the words on to the program and shows what it says, so that none knows a command by itself. -----

constexpr const char* kBash = R"(# bash completion of theater; source it, or put it where bash-completion looks.
_theater() {
  # Bash breaks words at = and : too. What stands together on the line is one word.
  local rest=${COMP_LINE:0:COMP_POINT} words=() piece="" i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    if [[ $i -eq 0 || $rest == [[:space:]]* ]]; then
      rest=${rest#"${rest%%[![:space:]]*}"}
      words+=("")
    fi
    [[ $i -lt $COMP_CWORD ]] || piece=$rest
    words[${#words[@]}-1]+=$piece
    rest=${rest#"$piece"}
  done
  local word=${words[${#words[@]}-1]}
  [[ $piece != "=" && $piece != ":" ]] || piece=""
  local before=${word%"$piece"} mode="" line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $mode ]]; then
      mode=$line
    else
      line=${line%%$'\t'*}
      COMPREPLY+=("${line#"$before"}")
    fi
  done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
  if [[ $mode == files || $mode == folders ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
      COMPREPLY+=("$line")
    done < <(if [[ $mode == files ]]; then compgen -f -- "$piece"; else compgen -d -- "$piece"; fi)
  elif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -F _theater theater
)";

constexpr const char* kZsh = R"(#compdef theater
# zsh completion of theater; put it as _theater into a folder of $fpath.
_theater() {
  local -a lines candidates
  local mode line
  lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  mode=${lines[1]}
  for line in "${(@)lines[2,-1]}"; do
    [[ -n $line ]] && candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  (( ${#candidates} )) && _describe -t words theater candidates
  [[ $mode == (files|folders) && $PREFIX == --*=* ]] && compset -P '*='
  [[ $mode == files ]] && _files
  [[ $mode == folders ]] && _files -/
  return 0
}
if [[ $funcstack[1] == _theater ]]; then
  _theater "$@"
else
  compdef _theater theater
fi
)";

constexpr const char* kFish = R"(# fish completion of theater; put it into a folder of $fish_complete_path.
function __theater_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l lines (command $program __complete $words "$current" 2>/dev/null)
    set -l path (string replace -r '^--[^=]*=' '' -- "$current")
    set -l before (string replace -r '=.*$' '=' -- "$current")
    string match -q -- '--*=*' "$current"; or set before ''
    switch "$lines[1]"
        case files
            __fish_complete_path "$path" | string replace -r '^' -- "$before"
        case folders
            __fish_complete_directories "$path" | string replace -r '^' -- "$before"
    end
    set -e lines[1]
    test (count $lines) -eq 0; or printf '%s\n' $lines
end
complete -c theater -f -a '(__theater_complete)'
)";

}  // namespace

Completion complete(const CLI::App& app, std::span<const std::string> words) {
  Walk walk(app);
  if (words.empty()) return walk.complete("");
  for (const std::string& word : words.first(words.size() - 1)) walk.pass(word);
  return walk.complete(words.back());
}

int tell_completions(const CLI::App& app, const Configuration& configuration, const std::vector<std::string>& words) {
  const Completion completion = complete(app, words);
  const AlsoThere also = completion.also;
  const bool has_files = also == AlsoThere::kFiles || also == AlsoThere::kActorsAndFiles;
  std::cout << (has_files ? "files" : also == AlsoThere::kFolders ? "folders" : "words") << '\n';
  for (const Candidate& candidate : completion.candidates) tell(candidate);
  const std::string word = words.empty() ? "" : words.back();
  if (also == AlsoThere::kTemplates) tell_templates(configuration, completion, word);
  if (also == AlsoThere::kActors || also == AlsoThere::kActorsAndFiles) tell_actors(configuration, completion, word);
  std::cout.flush();
  return kExitOk;
}

std::string completion_script(const std::string& shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return {};
}

void add_completion_command(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("shell", *shell, "Which shell")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Installed with the program for shells that look there. Otherwise: source <(theater completion bash); theater "
      "completion zsh > a folder of $fpath/_theater; theater completion fish > "
      "~/.config/fish/completions/theater.fish");
  command->callback([shell, &context] {
    std::string script = completion_script(*shell);
    script.pop_back();
    context.output.line(script);
  });
}

}  // namespace theater::cli
