#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "theater/error.h"

namespace theater::toolchain {

/// A project to begin with: the folder `<language>/<name>` of a folder of templates.
struct ProjectTemplate {
  std::string name;
  std::string language;  ///< "cpp", "c"…: the folder that it stands in
  std::filesystem::path folder;
};

/// What `theater create` is asked for.
struct CreateOptions {
  /// Of the project, its folder and its actor: see check_project_name().
  std::string name;
  std::string template_name = "basic";
  std::string language = "cpp";
  /// Where the project's folder is made; made too when it is not there.
  std::filesystem::path parent = ".";
  /// The user's own templates, which come before the SDK's of the same name.
  std::vector<std::filesystem::path> template_folders;
  /// Empty: found by find_sdk().
  std::filesystem::path sdk;
};

struct CreatedProject {
  std::filesystem::path folder;
  /// In it, in order.
  std::vector<std::filesystem::path> files;
};

/// Lower-case letters, digits, and `-` or `_` between them, at most 64, a letter first: it becomes a file's name, an
/// actor's, and with capitals a type's. kInvalidArgument says what is wrong.
Result<void> check_project_name(std::string_view name);

/// In order of language and name; of equal ones the first folder's. Folders that are not there hold none.
std::vector<ProjectTemplate> find_templates(const std::vector<std::filesystem::path>& folders);

/// Copies a template: in files and their names @NAME@ becomes the project's name and @TYPE@ the same as a type's name;
/// a file name's ending ".in" goes. kAlreadyExists when there is something by the folder's name; whatever fails, a
/// folder is there whole or not at all.
Result<CreatedProject> create_project(const CreateOptions& options);

}  // namespace theater::toolchain
