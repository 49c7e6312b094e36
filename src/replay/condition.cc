#include "replay/condition.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <optional>

#include "theater/bytes.h"
#include "theater/event.h"

namespace theater::replay {
namespace {

/// Parentheses, negations and the like inside one another.
constexpr unsigned kNestingMax = 50;

struct SubjectName {
  std::string_view name;
  Subject subject;
};
constexpr SubjectName kSubjects[] = {
    {"state", Subject::kState},       {"params", Subject::kParams},   {"result", Subject::kResult},
    {"sequence", Subject::kSequence}, {"kind", Subject::kKind},       {"function", Subject::kFunction},
    {"fuel", Subject::kFuel},         {"message", Subject::kMessage}, {"reason", Subject::kReason},
    {"type", Subject::kType},         {"data", Subject::kData},       {"time", Subject::kTime},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
/// WIT's names have hyphens; there is no subtraction that they could be taken for.
bool is_in_name(char c) { return begins_name(c) || is_digit(c) || c == '-'; }

ByteView bytes_in(const Json& value) {
  if (value.is_string()) return as_bytes(value.get_ref<const std::string&>());
  if (value.is_binary()) return value.get_binary();
  return {};
}

bool has_bytes(const Json& value) { return value.is_string() || value.is_binary(); }

/// Byte lists that are no text come as {"hex": "…"} out of typed values.
std::optional<Json> bytes_of_hex(const Json& value) {
  if (!value.is_object() || value.size() != 1 || !value.contains("hex") || !value["hex"].is_string())
    return std::nullopt;
  const auto& hex = value["hex"].get_ref<const std::string&>();
  Bytes bytes(hex.size() / 2);
  if (!parse_hex(hex, bytes)) return std::nullopt;
  return Json::binary(std::move(bytes));
}

std::optional<Json> number_in(std::string_view text) {
  const auto read = [&]<class Number>(Number) -> std::optional<Json> {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return Json(number);
  };
  // Not inf and nan.
  if (text.empty() || !is_digit(text.back())) return std::nullopt;
  if (auto number = read(std::uint64_t{})) return number;
  if (auto number = read(std::int64_t{})) return number;
  return read(double{});
}

std::partial_ordering compare_numbers(const Json& a, const Json& b) {
  if (a.is_number_float() || b.is_number_float()) return a.get<double>() <=> b.get<double>();
  const auto is_negative = [](const Json& n) { return !n.is_number_unsigned() && n.get<std::int64_t>() < 0; };
  if (is_negative(a) != is_negative(b)) {
    return is_negative(a) ? std::partial_ordering::less : std::partial_ordering::greater;
  }
  if (is_negative(a)) return a.get<std::int64_t>() <=> b.get<std::int64_t>();
  return a.get<std::uint64_t>() <=> b.get<std::uint64_t>();
}

/// Unordered where the two cannot be compared.
std::partial_ordering compare(const Json& a, const Json& b) {
  if (const auto bytes = bytes_of_hex(a)) return compare(*bytes, b);
  if (const auto bytes = bytes_of_hex(b)) return compare(a, *bytes);
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  // A text that is a number, as actors that keep their state as text have it.
  if (a.is_number() && has_bytes(b)) {
    const auto number = number_in(as_text(bytes_in(b)));
    return number ? compare_numbers(a, *number) : std::partial_ordering::unordered;
  }
  if (has_bytes(a) && b.is_number()) {
    const auto number = number_in(as_text(bytes_in(a)));
    return number ? compare_numbers(*number, b) : std::partial_ordering::unordered;
  }
  if (has_bytes(a) && has_bytes(b)) return as_text(bytes_in(a)) <=> as_text(bytes_in(b));
  const bool is_equal = a.type() == b.type() && a == b;
  return is_equal ? std::partial_ordering::equivalent : std::partial_ordering::unordered;
}

bool contains(const Json& whole, const Json& part) {
  if (const auto bytes = bytes_of_hex(whole)) return contains(*bytes, part);
  if (const auto bytes = bytes_of_hex(part)) return contains(whole, *bytes);
  if (has_bytes(whole) && has_bytes(part)) return as_text(bytes_in(whole)).contains(as_text(bytes_in(part)));
  if (whole.is_object() && part.is_string()) return whole.contains(part.get_ref<const std::string&>());
  if (!whole.is_array()) return false;
  return std::ranges::any_of(whole, [&](const Json& item) { return compare(item, part) == 0; });
}

bool is_true(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return compare_numbers(value, Json(0)) != 0;
  if (has_bytes(value)) return !bytes_in(value).empty();
  return !value.empty();
}

/// Takes a value apart; a text or bytes as the JSON that they are.
Json member_of(const Json& value, const Json& key) {
  if (has_bytes(value)) {
    const auto json = parse_json(as_text(bytes_in(value)));
    return json && !has_bytes(*json) ? member_of(*json, key) : Json();
  }
  if (key.is_string() && value.is_object()) {
    const auto found = value.find(key.get_ref<const std::string&>());
    return found == value.end() ? Json() : *found;
  }
  if (key.is_number_unsigned() && value.is_array() && key.get<std::uint64_t>() < value.size()) {
    return value[key.get<std::size_t>()];
  }
  return {};
}

Json number_at(const Json& value, const Json& place, unsigned bytes, bool is_signed) {
  const auto unpacked = bytes_of_hex(value);
  const ByteView all = bytes_in(unpacked ? *unpacked : value);
  if (!place.is_number_unsigned() || all.size() < bytes || place.get<std::uint64_t>() > all.size() - bytes) return {};
  std::uint64_t number = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    number |= static_cast<std::uint64_t>(all[place.get<std::size_t>() + i]) << (8 * i);
  }
  if (!is_signed) return number;
  const unsigned unused = 64 - 8 * bytes;
  return static_cast<std::int64_t>(number << unused) >> unused;
}

Json size_of(const Json& value) {
  if (const auto bytes = bytes_of_hex(value)) return size_of(*bytes);
  if (has_bytes(value)) return bytes_in(value).size();
  if (value.is_array() || value.is_object()) return value.size();
  return {};
}

Json text_of(const Json& value) {
  if (const auto bytes = bytes_of_hex(value)) return text_of(*bytes);
  if (has_bytes(value)) return is_utf8(bytes_in(value)) ? Json(as_text(bytes_in(value))) : Json();
  return value.is_null() ? Json() : Json(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json hex_of(const Json& value) {
  if (const auto bytes = bytes_of_hex(value)) return hex_of(*bytes);
  return has_bytes(value) ? Json(to_hex(bytes_in(value))) : Json();
}

}  // namespace

/// Reads a condition from left to right. Made for one text and thrown away.
class ConditionParser {
 public:
  using Node = Condition::Node;
  using Operator = Condition::Operator;

  explicit ConditionParser(std::string_view text) : text_(text) {}

  Result<Condition> parse() {
    if (text_.size() > Condition::kTextBytesMax) {
      return fail(ErrorCode::kTooLarge, "a condition may have " + std::to_string(Condition::kTextBytesMax) +
                                            " characters at most, not " + std::to_string(text_.size()));
    }
    skip_blanks();
    if (at_ == text_.size()) return fail(ErrorCode::kInvalidArgument, "the condition is empty");
    any_of();
    skip_blanks();
    if (!error_ && at_ < text_.size()) refuse("an operator, such as == or &&, or the end");
    if (error_) return fail(ErrorCode::kInvalidArgument, *error_);
    return std::move(condition_);
  }

 private:
  using Place = std::uint32_t;

  Place add(Node node) {
    condition_.nodes_.push_back(std::move(node));
    return static_cast<Place>(condition_.nodes_.size() - 1);
  }
  Place add(Operator op, Place first, Place second = 0) { return add({.op = op, .first = first, .second = second}); }
  Place literal(Json value) { return add({.op = Operator::kLiteral, .literal = std::move(value)}); }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  bool take(std::string_view what) {
    skip_blanks();
    if (error_ || !text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  bool take_word(std::string_view word) {
    skip_blanks();
    if (error_ || !text_.substr(at_).starts_with(word)) return false;
    const std::size_t after = at_ + word.size();
    if (after < text_.size() && is_in_name(text_[after])) return false;
    at_ = after;
    return true;
  }
  std::string_view name() {
    const std::size_t start = at_;
    if (at_ < text_.size() && begins_name(text_[at_])) {
      while (at_ < text_.size() && is_in_name(text_[at_])) ++at_;
    }
    return text_.substr(start, at_ - start);
  }
  void refuse(const std::string& wanted) { refuse_at(at_, wanted); }
  void refuse_at(std::size_t place, const std::string& wanted) {
    if (error_) return;
    const std::string_view rest = text_.substr(place, 20);
    error_ = "the condition is not understood at character " + std::to_string(place + 1) + ": expected " + wanted +
             ", found " + (rest.empty() ? "its end" : "\"" + printable(as_bytes(rest), 40) + "\"");
    at_ = text_.size();
  }

  Place any_of() {
    Place left = all_of();
    while (take("||")) {
      const Place right = all_of();
      left = add(Operator::kOr, left, right);
    }
    return left;
  }
  Place all_of() {
    Place left = negation();
    while (take("&&")) {
      const Place right = negation();
      left = add(Operator::kAnd, left, right);
    }
    return left;
  }
  Place negation() {
    skip_blanks();
    const bool is_negated = text_.substr(at_).starts_with('!') && !text_.substr(at_).starts_with("!=");
    if (!is_negated || error_) return comparison();
    ++at_;
    if (++depth_ > kNestingMax) refuse("fewer parentheses and negations inside one another");
    const Place operand = negation();
    --depth_;
    return add(Operator::kNot, operand);
  }
  Place comparison() {
    const Place left = operand();
    struct Sign {
      std::string_view text;
      Operator op;
    };
    // Longer ones first.
    static constexpr Sign kSigns[] = {{"==", Operator::kEqual},       {"!=", Operator::kNotEqual},
                                      {"<=", Operator::kLessOrEqual}, {">=", Operator::kGreaterOrEqual},
                                      {"<", Operator::kLess},         {">", Operator::kGreater}};
    for (const Sign& sign : kSigns) {
      if (!take(sign.text)) continue;
      skip_blanks();
      const std::size_t start = at_;
      const Place right = operand();
      check_kind(left, right, start);
      return add(sign.op, left, right);
    }
    if (take_word("contains")) {
      const Place right = operand();
      return add(Operator::kContains, left, right);
    }
    return left;
  }

  /// A misspelt kind would hold nowhere and say nothing.
  void check_kind(Place left, Place right, std::size_t place) {
    if (error_) return;
    const Node& asked = condition_.nodes_[left];
    const Node& literal = condition_.nodes_[right];
    if (asked.op != Operator::kSubject || asked.subject != Subject::kKind) return;
    if (literal.op != Operator::kLiteral || !literal.literal.is_string()) return;
    std::string names;
    for (auto kind = static_cast<int>(EventKind::kStarted); kind <= static_cast<int>(kLastEventKind); ++kind) {
      const std::string_view name = to_string(static_cast<EventKind>(kind));
      if (literal.literal == name) return;
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    refuse_at(place, "one of the kinds " + names);
  }

  Place operand() {
    skip_blanks();
    if (error_) return 0;
    Place value = 0;
    const std::size_t start = at_;
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    if (c == '(') {
      ++at_;
      value = nested(")");
    } else if (c == '"' || c == '\'') {
      value = literal(quoted());
    } else if (is_digit(c) || c == '-') {
      value = literal(number());
    } else if (begins_name(c)) {
      value = named(name(), start);
    } else {
      refuse("a value: state, params, a number, \"text\"…");
    }
    return members(value);
  }
  Place nested(std::string_view end) {
    if (++depth_ > kNestingMax) refuse("fewer parentheses and negations inside one another");
    const Place value = any_of();
    --depth_;
    if (!error_ && !take(end)) refuse("\"" + std::string(end) + "\"");
    return value;
  }
  Json number() {
    const std::size_t start = at_;
    if (text_[at_] == '-') ++at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.' || text_[at_] == '_')) ++at_;
    std::string digits(text_.substr(start, at_ - start));
    std::erase(digits, '_');
    auto read = number_in(digits);
    if (!read) refuse_at(start, "a number");
    return read.value_or(Json());
  }
  Json quoted() {
    const std::size_t start = at_;
    const char quote = text_[at_++];
    std::string text;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        const char escaped = text_[++at_];
        text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
      } else {
        text += text_[at_];
      }
      ++at_;
    }
    if (at_ == text_.size()) {
      refuse_at(start, "a text that ends with another " + std::string(1, quote));
    } else {
      ++at_;
    }
    if (!is_utf8(as_bytes(text))) refuse_at(start, "a text in UTF-8");
    return error_ ? Json() : Json(text);
  }

  Place named(std::string_view word, std::size_t start) {
    if (word == "true") return literal(true);
    if (word == "false") return literal(false);
    if (word == "null") return literal(nullptr);
    skip_blanks();
    if (text_.substr(at_).starts_with('(')) return function(word, start);
    for (const SubjectName& known : kSubjects) {
      if (known.name == word) return add({.op = Operator::kSubject, .subject = known.subject});
    }
    std::string names;
    for (const SubjectName& known : kSubjects) names += (names.empty() ? "" : ", ") + std::string(known.name);
    refuse_at(start, "one of " + names);
    return 0;
  }

  Place function(std::string_view word, std::size_t start) {
    struct Function {
      std::string_view name;
      Operator op;
      std::uint8_t bytes = 0;
      bool is_signed = false;
    };
    static constexpr Function kFunctions[] = {{"size", Operator::kSize},
                                              {"text", Operator::kText},
                                              {"json", Operator::kJson},
                                              {"hex", Operator::kHex},
                                              {"u8", Operator::kNumberAt, 1},
                                              {"u16", Operator::kNumberAt, 2},
                                              {"u32", Operator::kNumberAt, 4},
                                              {"u64", Operator::kNumberAt, 8},
                                              {"s8", Operator::kNumberAt, 1, true},
                                              {"s16", Operator::kNumberAt, 2, true},
                                              {"s32", Operator::kNumberAt, 4, true},
                                              {"s64", Operator::kNumberAt, 8, true}};
    const auto known = std::ranges::find(kFunctions, word, &Function::name);
    if (known == std::end(kFunctions)) {
      std::string names;
      for (const Function& each : kFunctions) names += (names.empty() ? "" : ", ") + std::string(each.name);
      refuse_at(start, "one of the functions " + names);
      return 0;
    }
    ++at_;
    Node node{.op = known->op, .bytes = known->bytes, .is_signed = known->is_signed};
    if (known->op == Operator::kNumberAt) {
      node.first = nested(",");
      node.second = nested(")");
    } else {
      node.first = nested(")");
    }
    return add(std::move(node));
  }

  /// .name, [number] and ["key"] after a value.
  Place members(Place value) {
    while (!error_) {
      if (take(".")) {
        const std::string_view key = name();
        if (key.empty()) refuse("a field's name");
        value = add({.op = Operator::kMember, .first = value, .literal = std::string(key)});
      } else if (take("[")) {
        value = add({.op = Operator::kMember, .first = value, .literal = index()});
        if (!error_ && !take("]")) refuse("\"]\"");
      } else {
        break;
      }
    }
    return value;
  }
  Json index() {
    skip_blanks();
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    if (c == '"' || c == '\'') return quoted();
    if (is_digit(c)) return number();
    refuse("a number or \"a key\"");
    return {};
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
  std::optional<std::string> error_;
  Condition condition_;
};

/// Goes through the nodes for one event.
class ConditionEvaluator {
 public:
  using Node = Condition::Node;
  using Operator = Condition::Operator;

  ConditionEvaluator(const std::vector<Node>& nodes, Answers& answers) : nodes_(nodes), answers_(answers) {}

  // Calls itself at most as deep as the condition nests and its paths are long: both are bounded by its text.
  bool holds(std::uint32_t place) {
    Json storage;
    return is_true(value(place, storage));
  }

 private:
  /// The value, or `storage` with it: a state may be large, and is not copied.
  const Json& value(std::uint32_t place, Json& storage) {
    const Node& node = nodes_[place];
    if (node.op == Operator::kLiteral) return node.literal;
    if (node.op == Operator::kSubject) return answers_.get(node.subject);
    return storage = computed(node);
  }

  Json computed(const Node& node) {
    switch (node.op) {
      case Operator::kOr: return holds(node.first) || holds(node.second);
      case Operator::kAnd: return holds(node.first) && holds(node.second);
      case Operator::kNot: return !holds(node.first);
      default: break;
    }
    Json first_storage;
    const Json& first = value(node.first, first_storage);
    switch (node.op) {
      case Operator::kMember: return member_of(first, node.literal);
      case Operator::kSize: return size_of(first);
      case Operator::kText: return text_of(first);
      case Operator::kHex: return hex_of(first);
      case Operator::kJson: return has_bytes(first) ? parse_json(as_text(bytes_in(first))).value_or(Json()) : first;
      default: break;
    }
    Json second_storage;
    const Json& second = value(node.second, second_storage);
    if (node.op == Operator::kNumberAt) return number_at(first, second, node.bytes, node.is_signed);
    if (node.op == Operator::kContains) return contains(first, second);
    const std::partial_ordering order = compare(first, second);
    switch (node.op) {
      case Operator::kEqual: return order == 0;
      case Operator::kNotEqual: return order != 0;
      case Operator::kLess: return order < 0;
      case Operator::kLessOrEqual: return order <= 0;
      case Operator::kGreater: return order > 0;
      default: return order >= 0;
    }
  }

  const std::vector<Node>& nodes_;
  Answers& answers_;
};

Result<Condition> Condition::parse(std::string_view text) { return ConditionParser(text).parse(); }

bool Condition::asks_for(Subject subject) const {
  return std::ranges::any_of(
      nodes_, [&](const Node& node) { return node.op == Operator::kSubject && node.subject == subject; });
}

bool Condition::holds(Answers& answers) const {
  return ConditionEvaluator(nodes_, answers).holds(static_cast<std::uint32_t>(nodes_.size() - 1));
}

}  // namespace theater::replay
