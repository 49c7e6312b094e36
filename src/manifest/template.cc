#include "manifest/template.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <variant>
#include <vector>

#include "base/limits.h"

namespace theater {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSupported = "supported are {{path}} and {{default path \"value\"}}";

/// Where a tag stands; the value must not be able to leave it.
enum class Place { kKey, kValue, kBasicString, kLiteralString };

struct Tag {
  std::vector<std::string> path;
  /// The path as shown in errors.
  std::string name;
  std::optional<std::string> default_value;
};

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Of numbers, booleans, dates and times: nothing that could begin or end anything else.
bool is_bare(char c) { return is_letter_or_digit(c) || std::string_view("_+-.:").contains(c); }

bool is_number_or_boolean(std::string_view text) {
  return text == "true" || text == "false" ||
         (!text.empty() && std::string_view("+-0123456789").contains(text.front()));
}

bool is_name(char c) {
  return is_letter_or_digit(c) || c == '_' || c == '-' || c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (is_control(c)) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out += c;
    }
  }
}

/// Reads one tag, from its "{{" on.
class TagReader {
 public:
  explicit TagReader(std::string_view text) : text_(text) {}

  /// Nothing when it is none of the supported ones.
  std::optional<Tag> read() {
    const bool triple = text_.starts_with("{{{");
    position_ = triple ? 3 : 2;
    skip_blanks();
    Tag tag;
    if (!read_path(tag)) return std::nullopt;
    if (tag.path.size() == 1 && tag.name == "default" && !at(triple ? "}}}" : "}}")) {
      tag = Tag();
      if (!read_path(tag) || !read_literal(tag)) return std::nullopt;
    }
    const std::string_view end = triple ? "}}}" : "}}";
    if (!at(end)) return std::nullopt;
    position_ += end.size();
    return tag;
  }

  /// Bytes read; only after read() gave a tag.
  std::size_t size() const { return position_; }

 private:
  bool at(std::string_view what) const { return text_.substr(position_).starts_with(what); }
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++position_;
  }

  bool read_path(Tag& tag) {
    const std::size_t start = position_;
    if (!read_segment(tag)) return false;
    while (peek() == '.') {
      ++position_;
      if (tag.path.size() >= limits::kManifestNesting || !read_segment(tag)) return false;
    }
    tag.name = text_.substr(start, position_ - start);
    skip_blanks();
    return true;
  }

  /// `name`, or `[anything]` as Handlebars has it for array indexes and odd names.
  bool read_segment(Tag& tag) {
    const bool bracketed = peek() == '[';
    if (bracketed) ++position_;
    const std::size_t start = position_;
    while (bracketed ? peek() != ']' && !is_control(peek()) : is_name(peek())) ++position_;
    tag.path.emplace_back(text_.substr(start, position_ - start));
    if (bracketed && peek() != ']') return false;
    if (bracketed) ++position_;
    return !tag.path.back().empty();
  }

  /// "text", 'text', or a bare number or boolean.
  bool read_literal(Tag& tag) {
    tag.default_value.emplace();
    const char quote = peek();
    if (quote != '"' && quote != '\'') {
      while (is_bare(peek())) *tag.default_value += text_[position_++];
      skip_blanks();
      return is_number_or_boolean(*tag.default_value);
    }
    for (++position_; peek() != quote; ++position_) {
      if (at(std::string("\\") + quote)) ++position_;
      if (is_control(peek()) && peek() != '\t') return false;
      *tag.default_value += peek();
    }
    ++position_;
    skip_blanks();
    return true;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

/// The initial state as the template sees it. Parsed when the first tag asks.
class TemplateState {
 public:
  explicit TemplateState(const std::optional<ByteView>& state) : state_(state) {}

  /// The value, borrowed; null when there is none.
  const Json* find(const std::vector<std::string>& path) {
    parse();
    const Json* value = json_.is_discarded() ? nullptr : &json_;
    for (const std::string& name : path) {
      if (value != nullptr) value = member(*value, name);
    }
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  /// Why a path has no value, to be followed by its name.
  std::string_view reason() const {
    if (!state_) return "no initial state was given that could fill ";
    if (state_->size() > limits::kTemplateStateBytes)
      return "the initial state is too large for a template (1 MiB), so nothing fills ";
    return json_.is_discarded() ? "the initial state is not JSON and cannot fill "
                                : "the initial state has no value for ";
  }

 private:
  void parse() {
    if (parsed_ || !state_ || state_->size() > limits::kTemplateStateBytes) return;
    json_ = Json::parse(state_->begin(), state_->end(), nullptr, /*allow_exceptions=*/false);
    parsed_ = true;
  }

  static const Json* member(const Json& value, const std::string& name) {
    if (value.is_object()) {
      const auto it = value.find(name);
      return it == value.end() ? nullptr : &*it;
    }
    constexpr std::size_t kMostDigits = 7;
    const bool is_index = name.size() <= kMostDigits && name.find_first_not_of("0123456789") == std::string::npos;
    if (!value.is_array() || !is_index) return nullptr;
    const std::size_t index = std::stoul(name);
    return index < value.size() ? &value[index] : nullptr;
  }

  std::optional<ByteView> state_;
  Json json_ = Json(Json::value_t::discarded);
  bool parsed_ = false;
};

/// Columns of growing positions in one line, counted once.
class ColumnCounter {
 public:
  void begin_line(std::size_t start) {
    counted_to_ = start;
    column_ = 1;
  }
  std::uint32_t at(std::string_view text, std::size_t position) {
    column_ += count_characters(text.substr(counted_to_, position - counted_to_));
    counted_to_ = position;
    return column_;
  }

 private:
  std::size_t counted_to_ = 0;
  std::uint32_t column_ = 1;
};

/// Walks through TOML just closely enough to know where each tag stands, and copies it with the tags filled.
class TemplateFiller {
 public:
  TemplateFiller(std::string_view text, const std::optional<ByteView>& state, TemplateFilling filling,
                 Diagnostics& diagnostics)
      : text_(text), state_(state), filling_(filling), diagnostics_(diagnostics) {}

  std::string run() {
    while (position_ < text_.size() && !stopped_) step();
    if (filling_ != TemplateFilling::kNone) diagnostics_.set_replacements(std::move(replacements_));
    return std::move(out_);
  }

 private:
  bool at(std::string_view what) const { return text_.substr(position_).starts_with(what); }
  bool at_tag() const { return filling_ != TemplateFilling::kNone && at("{{"); }

  void copy(std::size_t bytes) {
    for (; bytes > 0 && position_ < text_.size(); --bytes) {
      const char c = text_[position_++];
      out_ += c;
      if (c != '\n') continue;
      ++line_;
      columns_.begin_line(position_);
      out_columns_.begin_line(out_.size());
    }
  }

  Position position() { return {line_, columns_.at(text_, position_)}; }

  void step() {
    const char c = text_[position_];
    if (c == '#') return copy(std::min(text_.find('\n', position_), text_.size()) - position_);
    if (c == '"' || c == '\'') return string();
    if (at_tag()) return tag(place_);
    track_place(c);
    copy(1);
  }

  /// Between strings and tags: whether a key or a value comes next.
  void track_place(char c) {
    const bool in_value = place_ == Place::kValue;
    if (c == '\n' && brackets_.empty()) return expect_key();
    if (c == '=') place_ = Place::kValue;
    if (c == '.' && !in_value) return count_name();
    if ((c == '[' || c == '{') && in_value) {
      brackets_ += c;
      if (c == '{') expect_key();
    }
    if (c == ',' && brackets_.ends_with('{')) expect_key();
    if ((c == ']' || c == '}') && !brackets_.empty()) {
      brackets_.pop_back();
      place_ = Place::kValue;
    }
  }

  void expect_key() {
    place_ = Place::kKey;
    key_names_ = 1;
  }

  /// The parser makes a table for each name of a dotted key and takes them apart by recursion: a million would end the
  /// process.
  void count_name() {
    if (++key_names_ <= limits::kManifestNesting || filling_ != TemplateFilling::kNone) return;
    diagnostics_.report_filled(position(),
                               "a key of more than " + std::to_string(limits::kManifestNesting) + " dotted names");
    stopped_ = true;
  }

  void string() {
    const char quote = text_[position_];
    const std::string triple(3, quote);
    const bool multi_line = at(triple);
    const Place inside = place_ == Place::kKey ? Place::kKey
                         : quote == '"'        ? Place::kBasicString
                                               : Place::kLiteralString;
    copy(multi_line ? 3 : 1);
    while (position_ < text_.size() && !stopped_) {
      if (multi_line ? at(triple) : text_[position_] == quote) return copy(multi_line ? closing_quotes(quote) : 1);
      if (!multi_line && text_[position_] == '\n') return;
      if (at_tag()) {
        tag(inside);
      } else if (text_[position_] == '\\') {
        backslash(quote);
      } else {
        copy(1);
      }
    }
  }

  /// A multi-line text may end in one or two quotes of its own before the closing three.
  std::size_t closing_quotes(char quote) const {
    std::size_t count = 3;
    while (count < 5 && position_ + count < text_.size() && text_[position_ + count] == quote) ++count;
    return count;
  }

  void backslash(char quote) {
    const bool templates = filling_ != TemplateFilling::kNone;
    if (templates && at("\\{{")) {
      ++position_;
      return copy(2);
    }
    // In a basic string two backslashes are TOML's own escape and stay; elsewhere they are Handlebars' way to write one
    // before a tag.
    if (quote == '"') return copy(at("\\\"") || at("\\\\") ? 2 : 1);
    if (templates && at("\\\\{{")) ++position_;
    copy(1);
  }

  void tag(Place place) {
    const Position start = position();
    if (++tags_ > limits::kTemplateTags) {
      diagnostics_.report(start, "more than " + std::to_string(limits::kTemplateTags) + " template tags");
      stopped_ = true;
      return;
    }
    TagReader reader(text_.substr(position_));
    const std::optional<Tag> tag = reader.read();
    if (!tag) {
      diagnostics_.report(start, "this template is not understood: " + std::string(kSupported) +
                                     "; write \\{{ for the characters themselves");
      return copy(2);
    }
    const std::uint32_t out_column = out_columns_.at(out_, out_.size());
    const std::size_t out_size = out_.size();
    if (place == Place::kKey) {
      diagnostics_.report(start, "a template may fill a value only, not a key or a table's name");
    } else {
      fill(*tag, place, start);
    }
    if (out_.size() > limits::kManifestBytes) {
      diagnostics_.report(start, "the filled template is larger than a manifest may be (1 MiB)");
      stopped_ = true;
    }
    replacements_.push_back({start, out_column, count_characters(text_.substr(position_, reader.size())),
                             count_characters(std::string_view(out_).substr(out_size))});
    position_ += reader.size();
  }

  void fill(const Tag& tag, Place place, Position start) {
    if (filling_ == TemplateFilling::kPlaceholder) {
      out_ += place == Place::kValue ? "0" : "{{";
      return;
    }
    const Json* value = state_.find(tag.path);
    const bool use_default =
        tag.default_value && (value == nullptr || (value->is_string() && value->get_ref<const std::string&>().empty()));
    if (use_default) return fill_default(*tag.default_value, place, start);
    if (value == nullptr) {
      diagnostics_.report(start, std::string(state_.reason()) + in_quotes(tag.name) +
                                     "; give it one, or write {{default " + printable(as_bytes(tag.name), 64) +
                                     " \"…\"}}");
      return;
    }
    if (value->is_array() && place == Place::kValue) return fill_list(*value, tag, start);
    if (value->is_structured()) {
      diagnostics_.report(start, in_quotes(tag.name) + " of the initial state is " +
                                     (value->is_array() ? "a list, which cannot stand inside a text" : "an object") +
                                     "; a template is filled from texts, numbers and booleans");
      return;
    }
    fill_text(value->is_string() ? value->get_ref<const std::string&>() : value->dump(), place, tag.name, start);
  }

  /// Its author wrote the default as part of the manifest: it may be any value. No '=', so that the key count above
  /// stays true.
  void fill_default(const std::string& text, Place place, Position start) {
    if (place != Place::kValue) return fill_text(text, place, text, start);
    if (!text.empty() && !text.contains('=')) {
      out_ += text;
      return;
    }
    diagnostics_.report(
        start, "this default is no value: outside quotes it must be a number, true, false, \"text\" or a list");
  }

  void fill_text(const std::string& text, Place place, const std::string& name, Position start) {
    if (place == Place::kBasicString) return append_escaped(out_, text);
    const bool literal = place == Place::kLiteralString;
    const bool fits = literal
                          ? std::none_of(text.begin(), text.end(), [](char c) { return c == '\'' || is_control(c); })
                          : !text.empty() && std::all_of(text.begin(), text.end(), is_bare);
    if (fits) {
      out_ += text;
    } else if (literal) {
      diagnostics_.report(start, "the value of " + in_quotes(name) +
                                     " has a quote or a control character, which cannot stand inside '…'; use \"…\"");
    } else {
      diagnostics_.report(start, "the value of " + in_quotes(name) + " is text and stands outside quotes; write \"{{" +
                                     printable(as_bytes(name), 64) + "}}\"");
    }
  }

  /// Texts, numbers and booleans only: a list within a list has no use in a manifest.
  void fill_list(const Json& list, const Tag& tag, Position start) {
    out_ += '[';
    for (const Json& item : list) {
      if (item.is_structured() || item.is_null() || out_.size() > limits::kManifestBytes) {
        diagnostics_.report(start, "the list " + in_quotes(tag.name) +
                                       " of the initial state may hold texts, numbers and booleans only");
        break;
      }
      if (out_.back() != '[') out_ += ", ";
      if (item.is_string()) {
        out_ += '"';
        append_escaped(out_, item.get_ref<const std::string&>());
        out_ += '"';
      } else {
        out_ += item.dump();
      }
    }
    out_ += ']';
  }

  std::string_view text_;
  TemplateState state_;
  TemplateFilling filling_;
  Diagnostics& diagnostics_;

  std::size_t position_ = 0;
  std::string out_;
  std::uint32_t line_ = 1;
  ColumnCounter columns_;
  ColumnCounter out_columns_;
  std::size_t tags_ = 0;
  std::vector<Replacement> replacements_;
  bool stopped_ = false;

  Place place_ = Place::kKey;
  /// Open brackets of the value.
  std::string brackets_;
  std::size_t key_names_ = 1;
};

}  // namespace

std::string fill_template(std::string_view text, const std::optional<ByteView>& state, TemplateFilling filling,
                          Diagnostics& diagnostics) {
  const std::string filled = TemplateFiller(text, state, filling, diagnostics).run();
  if (!diagnostics.empty()) return filled;
  return TemplateFiller(filled, std::nullopt, TemplateFilling::kNone, diagnostics).run();
}

}  // namespace theater
