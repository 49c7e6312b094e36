#include "toolchain/bindings.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/sha256.h"
#include "engine/build.h"
#include "theater/bytes.h"
#include "toolchain/project.h"

namespace theater::toolchain {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNamespace = "theater:simple";
/// The package's older name, which existing actors import.
constexpr std::string_view kOldNamespace = "ntwk:theater";
constexpr std::string_view kExtPackage = "theater:ext";
constexpr std::string_view kSdkPackage = "theater:sdk";
constexpr std::string_view kDefaultWorld =
    "package theater:build;\n\nworld component {\n    include theater:sdk/actor;\n}\n";

/// WIT text by relative path.
using WitFiles = std::map<fs::path, std::string>;

Result<WitFiles> read_wit(const fs::path& folder) {
  WitFiles files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error); !error && entry != fs::recursive_directory_iterator();
       entry.increment(error)) {
    if (entry->path().extension() != ".wit") continue;
    Result<std::string> text = read_text(entry->path());
    if (!text) return fail(std::move(text.error()));
    files[entry->path().lexically_relative(folder)] = std::move(*text);
  }
  if (files.empty()) return fail(ErrorCode::kNotFound, "no *.wit file in " + folder.string());
  return files;
}

bool mention(const WitFiles& files, std::string_view what) {
  return std::ranges::any_of(files, [&](const auto& file) { return file.second.contains(what); });
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

/// The same worlds without what is in them.
std::string emptied(std::string_view text) {
  std::string out;
  unsigned depth = 0;
  for (const char c : text) {
    if (c == '}') --depth;
    if (depth == 0) out += c;
    if (c == '{') ++depth;
  }
  return out;
}

/// Adds Theater's own packages, unless the project brings them along.
Result<void> add_packages(const fs::path& sdk, bool old_namespace, WitFiles& files) {
  const auto brings = [&](std::string_view package) { return mention(files, "package " + std::string(package)); };
  const auto add = [&](const fs::path& from, const char* name) -> Result<void> {
    Result<std::string> text = read_text(from);
    if (!text) return fail(std::move(text.error()));
    files[fs::path("deps") / name] = old_namespace ? replaced(std::move(*text), kNamespace, kOldNamespace) : *text;
    return {};
  };
  if (!brings(old_namespace ? kOldNamespace : kNamespace)) {
    if (Result<void> added = add(sdk.parent_path() / "wit/theater-simple.wit", "theater-simple.wit"); !added)
      return added;
  }
  if (!brings(kExtPackage)) {
    if (Result<void> added = add(sdk.parent_path() / "wit/theater-ext.wit", "theater-ext.wit"); !added) return added;
  }
  if (!brings(kSdkPackage)) return add(sdk / "wit/theater-sdk.wit", "theater-sdk.wit");
  return {};
}

std::string key_of(const WitFiles& files, const std::string& world) {
  std::string all = world + "\n" + std::string(engine::version());
  for (const auto& [path, text] : files) all += "\n" + path.string() + "\n" + text;
  const Digest digest = sha256(as_bytes(all));
  return to_hex(digest);
}

/// Writes the WIT to a folder and generates bindings of it. Errors name the files that were copied, in `original`.
Result<std::vector<engine::GeneratedFile>> generate(const WitFiles& files, const std::string& world,
                                                    const fs::path& folder, const fs::path& original) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  for (const auto& [path, text] : files) {
    if (Result<void> written = write_file(folder / path, text); !written) return fail(std::move(written.error()));
  }
  Result<std::vector<engine::GeneratedFile>> generated = engine::bindgen_c(folder, world);
  if (generated || original.empty()) return generated;
  return fail(generated.error().code(),
              replaced(generated.error().to_string(), (folder / "").string(), (original / "").string()));
}

const engine::GeneratedFile* with_end(const std::vector<engine::GeneratedFile>& files, std::string_view end) {
  const auto found = std::ranges::find_if(files, [&](const auto& file) { return file.name.ends_with(end); });
  return found == files.end() ? nullptr : &*found;
}

/// The one file of a folder with that ending, if any.
fs::path file_with_end(const fs::path& folder, std::string_view end) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().filename().string().ends_with(end)) return entry->path();
  }
  return {};
}

/// Generates and writes all of it; `whole` has Theater's packages, `own` is what needs a source, if anything does.
Result<void> write_bindings(const WitFiles& whole, const std::optional<WitFiles>& own, const std::string& world,
                            const fs::path& wit, const fs::path& build_directory, const fs::path& folder) {
  Result<std::vector<engine::GeneratedFile>> files = generate(whole, world, build_directory / "wit", wit);
  if (!files) return fail(std::move(files.error()).with_context("generating bindings"));
  const engine::GeneratedFile* const object = with_end(*files, ".o");
  if (object == nullptr) return fail(ErrorCode::kInternal, "the bindings have no component type");
  Result<void> written = write_file(folder / object->name, as_text(object->content));
  if (!own || !written) return written;
  files = generate(*own, world, build_directory / "wit-own", wit);
  if (!files) return fail(std::move(files.error()).with_context("generating bindings of the project's own interfaces"));
  for (const engine::GeneratedFile& file : *files) {
    if (file.name.ends_with(".o")) continue;
    written = write_file(folder / file.name, as_text(file.content));
    if (!written) return written;
  }
  return {};
}

}  // namespace

Result<Bindings> make_bindings(const fs::path& sdk, const fs::path& wit, const std::string& world,
                               const fs::path& build_directory) {
  WitFiles whole{{"world.wit", std::string(kDefaultWorld)}};
  if (!wit.empty()) {
    Result<WitFiles> read = read_wit(wit);
    if (!read) return fail(std::move(read.error()));
    whole = std::move(*read);
  }
  Bindings bindings;
  const bool old_namespace = mention(whole, kOldNamespace);
  bindings.wit_namespace = old_namespace ? kOldNamespace : kNamespace;
  bindings.sdk_exports = mention(whole, kSdkPackage);
  bindings.folder = build_directory / "bindings";
  if (Result<void> added = add_packages(sdk, old_namespace, whole); !added) return fail(std::move(added.error()));

  std::optional<WitFiles> own;
  if (!wit.empty()) {
    own = whole;
    std::string& sdk_worlds = (*own)["deps/theater-sdk.wit"];
    if (bindings.sdk_exports) sdk_worlds = emptied(sdk_worlds);
  }
  const std::string key = key_of(whole, world);
  const fs::path key_file = bindings.folder / "key";
  const Result<std::string> present = read_text(key_file);
  bindings.unchanged = present && *present == key;
  if (!bindings.unchanged) {
    std::error_code ignored;
    fs::remove_all(bindings.folder, ignored);
    Result<void> written = write_bindings(whole, own, world, wit, build_directory, bindings.folder);
    if (written) written = write_file(key_file, key);
    if (!written) return fail(std::move(written.error()));
  }
  bindings.type_object = file_with_end(bindings.folder, ".o");
  bindings.source = file_with_end(bindings.folder, ".c");
  if (bindings.type_object.empty())
    return fail(ErrorCode::kIo, "the bindings vanished from " + bindings.folder.string());
  return bindings;
}

}  // namespace theater::toolchain
