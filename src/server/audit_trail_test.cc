// SPDX-License-Identifier: Apache-2.0
#include "server/audit_trail.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"

namespace claviger::server {
namespace {

class AuditTrail : public ::testing::Test {
 protected:
  AuditTrail() { config_.data_dir = directory_.path("data"); }
  std::string key() { return (*open_audit_log(config_, signer_, nullptr, clock_))->verifier_key(); }

  const audit::testing::TemporaryDirectory directory_;
  const SystemClock clock_;
  audit::testing::TestSigner signer_;
  Config config_;
};

TEST_F(AuditTrail, KeepsTheOriginOfALog) {
  const std::string first = key();
  const std::string origin = first.substr(0, first.find('+'));
  EXPECT_EQ(origin.size(), std::string("claviger/0123456789ab-0123456789ab").size()) << origin;
  EXPECT_EQ(key(), first);
}

TEST_F(AuditTrail, GivesALogThatIsBegunAnewAnotherOriginWhateverKeySignsIt) {
  const std::string first = key();
  std::filesystem::rename(audit_directory(config_), directory_.path("elsewhere"));
  EXPECT_NE(key(), first);
}

}  // namespace
}  // namespace claviger::server
