// SPDX-License-Identifier: Apache-2.0
#include "vault/record_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crypto/testing/routed_arena.h"
#include "store/testing/memory_store.h"
#include "vault/register.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::vault {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

base::SecretArena& arena = crypto::testing::routed_arena();

// A store under guard, and whoever can write its database.
class RecordGuardTest : public ::testing::Test {
 protected:
  RecordGuardTest() {
    store::Batch first;
    EXPECT_TRUE(guard_.protect_first(first).has_value());
    EXPECT_TRUE(store_.commit(first).has_value());
    write("openai", R"({"base_url":"https://api.openai.com"})");
    write("github", R"({"base_url":"https://api.github.com"})");
    write("stripe", R"({"base_url":"https://api.stripe.com"})");
  }

  store::Batch begin() { return {.base = *store_.head()}; }

  // As the registry does: what replaces a row keeps its id.
  void add(store::Batch& batch, const std::string& name, std::string body, bool deleted = false) {
    const auto there = *store_.find("upstream", name);
    store::Record record{.kind = "upstream",
                         .name = name,
                         .id = there ? there->id : batch.new_id(batch.writes.size()),
                         .revision = batch.revision(),
                         .deleted = deleted,
                         .body = std::move(body),
                         .sealed = {std::byte{7}, std::byte{8}},
                         .updated_at = WallTime(std::chrono::microseconds(1'800'000'000'000'000))};
    batch.writes.push_back({.record = std::move(record), .replaces = there ? there->revision : 0});
  }

  Result<store::Revision> commit(store::Batch& batch) {
    CLV_TRY_VOID(guard_.protect(store_, batch));
    return store_.commit(batch);
  }

  void write(const std::string& name, std::string body = "{}") {
    store::Batch batch = begin();
    add(batch, name, std::move(body));
    const auto committed = commit(batch);
    ASSERT_TRUE(committed.has_value()) << committed.error().what();
  }
  void remove(const std::string& name) {
    store::Batch batch = begin();
    add(batch, name, "", true);
    ASSERT_TRUE(commit(batch).has_value());
  }

  store::Record& row(const std::string& name) { return *disk().row("upstream", name); }
  store::testing::MemoryDisk::State& disk_state() { return disk().state; }
  store::testing::MemoryDisk& disk() { return store_.disk(); }
  std::string part_of(const std::string& name) { return part_name(place_of(*keys_, "upstream", name)); }
  store::Bytes& part(const std::string& name) { return disk_state().meta.find(part_of(name))->second; }

  // A name whose record lies in the same part as the other's, or in another.
  std::string neighbour(const std::string& name, bool same_part) {
    for (int i = 0;; ++i) {
      std::string other = "other-" + std::to_string(i);
      if ((part_of(other) == part_of(name)) == same_part) return other;
    }
  }

  // "name what" of each fault; or the error, by itself.
  std::vector<std::string> load() {
    loaded_.clear();
    auto faults = guard_.load(store_, [&](store::Record record) {
      loaded_.insert(record.name);
      return ok();
    });
    if (!faults.has_value()) {
      EXPECT_EQ(faults.error().code(), Code::kInternal);
      return {"error: " + std::string(faults.error().what())};
    }
    std::vector<std::string> found;
    for (const RecordFault& fault : *faults) {
      found.push_back(fault.name + " " + fault.what);
      EXPECT_EQ(fault.kind, fault.name.empty() ? "" : "upstream");
    }
    return found;
  }

  // The same of a record read by itself.
  std::string check(const std::string& name) {
    const auto fault = guard_.check(store_, row(name));
    if (!fault.has_value()) return "error: " + std::string(fault.error().what());
    return *fault ? (*fault)->name + " " + (*fault)->what : "";
  }

  // `expected` is the only fault now and after writes beside it, in the same part and in others; all other records
  // load. Writing the record again is what ends it.
  void expect_lasting(const std::string& name, const std::string& expected) {
    EXPECT_THAT(load(), ElementsAre(name + " " + expected));
    std::set<std::string> others = {"openai", "github", "stripe"};
    others.erase(name);
    EXPECT_TRUE(std::ranges::includes(loaded_, others));
    EXPECT_FALSE(loaded_.contains(name));
    for (const bool same_part : {true, false}) {
      write(neighbour(name, same_part));
      EXPECT_THAT(load(), ElementsAre(name + " " + expected));
      EXPECT_TRUE(loaded_.contains(neighbour(name, same_part)));
    }
    write(name, R"({"base_url":"https://api.example.com"})");
    EXPECT_THAT(load(), IsEmpty());
    EXPECT_TRUE(loaded_.contains(name));
  }

  static constexpr const char* kOutOfDate =
      "error: the register of records is not of the store's revision: a part of the store was put back, and "
      "no record "
      "can be believed; restore all of it from one backup";
  static constexpr const char* kNoHead =
      "error: the register of records was altered or is missing, so that no record can be believed; restore "
      "the store "
      "from a backup";
  static constexpr const char* kUnknown =
      " may be an older version, since its part of the register was altered; write it again";

  testing::ThrowawayKeys made_{arena};
  std::unique_ptr<KeyHolder> keys_ = made_.open();
  RecordGuard guard_{*keys_};
  store::testing::MemoryStore store_;
  std::set<std::string> loaded_;
};

TEST_F(RecordGuardTest, FindsNothingWrongWithWhatItWrote) {
  remove("stripe");
  EXPECT_THAT(load(), IsEmpty());
  EXPECT_THAT(loaded_, UnorderedElementsAre("openai", "github", "stripe"));
  for (const char* const name : {"openai", "github", "stripe"}) EXPECT_EQ(check(name), "");
}

TEST_F(RecordGuardTest, HandsRecordsOverInTheOrderOfTheirIds) {
  std::vector<std::uint64_t> ids;
  ASSERT_TRUE(guard_
                  .load(store_,
                        [&](const store::Record& record) {
                          ids.push_back(record.id);
                          return ok();
                        })
                  .has_value());
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
}

TEST_F(RecordGuardTest, BelievesTheSameAfterARestart) {
  const auto keys = made_.open();
  EXPECT_TRUE(RecordGuard(*keys).load(store_, [](const store::Record&) { return ok(); })->empty());
}

TEST_F(RecordGuardTest, BelievesNothingUnderOtherKeys) {
  const auto others = testing::throwaway_keys(arena);
  EXPECT_FALSE(RecordGuard(*others).load(store_, [](const store::Record&) { return ok(); }).has_value());
}

TEST_F(RecordGuardTest, TakesTheFirstBatchWithRecords) {
  store::testing::MemoryStore fresh;
  store::Batch first;
  add(first, "early", "{}");
  first.writes.front().replaces = 0;
  ASSERT_TRUE(guard_.protect_first(first).has_value());
  ASSERT_TRUE(fresh.commit(first).has_value());
  std::vector<std::string> names;
  const auto faults = guard_.load(fresh, [&](const store::Record& record) {
    names.push_back(record.name);
    return ok();
  });
  ASSERT_TRUE(faults.has_value());
  EXPECT_THAT(*faults, IsEmpty());
  EXPECT_THAT(names, ElementsAre("early"));
}

TEST_F(RecordGuardTest, SeesEveryFieldThatWasEdited) {
  const store::Record good = row("openai");
  const auto edits = std::vector<std::function<void(store::Record&)>>{
      [](store::Record& record) { record.body = R"({"base_url":"https://evil.example"})"; },
      [](store::Record& record) { record.body += " "; },
      [](store::Record& record) { record.id += 1; },
      [](store::Record& record) { record.revision += 1; },
      [](store::Record& record) { record.revision -= 1; },
      [](store::Record& record) { record.deleted = true; },
      [](store::Record& record) { record.sealed.front() ^= std::byte{1}; },
      [](store::Record& record) { record.sealed.clear(); },
      [](store::Record& record) { record.updated_at += std::chrono::microseconds(1); },
      [](store::Record& record) { record.mac.front() ^= std::byte{1}; },
      [](store::Record& record) { record.mac.pop_back(); },
      [](store::Record& record) { record.mac.clear(); },
      // Bytes moved from one field to the next.
      [](store::Record& record) {
        record.body.push_back(static_cast<char>(record.sealed.front()));
        record.sealed.erase(record.sealed.begin());
      },
  };
  for (const auto& edit : edits) {
    row("openai") = good;
    edit(row("openai"));
    EXPECT_THAT(load(), ElementsAre("openai was altered"));
    EXPECT_THAT(loaded_, UnorderedElementsAre("github", "stripe"));
    EXPECT_EQ(check("openai"), "openai was altered");
    EXPECT_EQ(check("github"), "");
  }
}

TEST_F(RecordGuardTest, KeepsSayingThatABaseUrlWasEdited) {
  row("openai").body = R"({"base_url":"https://evil.example"})";
  expect_lasting("openai", "was altered");
}

TEST_F(RecordGuardTest, SeesSecretsSwappedBetweenRecords) {
  std::swap(row("openai").sealed, row("github").sealed);
  row("openai").sealed.front() = std::byte{1};
  row("github").sealed.front() = std::byte{2};
  EXPECT_THAT(load(), UnorderedElementsAre("openai was altered", "github was altered"));
  std::swap(row("openai").mac, row("github").mac);
  EXPECT_THAT(load(), UnorderedElementsAre("openai was altered", "github was altered"));
  write("stripe");
  EXPECT_THAT(load(), UnorderedElementsAre("openai was altered", "github was altered"));
  EXPECT_THAT(loaded_, UnorderedElementsAre("stripe"));
}

TEST_F(RecordGuardTest, KeepsSayingThatAnOldRowWasPutBack) {
  const store::Record old = row("openai");
  write("openai", R"({"revoked":true})");
  row("openai") = old;
  EXPECT_EQ(check("openai"), "openai is an older version, put back");
  expect_lasting("openai", "is an older version, put back");
}

TEST_F(RecordGuardTest, KeepsSayingThatARowWasRemoved) {
  disk_state().records.erase({"upstream", "openai"});
  expect_lasting("openai", "was removed");
}

TEST_F(RecordGuardTest, KeepsSayingThatATombstoneWasRemoved) {
  remove("openai");
  disk_state().records.erase({"upstream", "openai"});
  expect_lasting("openai", "was removed");
}

TEST_F(RecordGuardTest, KeepsSayingThatATombstoneWasTurnedAlive) {
  remove("openai");
  row("openai").deleted = false;
  row("openai").body = "{}";
  expect_lasting("openai", "was altered");
}

TEST_F(RecordGuardTest, KeepsSayingThatTheDeadWerePutBack) {
  const store::Record alive = row("openai");
  remove("openai");
  row("openai") = alive;
  expect_lasting("openai", "is an older version, put back");
}

TEST_F(RecordGuardTest, KeepsSayingThatARowWasPutIn) {
  store::Record inserted = row("openai");  // with a MAC, of another record
  inserted.name = "evil";
  inserted.id = 1;
  disk_state().records[{"upstream", "evil"}] = inserted;
  EXPECT_EQ(check("evil"), "evil was not written by this gateway");
  expect_lasting("evil", "was not written by this gateway");
}

TEST_F(RecordGuardTest, SeesARowThatIsThereTwice) {
  store::Record copy = row("openai");
  disk_state().records[{"upstream", "zzz"}] = copy;
  EXPECT_THAT(load(), ElementsAre("openai is there twice"));
  EXPECT_TRUE(loaded_.contains("openai"));
  // An old one beside the good one.
  disk_state().records.erase({"upstream", "zzz"});
  write("openai");
  disk_state().records[{"upstream", "zzz"}] = copy;
  EXPECT_THAT(load(), ElementsAre("openai is an older version, put back"));
  EXPECT_TRUE(loaded_.contains("openai"));
}

TEST_F(RecordGuardTest, SeesRecordsThatWereRenamed) {
  store::Record& one = row("openai");
  store::Record& other = row("github");
  std::swap(one.name, other.name);
  EXPECT_THAT(load(), UnorderedElementsAre("openai was altered", "github was altered"));
  std::swap(one.name, other.name);
  one.name = "evil";
  EXPECT_THAT(load(), UnorderedElementsAre("evil was not written by this gateway", "openai was removed"));
  write("stripe");
  EXPECT_THAT(load(), UnorderedElementsAre("evil was not written by this gateway", "openai was removed"));
}

// Two batches had the same revision, since the commit of the first failed; who runs the database has seen both.
TEST_F(RecordGuardTest, KeepsSayingThatAVersionWasNeverCommitted) {
  store::Batch failed = begin();
  add(failed, "openai", R"({"who":"evil"})");
  ASSERT_TRUE(guard_.protect(store_, failed).has_value());
  write("openai", R"({"who":"good"})");
  row("openai") = failed.writes.front().record;
  expect_lasting("openai", "is a version that was never committed");
}

TEST_F(RecordGuardTest, SeesThatARowOfAFailedBatchWasPutIn) {
  store::Batch failed = begin();
  add(failed, "evil", "{}");
  ASSERT_TRUE(guard_.protect(store_, failed).has_value());
  write("openai");
  disk_state().records[{"upstream", "evil"}] = failed.writes.front().record;
  expect_lasting("evil", "is a version that was never committed");
}

// Begun anew by the next write, the part must not speak for a record that it lost sight of.
TEST_F(RecordGuardTest, BelievesNoOldRowThatCameBackWithItsPartOfTheRegister) {
  const std::string beside = neighbour("openai", true);
  write(beside);
  const store::Record old = row("openai");
  const store::Bytes old_part = part("openai");
  write("openai", R"({"revoked":true})");
  row("openai") = old;
  part("openai") = old_part;

  const std::string number = part_of("openai").substr(9);
  const std::string put_back = " part " + number + " of the register is an older version, put back";
  EXPECT_THAT(load(), UnorderedElementsAre(put_back, "openai" + std::string(kUnknown), beside + kUnknown));
  EXPECT_THAT(loaded_, UnorderedElementsAre("github", "stripe"));
  EXPECT_EQ(check("openai"), "openai" + std::string(kUnknown));

  const std::string revision = std::to_string(*store_.head() + 1);
  const std::string marked = " part " + number + " of the register was altered before revision " + revision +
                             ": records that were written since then count, others may be missing";
  write(beside);
  EXPECT_THAT(load(), UnorderedElementsAre(marked, "openai" + std::string(kUnknown)));
  EXPECT_THAT(loaded_, UnorderedElementsAre("github", "stripe", beside));
  EXPECT_EQ(check("openai"), "openai" + std::string(kUnknown));
  write("github");
  EXPECT_THAT(load(), UnorderedElementsAre(marked, "openai" + std::string(kUnknown)));

  write("openai");
  EXPECT_THAT(load(), ElementsAre(marked));
  EXPECT_THAT(loaded_, UnorderedElementsAre("github", "stripe", beside, "openai"));
  // What was written since is guarded as ever.
  disk_state().records.erase({"upstream", "openai"});
  EXPECT_THAT(load(), UnorderedElementsAre(marked, "openai was removed"));
}

TEST_F(RecordGuardTest, SeesThatAPartOfTheRegisterWasRemovedOrAltered) {
  const store::Bytes good = part("openai");
  const std::string name = " part " + part_of("openai").substr(9) + " of the register ";
  disk_state().meta.erase(part_of("openai"));
  EXPECT_THAT(load(), UnorderedElementsAre(name + "was removed", "openai" + std::string(kUnknown)));
  EXPECT_THAT(loaded_, UnorderedElementsAre("github", "stripe"));

  for (std::size_t at = 0; at < good.size(); ++at) {
    store::Bytes altered = good;
    altered[at] ^= std::byte{1};
    disk_state().meta[part_of("openai")] = altered;
    EXPECT_THAT(load(), UnorderedElementsAre(name + "was altered", "openai" + std::string(kUnknown)));
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{31}, good.size() - 1}) {
    disk_state().meta[part_of("openai")] =
        store::Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(load(), Contains(name + "was altered"));
  }

  write("github");
  EXPECT_THAT(load(), UnorderedElementsAre(name + "was altered", "openai" + std::string(kUnknown)));
  row("openai").body = "edited";
  EXPECT_THAT(load(), UnorderedElementsAre(name + "was altered", "openai was altered"));
}

TEST_F(RecordGuardTest, SeesThatPartsOfTheRegisterWereSwapped) {
  std::swap(part("openai"), part("github"));
  EXPECT_THAT(load(), Contains(" part " + part_of("openai").substr(9) + " of the register was altered"));
  EXPECT_THAT(loaded_, UnorderedElementsAre("stripe"));
}

TEST_F(RecordGuardTest, LeavesAPartAloneThatIsNotYetInUse) {
  const std::string name = neighbour("openai", false);
  disk_state().meta[part_of(name)] = part("openai");
  EXPECT_THAT(load(), IsEmpty());
  write(name);
  EXPECT_THAT(load(), IsEmpty());
}

TEST_F(RecordGuardTest, BelievesNothingWithoutTheRegistersHead) {
  const store::Bytes good = disk_state().meta.find(head_name())->second;
  for (std::size_t at = 0; at < good.size(); at += 97) {
    disk_state().meta[head_name()][at] ^= std::byte{1};
    EXPECT_THAT(load(), ElementsAre(kNoHead));
    disk_state().meta[head_name()] = good;
  }
  disk_state().meta[head_name()].pop_back();
  EXPECT_THAT(load(), ElementsAre(kNoHead));
  disk_state().meta.erase(head_name());
  EXPECT_THAT(load(), ElementsAre(kNoHead));
  EXPECT_EQ(check("openai"), kNoHead);
  store::Batch batch = begin();
  add(batch, "openai", "{}");
  const auto refused = commit(batch);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kInternal);
}

TEST_F(RecordGuardTest, BelievesNothingWhenTheRegistersHeadWasPutBack) {
  const store::Bytes old = disk_state().meta.find(head_name())->second;
  write("openai", R"({"revoked":true})");
  disk_state().meta[head_name()] = old;
  EXPECT_THAT(load(), ElementsAre(kOutOfDate));
  EXPECT_EQ(check("openai"), kOutOfDate);
  store::Batch batch = begin();
  add(batch, "openai", "{}");
  EXPECT_FALSE(commit(batch).has_value());

  // Nor when the store's count of revisions agrees: parts and records are witnesses.
  --disk_state().head;
  EXPECT_THAT(load(), ElementsAre(kOutOfDate));
  disk_state().meta.erase(part_of("openai"));
  EXPECT_THAT(load(), ElementsAre(kOutOfDate));
}

TEST_F(RecordGuardTest, BelievesNothingWhenTheCountOfRevisionsWasChanged) {
  ++disk_state().head;
  EXPECT_THAT(load(), ElementsAre(kOutOfDate));
}

TEST_F(RecordGuardTest, CannotSeeThatEverythingWasPutBack) {
  const auto old = disk_state();
  write("openai", R"({"revoked":true})");
  disk_state() = old;
  EXPECT_THAT(load(), IsEmpty());
}

TEST_F(RecordGuardTest, SaysThatSomebodyElseWasFaster) {
  store::Batch batch = begin();
  add(batch, "openai", "{}");
  write("github");
  const auto late = commit(batch);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kConflict);
  bool wrote = false;
  const auto faults = guard_.load(store_, [&](const store::Record&) {
    if (!std::exchange(wrote, true)) write("stripe");
    return ok();
  });
  ASSERT_FALSE(faults.has_value());
  EXPECT_EQ(faults.error().code(), Code::kConflict);
}

TEST_F(RecordGuardTest, ProtectsABatchAgainWhoseCommitFailed) {
  store::Batch batch = begin();
  add(batch, "openai", "{}");
  store_.fail_writes(true);
  EXPECT_FALSE(commit(batch).has_value());
  store_.fail_writes(false);
  EXPECT_TRUE(commit(batch).has_value());
  EXPECT_EQ(std::ranges::count(batch.meta, head_name(), &store::Meta::name), 1);
  EXPECT_THAT(load(), IsEmpty());
}

TEST_F(RecordGuardTest, KeepsWhatElseABatchHas) {
  store::Batch batch = begin();
  batch.meta.push_back({.name = "keyring", .value = {std::byte{1}}});
  batch.outbox.emplace_back("{}");
  ASSERT_TRUE(commit(batch).has_value());
  EXPECT_TRUE(disk_state().meta.contains("keyring"));
  EXPECT_THAT(load(), IsEmpty());
}

TEST_F(RecordGuardTest, PassesTheErrorsOfStoreAndReceiverOn) {
  const auto refused = guard_.load(store_, [](const store::Record&) -> Result<void> {
    return Error(Code::kTimeout, Blame::kGateway, "x");
  });
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kTimeout);
  store_.fail_everything(true);
  EXPECT_EQ(guard_.load(store_, [](const store::Record&) { return ok(); }).error().code(),
            Code::kUnavailable);
}

TEST_F(RecordGuardTest, NamesNoMoreThanAFewThousandFaults) {
  for (int i = 0; i < 10'100; ++i) {
    store::Record inserted{.kind = "upstream", .name = "evil-" + std::to_string(i), .id = std::uint64_t(i)};
    disk_state().records[{"upstream", inserted.name}] = inserted;
  }
  store::Record huge{.kind = "upstream", .name = std::string(100'000, 'x'), .id = 20'000};
  disk_state().records[{"upstream", "huge"}] = huge;
  const std::vector<std::string> faults = load();
  ASSERT_EQ(faults.size(), 10'001U);
  EXPECT_EQ(faults.back(), " 101 more records are not what they should be");
  EXPECT_TRUE(std::ranges::all_of(faults, [](const std::string& fault) { return fault.size() < 400; }));
  EXPECT_THAT(loaded_, UnorderedElementsAre("openai", "github", "stripe"));
}

// Whatever is written, in batches of whatever size, it is what load() hands over.
TEST_F(RecordGuardTest, AgreesWithAModelOverAThousandBatches) {
  std::map<std::string, std::pair<bool, std::string>> model;  // deleted, body
  for (const char* const name : {"openai", "github", "stripe"}) model[name] = {false, row(name).body};
  unsigned state = 12345;
  const auto draw = [&](unsigned below) {
    state = state * 1664525U + 1013904223U;
    return (state >> 8) % below;
  };
  for (int round = 0; round < 1000; ++round) {
    store::Batch batch = begin();
    std::set<std::string> touched;
    for (unsigned i = draw(5); i > 0; --i) {
      const std::string name = "name-" + std::to_string(draw(300));
      if (!touched.insert(name).second) continue;
      const bool deleted = model.contains(name) && draw(3) == 0;
      const std::string body = deleted ? "" : std::to_string(round);
      add(batch, name, body, deleted);
      model[name] = {deleted, body};
    }
    ASSERT_TRUE(commit(batch).has_value());
    if (round % 50 != 0) continue;
    std::map<std::string, std::pair<bool, std::string>> found;
    const auto faults = guard_.load(store_, [&](const store::Record& record) {
      found[record.name] = {record.deleted, record.body};
      return ok();
    });
    ASSERT_TRUE(faults.has_value());
    ASSERT_TRUE(faults->empty()) << faults->front().name << " " << faults->front().what;
    ASSERT_EQ(found, model);
  }
}

TEST(Register, ReadsBackWhatItWroteAndNothingElse) {
  RegisterPart part{.number = 31, .revision = 9};
  part.entries.push_back({.kind = "grant", .name = "b", .revision = 2});
  part.entries.push_back({.kind = "upstream", .name = "a", .revision = 9, .tag = {std::byte{1}}});
  const store::Bytes bytes = encode_part(part);
  const auto read = decode_part(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->number, 31);
  EXPECT_EQ(read->entries[1].name, "a");
  EXPECT_EQ(encode_part(*read), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_part(std::span(bytes).first(size)).has_value());
  store::Bytes longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_part(longer).has_value());
  std::ranges::swap(part.entries[0], part.entries[1]);
  EXPECT_FALSE(decode_part(encode_part(part)).has_value());
  part.entries[1] = part.entries[0];
  EXPECT_FALSE(decode_part(encode_part(part)).has_value());

  const store::Bytes head = encode_head({.revision = 7});
  EXPECT_EQ(decode_head(head)->revision, 7U);
  EXPECT_EQ(encode_head(*decode_head(head)), head);
  for (std::size_t size = 0; size < head.size(); size += 101)
    EXPECT_FALSE(decode_head(std::span(head).first(size)).has_value());
}

}  // namespace
}  // namespace claviger::vault
