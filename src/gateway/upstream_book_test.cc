// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace claviger::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct UpstreamBookTest : ::testing::Test {
  UpstreamBook book;

  std::unique_ptr<UpstreamStats> pool(const std::string& upstream,
                                      std::vector<std::string> endpoints = {"a.test"}) {
    return std::make_unique<UpstreamStats>(&book, upstream, std::move(endpoints));
  }
};

TEST_F(UpstreamBookTest, SumsUpThePoolsOfAnUpstreamAndRemembersThoseThatWent) {
  auto first = pool("api");
  auto second = pool("api");
  first->add(UpstreamCount::kCalls);
  second->add(UpstreamCount::kCalls);
  second->add(UpstreamCount::kFailedTls);
  second->add_in_use(2);
  second->add_idle(3);
  EXPECT_THAT(book.expose(), HasSubstr("claviger_upstream_calls_total{upstream=\"api\"} 2\n"));
  EXPECT_THAT(book.expose(),
              HasSubstr("claviger_upstream_failures_total{kind=\"tls\",upstream=\"api\"} 1\n"));
  EXPECT_THAT(book.expose(), HasSubstr("claviger_upstream_connections{state=\"idle\",upstream=\"api\"} 3\n"));
  second.reset();
  EXPECT_THAT(book.expose(), HasSubstr("claviger_upstream_calls_total{upstream=\"api\"} 2\n"));
  EXPECT_THAT(book.expose(), HasSubstr("claviger_upstream_connections{state=\"idle\",upstream=\"api\"} 0\n"));
}

TEST_F(UpstreamBookTest, ShowsAnEndpointAsDownWhenOneWorkerFindsItSo) {
  auto first = pool("api", {"a.test", "b.test:8443"});
  auto second = pool("api", {"a.test", "b.test:8443"});
  second->set_up(1, false);
  EXPECT_THAT(book.expose(), HasSubstr("endpoint_up{endpoint=\"a.test\",upstream=\"api\"} 1\n"));
  EXPECT_THAT(book.expose(), HasSubstr("endpoint_up{endpoint=\"b.test:8443\",upstream=\"api\"} 0\n"));
  second->set_up(1, true);
  EXPECT_THAT(book.expose(), HasSubstr("endpoint_up{endpoint=\"b.test:8443\",upstream=\"api\"} 1\n"));
  second->set_up(1, false);
  second->retire();
  EXPECT_THAT(book.expose(), HasSubstr("endpoint_up{endpoint=\"b.test:8443\",upstream=\"api\"} 1\n"));
}

TEST_F(UpstreamBookTest, NamesAHundredAndSumsUpTheRest) {
  std::vector<std::unique_ptr<UpstreamStats>> pools;
  for (std::size_t i = 0; i < UpstreamBook::kMaxNames + 5; ++i) {
    pools.push_back(pool("u" + std::to_string(i)));
    pools.back()->add(UpstreamCount::kCalls);
  }
  EXPECT_THAT(book.expose(), HasSubstr("calls_total{upstream=\"u99\"} 1\n"));
  EXPECT_THAT(book.expose(), Not(HasSubstr("upstream=\"u100\"")));
  EXPECT_THAT(book.expose(), HasSubstr("calls_total{upstream=\"(other)\"} 5\n"));
  EXPECT_THAT(book.expose(), Not(HasSubstr("endpoint_up{endpoint=\"a.test\",upstream=\"(other)\"}")));
}

TEST_F(UpstreamBookTest, ANewNameTakesThePlaceOfOneThatNobodyCallsAnyMore) {
  std::vector<std::unique_ptr<UpstreamStats>> pools;
  for (std::size_t i = 0; i < UpstreamBook::kMaxNames; ++i) pools.push_back(pool("u" + std::to_string(i)));
  pools[7]->add(UpstreamCount::kCalls);
  pools[7].reset();
  auto late = pool("late");
  late->add(UpstreamCount::kCalls);
  EXPECT_THAT(book.expose(), HasSubstr("calls_total{upstream=\"late\"} 1\n"));
  EXPECT_THAT(book.expose(), Not(HasSubstr("upstream=\"u7\"")));
  EXPECT_THAT(book.expose(), HasSubstr("calls_total{upstream=\"(other)\"} 1\n"));
}

TEST_F(UpstreamBookTest, IsReadWhilePoolsComeAndGo) {
  std::thread worker([this] {
    for (int i = 0; i < 300; ++i) pool("u" + std::to_string(i % 150))->add(UpstreamCount::kCalls);
  });
  for (int i = 0; i < 50; ++i)
    EXPECT_THAT(book.expose(), HasSubstr("# TYPE claviger_upstream_calls_total counter"));
  worker.join();
  auto again = pool("u1");
  EXPECT_THAT(book.expose(), HasSubstr("upstream=\"u1\""));
}

}  // namespace
}  // namespace claviger::gateway
