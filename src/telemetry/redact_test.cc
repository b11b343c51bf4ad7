// SPDX-License-Identifier: Apache-2.0
#include "telemetry/redact.h"

#include <random>

namespace claviger::telemetry {
namespace {

using std::string_literals::operator""s;

struct Case {
  std::string in;
  std::string out;
};

// Nothing here is or was a credential. Prefixes are split off so that scanners of this tree agree.
const std::string kPemBegin =
    "-----BEGIN "
    "PRIVATE KEY-----";
const std::string kPemEnd =
    "-----END "
    "PRIVATE KEY-----";
const std::string kFakeJwt =
    "eyJ"
    "mYWtlIjoiZmFrZSJ9.eyJ"
    "ub3QiOiJhLXJlYWwtdG9rZW4ifQ.ZmFrZS1zaWduYXR1cmU";

const std::vector<Case>& credentials() {
  static const std::vector<Case> cases = {
      // Headers, as they stand on the wire, in a command line, in JSON and in dumps of maps.
      {"Authorization: Bearer fake-token", "Authorization: Bearer [redacted]"},
      {"authorization: Basic ZmFrZTpmYWtl", "authorization: Basic [redacted]"},
      {"AUTHORIZATION: fake-scheme-less", "AUTHORIZATION: [redacted]"},
      {"Proxy-Authorization: Basic ZmFrZQ==\r\nHost: a", "Proxy-Authorization: Basic [redacted]\r\nHost: a"},
      {"Authorization: Digest username=\"u\", response=\"fake\"", "Authorization: Digest [redacted]"},
      {"Authorization: AWS4-HMAC-SHA256 Credential=fake, Signature=fake", "Authorization: [redacted]"},
      {"Cookie: sid=fake; theme=dark\nAccept: */*", "Cookie: [redacted]\nAccept: */*"},
      {"Set-Cookie: sid=\"fake\"; Path=/", "Set-Cookie: [redacted]"},
      {"Cookie: \"fake\"; b=fake", "Cookie: [redacted]"},
      {"curl -H 'Authorization: Bearer fake token' https://a/",
       "curl -H 'Authorization: Bearer [redacted]' https://a/"},
      {"-H \"Cookie: a=fake\" -v", "-H \"Cookie: [redacted]\" -v"},
      {"X-API-Key: fake-key, next", "X-API-Key: [redacted], next"},
      {"x-api-key=fake next", "x-api-key=[redacted] next"},
      {"X-Goog-Api-Key :  fake", "X-Goog-Api-Key :  [redacted]"},
      {"Ocp-Apim-Subscription-Key: fake", "Ocp-Apim-Subscription-Key: [redacted]"},
      {"X-Auth-Token: fake (retrying)", "X-Auth-Token: [redacted] (retrying)"},
      {R"({"authorization":"Bearer fake","a":1})", R"({"authorization":"Bearer [redacted]","a":1})"},
      {R"({"Authorization": "fake \" still fake", "a": 1})", R"({"Authorization": "[redacted]", "a": 1})"},
      {R"({"cookie":"fake\\","a":1})", R"({"cookie":"[redacted]","a":1})"},
      {R"("{\"password\":\"fa\\\"ke\",\"a\":1}")", R"("{\"password\":\"[redacted]\",\"a\":1}")"},
      {R"({"authorization":["Bearer fake","b"]})", R"({"authorization":[redacted])"},
      {R"({"token":["fake","b"]})", R"({"token":[redacted])"},
      {R"({'Authorization': 'Bearer fake', 'a': 1})", R"({'Authorization': 'Bearer [redacted]', 'a': 1})"},
      {"map[Authorization:[Bearer fake] Host:[a]]", "map[Authorization:[redacted]"},
      {R"({"password"=>"fake"})", R"({"password"=>"[redacted]"})"},
      {R"({"password":"fake without an end)", R"({"password":"[redacted])"},

      // Names of settings and parameters.
      {"OPENAI_API_KEY=fake serve", "OPENAI_API_KEY=[redacted] serve"},
      {"password: fake", "password: [redacted]"},
      {"db.password=fa/ke;x,y", "db.password=[redacted]"},
      {"clientSecret: fake.", "clientSecret: [redacted]."},
      {"(token=fake)", "(token=[redacted])"},
      {"aws_secret_access_key = fake", "aws_secret_access_key = [redacted]"},
      {"password := \"fake\"", "password := \"[redacted]\""},
      {"Server=a;Pwd=fake", "Server=a;Pwd=[redacted]"},
      {"CLAVIGER_MASTER_KEY=fake", "CLAVIGER_MASTER_KEY=[redacted]"},
      {R"({"signature": "fake"})", R"({"signature": "[redacted]"})"},
      {"password=Bearer fake next", "password=Bearer [redacted] next"},
      {"password=a/Basic fake next", "password=[redacted] next"},

      // Queries and forms.
      {"GET /v1?key=7f HTTP/1.1", "GET /v1?key=[redacted] HTTP/1.1"},
      {"/a?x=1&code=fake&y=2", "/a?x=1&code=[redacted]&y=2"},
      {"/a?x=1&amp;sig=fake", "/a?x=1&amp;sig=[redacted]"},
      {"code=fake&grant_type=authorization_code", "code=[redacted]&grant_type=authorization_code"},
      {"client_secret=fake&refresh_token=fake", "client_secret=[redacted]&refresh_token=[redacted]"},
      {"https://a/?X-Amz-Signature=fake&b=1", "https://a/?X-Amz-Signature=[redacted]&b=1"},
      {"https://a/?access_token=fake#top", "https://a/?access_token=[redacted]"},
      {"to=https%3A%2F%2Fa%2F%3Ftoken%3Dfake", "to=https%3A%2F%2Fa%2F%3Ftoken%3D[redacted]"},
      {"to=%2F%3Fkey%3Dfake&b", "to=%2F%3Fkey%3D[redacted]&b"},

      // Schemes on their own.
      {"got Bearer fake-token-0, closing", "got Bearer [redacted], closing"},
      {"bearer   faketoken0", "bearer   [redacted]"},
      {"Bearer%20faketoken0&b", "Bearer%20[redacted]&b"},
      {"Basic ZmFrZTpmYWtl", "Basic [redacted]"},
      {"Basic fakefakefakefakefakefake", "Basic [redacted]"},
      {"Digest username=\"u\", response=\"fake\"\nHost: a", "Digest [redacted]\nHost: a"},

      // User info.
      {"https://user:fake@example.com/x", "https://[redacted]@example.com/x"},
      {"postgresql://claviger:f@ke@db:5432/c", "postgresql://[redacted]@db:5432/c"},
      {"cannot connect to redis://:fake@127.0.0.1:6379",
       "cannot connect to redis://[redacted]@127.0.0.1:6379"},
      {"postgresql://u:fa/ke@db/c", "postgresql://[redacted]@db/c"},
      {"https://fake@example.com", "https://[redacted]@example.com"},
      {"url=\"https://u:fa'ke@h\"", "url=\"https://[redacted]@h\""},
      {"token=https://u:fa&ke@h next", "token=[redacted] next"},

      // Looks.
      {"key clv_7f3k9x2m_fakefakefakefake was", "key clv_7f3k9x2m_[redacted] was"},
      {"X-API-Key: clv_7f3k9x2m_fakefakefakefake", "X-API-Key: clv_7f3k9x2m_[redacted]"},
      {"Authorization: Bearer clv_7f3k9x2m_fakefake", "Authorization: Bearer clv_7f3k9x2m_[redacted]"},
      {"path /openai/clv_a_fakefake/x", "path /openai/clv_a_[redacted]"},
      {"sk-"
       "fakefakefakefake0",
       "[redacted]"},
      {"a=sk-"
       "ant-fake-fake-fake-fake b",
       "a=[redacted] b"},
      {"sk_"
       "live_fakefakefakefake",
       "[redacted]"},
      {"xghp_"
       "fakefakefakefakefake0",
       "x[redacted]"},
      {"github_"
       "pat_fakefakefakefakefake",
       "[redacted]"},
      {"glpat-"
       "fakefakefakefake",
       "[redacted]"},
      {"id AKIA"
       "FAKENOTAREALKEY0 used",
       "id [redacted] used"},
      {"xoxb-"
       "fake-fake-fake",
       "[redacted]"},
      {"AIza"
       "fakefakefakefakefakefakefakefake",
       "[redacted]"},
      {"hvs."
       "fakefakefakefakefake",
       "[redacted]"},
      {"https://hooks.slack."
       "com/services/T0/B0/fakefake",
       "https://[redacted]"},
      {"jwt " + kFakeJwt + ".", "jwt [redacted]."},
      {"%3Dsk-"
       "fakefakefakefake0",
       "%3D[redacted]"},
      {"ghp_"
       "fakefakefakefakefaketoken: fake",
       "[redacted]"},

      // Private keys.
      {"a " + kPemBegin + "\nZmFrZQ==\n" + kPemEnd + " b", "a [redacted] b"},
      {kPemBegin + "\\nZmFrZQ==\\n" + kPemEnd + "\\n", "[redacted]\\n"},
      {kPemBegin + "\nZmFrZQ==\n", "[redacted]"},
      {"-----BEGIN "
       "RSA PRIVATE KEY-----\nZmFrZQ==\n-----END "
       "RSA PRIVATE KEY-----",
       "[redacted]"},
      {"key_password=" + kPemBegin + "\nfake\n" + kPemEnd + "\nb", "key_password=[redacted]\nb"},
      {"Cookie: a " + kPemBegin + "\nfake\n" + kPemEnd + "\nb", "Cookie: [redacted]\nb"},
      {R"({"private_key":")" + kPemBegin + "\\nfake\\n" + kPemEnd + R"(","a":1})",
       R"({"private_key":"[redacted]","a":1})"},
  };
  return cases;
}

const std::vector<std::string>& harmless() {
  static const std::vector<std::string> texts = {
      "",
      "listening on 127.0.0.1:8443",
      "monkey=banana",
      "turkey: roasted",
      "key=7f",
      "code=denied status=403",
      "the key rotates; the secret arena has 64 MiB",
      "key 7f3k9x2m revoked",
      "unknown key 'metods'; did you mean 'methods'?",
      "max_tokens=100",
      "tokens: 17",
      "token bucket refilled",
      "password policy changed",
      "cookie jar is empty",
      "authorization failed for upstream openai",
      "missing header Authorization",
      "master_key: unknown key 'form'",
      "bad signature: expected 64 bytes",
      "Basic authentication failed",
      "Basic authentication.",
      "basic configuration loaded",
      "Bearer token missing",
      "Bearer, Basic and Digest are understood",
      "Digest mismatch in record 7",
      "destination digest sha256:0f1e2d",
      "https://api.example.com/v1/keys?limit=10&cursor=5",
      "http://[::1]:8443/a@b",
      "https://example.com:8443/@scope/package",
      "mail user@example.com",
      "2026-01-01T00:00:00.000Z",
      "error:0A000086:SSL routines::certificate verify failed",
      "task-management-of-many-upstreams",
      "sk-short",
      "clv_<id>_<secret>",
      "clv_7f3k9x2m_",
      "eyJ is how they begin",
      "AKIA",
      "password=",
      R"({"password":""})",
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
      "a:b::c=d",
      "caf\xc3\xa9 \xff\x01",
  };
  return texts;
}

TEST(Redact, ReplacesWhatLooksLikeACredential) {
  for (const Case& c : credentials()) {
    EXPECT_EQ(redact(c.in), c.out) << c.in;
    EXPECT_TRUE(needs_redaction(c.in)) << c.in;
  }
}

TEST(Redact, LeavesOrdinaryTextAlone) {
  for (const std::string& text : harmless()) {
    EXPECT_EQ(redact(text), text);
    EXPECT_FALSE(needs_redaction(text)) << text;
  }
}

TEST(Redact, LeavesRedactedTextAlone) {
  for (const Case& c : credentials()) {
    EXPECT_EQ(redact(c.out), c.out);
    EXPECT_FALSE(needs_redaction(c.out)) << c.out;
  }
}

TEST(Redact, KnowsItsOwnMarksInEveryPlace) {
  for (const std::string text : {"Cookie: [cut]", "token=[redacted],[cut]", "Cookie: [redacted][cut]",
                                 "token: \"[cut]", "key=f://token=[redacted]&", "password=Basic [redacted]",
                                 "?key=[redacted]).&a", "https://x[redacted]&@c"}) {
    EXPECT_EQ(redact(text), text);
    EXPECT_FALSE(needs_redaction(text)) << text;
  }
}

// Where "[redacted]" comes to stand across the place of the cut.
TEST(Redact, CutsNoMarkApart) {
  for (std::size_t before = 16 * 1024 - 40; before < 16 * 1024; ++before) {
    const std::string out =
        redact(std::string(before, '.') + " token=fake and so on, for more than there is room");
    EXPECT_LE(out.size(), 16U * 1024);
    EXPECT_EQ(redact(out), out) << before;
    EXPECT_THAT(out, ::testing::Not(::testing::ContainsRegex("\\[r[a-z]*\\[cut"))) << before;
  }
}

TEST(Redact, CutsLongTextAndSaysSo) {
  const std::string most(16 * 1024, '.');
  EXPECT_EQ(redact(most), most);
  EXPECT_FALSE(needs_redaction(most));

  const std::string cut = redact(most + ".");
  EXPECT_EQ(cut, most.substr(0, most.size() - 5) + "[cut]");
  EXPECT_TRUE(needs_redaction(most + "."));
  EXPECT_FALSE(needs_redaction(cut));
}

TEST(Redact, CutsBetweenCharacters) {
  std::string text;
  while (text.size() <= 17 * 1024) text += "\xe2\x82\xac";
  const std::string cut = redact(text);
  EXPECT_EQ((cut.size() - 5) % 3, 0U);
  EXPECT_TRUE(cut.ends_with("\xe2\x82\xac[cut]"));
}

TEST(Redact, KnowsCredentialsThatReachOverTheCut) {
  for (std::size_t before = 16 * 1024 - 40; before < 16 * 1024 + 2; ++before) {
    const std::string text = std::string(before, '.') +
                             " ghp_"
                             "fakefakefakefakefakefakefakefake";
    EXPECT_EQ(redact(text).find("fake"), std::string::npos) << before;
  }
}

TEST(Redact, BoundsItsOutputWhenMarksAreLongerThanSecrets) {
  std::string text;
  while (text.size() + 6 <= 16 * 1024) text += "?key=f";
  std::string small;
  while (small.size() + 9 <= 16 * 1024) small += "?key=f&b ";
  for (const std::string& in : {text, small}) {
    const std::string out = redact(in);
    EXPECT_LE(out.size(), 16U * 1024);
    EXPECT_EQ(redact(out), out);
  }
}

// Random text around and between carriers of a secret: whatever stands there, the secret goes.
class RedactProperty : public ::testing::Test {
 protected:
  std::string printable(std::size_t size) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(std::uniform_int_distribution<int>(0x20, 0x7e)(random_));
    return text;
  }
  std::string secret() {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    std::string text = "fake0";
    for (int i = 0; i < 35; ++i)
      text += kAlphabet[std::uniform_int_distribution<std::size_t>(0, kAlphabet.size() - 1)(random_)];
    return text;
  }
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }

  std::mt19937_64 random_{20260101};
};

TEST_F(RedactProperty, NoContextSavesASecret) {
  const std::vector<std::pair<std::string, std::string>> carriers = {{" Authorization: Bearer ", "\n"},
                                                                     {" cookie: sid=", "; a=b\n"},
                                                                     {"\"authorization\":\"", "\""},
                                                                     {"X-API-Key: ", "\r\n"},
                                                                     {" x-goog-api-key=", " "},
                                                                     {"{\"password\": \"", "\"}"},
                                                                     {"?key=", "&"},
                                                                     {"&token=", "&"},
                                                                     {" Bearer ", " "},
                                                                     {" Basic ", "\""},
                                                                     {" https://user:", "@host/"},
                                                                     {" clv_7f3k9x2m_", " "},
                                                                     {" sk-", " "},
                                                                     {"ghp_", " "},
                                                                     {"glpat-", ","},
                                                                     {"xoxb-", ""},
                                                                     {"eyJmYWtl", "."},
                                                                     {kPemBegin + "\n", "\n" + kPemEnd},
                                                                     {"CLIENT_SECRET=", " "},
                                                                     {" Digest response=\"", "\""}};
  for (int round = 0; round < 20'000; ++round) {
    const auto& [before, after] = carriers[pick(carriers.size())];
    const std::string hidden = secret();
    const std::string text = printable(pick(40)) + before + hidden + after + printable(pick(40));
    const std::string out = redact(text);
    ASSERT_EQ(out.find(hidden), std::string::npos) << text << "\n" << out;
    ASSERT_EQ(redact(out), out) << text;
    ASSERT_TRUE(needs_redaction(text)) << text;
  }
}

TEST_F(RedactProperty, TwiceIsOnce) {
  std::vector<std::string> pieces = {
      "[redacted]", "[cut]", "\"",         "'",   "\\",  " ",      "\n",      "&",     ":",      "=", "://",
      "@",          ",",     "-----BEGIN", "%3D", "%26", "Basic ", "Bearer ", "token", "clv_a_", "[", "]"};
  for (const Case& c : credentials()) pieces.push_back(c.in);
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (std::size_t i = pick(6); i-- > 0;) {
      const std::string& piece = pieces[pick(pieces.size())];
      text += piece.substr(pick(2) == 0 ? 0 : pick(piece.size()));
    }
    const std::string once = redact(text);
    ASSERT_EQ(redact(once), once) << text;
    ASSERT_EQ(needs_redaction(text), once != text) << text;
  }
}

TEST(AppendJsonEscaped, EscapesWhatJsonAndTerminalsMind) {
  const std::vector<Case> cases = {
      {"plain", "plain"},
      {"a\"b\\c/d", "a\\\"b\\\\c/d"},
      {"\n\r\t\b\x1b"s + '\0' + "\x7f", "\\n\\r\\t\\u0008\\u001b\\u0000\\u007f"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91"},
      {"\xc2\x9b"
       "31m",
       "\\u009b31m"},
      {"\xc2\xa0", "\xc2\xa0"},
  };
  for (const Case& c : cases) {
    std::string out = ">";
    append_json_escaped(out, c.in);
    EXPECT_EQ(out, ">" + c.out);
  }
}

TEST(AppendJsonEscaped, ReplacesEachIllFormedPartOnce) {
  const std::string kGone = "\xef\xbf\xbd";
  const std::vector<Case> cases = {
      {"\x80", kGone},
      {"\xff\xfe", kGone + kGone},
      {"a\xe2\x82", "a" + kGone},                        // cut short
      {"\xe2\x82z", kGone + "z"},
      {"\xc0\xaf", kGone + kGone},                       // overlong
      {"\xe0\x80\xaf", kGone + kGone + kGone},
      {"\xed\xa0\x80", kGone + kGone + kGone},           // surrogate
      {"\xf4\x90\x80\x80", kGone + kGone + kGone + kGone},  // over U+10FFFF
      {"\xf0\x9f\x94", kGone},
  };
  for (const Case& c : cases) {
    std::string out;
    append_json_escaped(out, c.in);
    EXPECT_EQ(out, c.out);
  }
}

}  // namespace
}  // namespace claviger::telemetry
