#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "theater/manifest.h"

namespace theater {
namespace {

const std::filesystem::path kFolder = "/actors/counter";

ComponentReference read(std::string_view text) {
  Result<ComponentReference> reference = parse_component_reference(text, kFolder);
  EXPECT_TRUE(reference) << text << ": " << reference.error().to_string();
  return reference.value_or(ComponentReference());
}

ErrorCode refusal(std::string_view text, const std::optional<std::filesystem::path>& base = kFolder) {
  const Result<ComponentReference> reference = parse_component_reference(text, base);
  EXPECT_FALSE(reference) << text;
  return reference ? ErrorCode::kInternal : reference.error().code();
}

TEST(ComponentReference, a_relative_path_starts_from_the_manifests_folder) {
  EXPECT_EQ(read("counter.wasm"), ComponentReference(FileReference{"/actors/counter/counter.wasm"}));
  EXPECT_EQ(read("./target/release/counter.wasm"),
            ComponentReference(FileReference{"/actors/counter/target/release/counter.wasm"}));
  EXPECT_EQ(read("../shared/x.wasm"), ComponentReference(FileReference{"/actors/shared/x.wasm"}));
  EXPECT_EQ(read("with blank.wasm"), ComponentReference(FileReference{"/actors/counter/with blank.wasm"}));
}

TEST(ComponentReference, an_absolute_path_stays) {
  EXPECT_EQ(read("/opt/x.wasm"), ComponentReference(FileReference{"/opt/x.wasm"}));
}

TEST(ComponentReference, a_store_reference_names_a_hash_or_a_label) {
  const std::string sha1(40, 'a');
  const std::string sha256(64, 'B');
  EXPECT_EQ(read("store://main/hash/" + sha1), ComponentReference(StoreReference{"main", sha1, ""}));
  EXPECT_EQ(read("store://main/hash/" + sha256), ComponentReference(StoreReference{"main", std::string(64, 'b'), ""}));
  EXPECT_EQ(read("store://main/counter"), ComponentReference(StoreReference{"main", "", "counter"}));
  EXPECT_EQ(read("store://main/team/counter"), ComponentReference(StoreReference{"main", "", "team/counter"}));
}

TEST(ComponentReference, a_malformed_store_reference_is_refused) {
  for (const char* text :
       {"store://", "store://main", "store://main/", "store:///label", "store://../label", "store://a b/label",
        "store://main/hash/", "store://main/hash/12", "store://main/hash/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"}) {
    EXPECT_EQ(refusal(text), ErrorCode::kInvalidArgument) << text;
  }
}

TEST(ComponentReference, a_url_is_http_or_https_with_a_host) {
  EXPECT_EQ(read("https://example.org/a.wasm"), ComponentReference(UrlReference{"https://example.org/a.wasm"}));
  EXPECT_EQ(read("HTTP://example.org:8080/a.wasm?b=c"),
            ComponentReference(UrlReference{"HTTP://example.org:8080/a.wasm?b=c"}));
  for (const char* text : {"ftp://example.org/a.wasm", "file:///etc/passwd", "https://", "http:///a.wasm",
                           "https://:80/a", "http://user@/a", "http://a b/c"}) {
    EXPECT_EQ(refusal(text), ErrorCode::kInvalidArgument) << text;
  }
}

TEST(ComponentReference, without_a_folder_every_path_is_refused) {
  for (const char* text : {"counter.wasm", "/etc/passwd", "../x", "./store://main/label"}) {
    EXPECT_EQ(refusal(text, std::nullopt), ErrorCode::kNotPermitted) << text;
  }
  EXPECT_TRUE(parse_component_reference("store://main/counter", std::nullopt));
  EXPECT_TRUE(parse_component_reference("https://example.org/a.wasm", std::nullopt));
}

TEST(ComponentReference, hostile_characters_and_lengths_are_refused) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal(""), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("a\0b"sv), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("a\nb"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("a\xff"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(std::string(limits::kReferenceBytes + 1, 'a')), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(parse_component_reference(std::string(limits::kReferenceBytes, 'a'), kFolder));
}

}  // namespace
}  // namespace theater
