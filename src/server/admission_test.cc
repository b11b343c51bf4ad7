// SPDX-License-Identifier: Apache-2.0
#include "server/admission.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "server/overload.h"
#include "server/process.h"

namespace claviger::server {
namespace {

using Verdict = Admission::Verdict;

base::IpAddress ip(std::string_view text) { return *base::parse_ip(text); }

void open_known(Admission& admission, std::string_view address) {
  admission.opened();
  EXPECT_EQ(admission.vouched(ip(address)), Verdict::kAdmitted);
}

TEST(Admission, HasRoomForAsManyAsThereMayBeAndForAnotherOnceOneIsGone) {
  Admission admission({.known = 2});
  open_known(admission, "192.0.2.1");
  EXPECT_EQ(admission.ask(ip("192.0.2.3")), Verdict::kAdmitted);
  open_known(admission, "192.0.2.2");
  EXPECT_EQ(admission.ask(ip("192.0.2.3")), Verdict::kFull);
  admission.let_go(ip("192.0.2.1"), false);
  EXPECT_EQ(admission.ask(ip("192.0.2.3")), Verdict::kAdmitted);
  EXPECT_EQ(admission.open(), 1U);
}

TEST(Admission, StrangersTakeNoRoomFromTheKnown) {
  Admission admission({.known = 1, .known_of_address = 1});
  for (int i = 0; i < 5; ++i) admission.opened();
  EXPECT_EQ(admission.open(), 5U);
  EXPECT_EQ(admission.ask(ip("192.0.2.1")), Verdict::kAdmitted);
  for (int i = 0; i < 5; ++i) admission.let_go(ip("192.0.2.1"), true);
  EXPECT_EQ(admission.open(), 0U);
}

TEST(Admission, CountsEachAddressByItself) {
  Admission admission({.known = 100, .known_of_address = 1});
  open_known(admission, "192.0.2.1");
  EXPECT_EQ(admission.ask(ip("192.0.2.1")), Verdict::kFullOfAddress);
  EXPECT_EQ(admission.ask(ip("192.0.2.2")), Verdict::kAdmitted);
  admission.let_go(ip("192.0.2.1"), false);
  EXPECT_EQ(admission.ask(ip("192.0.2.1")), Verdict::kAdmitted);
}

TEST(Admission, CountsANetworkOfIpv6AsOneAddress) {
  Admission admission({.known = 100, .known_of_address = 1});
  open_known(admission, "2001:db8::1");
  EXPECT_EQ(admission.ask(ip("2001:db8::ffff:2")), Verdict::kFullOfAddress);
  EXPECT_EQ(admission.ask(ip("2001:db8:0:1::1")), Verdict::kAdmitted);
}

TEST(Admission, DoesNotTakeOneFamilyForTheOther) {
  EXPECT_NE(Admission::key_of(ip("32.1.13.184")), Admission::key_of(ip("2001:db8::")));
}

TEST(Admission, SaysWhenOneTooManyIsVouchedForAndCountsItAllTheSame) {
  Admission admission({.known = 2, .known_of_address = 1});
  open_known(admission, "192.0.2.1");
  admission.opened();
  EXPECT_EQ(admission.vouched(ip("192.0.2.1")), Verdict::kFullOfAddress);
  admission.opened();
  EXPECT_EQ(admission.vouched(ip("192.0.2.2")), Verdict::kFull);
  admission.let_go(ip("192.0.2.1"), false);
  EXPECT_EQ(admission.ask(ip("192.0.2.3")), Verdict::kFull);
  admission.let_go(ip("192.0.2.1"), false);
  EXPECT_EQ(admission.ask(ip("192.0.2.1")), Verdict::kAdmitted);
}

TEST(Admission, EachLoopHasItsPartOfTheStrangers) {
  const Admission::Most most = Admission::of_callers(200, 100, 4);
  EXPECT_EQ(most.known, 200U);
  EXPECT_EQ(most.strangers, 25U);
  EXPECT_EQ(most.known_of_address, 100U);
  EXPECT_EQ(most.strangers_of_address, 16U);  // 13, but for chance
}

TEST(Admission, StrangersMayHaveThePlacesThatNoKnownOneHas) {
  Admission admission({.known = 8, .strangers = 2, .loops = 2});
  EXPECT_EQ(admission.most_strangers(), 4U);
  for (int i = 0; i < 3; ++i) open_known(admission, "192.0.2.1");
  EXPECT_EQ(admission.most_strangers(), 2U);  // (8 - 3) / 2
  for (int i = 0; i < 5; ++i) open_known(admission, "192.0.2.1");
  admission.vouched(ip("192.0.2.1"));
  EXPECT_EQ(admission.most_strangers(), 2U);  // its share, with one too many known
}

TEST(Admission, WhoOnlyConnectsCannotMakeDescriptorsRunShort) {
  const std::size_t descriptors = descriptors_for_calls(file_limit());
  for (const std::size_t loops : {1U, 2U, 8U}) {
    const Admission::Most most = Admission::of_callers(SIZE_MAX, SIZE_MAX, loops);
    EXPECT_LE(most.known + loops * most.strangers, descriptors / 4 * 3 + loops + 1);
    EXPECT_LE(loops * most.strangers, descriptors / 4 + loops);
  }
  const Admission::Most of_admins = Admission::of_admins(SIZE_MAX);
  EXPECT_LE(of_admins.known + of_admins.strangers, file_limit() - descriptors);
  EXPECT_GT(of_admins.known, 0U);
  EXPECT_GT(of_admins.strangers, 0U);
}

TEST(Admission, TakesNewNumbersWithoutTurningAnybodyOut) {
  Admission admission({.known = 2, .known_of_address = 2});
  open_known(admission, "192.0.2.1");
  open_known(admission, "192.0.2.1");
  admission.use({.known = 9, .known_of_address = 1, .strangers = 7, .strangers_of_address = 3});
  EXPECT_EQ(admission.open(), 2U);
  EXPECT_EQ(admission.most_strangers(), 7U);
  EXPECT_EQ(admission.most_strangers_of_address(), 3U);
  EXPECT_EQ(admission.ask(ip("192.0.2.1")), Verdict::kFullOfAddress);
  EXPECT_EQ(admission.ask(ip("192.0.2.2")), Verdict::kAdmitted);
}

TEST(Admission, HoldsUnderManyThreads) {
  Admission admission({.known = 8, .known_of_address = 3});
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      const base::IpAddress address = ip(number % 2 == 0 ? "192.0.2.1" : "192.0.2.2");
      for (int i = 0; i < 2000; ++i) {
        if (admission.ask(address) != Verdict::kAdmitted) continue;
        admission.opened();
        if (i % 2 == 0) (void)admission.vouched(address);
        admission.let_go(address, i % 2 != 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admission.open(), 0U);
  for (int i = 0; i < 3; ++i) open_known(admission, "192.0.2.1");
}

}  // namespace
}  // namespace claviger::server
