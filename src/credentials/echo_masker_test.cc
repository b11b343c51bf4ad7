// SPDX-License-Identifier: Apache-2.0
#include "credentials/echo_masker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "credentials/testing/mask_bench.h"
#include "credentials/testing/slow_masker.h"
#include "crypto/encode.h"

namespace claviger::credentials {
namespace {

using testing::MaskBench;
using testing::slow_forms;
using testing::SlowMasker;

constexpr std::size_t kWhole = 1 << 20;

// Of 16, 24 and 31 bytes, some with what has to be escaped; the last repeats itself.
const std::vector<std::string>& some_secrets() {
  static const std::vector<std::string> all = {
      "fake-0123456789a",        "fake/key+with=sign&more",  "fake-secret-of-thirty-one-bytes",
      "fake?\"quoted\\ <tag> ~", "fakefakefakefakefakefake", "fake\xc3\xbc-not-ascii-\xff\xfe\xfd",
  };
  return all;
}

class EchoMaskerTest : public ::testing::Test {
 protected:
  MaskBench bench_;
};

TEST_F(EchoMaskerTest, MasksEveryFormHoweverTheAnswerIsCut) {
  for (const std::string& secret : some_secrets()) {
    const EchoMarks marks = bench_.marks_of({secret});
    const SlowMasker slow({secret});
    for (const testing::SlowForm& form : slow_forms(secret)) {
      const std::string text = "{\"you sent\": \"" + form.text + "\"}\n";
      const std::string wanted = slow.mask(text);
      ASSERT_EQ(wanted.find(form.text), std::string::npos);
      ASSERT_EQ(std::ranges::count(wanted, '*'), std::ranges::count(text, '*') +
                                                     static_cast<std::ptrdiff_t>(form.text.size()) -
                                                     std::ranges::count(form.text, '*'));
      for (std::size_t size = 1; size <= text.size(); ++size)
        ASSERT_EQ(bench_.mask(marks, text, {size}), wanted) << form.text << " in pieces of " << size;
      for (std::size_t cut = 1; cut < text.size(); ++cut) {
        ASSERT_EQ(bench_.mask(marks, text, {cut, kWhole}), wanted) << form.text << " cut at " << cut;
        EXPECT_EQ(bench_.found(), 1U);
        EXPECT_LE(bench_.opened(), 2U);
      }
    }
  }
  EXPECT_TRUE(bench_.is_wiped());
}

TEST_F(EchoMaskerTest, MasksEveryFormWhereverItStands) {
  for (const std::string& secret : some_secrets()) {
    const EchoMarks marks = bench_.marks_of({secret});
    const SlowMasker slow({secret});
    for (const testing::SlowForm& form : slow_forms(secret)) {
      for (std::size_t offset = 0; offset < 70; ++offset) {
        const std::string text = std::string(offset, '.') + form.text + std::string(offset % 7, '.');
        const std::string masked = bench_.mask(marks, text, {kWhole});
        ASSERT_EQ(masked, slow.mask(text)) << form.text << " at " << offset;
        ASSERT_EQ(bench_.found(), 1U);
      }
    }
  }
}

TEST_F(EchoMaskerTest, MasksWhatIsEncodedTogetherWithMore) {
  const std::string secret = "fake-secret-0123456789-abcdef";
  const EchoMarks marks = bench_.marks_of({secret});
  const auto inside = [&](std::size_t before, std::size_t after) {
    const std::string plain = std::string(before, 'x') + secret + std::string(after, 'y');
    std::string out(crypto::base64_size(plain.size()), '\0');
    crypto::base64_encode(std::as_bytes(std::span(plain)), out);
    return out;
  };
  for (std::size_t before = 0; before < 6; ++before) {
    for (std::size_t after = 0; after < 4; ++after) {
      const std::string masked = bench_.mask(marks, inside(before, after), {kWhole});
      EXPECT_EQ(bench_.found(), 1U);
      // At most a character at each end is not the secret's alone.
      EXPECT_GE(std::ranges::count(masked, '*'), static_cast<std::ptrdiff_t>(secret.size() * 4 / 3) - 1);
      EXPECT_EQ(masked.size(), inside(before, after).size());
    }
  }
}

TEST_F(EchoMaskerTest, LeavesEverythingElseAsItIs) {
  std::mt19937 random(7);
  for (const std::string& secret : some_secrets()) {
    const EchoMarks marks = bench_.marks_of({secret});
    const SlowMasker slow({secret});
    std::string text;
    while (text.size() < 20000) {
      text += "{\"id\": " + std::to_string(random()) + ", \"name\": \"password fake-\"},\n";
      text += secret.substr(0, random() % secret.size());
      text += secret.substr(1 + random() % (secret.size() - 1));
    }
    EXPECT_EQ(bench_.mask(marks, text, {kWhole}), slow.mask(text));
    EXPECT_EQ(bench_.mask(marks, text, {777}), slow.mask(text));
  }
  EXPECT_TRUE(bench_.is_wiped());
}

TEST_F(EchoMaskerTest, OpensNoSecretForAnswersThatHaveNothingLikeIt) {
  const EchoMarks marks = bench_.marks_of({"fake-secret-of-thirty-one-bytes"});
  std::string text;
  std::mt19937 random(3);
  while (text.size() < (1U << 20)) text += "{\"id\": " + std::to_string(random()) + "},\n";
  EXPECT_EQ(bench_.mask(marks, text, {kWhole}), text);
  EXPECT_EQ(bench_.opened(), 0U);
}

// What is in the filter by chance depends on the key.
TEST_F(EchoMaskerTest, OpensNoSecretForWhatIsInTheFilterByChanceHoweverOftenItIsRepeated) {
  int found = 0;
  std::mt19937_64 random(3);
  for (int tries = 0; found < 3 && tries < 1000; ++tries) {
    const EchoMarks marks = bench_.marks_of({"fake-" + std::to_string(random()) + std::to_string(random())});
    for (char c = 'A'; c <= 'Z'; ++c) {
      const std::string text(100'000, c);
      if (!marks.may_begin_with(text.data())) continue;
      ++found;
      EXPECT_EQ(bench_.mask(marks, text, {32'000}), text);
      EXPECT_EQ(bench_.opened(), 0U);
    }
  }
  EXPECT_GE(found, 3) << "none was there by chance";
}

TEST_F(EchoMaskerTest, OpensASecretAtMostOnceAPieceHoweverManyEchoesAreInIt) {
  const std::string secret = "fake-secret-of-thirty-one-bytes";
  const EchoMarks marks = bench_.marks_of({secret});
  std::string text;
  for (int i = 0; i < 1000; ++i) text += secret;
  EXPECT_EQ(bench_.mask(marks, text, {1000}), std::string(text.size(), '*'));
  EXPECT_EQ(bench_.found(), 1000U);
  EXPECT_LE(bench_.opened(), (text.size() + 999) / 1000);
}

TEST_F(EchoMaskerTest, KeepsNothingBackOfACompleteEvent) {
  const EchoMarks marks = bench_.marks_of({"fake-secret-of-thirty-one-bytes"});
  EchoMasker masker = bench_.masker();
  masker.look_for(marks);
  for (int i = 0; i < 100; ++i) {
    std::string event = "data: {\"delta\": \"fake-secret-of-\", \"n\": " + std::to_string(i) + "}\n\n";
    const auto released = masker.mask(event, false, bench_.opening());
    ASSERT_TRUE(released.has_value());
    EXPECT_EQ(released->size(), event.size());
  }
}

// Else whoever can make an upstream send pieces of his choice would find out a secret, byte by byte, by what waits.
TEST_F(EchoMaskerTest, KeepsAsMuchBackOfTextThatIsLikeASecretAsOfAnyOther) {
  const std::string secret = "fake-secret-of-thirty-one-bytes";
  const std::string other = "ekaf_rest4c.fo/ythirt=eno+setyb";
  const EchoMarks marks = bench_.marks_of({secret});
  const auto kept = [&](const std::string& text) {
    EchoMasker masker = bench_.masker();
    masker.look_for(marks);
    std::string piece = text;
    const auto released = masker.mask(piece, false, bench_.opening());
    EXPECT_TRUE(released.has_value());
    EXPECT_EQ(masker.opened(), 0U);
    return text.size() - released->size();
  };
  for (std::size_t size = 0; size < secret.size(); ++size) {
    EXPECT_EQ(kept("some text: " + secret.substr(0, size)), size);
    EXPECT_EQ(kept("some text: " + other.substr(0, size)), size);
  }
  EXPECT_EQ(kept(std::string(10000, 'x')), 3 * secret.size() - 1);  // never more than an echo has
  for (const char* end : {"\n", "\r", "\"", "}", "]", ",", " ", "*", "\xc3"})
    EXPECT_EQ(kept(secret.substr(0, 20) + end), 0U) << end;
}

TEST_F(EchoMaskerTest, LetsGoOfWhatItKeptAsSoonAsItCannotBeAnEcho) {
  const std::string secret = "fake-secret-of-thirty-one-bytes";
  const EchoMarks marks = bench_.marks_of({secret});
  EchoMasker masker = bench_.masker();
  masker.look_for(marks);
  std::string piece = secret.substr(0, 20);
  ASSERT_EQ(masker.mask(piece, false, bench_.opening())->size(), 0U);
  std::string rest = "\", ";
  const auto more = masker.mask(rest, false, bench_.opening());
  ASSERT_TRUE(more.has_value());
  EXPECT_EQ(more->kept, secret.substr(0, 20));
  EXPECT_EQ(more->piece, "\", ");
  ASSERT_EQ(masker.mask(piece, false, bench_.opening())->size(), 0U);
  const auto end = masker.mask({}, true, bench_.opening());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->kept, secret.substr(0, 20));
  EXPECT_EQ(masker.found(), 0U);
}

// --- When nothing more comes for a while ---------------------------------------------------------

// What goes on of a text that comes alone, and what of it once nothing follows; and what of the rest, whenever it comes.
struct Paused {
  std::string at_once, later, rest;
};
Paused pause(MaskBench& bench, const EchoMarks& marks, std::string text, std::string rest = "") {
  EchoMasker masker = bench.masker();
  masker.look_for(marks);
  const auto join = [](const Result<EchoMasker::Released>& released) {
    EXPECT_TRUE(released.has_value());
    return std::string(released->kept).append(released->piece);
  };
  Paused paused;
  paused.at_once = join(masker.mask(text, false, bench.opening()));
  EXPECT_EQ(masker.is_waiting(), paused.at_once.size() < text.size());
  if (masker.is_waiting()) paused.later = join(masker.settle(bench.opening()));
  EXPECT_FALSE(masker.is_waiting());
  paused.rest = join(masker.mask(rest, true, bench.opening()));
  return paused;
}

TEST_F(EchoMaskerTest, LetsGoOfAWordWhenNothingFollowsForAWhile) {
  const EchoMarks marks = bench_.marks_of({"fake-secret-of-thirty-one-bytes"});
  for (const char* word : {"hello", "fakes", "a-word-that-is-longer-than-the-secret-is", "f", "x-fake-sec"}) {
    const Paused paused = pause(bench_, marks, std::string("data: ") + word, "more");
    EXPECT_EQ(paused.at_once, "data: ");
    EXPECT_EQ(paused.later, word);
    EXPECT_EQ(paused.rest, "more");
  }
  EXPECT_TRUE(bench_.is_wiped());
}

// Else who can make an upstream stop where he likes would find out a secret, byte by byte.
TEST_F(EchoMaskerTest, TellsByWhatWaitsInNoSmallerStepsThanABlock) {
  const std::string secret = "fake-secret-of-thirty-one-bytes";
  const EchoMarks marks = bench_.marks_of({secret});
  for (const testing::SlowForm& form : slow_forms(secret)) {
    std::size_t steps = 0;
    for (std::size_t size = 1; size < form.text.size(); ++size) {
      const std::string right = form.text.substr(0, size);
      std::string wrong = right;
      wrong.back() = wrong.back() == 'q' ? 'p' : 'q';
      if (pause(bench_, marks, right).later.size() != pause(bench_, marks, wrong).later.size()) ++steps;
    }
    EXPECT_LE(steps, 4U)
        << form.text;  // blocks of ten bytes, and what the last characters of base64 have of them
    EXPECT_GE(steps, 2U) << form.text;
  }
}

TEST_F(EchoMaskerTest, ShowsLessThanABlockOfAnEchoInWhichAnUpstreamStops) {
  for (const std::string& secret : some_secrets()) {
    const EchoMarks marks = bench_.marks_of({secret});
    const std::size_t block = std::max<std::size_t>(8, secret.size() / 3);
    for (const testing::SlowForm& form : slow_forms(secret)) {
      for (std::size_t cut = 1; cut < form.text.size(); ++cut) {
        const Paused paused =
            pause(bench_, marks, "you: " + form.text.substr(0, cut), form.text.substr(cut) + " end");
        const std::string all = paused.at_once + paused.later + paused.rest;
        ASSERT_EQ(all.size(), form.text.size() + 9);
        const std::size_t shown = std::min(all.find('*', 5), all.size() - 4) - 5;
        ASSERT_LE(shown, std::min(cut, 6 * (block - 1) + 5)) << form.text << " cut at " << cut;
        if (form.text == secret) ASSERT_LT(shown, block);
        const std::string rest = all.substr(5 + shown);
        ASSERT_EQ(rest, std::string(form.text.size() - shown, '*') + " end")
            << form.text << " cut at " << cut;
      }
    }
  }
  EXPECT_TRUE(bench_.is_wiped());
}

TEST_F(EchoMaskerTest, ForgetsNothingOfAnEchoThatTricklesIn) {
  const std::string secret = "fake-secret-of-thirty-one-bytes";
  const EchoMarks marks = bench_.marks_of({secret});
  EchoMasker masker = bench_.masker();
  masker.look_for(marks);
  std::string out;
  const std::string text = "word " + secret + secret + "-and-word";
  for (std::size_t at = 0; at <= text.size(); ++at) {
    std::string piece = text.substr(at, 1);
    const auto released = masker.mask(piece, at == text.size(), bench_.opening());
    ASSERT_TRUE(released.has_value());
    out.append(released->kept).append(released->piece);
    if (!masker.is_waiting()) continue;
    const auto settled = masker.settle(bench_.opening());
    ASSERT_TRUE(settled.has_value());
    out.append(settled->kept).append(settled->piece);
  }
  // Of each its first block less a byte.
  EXPECT_EQ(out, "word fake-secr" + std::string(22, '*') + "fake-secr" + std::string(22, '*') + "-and-word");
  EXPECT_EQ(masker.found(), 2U);
}

// A private key, for example. The frame is everybody's, and a line's end would make events wait.
TEST_F(EchoMaskerTest, LooksForEachLineOfASecretByItself) {
  const std::string one = "fake+first/line+of+the+key";
  const std::string two = "fake+second/line+of+it";
  const std::string frame = "-----BEGIN FAKE KEY-----";
  const EchoMarks marks =
      bench_.marks_of({frame + "\n" + one + "\r\n" + two + "\nshort=\n-----END FAKE KEY-----\n"});
  EXPECT_EQ(bench_.mask(marks, frame + "\n" + one + "\n" + two + "\nshort=\n", {kWhole}),
            frame + "\n" + std::string(one.size(), '*') + "\n" + std::string(two.size(), '*') + "\nshort=\n");
  EXPECT_EQ(bench_.mask(marks, one + "\\n" + two, {1}),
            std::string(one.size(), '*') + "\\n" + std::string(two.size(), '*'));
  const std::string_view lines = "short\nlines\nalone\nhere";
  EXPECT_FALSE(EchoMarks::of({&lines, 1}, testing::Bench::kBoundTo, bench_.bench().key()).has_value());
}

TEST_F(EchoMaskerTest, LooksForALongSecretInPieces) {
  std::string secret;
  std::mt19937 random(11);
  while (secret.size() < 2100) secret += "abcdefghijklmnopqrstuvwxyz0123456789-_"[random() % 38];
  const EchoMarks marks = bench_.marks_of({secret});
  for (const testing::SlowForm& form : slow_forms(secret)) {
    const std::string text = "<" + form.text + ">";
    const std::string masked = bench_.mask(marks, text, {kWhole});
    EXPECT_EQ(masked, "<" + std::string(form.text.size(), '*') + ">");
    EXPECT_EQ(bench_.mask(marks, text, {100}), masked);
    EXPECT_LE(bench_.most_kept(), 6144U);
  }
  // A piece of it alone, too.
  const std::string half = secret.substr(700, 700);
  EXPECT_EQ(bench_.mask(marks, half, {kWhole}), std::string(700, '*'));
}

TEST_F(EchoMaskerTest, LooksForSeveralSecretsAndMarksAtOnce) {
  const std::vector<std::string> secrets = {"fake-password-one-two", "fake-token-0123456789abcdef"};
  const EchoMarks both = bench_.marks_of(secrets);
  const EchoMarks one = bench_.marks_of({secrets[0]});
  const EchoMarks other = bench_.marks_of({secrets[1]});
  std::string text;
  for (std::size_t i = 0; i < 40; ++i)
    text += std::string(i, '.') + secrets[i % 2] + "," + secrets[(i + 1) % 2];
  const std::string wanted = SlowMasker(secrets).mask(text);
  for (const std::size_t size : std::vector<std::size_t>{1, 2, 3, 5, 30, 100, 100000}) {
    EXPECT_EQ(bench_.mask(both, text, {size}), wanted);
    EchoMasker masker = bench_.masker();
    masker.look_for(one);
    masker.look_for(EchoMarks());
    masker.look_for(other);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size) {
      std::string piece = text.substr(at, size);
      const auto released = masker.mask(piece, at + size >= text.size(), bench_.opening());
      ASSERT_TRUE(released.has_value());
      out.append(released->kept).append(released->piece);
    }
    EXPECT_EQ(out, wanted) << size;
    EXPECT_EQ(masker.found(), 80U);
  }
}

// Secrets that overlap themselves and each other, in texts made of pieces of them.
TEST_F(EchoMaskerTest, DoesWhatTheSlowMaskerDoes) {
  std::mt19937 random(5);
  const std::vector<std::vector<std::string>> sets = {
      {"abababababababab"},
      {"aaaaaaaaaaaaaaaaaaaa"},
      {"abcdefghabcdefgha", "habcdefghabcdefgh"},
      {"%41%42%43%44%45%46", "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"},
      {"AAAAAAAAAAAAAAAA", "QUFBQUFBQUFBQUFB"}};
  for (const auto& secrets : sets) {
    const EchoMarks marks = bench_.marks_of(secrets);
    const SlowMasker slow(secrets);
    std::vector<std::string> pool;
    for (const std::string& secret : secrets)
      for (const auto& form : slow_forms(secret)) pool.push_back(form.text + form.may_follow.substr(0, 1));
    for (int round = 0; round < 150; ++round) {
      std::string text;
      while (text.size() < 120) {
        const std::string& form = pool[random() % pool.size()];
        const std::size_t from = random() % 3 == 0 ? random() % form.size() : 0;
        text += form.substr(from, random() % 3 == 0 ? random() % form.size() : form.size());
      }
      std::vector<std::size_t> sizes;
      for (int i = 0; i < 20; ++i) sizes.push_back(1 + random() % 40);
      ASSERT_EQ(bench_.mask(marks, text, sizes), slow.mask(text)) << secrets[0] << " in " << text;
    }
  }
}

// Whoever makes an upstream show it without end, or gives out a token that repeats itself, gets no more time than that.
TEST_F(EchoMaskerTest, TakesTimeInTheLengthOfTheAnswerWhateverIsInIt) {
  const std::string token = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.fake-payload-0123456789-fake";
  const EchoMarks marks = bench_.marks_of({token});
  std::string text;
  while (text.size() < 100000) text += token.substr(0, 20 + text.size() % 47) + ".";
  EXPECT_EQ(bench_.mask(marks, text, {16384}), text);
  const std::string endless = std::string(1000, 'a') + "b";
  const EchoMarks repeating = bench_.marks_of({endless});
  EXPECT_EQ(bench_.mask(repeating, "....." + endless + ".....", {kWhole}),
            "....." + std::string(1001, '*') + ".....");
  EXPECT_EQ(bench_.mask(repeating, std::string(100000, 'a'), {16384}),
            "error: the answer has too much in it that begins like its credential to be searched");
}

TEST_F(EchoMaskerTest, LetsNothingOnWhenTheSecretCannotBeOpened) {
  const std::string secret = "fake-secret-of-thirty-one-bytes";
  const EchoMarks marks = bench_.marks_of({secret});
  bench_.spend_room();
  EXPECT_EQ(bench_.mask(marks, "nothing in here", {kWhole}), "nothing in here");
  EXPECT_EQ(bench_.mask(marks, "here: " + secret, {kWhole}),
            "error: the memory for secrets is used up (raise RLIMIT_MEMLOCK)");
  MaskBench other;
  EXPECT_TRUE(other.mask(marks, "here: " + secret, {kWhole}).starts_with("error: "));
  EXPECT_TRUE(other.is_wiped());
}

TEST_F(EchoMaskerTest, RefusesSecretsThatAreTooShortToBeToldApart) {
  const std::string_view shorter = "fake-0123456789";
  const auto marks = EchoMarks::of({&shorter, 1}, testing::Bench::kBoundTo, bench_.bench().key());
  ASSERT_FALSE(marks.has_value());
  EXPECT_EQ(marks.error().code(), Code::kInvalid);
  EXPECT_NE(marks.error().what().find("answers: { mask: false }"), std::string_view::npos);
  EXPECT_EQ(marks.error().what().find("fake"), std::string_view::npos);
  const std::string huge(EchoMarks::kMostSecrets + 1, 'x');
  const std::string_view view = huge;
  EXPECT_FALSE(EchoMarks::of({&view, 1}, testing::Bench::kBoundTo, bench_.bench().key()).has_value());
  EXPECT_TRUE(EchoMarks::of({}, testing::Bench::kBoundTo, bench_.bench().key())->is_empty());
}

}  // namespace
}  // namespace claviger::credentials
