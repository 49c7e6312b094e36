#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "engine/engine.h"
#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::engine {

/// A WIT type as a tree.
struct ValueType {
  enum class Kind : std::uint8_t {
    kBool,
    kS8,
    kU8,
    kS16,
    kU16,
    kS32,
    kU32,
    kS64,
    kU64,
    kF32,
    kF64,
    kChar,
    kString,
    kList,
    kOption,
    kResult,
    kTuple,
    kRecord,
    kVariant,
    kEnum,
    kFlags,
  };
  struct Member;

  Kind kind = Kind::kBool;
  /// list, option: the one item. tuple: the items. record: the fields. variant: the cases. enum, flags: the names.
  /// result: ok, then error.
  std::vector<Member> members;
};

/// A part of a type; without a type for a case or a side of a result that carries nothing.
struct ValueType::Member {
  std::string name;
  std::optional<ValueType> type;
};

/// As WIT writes it, e.g. "result<tuple<option<list<u8>>>, string>"; records and the like with their members.
std::string to_string(const ValueType& type);

/// A function that crosses the sandbox.
struct FunctionType {
  struct Parameter {
    std::string name;
    ValueType type;
  };

  std::string interface;  ///< e.g. "theater:simple/timing"; empty at the world's top level
  std::string function;
  std::vector<Parameter> params;
  std::optional<ValueType> result;
  /// Takes the state and a tuple, returns the state and more, or an error string.
  bool handler = false;
};

/// "interface.function", as chains and errors name it; the function alone at the world's top level.
std::string full_name(const FunctionType& function);

/// Compiled code with what it imports and exports; never changes. Any thread.
class Component final {
 public:
  /// Compiles a binary component; takes milliseconds to seconds.
  static Result<std::shared_ptr<const Component>> compile(const Engine& engine, ByteView wasm);
  /// Maps compiled code from a file, which must be trusted: it is machine code. `digest` is that of the component.
  static Result<std::shared_ptr<const Component>> load(const Engine& engine, const std::filesystem::path& path,
                                                       const Digest& digest);

  ~Component();
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;

  /// SHA-256 of the component's binary.
  const Digest& digest() const { return digest_; }
  /// A function's place in these lists is its number in calls.
  const std::vector<FunctionType>& imports() const { return imports_; }
  const std::vector<FunctionType>& exports() const { return exports_; }
  /// Imported interfaces with types only.
  const std::vector<std::string>& empty_interfaces() const { return empty_interfaces_; }
  std::optional<std::uint32_t> find_export(std::string_view interface, std::string_view function) const;

  /// The compiled form, for load().
  Result<Bytes> serialize() const;

  const te_component* raw() const { return raw_; }

 private:
  Component(te_component* raw, const Digest& digest) : raw_(raw), digest_(digest) {}
  static Result<std::shared_ptr<const Component>> describe(te_component* raw, const Digest& digest);

  te_component* raw_;
  Digest digest_;
  std::vector<FunctionType> imports_;
  std::vector<FunctionType> exports_;
  std::vector<std::string> empty_interfaces_;
};

}  // namespace theater::engine
