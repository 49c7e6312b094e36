#include "chain/signed_note.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace theater::note {
namespace {

// The note and the key of the documentation of Go's golang.org/x/mod/sumdb/note.
constexpr std::string_view kGoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

SigningKey some_key(std::uint8_t number, std::string name = "example.org/log") {
  ed25519::Seed seed{};
  seed[0] = number;
  return {std::move(name), seed};
}

TEST(SignedNote, a_note_made_by_others_is_opened) {
  const auto key = VerifierKey::parse(kGoKey);
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->to_text(), kGoKey);
  const auto text = open(kGoNote, *key);
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_EQ(*text, kGoNote.substr(0, kGoNote.find("\n\n") + 1));
}

TEST(SignedNote, what_a_key_signs_that_key_opens) {
  const SigningKey key = some_key(1);
  const std::string note = key.sign("a text\n\nwith an empty line\n");
  EXPECT_EQ(open(note, key.verifier()).value(), "a text\n\nwith an empty line\n");
  EXPECT_EQ(text_of_unverified(note).value(), "a text\n\nwith an empty line\n");
}

TEST(SignedNote, keys_come_back_from_their_text) {
  const SigningKey key = some_key(2);
  EXPECT_EQ(SigningKey::parse(key.to_text())->to_text(), key.to_text());
  EXPECT_EQ(VerifierKey::parse(key.verifier().to_text()).value(), key.verifier());
}

TEST(SignedNote, a_changed_text_or_signature_is_refused) {
  const SigningKey key = some_key(1);
  const std::string note = key.sign("a text\n");
  for (std::size_t bit = 0; bit < note.size() * 8; ++bit) {
    std::string changed = note;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(open(changed, key.verifier())) << bit;
  }
  for (std::size_t size = 0; size < note.size(); ++size) {
    EXPECT_FALSE(open(std::string_view(note).substr(0, size), key.verifier())) << size;
  }
}

TEST(SignedNote, another_keys_signature_is_not_enough) {
  const std::string note = some_key(1).sign("a text\n");
  EXPECT_EQ(open(note, some_key(2).verifier()).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(open(note, some_key(1, "another").verifier()).error().code(), ErrorCode::kNotFound);
}

TEST(SignedNote, signatures_of_others_beside_it_do_no_harm) {
  const SigningKey key = some_key(1);
  const std::string text = "a text\n";
  const auto line_of = [&](const SigningKey& signer) { return signer.sign(text).substr(text.size() + 1); };
  std::string note = text + "\n";
  for (std::uint8_t i = 2; i < 30; ++i) note += line_of(some_key(i, "witness/" + std::to_string(i)));
  // Of a kind nobody here knows, and as long as those of quantum-safe algorithms are.
  note += "\xe2\x80\x94 other " + to_base64(Bytes(5000, 7)) + "\n";
  EXPECT_FALSE(open(note, key.verifier()));
  note += line_of(key);
  EXPECT_EQ(open(note, key.verifier()).value(), text);
  for (int i = 0; i < 100; ++i) note += line_of(some_key(2));
  EXPECT_FALSE(open(note, key.verifier())) << "too many";
}

TEST(SignedNote, what_is_no_note_is_refused) {
  const SigningKey key = some_key(1);
  const std::string note = key.sign("a text\n");
  const std::string signature = note.substr(note.find("\n\n") + 2);
  for (const std::string& bad :
       {std::string(), std::string("a text\n"), std::string("a text\n\n"), "a text\n" + signature,
        "a text\n\n" + signature + "no signature\n", "a text\n\n" + signature + "\n", "a text\r\n\n" + signature,
        "a \xff text\n\n" + signature, std::string(limits::kNoteBytes, 'a') + "\n\n" + signature}) {
    const auto opened = open(bad, key.verifier());
    ASSERT_FALSE(opened) << bad.substr(0, 100);
    EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt) << bad.substr(0, 100);
  }
}

TEST(SignedNote, names_with_blanks_or_plus_signs_are_refused) {
  for (const char* name : {"", "a b", "a+b", "a\tb", "a\nb",
                           "a\xc2\xa0"
                           "b",
                           "a\xe3\x80\x80"
                           "b",
                           "\xff"}) {
    EXPECT_FALSE(is_key_name(name)) << name;
  }
  for (const char* name : {"a", "example.org/log", "\xc3\xa9tat"}) EXPECT_TRUE(is_key_name(name)) << name;
}

TEST(SignedNote, a_changed_keys_text_is_refused) {
  const SigningKey key = some_key(1);
  const std::string text = key.verifier().to_text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(VerifierKey::parse(changed)) << changed;
    EXPECT_FALSE(VerifierKey::parse(text.substr(0, i))) << i;
  }
  EXPECT_FALSE(VerifierKey::parse(key.to_text()));
  EXPECT_FALSE(SigningKey::parse(text));
}

}  // namespace
}  // namespace theater::note
