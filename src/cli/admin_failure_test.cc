// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_failure.h"

#include <gtest/gtest.h>

#include "cli/command.h"
#include "telemetry/redact.h"

namespace claviger::cli {
namespace {

const AdminAddress& address() {
  static const AdminAddress kAddress = *parse_admin_address("https://127.0.0.1:9443");
  return kAddress;
}

std::string connection_text(const std::string& what, const AdminAddress& to = address()) {
  return std::string(
      connection_failure(Error::formatted(Code::kUpstreamFailed, Blame::kUpstream, what), to).what());
}

std::string refusal_text(unsigned status, std::string_view body, std::uint32_t retry = 0) {
  return std::string(refusal(status, body, "f00d", retry, address()).what());
}

TEST(AdminFailure, SaysWhatToDoWhenNobodyListens) {
  const std::string text =
      connection_text("connecting to the upstream at 127.0.0.1:9443: Connection refused");
  EXPECT_TRUE(text.contains("is the gateway running")) << text;
  EXPECT_TRUE(text.contains("https://127.0.0.1:9443")) << text;
  EXPECT_TRUE(text.contains("CLAVIGER_ADDR")) << text;
}

TEST(AdminFailure, SaysWhatToDoWhenTheCertificateIsNotTrusted) {
  const std::string text = connection_text(
      "the upstream's certificate is not valid: self-signed certificate in certificate chain");
  EXPECT_TRUE(text.contains("CLAVIGER_CACERT")) << text;
  EXPECT_FALSE(text.contains("upstream")) << text;
}

TEST(AdminFailure, SaysWhatToDoWhenTheCertificateIsForAnotherName) {
  const std::string text = connection_text("the upstream's certificate is not valid: IP address mismatch");
  EXPECT_FALSE(text.contains("CLAVIGER_CACERT")) << text;
  EXPECT_TRUE(text.contains("CLAVIGER_ADDR")) << text;
}

TEST(AdminFailure, WondersAboutTlsWhenAPlainConnectionIsClosed) {
  const auto plain = parse_admin_address("http://127.0.0.1:9443");
  EXPECT_TRUE(
      connection_text("the upstream closed the connection before it answered", *plain).contains("https://"));
}

TEST(AdminFailure, TellsTheGatewaysReasonAndTheRequest) {
  const std::string text =
      refusal_text(409, R"({"title":"Conflict","detail":"principal 'ci' still has grants"})");
  EXPECT_EQ(text, "conflict: principal 'ci' still has grants (request f00d)");
  EXPECT_TRUE(refusal_text(400, R"({"title":"Bad"})").starts_with("the gateway refuses this: Bad"));
  EXPECT_TRUE(refusal_text(500, R"({"title":"Bad"})").starts_with("the gateway failed: Bad"));
}

TEST(AdminFailure, SaysWhatIsMissingForEachStatus) {
  EXPECT_TRUE(refusal_text(401, "{}").contains("CLAVIGER_TOKEN"));
  EXPECT_TRUE(refusal_text(401, "{}").contains("admin.key"));
  EXPECT_TRUE(refusal_text(403, "{}").contains("management: admin"));
  EXPECT_TRUE(refusal_text(429, "{}", 17).contains("again in 17 s"));
  EXPECT_TRUE(refusal_text(503, "{}").contains("claviger status"));
  EXPECT_TRUE(refusal_text(302, "<html>").contains("redirect"));
  EXPECT_TRUE(refusal_text(418, "<html>").contains("is this the admin listener"));
}

TEST(AdminFailure, CodesTellCasesApart) {
  EXPECT_EQ(refusal(404, "", "", 0, address()).code(), Code::kNoResource);
  EXPECT_EQ(refusal(409, "", "", 0, address()).code(), Code::kConflict);
  EXPECT_EQ(refusal(429, "", "", 0, address()).code(), Code::kLimited);
}

TEST(AdminFailure, LetsNoEscapeThroughToTheTerminal) {
  const std::string text = refusal_text(400, "{\"detail\":\"a\\u001b[2Jb\\nclaviger: all is well\"}");
  EXPECT_FALSE(text.contains('\x1b')) << text;
  EXPECT_FALSE(text.contains('\n')) << text;
}

// Messages pass through telemetry::redact() on their way out.
TEST(AdminFailure, SurvivesTheRedactionOfMessages) {
  for (const std::string& text :
       {refusal_text(401, R"({"detail":"unknown API key"})"), refusal_text(403, R"({"detail":"read only"})"),
        std::string(no_token().what()),
        connection_text("the upstream's certificate is not valid: self-signed certificate")})
    EXPECT_FALSE(telemetry::needs_redaction(text)) << text;
  EXPECT_TRUE(refusal_text(401, R"({"detail":"unknown API key"})").contains("(unknown API key)"));
}

TEST(AdminFailure, IsNeverTakenForWrongUsage) {
  EXPECT_FALSE(is_usage_error(refusal(400, R"({"detail":"usage: rm -rf"})", "", 0, address())));
}

}  // namespace
}  // namespace claviger::cli
