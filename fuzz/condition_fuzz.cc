// Conditions from anywhere: what is no condition is refused, everything else has an answer, whatever it asks about.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "replay/condition.h"
#include "theater/bytes.h"

namespace {

using theater::replay::Answers;
using theater::replay::Condition;
using theater::replay::Json;
using theater::replay::Subject;

class Facts final : public Answers {
 public:
  explicit Facts(theater::ByteView rest)
      : state_(Json::binary(theater::to_bytes(rest))),
        params_(Json::parse(R"({"a": [1, -2, 0.5, "x", null, {"hex": "00ff"}], "b": "{\"c\": \"7\"}"})")),
        text_("host-call"),
        number_(18'446'744'073'709'551'615u) {}
  const Json& get(Subject subject) override {
    switch (subject) {
      case Subject::kState: return state_;
      case Subject::kParams: return params_;
      case Subject::kKind: return text_;
      case Subject::kFuel: return number_;
      default: return null_;
    }
  }

 private:
  const Json state_;
  const Json params_;
  const Json text_;
  const Json number_;
  const Json null_;
};

}  // namespace

// A condition, and after a zero the state that it is asked about.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = theater::as_text({data, size});
  const std::size_t zero = input.find('\0');
  const auto condition = Condition::parse(input.substr(0, zero));
  if (!condition) {
    THEATER_CHECK(theater::is_utf8(theater::as_bytes(condition.error().message())));
    return 0;
  }
  Facts facts(zero == std::string_view::npos ? theater::ByteView() : theater::ByteView(data, size).subspan(zero + 1));
  THEATER_CHECK(condition->holds(facts) == condition->holds(facts));
  return 0;
}
