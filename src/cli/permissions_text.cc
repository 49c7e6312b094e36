#include "cli/permissions_text.h"

#include <filesystem>
#include <ranges>

#include "cli/json.h"
#include "manifest/json_forms.h"

namespace theater::cli {
namespace {

constexpr std::size_t kNameWidth = 22;
constexpr std::size_t kValueWidth = 16;

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

std::string sources_of(const OrderedJson& origins) {
  std::string text;
  for (const OrderedJson& origin : origins) text += (text.empty() ? "" : " and ") + origin.value("text", "");
  return printable(as_bytes(text), 1000);
}

Result<Manifest> load(const std::string& path) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  return load_manifest(is_folder ? std::filesystem::path(path) / "manifest.toml" : std::filesystem::path(path));
}

}  // namespace

void show_permissions(Context& context, const std::string& json) {
  if (context.json) return context.output.line(json);
  const OrderedJson permissions = OrderedJson::parse(json);
  context.output.line(context.output.bold(printable(as_bytes(permissions.value("actor", "")), 200)) + "  " +
                      printable(as_bytes(permissions.value("manifest", "")), 1000));
  const OrderedJson handlers = permissions.value("handlers", OrderedJson::array());
  if (handlers.empty()) context.output.line("  no handler, so nothing outside of itself");
  for (const OrderedJson& handler : handlers) {
    const bool allowed = handler.value("allowed", false);
    const std::string verdict = padded(allowed ? "allowed" : "denied", kValueWidth);
    context.output.line("  " + padded(handler.value("handler", ""), kNameWidth + 2) +
                        (allowed ? context.output.good(verdict) : context.output.bad(verdict)) +
                        context.output.dim(sources_of(handler.value("from", OrderedJson::array()))));
    const OrderedJson fields = handler.value("fields", OrderedJson::object());
    for (const auto& [name, field] : fields.items()) {
      const std::string value = printable(as_bytes(one_line(field.value("value", OrderedJson()))), 1000);
      context.output.line("    " + padded(name, kNameWidth) + padded(value, kValueWidth) +
                          context.output.dim(sources_of(field.value("from", OrderedJson::array()))));
    }
  }
}

Result<void> show_manifest_permissions(Context& context, const std::string& manifest,
                                       const std::vector<std::string>& parents) {
  std::optional<EffectivePermissions> above;
  for (const std::string& path : std::views::reverse(parents)) {
    const auto parent = load(path);
    if (!parent) return fail(parent.error());
    above = compose_permissions(above ? &*above : nullptr, *parent);
  }
  const auto own = load(manifest);
  if (!own) return fail(own.error());
  show_permissions(context, one_line(permissions_json(compose_permissions(above ? &*above : nullptr, *own))));
  return {};
}

}  // namespace theater::cli
