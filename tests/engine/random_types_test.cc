// Random values of random types go host → guest → host → guest → host and are the same bytes everywhere, on every path.
#include <bit>
#include <random>

#include "fixture.h"

namespace theater::engine::test {
namespace {

using Kind = ValueType::Kind;
using Random = std::mt19937_64;

constexpr int kComponents = 4;
constexpr int kTypes = 30;
constexpr int kValues = 40;

std::uint64_t below(Random& random, std::uint64_t bound) { return random() % bound; }

/// Writes WIT types; records and the like get declarations of their own.
class TypeWriter {
 public:
  explicit TypeWriter(Random& random) : random_(random) {}

  std::string type(int depth) {
    static constexpr std::string_view kPlain[] = {"bool", "u8",  "s8",  "u16", "s16",  "u32",    "s32",
                                                  "u64",  "s64", "f32", "f64", "char", "string", "list<u8>"};
    if (depth == 0 || below(random_, 3) == 0) return std::string(kPlain[below(random_, std::size(kPlain))]);
    switch (below(random_, 9)) {
      case 0: return "list<" + type(depth - 1) + ">";
      case 1: return "option<" + type(depth - 1) + ">";
      case 2: return "result<" + type(depth - 1) + ", " + type(depth - 1) + ">";
      case 3: return "result<_, " + type(depth - 1) + ">";
      case 4: return "tuple<" + list(depth, 1 + below(random_, 4)) + ">";
      case 5: return record(depth);
      case 6: return variant(depth);
      case 7: return names("enum", 1 + below(random_, below(random_, 8) == 0 ? 400 : 6));
      default: return names("flags", 1 + below(random_, 32));
    }
  }

  /// A record with this type, which C gets and returns by pointer.
  std::string wrapped(int depth) {
    const std::string inner = type(depth);
    std::string name = fresh();
    declarations_ += "  record " + name + " { a: " + inner + " }\n";
    return name;
  }

  const std::string& declarations() const { return declarations_; }

 private:
  std::string fresh() { return "t" + std::to_string(count_++); }

  std::string list(int depth, std::uint64_t items) {
    std::string text;
    for (std::uint64_t i = 0; i < items; ++i) text.append(i == 0 ? "" : ", ").append(type(depth - 1));
    return text;
  }

  std::string record(int depth) {
    std::string body;
    // Some have more parts than fit into flat parameters.
    const std::uint64_t fields = 1 + below(random_, below(random_, 4) == 0 ? 20 : 4);
    for (std::uint64_t i = 0; i < fields; ++i) body += "f" + std::to_string(i) + ": " + type(depth - 1) + ", ";
    std::string name = fresh();
    declarations_ += "  record " + name + " { " + body + "}\n";
    return name;
  }

  std::string variant(int depth) {
    std::string body;
    const std::uint64_t cases = 1 + below(random_, 5);
    for (std::uint64_t i = 0; i < cases; ++i) {
      body += "c" + std::to_string(i) + (below(random_, 3) == 0 ? std::string() : "(" + type(depth - 1) + ")") + ", ";
    }
    std::string name = fresh();
    declarations_ += "  variant " + name + " { " + body + "}\n";
    return name;
  }

  std::string names(std::string_view keyword, std::uint64_t count) {
    std::string body;
    for (std::uint64_t i = 0; i < count; ++i) body += "n" + std::to_string(i) + ", ";
    std::string name = fresh();
    declarations_ += "  " + std::string(keyword) + " " + name + " { " + body + "}\n";
    return name;
  }

  Random& random_;
  std::string declarations_;
  int count_ = 0;
};

void write_char(Random& random, Bytes& out) {
  static constexpr std::string_view kChars[] = {
      "a", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x9f\x8e\xad", "\xf4\x8f\xbf\xbf"};
  append(out, as_bytes(kChars[below(random, std::size(kChars))]));
}

/// Often an extreme one.
std::uint64_t bits(Random& random, int width) {
  const std::uint64_t mask = width == 64 ? UINT64_MAX : (std::uint64_t{1} << width) - 1;
  switch (below(random, 6)) {
    case 0: return 0;
    case 1: return mask;
    case 2: return mask >> 1;
    case 3: return (mask >> 1) + 1;
    case 4: return below(random, 200) & mask;
    default: return random() & mask;
  }
}

void write_signed(Random& random, int width, Bytes& out) {
  const auto value = static_cast<std::int64_t>(bits(random, width) << (64 - width)) >> (64 - width);
  ValueWriter(out).signed_integer(value);
}

template <class Float, class Integer>
void write_float(Random& random, Bytes& out) {
  auto value = std::bit_cast<Float>(static_cast<Integer>(random()));
  if (value != value)
    value = std::bit_cast<Float>(sizeof(Integer) == 4 ? Integer(0x7fc00000) : Integer(0x7ff8000000000000));
  const auto raw_bits = std::bit_cast<Integer>(value);
  for (std::size_t i = 0; i < sizeof raw_bits; ++i) out.push_back(static_cast<std::uint8_t>(raw_bits >> (8 * i)));
}

void write_value(Random& random, const ValueType& type, Bytes& out);

void write_optional(Random& random, const std::optional<ValueType>& type, Bytes& out) {
  if (type) write_value(random, *type, out);
}

void write_list(Random& random, const ValueType& item, Bytes& out) {
  std::uint64_t count = below(random, 4);
  if (item.kind == Kind::kU8 && below(random, 4) == 0) count = below(random, 3000);
  ValueWriter(out).unsigned_integer(count);
  for (std::uint64_t i = 0; i < count; ++i) write_value(random, item, out);
}

void write_flags(Random& random, std::size_t count, Bytes& out) {
  for (std::size_t start = 0; start < count; start += 8) {
    const std::size_t declared = std::min<std::size_t>(8, count - start);
    out.push_back(static_cast<std::uint8_t>(bits(random, static_cast<int>(declared))));
  }
}

void write_value(Random& random, const ValueType& type, Bytes& out) {
  switch (type.kind) {
    case Kind::kBool: return ValueWriter(out).boolean(below(random, 2) == 1);
    case Kind::kU8:
    case Kind::kS8: return out.push_back(static_cast<std::uint8_t>(bits(random, 8)));
    case Kind::kU16: return ValueWriter(out).unsigned_integer(bits(random, 16));
    case Kind::kU32: return ValueWriter(out).unsigned_integer(bits(random, 32));
    case Kind::kU64: return ValueWriter(out).unsigned_integer(bits(random, 64));
    case Kind::kS16: return write_signed(random, 16, out);
    case Kind::kS32: return write_signed(random, 32, out);
    case Kind::kS64: return write_signed(random, 64, out);
    case Kind::kF32: return write_float<float, std::uint32_t>(random, out);
    case Kind::kF64: return write_float<double, std::uint64_t>(random, out);
    case Kind::kChar: return write_char(random, out);
    case Kind::kString: {
      Bytes content;
      for (std::uint64_t i = below(random, 12); i > 0; --i) write_char(random, content);
      return ValueWriter(out).bytes(content);
    }
    case Kind::kList: return write_list(random, *type.members[0].type, out);
    case Kind::kOption: {
      const bool some = below(random, 3) != 0;
      out.push_back(some ? 1 : 0);
      if (some) write_value(random, *type.members[0].type, out);
      return;
    }
    case Kind::kTuple:
    case Kind::kRecord:
      for (const auto& member : type.members) write_optional(random, member.type, out);
      return;
    case Kind::kResult:
    case Kind::kVariant:
    case Kind::kEnum: {
      const std::uint64_t index = below(random, type.members.size());
      ValueWriter(out).unsigned_integer(index);
      return write_optional(random, type.members[index].type, out);
    }
    case Kind::kFlags: return write_flags(random, type.members.size(), out);
  }
}

/// The value in two pieces, cut anywhere.
te_value cut(Random& random, const Bytes& value) {
  const std::size_t at = below(random, value.size() + 1);
  return {.head = raw(ByteView(value).first(at)), .body = raw(ByteView(value).subspan(at))};
}

/// Answers every call with its own parameters, at once or after a suspension.
struct Echo {
  Random random;
  Bytes seen;
  bool suspends = false;

  static te_host_status callback(void* context, std::uint32_t, te_value params, te_host_reply* reply) {
    auto& echo = *static_cast<Echo*>(context);
    echo.seen = joined(params);
    if (echo.suspends && below(echo.random, 2) == 0) return TE_HOST_PENDING;
    reply->value = cut(echo.random, echo.seen);
    return TE_HOST_DONE;
  }
};

struct Generated {
  std::string wit;
  std::string source;
};

Generated generate(std::uint64_t seed) {
  Random random(seed);
  TypeWriter types(random);
  std::string functions;
  std::string source = "#include \"guest.h\"\n";
  for (int i = 0; i < kTypes; ++i) {
    const std::string type = types.wrapped(1 + i % 4);
    const std::string n = std::to_string(i);
    functions += "  f" + n + ": func(v: " + type + ") -> " + type + ";\n";
    source += "void exports_t_t_echo_f" + n + "(exports_t_t_echo_" + type + "_t *v, exports_t_t_echo_" + type +
              "_t *ret) { t_t_echo_f" + n + "((void *)v, (void *)ret); }\n";
  }
  return {.wit = "package t:t;\ninterface echo {\n" + types.declarations() + functions +
                 "}\nworld guest { import echo; export echo; }\n",
          .source = source};
}

struct Path {
  std::string_view name;
  std::uint32_t import_flags;
  std::uint32_t link_flags;
};

void run_path(const std::shared_ptr<const Component>& component, const Path& path, std::uint64_t seed) {
  SCOPED_TRACE(std::string(path.name) + ", seed " + std::to_string(seed));
  const std::vector<std::uint32_t> flags(component->imports().size(), path.import_flags);
  const auto linked = must(LinkedComponent::link(component, Echo::callback, flags, path.link_flags));
  Echo echo{.random = Random(seed + 1), .seen = {}, .suspends = (path.import_flags & TE_IMPORT_SUSPENDS) != 0};
  Random random(seed);
  for (std::uint32_t function = 0; function < component->exports().size(); ++function) {
    Instance instance = must(Instance::create(linked, {}, &echo));
    const ValueType& type = component->exports()[function].params[0].type;
    for (int i = 0; i < kValues; ++i) {
      Bytes value;
      write_value(random, type, value);
      te_call_args args{};
      args.export_index = function;
      args.params = cut(random, value);
      args.fuel = UINT64_MAX;
      args.deadline_ticks = UINT64_MAX;
      const Outcome* outcome = must(instance.call(args));
      if (outcome->status == TE_CALL_SUSPENDED) outcome = must(instance.resume(cut(random, Bytes(echo.seen))));
      ASSERT_EQ(outcome->status, TE_CALL_RETURNED)
          << to_string(type) << " " << to_hex(value) << ": " << text(outcome->message);
      ASSERT_EQ(to_hex(echo.seen), to_hex(value)) << "to the host: " << to_string(type);
      ASSERT_EQ(to_hex(joined(outcome->result)), to_hex(value)) << "back: " << to_string(type);
    }
  }
}

TEST(RandomTypes, values_are_the_same_bytes_on_every_path_through_a_real_guest) {
  ASSERT_TRUE(have_clang()) << "no clang that makes WebAssembly";
  for (std::uint64_t seed = 1; seed <= kComponents; ++seed) {
    const Generated guest = generate(seed);
    const Bytes wasm = must(build_c_guest(guest.wit, "guest", guest.source));
    const auto component = must(Component::compile(shared_engine(), wasm));
    for (const Path& path :
         {Path{"direct", 0, 0}, Path{"dynamic", TE_IMPORT_DYNAMIC, TE_LINK_EXPORTS_DYNAMIC},
          Path{"direct import, dynamic export", 0, TE_LINK_EXPORTS_DYNAMIC},
          Path{"direct, suspending", TE_IMPORT_SUSPENDS, 0},
          Path{"dynamic, suspending", TE_IMPORT_SUSPENDS | TE_IMPORT_DYNAMIC, TE_LINK_EXPORTS_DYNAMIC}}) {
      run_path(component, path, seed * 1000);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(RandomTypes, a_changed_byte_is_refused_or_is_another_value_but_never_harms) {
  ASSERT_TRUE(have_clang()) << "no clang that makes WebAssembly";
  const Generated guest = generate(99);
  const auto component =
      must(Component::compile(shared_engine(), must(build_c_guest(guest.wit, "guest", guest.source))));
  for (const Path& path : {Path{"direct", 0, 0}, Path{"dynamic", TE_IMPORT_DYNAMIC, TE_LINK_EXPORTS_DYNAMIC}}) {
    SCOPED_TRACE(path.name);
    const std::vector<std::uint32_t> flags(component->imports().size(), path.import_flags);
    const auto linked = must(LinkedComponent::link(component, Echo::callback, flags, path.link_flags));
    Echo echo{.random = Random(5), .seen = {}, .suspends = false};
    Random random(7);
    for (std::uint32_t function = 0; function < component->exports().size(); ++function) {
      Instance instance = must(Instance::create(linked, {}, &echo));
      for (int i = 0; i < kValues * 3; ++i) {
        Bytes value;
        write_value(random, component->exports()[function].params[0].type, value);
        for (std::uint64_t changes = 1 + below(random, 3); changes > 0 && !value.empty(); --changes) {
          value[below(random, value.size())] = static_cast<std::uint8_t>(random());
        }
        if (below(random, 4) == 0) value.resize(below(random, value.size() + 3));
        te_call_args args{};
        args.export_index = function;
        args.params = cut(random, value);
        args.fuel = UINT64_MAX;
        args.deadline_ticks = UINT64_MAX;
        const auto called = instance.call(args);
        if (!called) {
          EXPECT_EQ(called.error().code(), ErrorCode::kInvalidArgument);
          continue;
        }
        ASSERT_EQ((*called)->status, TE_CALL_RETURNED);
        EXPECT_EQ(to_hex(joined((*called)->result)), to_hex(value)) << "only the canonical form is accepted";
      }
    }
  }
}

}  // namespace
}  // namespace theater::engine::test
