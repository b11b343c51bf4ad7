// SPDX-License-Identifier: Apache-2.0
#pragma once

// Signatures that AWS has published: its "Signature Version 4 test suite" (2015, service "service"), and the examples of the Amazon S3
// API reference, "Authenticating Requests (AWS Signature Version 4)". Not those of the suite in whose paths "." and ".." and "//" are
// taken out, nor the one with a field that is continued on the next line: such requests do not get as far.

#include <ostream>
#include <span>
#include <string_view>

#include "credentials/aws_signature.h"

namespace claviger::credentials::testing {

struct AwsVector {
  std::string_view name;
  std::string_view target;  // behind the method
  std::string_view fields;  // besides Host and those that signing adds; lines end with CRLF
  std::string_view body;
  std::string_view signed_names;
  std::string_view signature;
  std::string_view method = "GET";
  std::string_view session_token = "";
};
inline void PrintTo(const AwsVector& vector, std::ostream* out) { *out << vector.name; }

inline constexpr AwsKeys kSuiteKeys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
inline constexpr std::string_view kSuiteHost = "example.amazonaws.com";
inline constexpr std::string_view kSuiteTime = "2015-08-30T12:36:00Z";
inline constexpr std::string_view kSuiteMoreFields[] = {"my-header1", "my-header2"};
inline constexpr AwsScope kSuiteScope{"us-east-1", "service", kSuiteMoreFields};

inline constexpr std::string_view kS3AccessKeyId =
    "AKIAIOSFODNN7EXAMPLE";  // not_a_real one, as AWS has published it
inline constexpr AwsKeys kS3Keys{kS3AccessKeyId, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
inline constexpr std::string_view kS3Host = "examplebucket.s3.amazonaws.com";
inline constexpr std::string_view kS3Time = "2013-05-24T00:00:00Z";
inline constexpr std::string_view kS3MoreFields[] = {"date", "range"};
inline constexpr AwsScope kS3Scope{"us-east-1", "s3", kS3MoreFields};

inline constexpr std::string_view kSuiteToken =
    "AQoDYXdzEPT//////////"
    "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8Y"
    "UuwthAx7mSEI/qkPpKPi/"
    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE"
    "8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"
    "scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2"
    "ICCR/oLxBA==";

inline constexpr AwsVector kSuiteVectors[] = {
    {"get-header-key-duplicate", "/", "My-Header1: value2\r\nMy-Header1: value2\r\nMy-Header1: value1\r\n",
     "", "host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order", "/",
     "My-Header1: value4\r\nMy-Header1: value1\r\nMy-Header1: value3\r\nMy-Header1: value2\r\n", "",
     "host;my-header1;x-amz-date", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"get-header-value-trim", "/", "My-Header1:  value1\r\nMy-Header2: \"a   b   c\"\r\n", "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"get-unreserved", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "",
     "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8", "/\xe1\x88\xb4", "", "", "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-space", "/example space/", "", "", "host;x-amz-date",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"get-vanilla", "/", "", "", "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-empty-query-key", "/?Param1=value1", "", "", "host;x-amz-date",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query", "/?", "", "", "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case", "/?Param2=value2&Param1=value1", "", "", "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-encoded", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "",
     "host;x-amz-date", "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
    {"get-vanilla-query-unreserved",
     "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "", "", "host;x-amz-date", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query", "/?\xe1\x88\xb4=bar", "", "", "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"post-header-key-sort", "/", "My-Header1: value1\r\n", "", "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c", "POST"},
    {"post-header-value-case", "/", "MY-HEADER1: VALUE1\r\n", "", "host;my-header1;x-amz-date",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d", "POST"},
    {"post-sts-header-before", "/", "", "", "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead", "POST", kSuiteToken},
    {"post-vanilla", "/", "", "", "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", "POST"},
    {"post-vanilla-query", "/?Param1=value1", "", "", "host;x-amz-date",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11", "POST"},
    // There with a '+' that stands for itself, as no '+' in a URL does.
    {"post-vanilla-query-nonunreserved", "/?@#$%^&%2B=/,?><`\";:\\|][{}", "", "", "host;x-amz-date",
     "66c82657c86e26fb25238d0e69f011edc4c6df5ae71119d7cb98ed9b87393c1e", "POST"},
    {"post-vanilla-query-space", "/?p", "", "", "host;x-amz-date",
     "e71688addb58a26418614085fb730ba3faa623b461c17f48f2fbdb9361b94a9b", "POST"},
    {"post-x-www-form-urlencoded", "/", "Content-Type: application/x-www-form-urlencoded\r\n",
     "Param1=value1", "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a", "POST"},
    {"post-x-www-form-urlencoded-parameters", "/",
     "Content-Type: application/x-www-form-urlencoded; charset=utf8\r\n", "Param1=value1",
     "content-type;host;x-amz-date", "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
     "POST"},
};

// With X-Amz-Content-Sha256, as S3 wants it.
inline constexpr AwsVector kS3Vectors[] = {
    {"GET object", "/test.txt", "Range: bytes=0-9\r\n", "", "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT object", "/test$file.text",
     "Date: Fri, 24 May 2013 00:00:00 GMT\r\nx-amz-storage-class: REDUCED_REDUNDANCY\r\n",
     "Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", "PUT"},
    {"PUT object, encoded", "/test%24file.text",
     "Date: Fri, 24 May 2013 00:00:00 GMT\r\nx-amz-storage-class: REDUCED_REDUNDANCY\r\n",
     "Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", "PUT"},
    {"GET bucket lifecycle", "/?lifecycle", "", "", "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"GET bucket (list objects)", "/?max-keys=2&prefix=J", "", "", "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

// "Transferring payload in multiple chunks": 65 KiB of 'a' in chunks of 64 KiB.
inline constexpr std::string_view kChunkedTarget = "/examplebucket/chunkObject.txt";
inline constexpr std::string_view kChunkedHost = "s3.amazonaws.com";
inline constexpr std::string_view kChunkedFields =
    "x-amz-storage-class: REDUCED_REDUNDANCY\r\nContent-Encoding: aws-chunked\r\n"
    "x-amz-decoded-content-length: 66560\r\nContent-Length: 66824\r\n";
inline constexpr std::string_view kChunkedMoreFields[] = {"content-encoding", "content-length"};
inline constexpr AwsScope kChunkedScope{"us-east-1", "s3", kChunkedMoreFields};
inline constexpr std::string_view kChunkedSignature =
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
inline constexpr std::string_view kChunkSignatures[] = {
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"};

// "Examples of how to derive a signing key": for 2012-02-15, us-east-1, iam.
inline constexpr std::string_view kDerivedKey =
    "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d";

}  // namespace claviger::credentials::testing
