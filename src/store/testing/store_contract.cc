// SPDX-License-Identifier: Apache-2.0
#include "store/testing/store_contract.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

namespace claviger::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime kTime{std::chrono::microseconds(1'767'225'600'123'456)};

std::vector<std::string> names_of(const std::vector<Record>& records) {
  std::vector<std::string> names;
  for (const Record& record : records) names.push_back(record.name);
  return names;
}

std::vector<std::string> events_of(const std::vector<OutboxEntry>& entries) {
  std::vector<std::string> events;
  for (const OutboxEntry& entry : entries) events.push_back(std::to_string(entry.number) + entry.event);
  return events;
}

std::vector<Record> all_of(Store& store) {
  std::vector<Record> all;
  const auto done = store.for_each([&](Record record) {
    all.push_back(std::move(record));
    return ok();
  });
  EXPECT_TRUE(done.has_value()) << done.error().what();
  return all;
}

void expect_equal(const Record& a, const Record& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.deleted, b.deleted);
  EXPECT_EQ(a.body, b.body);
  EXPECT_EQ(a.sealed, b.sealed);
  EXPECT_EQ(a.mac, b.mac);
  EXPECT_EQ(a.updated_at, b.updated_at);
}

}  // namespace

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void add_new(Batch& batch, std::string kind, std::string name, std::string body) {
  Record record{.kind = std::move(kind), .name = std::move(name), .id = batch.new_id(batch.writes.size())};
  record.revision = batch.revision();
  record.body = std::move(body);
  record.sealed = bytes_of("sealed");
  record.mac = bytes_of("mac");
  record.updated_at = kTime;
  batch.writes.push_back({std::move(record), 0});
}

void add_changed(Batch& batch, Record record, std::string body) {
  const Revision replaces = std::exchange(record.revision, batch.revision());
  record.body = std::move(body);
  batch.writes.push_back({std::move(record), replaces});
}

void add_deleted(Batch& batch, Record record) {
  record.deleted = true;
  record.sealed.clear();
  add_changed(batch, std::move(record), "");
}

StoreContract::StoreContract() : place_(GetParam()()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "store-contract-XXXXXX").string();
  EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
  reopen();
}

StoreContract::~StoreContract() {
  store_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void StoreContract::reopen() {
  store_.reset();
  auto opened = place_->open();
  ASSERT_TRUE(opened.has_value()) << opened.error().what();
  store_ = *std::move(opened);
}

Batch StoreContract::next_batch() {
  Batch batch;
  batch.base = store_->head().value();
  return batch;
}

void StoreContract::forget(const std::vector<std::uint64_t>& numbers) {
  ASSERT_TRUE(store_->forget_outbox(numbers).has_value());
}

void StoreContract::commit(const Batch& batch) {
  const auto done = store_->commit(batch);
  ASSERT_TRUE(done.has_value()) << done.error().what();
  EXPECT_EQ(*done, batch.base + 1);
}

Record StoreContract::at(std::string_view kind, std::string_view name) {
  auto found = store_->find(kind, name);
  EXPECT_TRUE(found.has_value() && found->has_value()) << kind << " " << name;
  return found.value().value_or(Record{});
}

std::string StoreContract::new_file() { return directory_ + "/copy"; }

// --- batches and revisions

TEST_P(StoreContract, IsEmptyAtFirst) {
  EXPECT_EQ(*store_->head(), 0U);
  EXPECT_FALSE(store_->find("grant", "a")->has_value());
  EXPECT_THAT(*store_->list("grant", "", 10), IsEmpty());
  EXPECT_THAT(all_of(*store_), IsEmpty());
  EXPECT_THAT(*store_->changes_since(0, 10), IsEmpty());
  EXPECT_FALSE(store_->find_meta("a")->has_value());
  EXPECT_THAT(*store_->outbox(10), IsEmpty());
  EXPECT_EQ(*store_->last_outbox(), 0U);
  EXPECT_THAT(*store_->counters(), IsEmpty());
}

TEST_P(StoreContract, CountsBatches) {
  commit(next_batch());  // even an empty one
  EXPECT_EQ(*store_->head(), 1U);
  Batch batch = next_batch();
  add_new(batch, "grant", "a");
  commit(batch);
  EXPECT_EQ(*store_->head(), 2U);
}

TEST_P(StoreContract, ReadsEveryFieldBack) {
  Batch batch = next_batch();
  add_new(batch, "credential", "a", R"({"a":"\u00e9"})");
  add_new(batch, "credential", "b", "");
  batch.writes[1].record.sealed.clear();
  batch.writes[1].record.mac.clear();
  batch.writes[1].record.updated_at = WallTime(std::chrono::microseconds(-1));
  batch.writes[1].record.deleted = true;
  for (int i = 0; i < 256; ++i) batch.writes[0].record.sealed.push_back(static_cast<std::byte>(i));
  commit(batch);
  for (const Batch::Write& write : batch.writes)
    expect_equal(at("credential", write.record.name), write.record);
}

TEST_P(StoreContract, GivesEachRecordTheRevisionOfItsBatch) {
  Batch batch = next_batch();
  add_new(batch, "grant", "a");
  batch.writes[0].record.revision = 77;
  commit(batch);
  EXPECT_EQ(at("grant", "a").revision, 1U);
}

TEST_P(StoreContract, KeepsEverythingWhenReopened) {
  Batch batch = next_batch();
  add_new(batch, "grant", "a", "{\"x\":1}");
  batch.meta = {{"register", bytes_of("value")}};
  batch.outbox = {"{\"event\":1}"};
  commit(batch);
  const Counter counter{"quota", 5, 7};
  ASSERT_TRUE(store_->save_counters({&counter, 1}).has_value());
  reopen();
  EXPECT_EQ(*store_->head(), 1U);
  expect_equal(at("grant", "a"), batch.writes[0].record);
  EXPECT_EQ(*store_->find_meta("register"), bytes_of("value"));
  EXPECT_THAT(events_of(*store_->outbox(10)), ElementsAre("1{\"event\":1}"));
  ASSERT_THAT(*store_->counters(), SizeIs(1));
}

TEST_P(StoreContract, RefusesABatchThatWasMadeForAnotherHead) {
  const Batch stale = next_batch();
  commit(next_batch());
  Batch early = next_batch();
  ++early.base;
  for (const Batch& batch : {stale, early}) {
    const auto done = store_->commit(batch);
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code(), Code::kConflict);
  }
  EXPECT_EQ(*store_->head(), 1U);
}

TEST_P(StoreContract, RefusesToReplaceWhatIsAtAnotherRevision) {
  Batch first = next_batch();
  add_new(first, "grant", "a", "1");
  commit(first);
  const Record old = at("grant", "a");
  Batch second = next_batch();
  add_changed(second, old, "2");
  commit(second);
  for (const Revision replaces : {Revision{0}, Revision{1}, Revision{3}, Revision{4}, UINT64_MAX}) {
    Batch batch = next_batch();
    add_changed(batch, old, "3");
    batch.writes[0].replaces = replaces;
    const auto done = store_->commit(batch);
    ASSERT_FALSE(done.has_value()) << replaces;
    EXPECT_EQ(done.error().code(), Code::kConflict) << replaces;
  }
  EXPECT_EQ(at("grant", "a").body, "2");
  EXPECT_EQ(at("grant", "a").revision, 2U);
}

TEST_P(StoreContract, RefusesToReplaceWhatIsNotThere) {
  Batch batch = next_batch();
  add_new(batch, "grant", "a");
  batch.writes[0].replaces = 1;
  commit(next_batch());
  batch.base = 1;
  EXPECT_EQ(store_->commit(batch).error().code(), Code::kConflict);
}

TEST_P(StoreContract, RefusesTwoWritesOfOneRecord) {
  Batch create = next_batch();
  add_new(create, "grant", "a", "1");
  add_new(create, "grant", "a", "2");
  EXPECT_EQ(store_->commit(create).error().code(), Code::kConflict);
  create.writes[1].replaces = create.revision();
  EXPECT_EQ(store_->commit(create).error().code(), Code::kConflict);
  create.writes.pop_back();
  commit(create);
  Batch change = next_batch();
  add_changed(change, at("grant", "a"), "2");
  add_changed(change, at("grant", "a"), "3");
  EXPECT_EQ(store_->commit(change).error().code(), Code::kConflict);
  EXPECT_EQ(at("grant", "a").body, "1");
}

TEST_P(StoreContract, RefusesAnIdThatAnotherRecordHas) {
  Batch batch = next_batch();
  add_new(batch, "grant", "a");
  add_new(batch, "grant", "b");
  const std::uint64_t own = std::exchange(batch.writes[1].record.id, batch.writes[0].record.id);
  EXPECT_EQ(store_->commit(batch).error().code(), Code::kConflict);
  batch.writes[1].record.id = own;
  commit(batch);
  Batch change = next_batch();
  Record b = at("grant", "b");
  b.id = at("grant", "a").id;
  add_changed(change, b, "2");
  EXPECT_EQ(store_->commit(change).error().code(), Code::kConflict);
  EXPECT_THAT(all_of(*store_), SizeIs(2));
}

TEST_P(StoreContract, CommitsAllOrNothing) {
  Batch first = next_batch();
  add_new(first, "grant", "a", "1");
  commit(first);
  Batch batch = next_batch();
  add_changed(batch, at("grant", "a"), "2");
  add_new(batch, "grant", "b");
  add_new(batch, "grant", "c");
  batch.writes[2].replaces = 1;  // there is none
  batch.meta = {{"register", bytes_of("new")}};
  batch.outbox = {"event"};
  EXPECT_EQ(store_->commit(batch).error().code(), Code::kConflict);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*store_->head(), 1U);
    EXPECT_EQ(at("grant", "a").body, "1");
    EXPECT_THAT(all_of(*store_), SizeIs(1));
    EXPECT_FALSE(store_->find_meta("register")->has_value());
    EXPECT_THAT(*store_->outbox(10), IsEmpty());
    EXPECT_EQ(*store_->last_outbox(), 0U);
    reopen();
  }
}

TEST_P(StoreContract, RefusesMoreWritesThanHaveIds) {
  Batch batch = next_batch();
  batch.writes.resize(Batch::kMaxWrites + 1);
  EXPECT_EQ(store_->commit(batch).error().code(), Code::kInvalid);
  EXPECT_EQ(*store_->head(), 0U);
}

// --- tombstones

TEST_P(StoreContract, KeepsTombstones) {
  Batch first = next_batch();
  add_new(first, "grant", "a");
  add_new(first, "grant", "b");
  commit(first);
  Batch second = next_batch();
  add_deleted(second, at("grant", "a"));
  commit(second);
  EXPECT_TRUE(at("grant", "a").deleted);
  EXPECT_EQ(at("grant", "a").body, "");
  EXPECT_THAT(names_of(*store_->list("grant", "", 10)), ElementsAre("b"));
  EXPECT_THAT(names_of(all_of(*store_)), ElementsAre("a", "b"));
  EXPECT_THAT(names_of(*store_->changes_since(1, 10)), ElementsAre("a"));
}

TEST_P(StoreContract, MakesARecordAnewOnlyInPlaceOfItsTombstone) {
  Batch batch = next_batch();
  add_new(batch, "grant", "a", "old");
  add_new(batch, "grant", "b");
  commit(batch);
  batch = next_batch();
  add_deleted(batch, at("grant", "a"));
  commit(batch);
  batch = next_batch();
  add_new(batch, "grant", "a", "new");
  EXPECT_EQ(store_->commit(batch).error().code(), Code::kConflict);
  batch.writes[0].replaces = 2;
  commit(batch);
  EXPECT_EQ(at("grant", "a").body, "new");
  EXPECT_FALSE(at("grant", "a").deleted);
  EXPECT_EQ(at("grant", "a").id, batch.new_id(0));
  EXPECT_THAT(names_of(all_of(*store_)), ElementsAre("b", "a"));  // by id
}

// --- reading

TEST_P(StoreContract, TellsKindsApart) {
  Batch batch = next_batch();
  add_new(batch, "grant", "a", "grant");
  add_new(batch, "principal", "a", "principal");
  commit(batch);
  EXPECT_EQ(at("grant", "a").body, "grant");
  EXPECT_EQ(at("principal", "a").body, "principal");
  EXPECT_THAT(*store_->list("grant", "", 10), SizeIs(1));
  EXPECT_THAT(*store_->list("gran", "", 10), IsEmpty());
  EXPECT_FALSE(store_->find("", "a")->has_value());
}

TEST_P(StoreContract, ListsPagesInTheOrderOfBytes) {
  Batch batch = next_batch();
  const std::vector<std::string> sorted = {"A",   "Z",  "a", "a-b",      "a.b",
                                           "a_b", "ab", "b", "\xc3\xa9", "\xf0\x9f\x94\x91"};
  for (auto name = sorted.rbegin(); name != sorted.rend(); ++name) add_new(batch, "grant", *name);
  add_new(batch, "principal", "a");
  commit(batch);
  std::vector<std::string> paged;
  for (std::string after;;) {
    const auto page = names_of(*store_->list("grant", after, 3));
    paged.insert(paged.end(), page.begin(), page.end());
    if (page.size() < 3) break;
    after = page.back();
  }
  EXPECT_EQ(paged, sorted);
  EXPECT_EQ(names_of(*store_->list("grant", "", SIZE_MAX)), sorted);
  EXPECT_THAT(*store_->list("grant", "", 0), IsEmpty());
  EXPECT_THAT(names_of(*store_->list("grant", "a", 2)), ElementsAre("a-b", "a.b"));
  EXPECT_THAT(names_of(*store_->list("grant", "aa", 2)), ElementsAre("ab", "b"));  // no record of that name
}

TEST_P(StoreContract, HandsOverAllInTheOrderOfIdsAndEndsAtAnError) {
  Batch batch = next_batch();
  for (const char* const name : {"c", "a", "b"}) add_new(batch, "grant", name);
  commit(batch);
  EXPECT_THAT(names_of(all_of(*store_)), ElementsAre("c", "a", "b"));
  int seen = 0;
  const auto done = store_->for_each([&](const Record&) -> Result<void> {
    if (++seen < 2) return ok();
    return Error(Code::kTimeout, Blame::kGateway, "enough");
  });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Code::kTimeout);
  EXPECT_EQ(seen, 2);
}

TEST_P(StoreContract, AnswersQuestionsInTheMiddleOfAll) {
  Batch batch = next_batch();
  for (const char* const name : {"a", "b"}) add_new(batch, "grant", name);
  commit(batch);
  std::size_t inner = 0;
  const auto done = store_->for_each([&](const Record& record) {
    EXPECT_EQ(at("grant", record.name).id, record.id);
    inner += all_of(*store_).size();
    return ok();
  });
  EXPECT_TRUE(done.has_value());
  EXPECT_EQ(inner, 4U);
}

TEST_P(StoreContract, FeedsWholeRevisionsInOrder) {
  for (int i = 0; i < 3; ++i) {
    Batch batch = next_batch();
    for (const char* const name : {"z", "a"}) add_new(batch, "grant", name + std::to_string(i));
    commit(batch);
  }
  Batch batch = next_batch();
  add_changed(batch, at("grant", "a0"), "again");
  commit(batch);
  EXPECT_THAT(names_of(*store_->changes_since(0, 100)), ElementsAre("z0", "z1", "a1", "z2", "a2", "a0"));
  EXPECT_THAT(names_of(*store_->changes_since(0, 1)), ElementsAre("z0"));
  EXPECT_THAT(names_of(*store_->changes_since(0, 0)), ElementsAre("z0"));
  EXPECT_THAT(names_of(*store_->changes_since(0, 2)), ElementsAre("z0", "z1", "a1"));
  EXPECT_THAT(names_of(*store_->changes_since(0, 3)), ElementsAre("z0", "z1", "a1"));
  EXPECT_THAT(names_of(*store_->changes_since(2, 1)), ElementsAre("z2", "a2"));
  EXPECT_THAT(names_of(*store_->changes_since(3, 1)), ElementsAre("a0"));
  EXPECT_THAT(*store_->changes_since(4, 1), IsEmpty());
  EXPECT_THAT(*store_->changes_since(UINT64_MAX, 1), IsEmpty());
}

TEST_P(StoreContract, KeepsTenThousandRecordsInOrder) {
  Batch batch = next_batch();
  for (int i = 0; i < 10'000; ++i) add_new(batch, "api_key", std::to_string(1'000'000 - i));
  commit(batch);
  const auto all = all_of(*store_);
  ASSERT_THAT(all, SizeIs(10'000));
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i].id, batch.new_id(i));
    ASSERT_EQ(all[i].name, batch.writes[i].record.name);
  }
  EXPECT_TRUE(std::ranges::is_sorted(names_of(*store_->list("api_key", "", 10'000))));
  EXPECT_THAT(*store_->changes_since(0, 1), SizeIs(10'000));
}

// --- what comes from outside

TEST_P(StoreContract, TakesAnyNameAsAName) {
  const std::vector<std::string> names = {"'; DROP TABLE records; --",
                                          "\" OR \"\"=\"",
                                          "a' OR '1'='1",
                                          "%",
                                          "_",
                                          "?1",
                                          ":name",
                                          "$1",
                                          "\\",
                                          "\\'",
                                          "*/ --",
                                          "a\nb\r\n\t",
                                          "\x7f\x01",
                                          "\xc3\xa9",
                                          "e\xcc\x81",
                                          "\xe2\x80\xae"
                                          "abc",
                                          "\xef\xbb\xbf",
                                          "\xf4\x8f\xbf\xbf",
                                          "NULL",
                                          "0",
                                          "00",
                                          std::string(4096, 'n')};
  Batch batch = next_batch();
  for (const std::string& name : names) {
    add_new(batch, name, name, name);
    batch.meta.push_back({name, bytes_of(name)});
    batch.outbox.push_back(name);
  }
  commit(batch);
  std::vector<Counter> counters;
  for (const std::string& name : names) counters.push_back({name, 1, 2});
  ASSERT_TRUE(store_->save_counters(counters).has_value());
  for (const std::string& name : names) {
    EXPECT_EQ(at(name, name).body, name);
    EXPECT_THAT(names_of(*store_->list(name, "", 10)), ElementsAre(name));
    EXPECT_EQ(*store_->find_meta(name), bytes_of(name));
  }
  EXPECT_THAT(all_of(*store_), SizeIs(names.size()));
  EXPECT_THAT(*store_->counters(), SizeIs(names.size()));
  EXPECT_EQ(store_->outbox(1)->front().event, names.front());
}

TEST_P(StoreContract, KeepsAMebibyteOfEverything) {
  std::string large(1 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 97) large[i] = static_cast<char>('a' + i % 26);
  Batch batch = next_batch();
  add_new(batch, "upstream", "large", large);
  batch.writes[0].record.sealed = bytes_of(large);
  batch.meta = {{"register", bytes_of(large)}};
  batch.outbox = {large};
  commit(batch);
  reopen();
  expect_equal(at("upstream", "large"), batch.writes[0].record);
  EXPECT_EQ(*store_->find_meta("register"), bytes_of(large));
  EXPECT_EQ(store_->outbox(1)->front().event, large);
}

// --- meta, outbox, counters

TEST_P(StoreContract, ReplacesMetaByName) {
  Batch batch = next_batch();
  batch.meta = {{"a", bytes_of("1")}, {"b", bytes_of("1")}, {"empty", {}}};
  commit(batch);
  batch = next_batch();
  batch.meta = {{"a", bytes_of("2")}, {"a", bytes_of("3")}};
  commit(batch);
  EXPECT_EQ(*store_->find_meta("a"), bytes_of("3"));
  EXPECT_EQ(*store_->find_meta("b"), bytes_of("1"));
  EXPECT_EQ(*store_->find_meta("empty"), Bytes());
  EXPECT_FALSE(store_->find_meta("c")->has_value());
}

TEST_P(StoreContract, HandsOutTheOutboxInOrder) {
  for (int i = 0; i < 3; ++i) {
    Batch batch = next_batch();
    batch.outbox = {"x", "y"};
    commit(batch);
  }
  EXPECT_THAT(events_of(*store_->outbox(3)), ElementsAre("1x", "2y", "3x"));
  EXPECT_THAT(*store_->outbox(0), IsEmpty());
  forget({1, 2, 3});
  EXPECT_THAT(events_of(*store_->outbox(SIZE_MAX)), ElementsAre("4y", "5x", "6y"));
  forget({2});  // once more does nothing
  EXPECT_THAT(*store_->outbox(10), SizeIs(3));
  forget({5, UINT64_MAX});  // these, and none besides
  EXPECT_THAT(events_of(*store_->outbox(10)), ElementsAre("4y", "6y"));
}

TEST_P(StoreContract, NeverNumbersAnEventTwice) {
  Batch batch = next_batch();
  batch.outbox = {"a", "b"};
  commit(batch);
  forget({1, 2});
  EXPECT_EQ(*store_->last_outbox(), 2U);
  reopen();
  EXPECT_EQ(*store_->last_outbox(), 2U);
  batch = next_batch();
  batch.outbox = {"c"};
  commit(batch);
  EXPECT_THAT(events_of(*store_->outbox(10)), ElementsAre("3c"));
}

TEST_P(StoreContract, NumbersEventsAboveWhatTheLogHas) {
  Batch batch = next_batch();
  batch.outbox = {"a"};
  commit(batch);
  ASSERT_TRUE(store_->number_outbox_above(1000).has_value());
  ASSERT_TRUE(store_->number_outbox_above(5).has_value());  // never back
  EXPECT_EQ(*store_->last_outbox(), 1000U);
  reopen();
  batch = next_batch();
  batch.outbox = {"b"};
  commit(batch);
  EXPECT_THAT(events_of(*store_->outbox(10)), ElementsAre("1a", "1001b"));
}

TEST_P(StoreContract, ReplacesCountersByNameOutsideOfBatches) {
  const std::vector<Counter> first = {{"a", 1, 10}, {"b", 1, 20}, {"c", INT64_MAX, INT64_MAX}};
  ASSERT_TRUE(store_->save_counters(first).has_value());
  const std::vector<Counter> second = {{"b", 2, 5}};
  ASSERT_TRUE(store_->save_counters(second).has_value());
  const std::vector<std::string> gone = {"a", "never there"};
  ASSERT_TRUE(store_->forget_counters(gone).has_value());
  ASSERT_TRUE(store_->save_counters({}).has_value());
  ASSERT_TRUE(store_->forget_counters({}).has_value());
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> found;
  for (const Counter& counter : *store_->counters()) found[counter.name] = {counter.window, counter.leased};
  EXPECT_THAT(found,
              ElementsAre(std::pair("b", std::pair(2, 5)), std::pair("c", std::pair(INT64_MAX, INT64_MAX))));
  EXPECT_EQ(*store_->head(), 0U);
}

// --- backup

TEST_P(StoreContract, BacksUpEverythingAsOnePrivateFile) {
  Batch batch = next_batch();
  add_new(batch, "grant", "a", "{}");
  add_new(batch, "grant", "b", "{}");
  batch.meta = {{"register", bytes_of("value")}};
  batch.outbox = {"event"};
  commit(batch);
  const Counter counter{"quota", 5, 7};
  ASSERT_TRUE(store_->save_counters({&counter, 1}).has_value());
  const mode_t before = ::umask(0);
  const auto done = store_->back_up(new_file());
  ::umask(before);
  ASSERT_TRUE(done.has_value()) << done.error().what();
  struct stat status{};
  ASSERT_EQ(::stat(new_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  const auto files = std::filesystem::directory_iterator(directory_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);

  commit(next_batch());  // the copy has nothing to do with us any more
  auto copy = place_->open_backup(new_file());
  ASSERT_TRUE(copy.has_value()) << copy.error().what();
  EXPECT_EQ(*(*copy)->head(), 1U);
  EXPECT_THAT(names_of(all_of(**copy)), ElementsAre("a", "b"));
  EXPECT_EQ(*(*copy)->find_meta("register"), bytes_of("value"));
  EXPECT_THAT(events_of(*(*copy)->outbox(10)), ElementsAre("1event"));
  EXPECT_THAT(*(*copy)->counters(), SizeIs(1));
  EXPECT_EQ(*store_->head(), 2U);
}

TEST_P(StoreContract, BacksUpToNoFileThatIsThere) {
  ASSERT_TRUE(store_->back_up(new_file()).has_value());
  const auto again = store_->back_up(new_file());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), Code::kConflict);
  EXPECT_TRUE(std::filesystem::exists(new_file()));
  std::filesystem::create_symlink("elsewhere", directory_ + "/link");
  EXPECT_FALSE(store_->back_up(directory_ + "/link").has_value());
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/elsewhere"));
  EXPECT_FALSE(store_->back_up(directory_ + "/nowhere/copy").has_value());
}

}  // namespace claviger::store::testing
