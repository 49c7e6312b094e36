#include "toolchain/create.h"

#include <algorithm>
#include <map>

#include "manifest/nearest.h"
#include "theater/bytes.h"
#include "toolchain/build.h"
#include "toolchain/project.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProjectNameBytes = 64;
// A template of the user's own may be anything, a home directory by mistake.
constexpr std::size_t kTemplateFiles = 1'000;
constexpr std::size_t kTemplateBytes = 16u << 20;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "ping-pong" as "PingPong".
std::string type_name_of(std::string_view name) {
  std::string type;
  bool begins_word = true;
  for (const char c : name) {
    const bool is_part = is_lower(c) || is_digit(c);
    if (is_part) type.push_back(begins_word && is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c);
    begins_word = !is_part;
  }
  return type;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// A project's files by their path in it, not yet written.
struct Draft {
  struct File {
    std::string content;
    fs::perms permissions{};
  };
  std::map<fs::path, File> files;
};

class Copier {
 public:
  Copier(const CreateOptions& options, const ProjectTemplate& from)
      : name_(options.name), type_(type_name_of(options.name)), from_(from) {}

  Result<Draft> read() const {
    Draft draft;
    std::size_t bytes = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator entry(from_.folder, error); !error && entry != fs::end(entry);
         entry.increment(error)) {
      std::error_code ignored;
      if (!entry->is_regular_file(ignored)) continue;
      auto content = read_text(entry->path());
      if (!content) return fail(std::move(content.error()));
      bytes += content->size();
      if (draft.files.size() == kTemplateFiles || bytes > kTemplateBytes) {
        return fail(ErrorCode::kTooLarge, from_.folder.string() + " is too large for a template");
      }
      const fs::path path = filled(entry->path().lexically_relative(from_.folder).string());
      const fs::path name = path.extension() == ".in" ? fs::path(path).replace_extension() : path;
      const fs::perms permissions = entry->status(ignored).permissions() & fs::perms::owner_all;
      if (!draft.files.emplace(name, Draft::File{filled(std::move(*content)), permissions}).second) {
        return fail(ErrorCode::kInvalidArgument, "the template \"" + from_.name + "\" has a file " + name.string() +
                                                     " of its own: choose another name than \"" + name_ + "\"");
      }
    }
    if (error) return fail(ErrorCode::kIo, "cannot read " + from_.folder.string() + ": " + error.message());
    return draft;
  }

 private:
  std::string filled(std::string text) const {
    return replaced(replaced(std::move(text), "@NAME@", name_), "@TYPE@", type_);
  }

  const std::string name_;
  const std::string type_;
  const ProjectTemplate& from_;
};

Result<void> write(const Draft& draft, const fs::path& folder) {
  for (const auto& [path, file] : draft.files) {
    const fs::path whole = folder / path;
    if (auto written = write_file(whole, file.content); !written) return written;
    std::error_code error;
    // Whoever may read the folder may run what is a program.
    if ((file.permissions & fs::perms::owner_exec) != fs::perms::none) {
      fs::permissions(whole, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                      fs::perm_options::add, error);
    }
    if (error) return fail(ErrorCode::kIo, "cannot make " + whole.string() + " a program: " + error.message());
  }
  return {};
}

/// What there is instead of a template that there is not.
Error no_template(const CreateOptions& options, const std::vector<ProjectTemplate>& templates) {
  std::vector<std::string> names;
  std::vector<std::string> languages;
  for (const ProjectTemplate& one : templates) {
    if (one.language == options.language) names.push_back(one.name);
    if (languages.empty() || languages.back() != one.language) languages.push_back(one.language);
  }
  const bool is_language = !names.empty();
  const std::string& wanted = is_language ? options.template_name : options.language;
  const std::vector<std::string>& known = is_language ? names : languages;
  std::string text = is_language ? "there is no template \"" : "there are no templates for the language \"";
  text += printable(as_bytes(wanted), kProjectNameBytes) + "\"" + (is_language ? " in " + options.language : "");
  if (const auto meant = nearest(wanted, known)) return {ErrorCode::kNotFound, text + "; did you mean " + *meant + "?"};
  for (std::size_t i = 0; i < known.size(); ++i) text += (i == 0 ? "; there are " : ", ") + known[i];
  return {ErrorCode::kNotFound, text};
}

}  // namespace

Result<void> check_project_name(std::string_view name) {
  const std::string quoted = "\"" + printable(as_bytes(name), kProjectNameBytes) + "\"";
  if (name.empty()) return fail(ErrorCode::kInvalidArgument, "a project needs a name");
  if (name.size() > kProjectNameBytes) {
    return fail(ErrorCode::kInvalidArgument,
                "a project's name has at most " + std::to_string(kProjectNameBytes) + " characters");
  }
  bool was_separator = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool is_separator = c == '-' || c == '_';
    if ((is_separator && was_separator) || (!is_separator && !is_lower(c) && !is_digit(c)) || (i == 0 && is_digit(c))) {
      return fail(ErrorCode::kInvalidArgument, quoted +
                                                   " is no name for a project: take lower-case letters, digits, "
                                                   "and - or _ between them, with a letter first");
    }
    was_separator = is_separator;
  }
  if (!was_separator) return {};
  return fail(ErrorCode::kInvalidArgument, quoted + " ends with " + name.back() + ": a project's name does not");
}

std::vector<ProjectTemplate> find_templates(const std::vector<fs::path>& folders) {
  std::map<std::pair<std::string, std::string>, fs::path> found;
  for (const fs::path& folder : folders) {
    std::error_code ignored;
    for (const auto& language : fs::directory_iterator(folder, ignored)) {
      if (!language.is_directory(ignored)) continue;
      for (const auto& one : fs::directory_iterator(language.path(), ignored)) {
        if (!one.is_directory(ignored)) continue;
        found.emplace(std::pair(language.path().filename().string(), one.path().filename().string()), one.path());
      }
    }
  }
  std::vector<ProjectTemplate> templates;
  for (const auto& [key, folder] : found) {
    templates.push_back({.name = key.second, .language = key.first, .folder = folder});
  }
  return templates;
}

Result<CreatedProject> create_project(const CreateOptions& options) {
  if (auto checked = check_project_name(options.name); !checked) return fail(std::move(checked.error()));
  std::vector<fs::path> folders = options.template_folders;
  if (options.sdk.empty()) {
    const auto sdk = find_sdk();
    if (!sdk) return fail(sdk.error());
    folders.push_back(*sdk / "templates");
  } else {
    folders.push_back(options.sdk / "templates");
  }
  const auto templates = find_templates(folders);
  const auto chosen = std::ranges::find_if(templates, [&](const ProjectTemplate& one) {
    return one.name == options.template_name && one.language == options.language;
  });
  if (chosen == templates.end()) return fail(no_template(options, templates));
  const auto draft = Copier(options, *chosen).read();
  if (!draft) return fail(draft.error());

  CreatedProject project{.folder = options.parent / options.name, .files = {}};
  std::error_code error;
  fs::create_directories(options.parent, error);
  const bool is_made = !error && fs::create_directory(project.folder, error);
  std::error_code ignored;
  if (!is_made && fs::exists(fs::symlink_status(project.folder, ignored))) {
    return fail(ErrorCode::kAlreadyExists,
                project.folder.string() + " exists already: remove it, or choose another name or --output-dir");
  }
  if (error) return fail(ErrorCode::kIo, "cannot make the folder " + project.folder.string() + ": " + error.message());
  if (auto written = write(*draft, project.folder); !written) {
    fs::remove_all(project.folder, error);
    return fail(std::move(written.error()));
  }
  for (const auto& [path, file] : draft->files) project.files.push_back(path);
  return project;
}

}  // namespace theater::toolchain
