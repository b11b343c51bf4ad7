// SPDX-License-Identifier: Apache-2.0
#include "audit/note.h"

#include <gtest/gtest.h>

#include "audit/testing/test_signer.h"

namespace claviger::audit {
namespace {

using testing::TestSigner;

TestSigner signer;
const VerifierKey key{"claviger/test", signer.public_key()};
const std::string note = sign_checkpoint({5, {}}, key, signer);

TEST(VerifierKey, IsReadBackFromItsText) { EXPECT_EQ(*parse_verifier_key(key.text()), key); }

// The example of golang.org/x/mod/sumdb/note, which the format comes from.
TEST(VerifierKey, HasTheIdThatOthersGiveIt) {
  const auto peter = parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  ASSERT_TRUE(peter.has_value()) << peter.error().what();
  EXPECT_EQ(peter->id(), 0xc74f20a3U);
}

TEST(SignedNote, OfSomebodyElseIsOpened) {
  const auto peter = parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  const auto text = open_note(
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n"
      "\n"
      "\xe2\x80\x94 PeterNeumann "
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
      *peter);
  ASSERT_TRUE(text.has_value()) << text.error().what();
  EXPECT_TRUE(text->starts_with("If you think"));
}

TEST(VerifierKey, RefusesEveryOtherText) {
  const std::string good = key.text();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(parse_verifier_key(bad).has_value()) << bad;
    EXPECT_FALSE(parse_verifier_key(good.substr(0, i)).has_value());
  }
  EXPECT_FALSE(parse_verifier_key(good + "\n").has_value());
  EXPECT_FALSE(parse_verifier_key("a b" + good).has_value());
}

TEST(SignedNote, OpensWhatTheKeySigned) {
  const auto checkpoint = open_checkpoint(note, key);
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.error().what();
  EXPECT_EQ(checkpoint->size, 5U);
  EXPECT_TRUE(note.starts_with(
      "claviger/test\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\xe2\x80\x94 claviger/test "));
}

TEST(SignedNote, RefusesEveryChangedByteAndEveryPartOfIt) {
  for (std::size_t i = 0; i < note.size(); ++i) {
    for (const char flip : {'\1', '\x20', '\x7f'}) {
      std::string bad = note;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      EXPECT_FALSE(open_checkpoint(bad, key).has_value()) << i;
    }
    EXPECT_FALSE(open_checkpoint(note.substr(0, i), key).has_value()) << i;
  }
  EXPECT_FALSE(open_checkpoint(note + "\n", key).has_value());
  EXPECT_FALSE(open_checkpoint("\n" + note, key).has_value());
}

TEST(SignedNote, PassesOverSignaturesOfOthersAndWantsItsOwnOnce) {
  TestSigner other(2);
  const VerifierKey witness{"witness", other.public_key()};
  const std::string text = note.substr(0, note.find("\n\n") + 1);
  const std::string own_line = note.substr(text.size() + 1);
  const std::string theirs = sign_note(text, witness, other);
  const std::string their_line = theirs.substr(text.size() + 1);
  EXPECT_TRUE(open_checkpoint(text + "\n" + their_line + own_line, key).has_value());
  EXPECT_TRUE(open_checkpoint(note + their_line, key).has_value());
  EXPECT_FALSE(open_checkpoint(theirs, key).has_value());
  EXPECT_FALSE(open_checkpoint(note + own_line, key).has_value());
  std::string many = note;
  for (int i = 0; i < 16; ++i) many += their_line;
  EXPECT_FALSE(open_checkpoint(many, key).has_value());
}

TEST(Checkpoint, RefusesWhatIsSignedAndNoCheckpointOfThisLog) {
  const std::string root = to_base64(crypto::Sha256Digest{}) + "\n";
  for (const std::string& text : std::initializer_list<std::string>{
           "claviger/other\n5\n" + root, "claviger/test\n05\n" + root, "claviger/test\n-5\n" + root,
           "claviger/test\n5\n", "claviger/test\n5\n" + root + "extension\n", "claviger/test\n5\nAAAA\n",
           "claviger/test\n18446744073709551616\n" + root, "claviger/test\n5 \n" + root})
    EXPECT_FALSE(open_checkpoint(sign_note(text, key, signer), key).has_value()) << text;
}

TEST(NoteFile, IsTakenApartAtTheEmptyLinesBehindSignatures) {
  const std::string second = sign_checkpoint({9, {}}, key, signer);
  const std::string file = note + "\n" + second + "\n";
  EXPECT_EQ(first_note(file), note);
  EXPECT_EQ(first_note(std::string_view(file).substr(note.size() + 1)), second);
  const NotePlace last = last_note(file);
  EXPECT_EQ(last.begin, note.size() + 1);
  EXPECT_EQ(last.end, file.size());
}

TEST(NoteFile, LooksOverALastNoteThatIsNotWhole) {
  const std::string second = sign_checkpoint({9, {}}, key, signer);
  const std::string file = note + "\n" + second + "\n";
  for (std::size_t size = 0; size < file.size(); ++size) {
    const NotePlace last = last_note(std::string_view(file).substr(0, size));
    EXPECT_EQ(last.begin, 0U);
    EXPECT_EQ(last.end, size > note.size() ? note.size() + 1 : 0U) << size;
  }
}

}  // namespace
}  // namespace claviger::audit
