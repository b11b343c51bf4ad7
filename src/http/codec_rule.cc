// SPDX-License-Identifier: Apache-2.0
#include "http/codec_rule.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace claviger::http {
namespace {

using Rule = telemetry::CodecRule;

struct Said {
  std::string_view what;
  Rule rule;
};

constexpr auto kSaid = std::to_array<Said>({
    {"white space before the method", Rule::kStartLine},
    {"the method is no token", Rule::kStartLine},
    {"the request line has no target", Rule::kStartLine},
    {"the request line has no version", Rule::kStartLine},
    {"the request line is not method, target and version with one space between them", Rule::kStartLine},
    {"empty lines before the start line", Rule::kStartLine},
    {"the status is no number", Rule::kStartLine},
    {"the status is not three digits", Rule::kStartLine},
    {"the status is out of range", Rule::kStartLine},
    {"the status line does not end with CR LF, or holds control bytes", Rule::kStartLine},

    {"the version is neither HTTP/1.1 nor HTTP/1.0", Rule::kVersion},
    {"the answer does not begin with HTTP/1.1 or HTTP/1.0", Rule::kVersion},

    {"CONNECT is not supported", Rule::kTarget},
    {"the target is an asterisk", Rule::kTarget},
    {"the target is empty", Rule::kTarget},
    {"the target is neither a path nor an http URL", Rule::kTarget},
    {"the target names no host", Rule::kTarget},
    {"the target has a query but no path", Rule::kTarget},
    {"the target holds bytes that are not visible ASCII", Rule::kTarget},
    {"a fragment in the target", Rule::kTarget},
    {"user information in the target", Rule::kTarget},
    {"the target is too long", Rule::kTargetSize},

    {"the path does not begin with a slash", Rule::kPath},
    {"an empty segment in the path", Rule::kPath},
    {"a dot segment in the path", Rule::kPath},
    {"a segment of the path is empty but for parameters", Rule::kPath},
    {"a backslash in the path", Rule::kPath},
    {"an encoded backslash in the path", Rule::kPath},
    {"an encoded control character in the path", Rule::kPath},
    {"a second layer of percent-encoding in the path", Rule::kPath},
    {"a byte in the path that must be percent-encoded", Rule::kPath},
    {"a character in the path that must not be percent-encoded", Rule::kPath},
    {"percent-encoding that is malformed or in lower case", Rule::kPath},
    {"percent-encoding that is not UTF-8", Rule::kPath},

    {"HTTP/1.1 without Host", Rule::kHost},
    {"an absolute target without Host", Rule::kHost},
    {"more than one Host", Rule::kHost},
    {"Host is no valid authority", Rule::kHost},
    {"the target names another host than Host", Rule::kHost},

    {"a bare CR", Rule::kLineEnding},
    {"a line ends with a bare LF", Rule::kLineEnding},
    {"a line does not end with CR LF", Rule::kLineEnding},
    {"a NUL byte in the head", Rule::kControlByte},
    {"a control byte in the head", Rule::kControlByte},
    {"a control byte in a field", Rule::kControlByte},

    {"a field has no name", Rule::kFieldLine},
    {"a field name is no token", Rule::kFieldLine},
    {"a field line has no colon", Rule::kFieldLine},
    {"white space before the colon of a field", Rule::kFieldLine},
    {"a field line is folded", Rule::kFolding},
    {"too many fields", Rule::kFieldCount},
    {"the head is too large", Rule::kHeadSize},
    {"the request head is too large", Rule::kHeadSize},
    {"the upstream's answer has too large a head", Rule::kHeadSize},

    {"Content-Length is no number", Rule::kContentLength},
    {"Content-Length is too large", Rule::kContentLength},
    {"Content-Length has leading zeros", Rule::kContentLength},
    {"more than one Content-Length", Rule::kContentLength},
    {"Transfer-Encoding is not exactly chunked", Rule::kTransferEncoding},
    {"Transfer-Encoding in HTTP/1.0", Rule::kTransferEncoding},
    {"more than one Transfer-Encoding", Rule::kTransferEncoding},
    {"Content-Length beside Transfer-Encoding", Rule::kTwoFramings},
    {"a Connection option is no token", Rule::kConnection},
    {"Connection names a field that frames or routes the message", Rule::kConnection},
    {"an expectation other than 100-continue", Rule::kExpect},

    {"a chunk size is missing", Rule::kChunk},
    {"a chunk size is no hex number", Rule::kChunk},
    {"a chunk size is too large", Rule::kChunk},
    {"a chunk or its size does not end with CR LF", Rule::kChunk},
    {"a chunk extension is too long", Rule::kChunkExtension},
    {"a chunk extension is malformed", Rule::kChunkExtension},
    {"a chunk extension ends too early, or not with CR LF", Rule::kChunkExtension},
    {"the trailers are too large", Rule::kTrailer},
    {"a trailer is no field line", Rule::kTrailer},
    {"a control byte or bare LF in a trailer", Rule::kTrailer},
    {"an interim answer claims to have a body", Rule::kInterimBody},

    {"the head has no end", Rule::kTruncated},
    {"the head ends within a field", Rule::kTruncated},
    {"bytes after the end of the head", Rule::kTruncated},
    {"the connection closed before the body was whole", Rule::kTruncated},
});

}  // namespace

telemetry::CodecRule codec_rule(const Error& error) noexcept {
  const auto found = std::ranges::find(kSaid, error.what(), &Said::what);
  return found == kSaid.end() ? Rule::kOther : found->rule;
}

}  // namespace claviger::http
