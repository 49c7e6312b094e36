#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "manifest/diagnostics.h"
#include "theater/bytes.h"

namespace theater {

/// What stands in for a template tag.
enum class TemplateFilling {
  kNone,         ///< nothing: braces are just braces
  kState,        ///< the value from the initial state, or the tag's default
  kPlaceholder,  ///< anything that keeps the text TOML, with "{{" inside texts: to look at a manifest before its state
                 ///< is known
};

/// Fills the tags `{{path}}` and `{{default path "value"}}` of a manifest's text with values of the JSON state, so that
/// no value can be anything but the value, or a piece of the text, in which its tag stands: whatever the state holds,
/// the filled manifest has the keys and tables that its author wrote. Also checks what the TOML parser does not: how
/// many names a dotted key has.
///
/// Line numbers do not change; replaced columns are told to `diagnostics`, and so is all that is wrong. `text` must be
/// UTF-8.
std::string fill_template(std::string_view text, const std::optional<ByteView>& state, TemplateFilling filling,
                          Diagnostics& diagnostics);

}  // namespace theater
