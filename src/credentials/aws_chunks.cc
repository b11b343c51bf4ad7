// SPDX-License-Identifier: Apache-2.0
#include "credentials/aws_chunks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>
#include <utility>

#include "base/check.h"
#include "http/head_writer.h"

namespace claviger::credentials {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;
constexpr std::string_view kExtension = ";chunk-signature=";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kMaxHead =
    5 + kExtension.size() + 64 + kLineEnd.size();  // "10000;chunk-signature=...\r\n"
constexpr std::size_t kMaxPrefix = 256;  // regions and services have 64 bytes at most
// The last chunk's, behind which there is the end of its data, of which there is none.
constexpr std::size_t kEnd = 1 + kExtension.size() + 64 + 2 * kLineEnd.size();

std::size_t hex_digits(std::uint64_t size) noexcept {
  std::array<char, 16> digits;
  return static_cast<std::size_t>(std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr -
                                  digits.data());
}

std::uint64_t framed(std::uint64_t size) noexcept {
  return hex_digits(size) + kExtension.size() + 64 + 2 * kLineEnd.size() + size;
}

void put(char*& out, std::string_view text) noexcept {
  std::memcpy(out, text.data(), text.size());
  out += text.size();
}

Error wrong_size() noexcept {
  return Error(Code::kBadRequest, Blame::kCaller, "the body is not as long as its head says");
}

}  // namespace

Result<std::unique_ptr<BodyCoder>> AwsChunkCoder::create(const Seed& seed, std::uint64_t size,
                                                         bool is_chunked) {
  crypto::HmacSha256 mac = CLV_TRY(crypto::HmacSha256::create(seed.key.bytes()));
  return std::unique_ptr<BodyCoder>(new AwsChunkCoder(std::move(mac), seed, size, is_chunked));
}

AwsChunkCoder::AwsChunkCoder(crypto::HmacSha256 mac, const Seed& seed, std::uint64_t size, bool is_chunked)
    : mac_(std::move(mac)),
      signature_(seed.signature),
      left_(size),
      buffer_(std::make_unique_for_overwrite<char[]>(kMaxHead + kChunk + kLineEnd.size() + kEnd)) {
  if (is_chunked) reader_.emplace();
  std::array<char, kMaxPrefix> prefix;
  http::HeadWriter out(prefix);
  out.append("AWS4-HMAC-SHA256-PAYLOAD\n");
  out.append(seed.time.text());
  out.append('\n');
  write_aws_scope(out, seed.time.day(), seed.scope);
  out.append('\n');
  CLV_CHECK(out.fits());
  prefix_ = out.text();
}

std::uint64_t AwsChunkCoder::coded_size(std::uint64_t size) noexcept {
  const std::uint64_t rest = size % kChunk;
  return size / kChunk * framed(kChunk) + (rest > 0 ? framed(rest) : 0) + kEnd;
}

Result<std::string_view> AwsChunkCoder::take(std::string_view& piece) {
  while (!piece.empty()) {
    const std::size_t room = kChunk - filled_;
    std::string_view data = piece.substr(0, room);
    if (reader_) data = CLV_TRY(reader_->next(piece, room));
    else piece.remove_prefix(data.size());
    if (data.size() > left_) return wrong_size();
    std::ranges::copy(data, buffer_.get() + kMaxHead + filled_);
    filled_ += data.size();
    left_ -= data.size();
    if (filled_ == kChunk) return frame();
  }
  return std::string_view();
}

Result<std::string_view> AwsChunkCoder::finish() {
  if (left_ > 0 || (reader_ && !reader_->is_done())) return wrong_size();
  std::string_view last;
  if (filled_ > 0) last = frame();
  char* const start = buffer_.get() + (last.empty() ? 0 : last.data() + last.size() - buffer_.get());
  char* out = start;
  put(out, "0");
  put(out, kExtension);
  put(out, sign({}));
  put(out, kLineEnd);
  put(out, kLineEnd);
  const char* const from = last.empty() ? start : last.data();
  return std::string_view(from, static_cast<std::size_t>(out - from));
}

// The signature of the next chunk; valid until the one after it.
std::string_view AwsChunkCoder::sign(std::string_view data) noexcept {
  std::array<char, kMaxPrefix + 3 * 65> text;
  http::HeadWriter out(text);
  out.append(prefix_);
  out.append(text_of(signature_));
  out.append('\n');
  out.append(text_of(aws_hex(aws_empty_digest())));
  out.append('\n');
  out.append(text_of(aws_hex(crypto::Sha256().digest(data))));
  signature_ = aws_hex(mac_.mac(std::as_bytes(std::span(out.text()))));
  return text_of(signature_);
}

// The chunk that is gathered, around which there is room.
std::string_view AwsChunkCoder::frame() noexcept {
  const std::size_t size = std::exchange(filled_, 0);
  char* const data = buffer_.get() + kMaxHead;
  char* out = data - (hex_digits(size) + kExtension.size() + 64 + kLineEnd.size());
  const char* const start = out;
  out = std::to_chars(out, data, size, 16).ptr;
  put(out, kExtension);
  put(out, sign({data, size}));
  put(out, kLineEnd);
  out = data + size;
  put(out, kLineEnd);
  return {start, static_cast<std::size_t>(out - start)};
}

}  // namespace claviger::credentials
