#include "engine/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "theater/value.h"

namespace theater::engine {
namespace {

using Kind = ValueType::Kind;

/// Types that a component describes are far flatter.
constexpr unsigned kNestingMax = 200;

std::string utf8(char32_t character) {
  Bytes bytes;
  ValueWriter(bytes).character(character);
  return std::string(as_text(bytes));
}

template <class Float>
std::string shortest(Float value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char text[64];
  const auto end = std::to_chars(text, text + sizeof(text), value);
  return {text, end.ptr};
}

/// Writes what is read. The two forms differ in their leaves and brackets.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void number(std::string_view digits) = 0;
  virtual void real(std::string_view digits) = 0;
  virtual void text(std::string_view text) = 0;
  virtual void bytes(ByteView bytes) = 0;
  virtual void missing(std::uint64_t bytes) = 0;
  /// bool, and the case of an enum or a variant without payload.
  virtual void boolean(bool value) = 0;
  virtual void name(std::string_view name) = 0;
  virtual void open(Kind kind) = 0;
  virtual void item(Kind kind, std::string_view name) = 0;
  virtual void close(Kind kind) = 0;
  virtual void none() = 0;
  /// What wraps one value: some, ok, error, a case. An empty wrap has no value.
  virtual void open_wrap(Kind kind, std::string_view name, bool is_empty, bool may_be_null) = 0;
  virtual void close_wrap(Kind kind, std::string_view name, bool is_empty, bool may_be_null) = 0;
};

class TextWriter final : public Writer {
 public:
  explicit TextWriter(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  std::string take() { return std::move(out_); }

  void number(std::string_view digits) override { put(digits); }
  void real(std::string_view digits) override { put(digits); }
  void text(std::string_view text) override { put_quoted(as_bytes(text)); }
  void bytes(ByteView bytes) override {
    if (is_text(bytes)) return put_quoted(bytes);
    const std::size_t shown = std::min(bytes.size(), room() / 2 + 1);
    put("0x" + to_hex(bytes.first(shown)) + (shown < bytes.size() ? "…" : ""));
  }
  void missing(std::uint64_t bytes) override { put("<" + std::to_string(bytes) + " bytes not kept>"); }
  void boolean(bool value) override { put(value ? "true" : "false"); }
  void name(std::string_view name) override { put(name); }
  void open(Kind kind) override {
    put(kind == Kind::kList ? "[" : kind == Kind::kTuple ? "(" : "{");
    is_first_ = true;
  }
  void item(Kind kind, std::string_view name) override {
    if (!std::exchange(is_first_, false)) put(", ");
    put(name);
    if (kind == Kind::kRecord) put(": ");
  }
  void close(Kind kind) override {
    put(kind == Kind::kList ? "]" : kind == Kind::kTuple ? ")" : "}");
    is_first_ = false;
  }
  void none() override { put("none"); }
  void open_wrap(Kind, std::string_view name, bool is_empty, bool) override {
    put(name);
    if (!is_empty) put("(");
  }
  void close_wrap(Kind, std::string_view, bool is_empty, bool) override {
    if (!is_empty) put(")");
  }

 private:
  std::size_t room() const { return max_bytes_ - std::min(max_bytes_, out_.size()); }

  void put(std::string_view text) {
    if (is_cut_) return;
    if (text.size() > room()) {
      out_ += "…";
      is_cut_ = true;
      return;
    }
    out_ += text;
  }

  void put_quoted(ByteView bytes) {
    if (is_cut_) return;
    const std::size_t limit = std::max<std::size_t>(room(), 1);
    std::string escaped;
    for (const char character : as_text(bytes)) {
      if (escaped.size() > limit) break;
      switch (character) {
        case '\n': escaped += "\\n"; break;
        case '\t': escaped += "\\t"; break;
        case '\r': escaped += "\\r"; break;
        case '"':
        case '\\': escaped += '\\'; [[fallthrough]];
        default: escaped += character;
      }
    }
    is_cut_ = escaped.size() > limit;
    // A string, other than a byte list that is text, may hold control characters.
    out_ += '"' + printable(as_bytes(escaped), limit) + '"';
  }

  const std::size_t max_bytes_;
  std::string out_;
  bool is_first_ = true;
  bool is_cut_ = false;
};

class JsonWriter final : public Writer {
 public:
  std::string take() { return std::move(out_); }

  void number(std::string_view digits) override { out_ += digits; }
  void real(std::string_view digits) override {
    const bool is_json = digits.back() != 'n' && digits.back() != 'f';
    out_ += is_json ? std::string(digits) : quoted(digits);
  }
  void text(std::string_view text) override { out_ += quoted(text); }
  void bytes(ByteView bytes) override {
    out_ += is_text(bytes) ? quoted(as_text(bytes)) : R"({"hex":")" + to_hex(bytes) + "\"}";
  }
  void missing(std::uint64_t bytes) override { out_ += R"({"missing_bytes":)" + std::to_string(bytes) + "}"; }
  void boolean(bool value) override { out_ += value ? "true" : "false"; }
  void name(std::string_view name) override { out_ += quoted(name); }
  void open(Kind kind) override {
    out_ += kind == Kind::kRecord ? '{' : '[';
    is_first_ = true;
  }
  void item(Kind kind, std::string_view name) override {
    if (!std::exchange(is_first_, false)) out_ += ',';
    if (kind == Kind::kRecord) out_ += quoted(name) + ":";
    if (kind == Kind::kFlags) out_ += quoted(name);
  }
  void close(Kind kind) override {
    out_ += kind == Kind::kRecord ? '}' : ']';
    is_first_ = false;
  }
  void none() override { out_ += "null"; }
  void open_wrap(Kind kind, std::string_view name, bool is_empty, bool may_be_null) override {
    if (kind == Kind::kVariant && is_empty) {
      out_ += quoted(name);
    } else if (kind != Kind::kOption || may_be_null) {
      out_ += "{" + quoted(name) + ":" + (is_empty ? "null" : "");
    }
  }
  void close_wrap(Kind kind, std::string_view, bool is_empty, bool may_be_null) override {
    const bool is_name = kind == Kind::kVariant && is_empty;
    if (!is_name && (kind != Kind::kOption || may_be_null)) out_ += '}';
  }

 private:
  static std::string quoted(std::string_view text) { return nlohmann::json(text).dump(); }

  std::string out_;
  bool is_first_ = true;
};

/// Reads a value by its type and tells a writer.
class Teller {
 public:
  Teller(const ShownValue& value, Writer& writer)
      : reader_(value.head, value.body),
        missing_bytes_(value.missing_bytes),
        size_(value.head.size() + value.body.size()),
        writer_(writer) {}

  bool tell(const ValueType& type) {
    value(type, 0);
    return reader_.done() && missing_bytes_ == 0;
  }

 private:
  void value(const ValueType& type, unsigned depth) {
    if (depth > kNestingMax) reader_.fail();
    if (!reader_.ok()) return;
    switch (type.kind) {
      case Kind::kBool: return writer_.boolean(reader_.boolean());
      case Kind::kU8: return writer_.number(std::to_string(reader_.u8()));
      case Kind::kU16: return whole(UINT16_MAX);
      case Kind::kU32: return whole(UINT32_MAX);
      case Kind::kU64: return whole(UINT64_MAX);
      case Kind::kS8: return writer_.number(std::to_string(static_cast<std::int8_t>(reader_.u8())));
      case Kind::kS16: return whole(INT16_MIN, INT16_MAX);
      case Kind::kS32: return whole(INT32_MIN, INT32_MAX);
      case Kind::kS64: return whole(INT64_MIN, INT64_MAX);
      case Kind::kF32: return writer_.real(shortest(reader_.f32()));
      case Kind::kF64: return writer_.real(shortest(reader_.f64()));
      case Kind::kChar: return writer_.text(utf8(reader_.character()));
      case Kind::kString: return string();
      case Kind::kList: return list(type, depth);
      case Kind::kOption: return option(type, depth);
      case Kind::kResult: return choice(type, reader_.tag() ? 1 : 0, depth);
      case Kind::kVariant:
        return choice(type, reader_.unsigned_integer(std::max<std::size_t>(type.members.size(), 1) - 1), depth);
      case Kind::kEnum: return enumeration(type);
      case Kind::kFlags: return flags(type);
      case Kind::kTuple:
      case Kind::kRecord: return members(type, depth);
    }
  }

  void whole(std::uint64_t max) { writer_.number(std::to_string(reader_.unsigned_integer(max))); }
  void whole(std::int64_t min, std::int64_t max) {
    const std::int64_t number = reader_.signed_integer();
    if (number < min || number > max) reader_.fail();
    writer_.number(std::to_string(number));
  }

  /// None when it is the content that is missing.
  std::optional<ByteView> content() {
    ValueReader again = reader_;
    const ByteView bytes = reader_.bytes();
    if (reader_.ok() || missing_bytes_ == 0) return bytes;
    if (again.unsigned_integer() != missing_bytes_ || !again.done()) return bytes;
    reader_ = again;
    return std::nullopt;
  }
  void not_kept() { writer_.missing(std::exchange(missing_bytes_, 0)); }

  void string() {
    const auto text = content();
    if (!text) return not_kept();
    if (!is_utf8(*text)) return reader_.fail();
    writer_.text(as_text(*text));
  }

  void list(const ValueType& type, unsigned depth) {
    const ValueType& item = *type.members.front().type;
    if (item.kind == Kind::kU8) {
      const auto bytes = content();
      return bytes ? writer_.bytes(*bytes) : not_kept();
    }
    // Each item takes a byte at least.
    const std::uint64_t count = reader_.unsigned_integer(size_ + missing_bytes_);
    writer_.open(Kind::kList);
    for (std::uint64_t i = 0; i < count && reader_.ok(); ++i) {
      writer_.item(Kind::kList, {});
      value(item, depth + 1);
    }
    writer_.close(Kind::kList);
  }

  void option(const ValueType& type, unsigned depth) {
    if (!reader_.tag()) return writer_.none();
    const ValueType& inner = *type.members.front().type;
    const bool may_be_null = inner.kind == Kind::kOption;
    writer_.open_wrap(Kind::kOption, "some", false, may_be_null);
    value(inner, depth + 1);
    writer_.close_wrap(Kind::kOption, "some", false, may_be_null);
  }

  /// A side of a result, or a case of a variant.
  void choice(const ValueType& type, std::uint64_t chosen, unsigned depth) {
    if (chosen >= type.members.size()) return reader_.fail();
    const ValueType::Member& member = type.members[chosen];
    const bool is_empty = !member.type;
    writer_.open_wrap(type.kind, member.name, is_empty, false);
    if (member.type) value(*member.type, depth + 1);
    writer_.close_wrap(type.kind, member.name, is_empty, false);
  }

  void enumeration(const ValueType& type) {
    const std::uint64_t chosen = reader_.unsigned_integer();
    if (chosen >= type.members.size()) return reader_.fail();
    writer_.name(type.members[chosen].name);
  }

  void flags(const ValueType& type) {
    writer_.open(Kind::kFlags);
    std::uint8_t byte = 0;
    for (std::size_t i = 0; i < type.members.size(); ++i) {
      if (i % 8 == 0) byte = reader_.u8();
      if ((byte >> (i % 8) & 1) != 0) writer_.item(Kind::kFlags, type.members[i].name);
    }
    const std::size_t used = type.members.size() % 8;
    if (used != 0 && byte >> used != 0) reader_.fail();
    writer_.close(Kind::kFlags);
  }

  void members(const ValueType& type, unsigned depth) {
    writer_.open(type.kind);
    for (const ValueType::Member& member : type.members) {
      writer_.item(type.kind, member.name);
      value(*member.type, depth + 1);
    }
    writer_.close(type.kind);
  }

  ValueReader reader_;
  std::uint64_t missing_bytes_;
  const std::size_t size_;
  Writer& writer_;
};

template <class Form>
Result<std::string> written(const ValueType& type, const ShownValue& value, Form writer) {
  if (!Teller(value, writer).tell(type)) {
    return fail(ErrorCode::kCorrupt, "the bytes are no value of type " + to_string(type));
  }
  return writer.take();
}

}  // namespace

Result<std::string> value_to_text(const ValueType& type, const ShownValue& value, std::size_t max_bytes) {
  return written(type, value, TextWriter(max_bytes));
}

Result<std::string> value_to_json(const ValueType& type, const ShownValue& value) {
  return written(type, value, JsonWriter());
}

ValueType recorded_params(const FunctionType& function) {
  if (function.handler) return function.params[1].type;
  ValueType type{.kind = Kind::kRecord, .members = {}};
  for (const FunctionType::Parameter& param : function.params) {
    type.members.push_back({.name = param.name, .type = param.type});
  }
  return type;
}

std::optional<ValueType> recorded_result(const FunctionType& function) {
  if (!function.handler) return function.result;
  const ValueType& returned = *function.result->members[0].type;
  if (returned.members.size() == 1) return std::nullopt;
  if (returned.members.size() == 2) return returned.members[1].type;
  ValueType rest{.kind = Kind::kTuple, .members = {}};
  rest.members.assign(returned.members.begin() + 1, returned.members.end());
  return rest;
}

}  // namespace theater::engine
