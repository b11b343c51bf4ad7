// SPDX-License-Identifier: Apache-2.0
// { kind: aws_sigv4, region: eu-central-1, service: s3 }: each request is signed (AWS Signature Version 4, in the Authorization field).
// Callers need no keys: whatever theirs have signed is taken off, and signed anew.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/parse.h"
#include "credentials/aws_chunks.h"
#include "credentials/aws_keys.h"
#include "credentials/aws_signature.h"
#include "credentials/static_credential.h"
#include "http/list.h"

namespace claviger::credentials {

const Kind& aws_sigv4_kind() noexcept;

namespace {

constexpr std::string_view kContentDigest = "X-Amz-Content-Sha256";
constexpr std::string_view kDecodedLength = "X-Amz-Decoded-Content-Length";
constexpr std::string_view kChunksCoding = "aws-chunked";
constexpr std::uint64_t kMaxDecoded = std::uint64_t{1} << 44;  // more than S3 takes in one request

// In front of what is sealed: id, secret and session token.
struct KeySizes {
  std::uint16_t id;
  std::uint16_t secret;
};

// What `payload` says of bodies whose digest the caller does not give.
enum class Payload : std::uint8_t { kAuto, kSigned, kUnsigned, kChunked };

struct Settings {
  std::string region;
  std::string service;
  Payload payload = Payload::kAuto;
  bool passes_copies = false;
  AwsScope scope() const noexcept { return {.region = region, .service = service}; }
};

// --- Settings ------------------------------------------------------------------------------------

bool is_scope_text(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

Result<Payload> read_payload(base::ObjectReader& reader, bool is_s3) {
  const std::optional<std::string> text = CLV_TRY(reader.optional_string("payload"));
  if (!text || *text == "auto") return Payload::kAuto;
  if (*text == "signed") return Payload::kSigned;
  if (*text == "unsigned") return Payload::kUnsigned;
  if (*text != "chunked")
    return base::invalid_at(reader.place(), "auth.payload is auto, signed, unsigned or chunked");
  if (!is_s3) return base::invalid_at(reader.place(), "auth.payload: chunked is for service: s3 alone");
  return Payload::kChunked;
}

Result<Settings> read_settings(const base::Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind aws_sigv4"));
  CLV_TRY_VOID(reader.required("kind"));
  Settings settings;
  settings.region = CLV_TRY(reader.required_string("region"));
  settings.service = CLV_TRY(reader.required_string("service"));
  if (!is_scope_text(settings.region) || !is_scope_text(settings.service))
    return base::invalid_at(
        auth.place, "auth.region and auth.service are names as AWS has them, such as eu-central-1 and s3");
  settings.payload = CLV_TRY(read_payload(reader, is_s3_family(settings.service)));
  settings.passes_copies = CLV_TRY(reader.boolean_or("copies", false));
  CLV_TRY_VOID(reader.finish());
  return settings;
}

// --- What the caller's SDK says of the body ------------------------------------------------------

struct Said {
  std::string_view digest;  // x-amz-content-sha256, whatever it is
  std::string_view decoded_length;
  bool copies = false;
};

// CopyObject, UploadPartCopy and RenameObject.
bool names_another_object(std::string_view field_name) noexcept {
  return base::equals_ignore_case(field_name, "x-amz-copy-source") ||
         base::equals_ignore_case(field_name, "x-amz-rename-source");
}

Said said_by(const http::RequestHead& head) noexcept {
  Said said;
  for (const http::Field& field : head.fields) {
    if (field.known != http::FieldName::kOther || field.name.size() < 16) continue;
    if (base::equals_ignore_case(field.name, kContentDigest)) said.digest = field.value;
    else if (base::equals_ignore_case(field.name, kDecodedLength)) said.decoded_length = field.value;
    else if (names_another_object(field.name)) said.copies = true;
  }
  return said;
}

bool is_digest(std::string_view text) noexcept {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

void write_lower(AwsHex& out, std::string_view digest) noexcept {
  std::ranges::transform(digest, out.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
}

std::optional<std::uint64_t> decoded_size(const Said& said) noexcept {
  const auto size = base::parse_decimal(said.decoded_length, kMaxDecoded);
  return size.has_value() ? std::optional(*size) : std::nullopt;
}

bool has_body(const http::RequestHead& head) noexcept {
  return head.framing == http::Framing::kChunked || head.content_length > 0;
}

// How a body goes out, and what is signed in its place.
enum class Form : std::uint8_t {
  kNone,
  kSaidDigest,  // the caller has given it
  kSaidTrailer,  // as the caller has coded it, with nothing signed in it
  kUnsigned,
  kDigest,
  kChunks,  // signed as it goes
  kSaidChunks,  // the same, of what the caller has signed in chunks
};

Error not_held() noexcept {
  return Error(Code::kInternal, Blame::kGateway, "the body was not made ready to be signed");
}

bool is_coded(Form form) noexcept { return form == Form::kChunks || form == Form::kSaidChunks; }

class AwsCredential final : public Credential {
 public:
  AwsCredential(std::string name, EchoMarks echoes, Settings settings, bool over_tls, vault::Sealed keys)
      : Credential(std::move(name), std::move(echoes)),
        settings_(std::move(settings)),
        is_s3_(is_s3_family(settings_.service)),
        over_tls_(over_tls),
        keys_(std::move(keys)) {}

  std::string_view field_name() const noexcept override { return "Authorization"; }
  std::span<const std::string_view> more_field_names() const noexcept override {
    static constexpr std::string_view kNames[] = {"x-amz-date", "x-amz-security-token",
                                                  "x-amz-content-sha256", "x-amz-decoded-content-length"};
    return kNames;
  }
  // Of presigned URLs. The last three, of the version before, have names that others than S3 may use as well.
  std::span<const std::string_view> more_query_names() const noexcept override {
    static constexpr std::string_view kNames[] = {"x-amz-algorithm",
                                                  "x-amz-credential",
                                                  "x-amz-date",
                                                  "x-amz-expires",
                                                  "x-amz-signedheaders",
                                                  "x-amz-signature",
                                                  "x-amz-security-token",
                                                  "x-amz-content-sha256",
                                                  "awsaccesskeyid",
                                                  "signature",
                                                  "expires"};
    return std::span(kNames).first(is_s3_ ? std::size(kNames) : std::size(kNames) - 3);
  }

  BodyNeed body_need(const http::RequestHead& head) const noexcept override {
    const auto form = form_of(head, said_by(head));
    if (!form.has_value()) return BodyNeed::kNone;  // write_fields() says why
    if (*form == Form::kDigest) return BodyNeed::kDigest;
    return is_coded(*form) ? BodyNeed::kCoded : BodyNeed::kNone;
  }
  std::uint64_t coded_size(const http::RequestHead& head) const noexcept override {
    return AwsChunkCoder::coded_size(plain_size(head));
  }
  Result<void> write_fields(http::HeadWriter& out, const Attaching& with) const override;

 private:
  Result<Form> form_of(const http::RequestHead& head, const Said& said) const noexcept;
  Form form_by_settings(const http::RequestHead& head) const noexcept;
  static std::uint64_t plain_size(const http::RequestHead& head) noexcept;
  Result<void> sign(http::HeadWriter& out, const Attaching& with, const AwsKeys& keys) const;

  Settings settings_;
  bool is_s3_;
  bool over_tls_;
  vault::Sealed keys_;
};

Form AwsCredential::form_by_settings(const http::RequestHead& head) const noexcept {
  const bool can_be_chunked = is_s3_ && head.framing == http::Framing::kLength;
  switch (settings_.payload) {
    case Payload::kUnsigned:
      return Form::kUnsigned;
    case Payload::kChunked:
      return can_be_chunked ? Form::kChunks : Form::kDigest;
    case Payload::kAuto:
      if (is_s3_ && over_tls_) return Form::kUnsigned;
      return can_be_chunked ? Form::kChunks : Form::kDigest;
    case Payload::kSigned:
      break;
  }
  return Form::kDigest;
}

// A digest that the caller has given is checked by AWS, as is one that is missing: nothing is gained by a wrong one.
Result<Form> AwsCredential::form_of(const http::RequestHead& head, const Said& said) const noexcept {
  if (!has_body(head)) return Form::kNone;
  if (is_digest(said.digest)) return Form::kSaidDigest;
  if (!said.digest.starts_with("STREAMING-")) return form_by_settings(head);
  if (!is_s3_)
    return Error(Code::kBadRequest, Blame::kCaller, "x-amz-content-sha256: STREAMING-* is for S3 alone");
  if (!decoded_size(said))
    return Error(Code::kBadRequest, Blame::kCaller,
                 "x-amz-content-sha256: STREAMING-* goes with x-amz-decoded-content-length");
  if (said.digest == kAwsSignedChunks) return Form::kSaidChunks;
  if (said.digest != kAwsUnsignedTrailer)
    return Error(
        Code::kBadRequest, Blame::kCaller,
        "a body with a signed trailer cannot be signed anew; have the SDK send its checksum in the head, or "
        "over https, where it signs no trailer");
  if (!over_tls_ || settings_.payload == Payload::kSigned || settings_.payload == Payload::kChunked)
    return Error(Code::kBadRequest, Blame::kCaller,
                 "a body with an unsigned trailer is not sent where bodies have to be signed (auth.payload, "
                 "or an upstream "
                 "without TLS); have the SDK send checksums only when required");
  return Form::kSaidTrailer;
}

std::uint64_t AwsCredential::plain_size(const http::RequestHead& head) noexcept {
  const Said said = said_by(head);
  return said.digest == kAwsSignedChunks ? decoded_size(said).value_or(0) : head.content_length;
}

// The keys, opened behind what is written, for as long as it lives.
class OpenedKeys {
 public:
  OpenedKeys(http::HeadWriter& out, const vault::Sealed& sealed) noexcept
      : out_(out), text_(out.lend_tail(sealed.plain_size())) {}
  ~OpenedKeys() {
    base::wipe(text_.data(), text_.size());
    out_.give_back_tail(text_);
  }
  OpenedKeys(const OpenedKeys&) = delete;
  OpenedKeys& operator=(const OpenedKeys&) = delete;

  std::span<char> text() const noexcept { return text_; }
  AwsKeys keys() const noexcept {
    KeySizes sizes;
    std::memcpy(&sizes, text_.data(), sizeof sizes);
    const std::string_view all(text_.data() + sizeof sizes, text_.size() - sizeof sizes);
    return {.access_key_id = all.substr(0, sizes.id),
            .secret_access_key = all.substr(sizes.id, sizes.secret),
            .session_token = all.substr(sizes.id + sizes.secret)};
  }

 private:
  http::HeadWriter& out_;
  std::span<char> text_;
};

// What the caller has coded it with goes first.
void write_encoding(http::HeadWriter& out, const http::RequestHead& head) {
  out.append("Content-Encoding: ");
  for (const http::Field& field : head.fields) {
    if (field.known != http::FieldName::kContentEncoding) continue;
    http::for_each_element(field.value, [&](std::string_view coding) {
      if (base::equals_ignore_case(coding, kChunksCoding)) return true;
      out.append(coding);
      out.append(',');
      return true;
    });
  }
  out.append(kChunksCoding);
  out.append("\r\n");
}

Result<void> AwsCredential::write_fields(http::HeadWriter& out, const Attaching& with) const {
  if (with.request == nullptr) return not_held();
  const OpenedKeys opened(out, keys_);
  if (!out.fits()) return ok();
  CLV_TRY_VOID(with.opener.open(keys_, std::as_writable_bytes(opened.text())));
  return sign(out, with, opened.keys());
}

Result<void> AwsCredential::sign(http::HeadWriter& out, const Attaching& with, const AwsKeys& keys) const {
  const http::RequestHead& head = *with.request;
  const Said said = said_by(head);
  if (said.copies && !settings_.passes_copies)
    return Error(
        Code::kDenied, Blame::kCaller,
        "x-amz-copy-source and x-amz-rename-source name an object that no grant was asked about (auth.copies "
        "lets them)");
  const Form form = CLV_TRY(form_of(head, said));
  if (form == Form::kDigest && with.payload == nullptr) return not_held();
  if (is_coded(form) && with.coder == nullptr) return not_held();
  AwsHex digest = aws_hex(form == Form::kDigest ? *with.payload : aws_empty_digest());
  if (form == Form::kSaidDigest) write_lower(digest, said.digest);
  std::string_view payload = text_of(digest);
  if (form == Form::kUnsigned) payload = kAwsUnsignedPayload;
  if (form == Form::kSaidTrailer) payload = kAwsUnsignedTrailer;
  if (is_coded(form)) payload = kAwsSignedChunks;
  out.field(kContentDigest, payload);
  if (form == Form::kSaidTrailer) out.field(kDecodedLength, said.decoded_length);
  if (is_coded(form)) {
    out.field(kDecodedLength, plain_size(head));
    write_encoding(out, head);
  }
  const AwsScope scope = settings_.scope();
  const AwsTime time(with.now);
  const AwsHex signature = CLV_TRY(sign_aws_request(out, keys, scope, time, payload));
  if (!is_coded(form) || !out.fits()) return ok();
  const AwsSigningKey key(keys.secret_access_key, time.day(), scope);
  *with.coder = CLV_TRY(
      AwsChunkCoder::create({key, signature, time, scope}, plain_size(head), form == Form::kSaidChunks));
  return ok();
}

// --- The kind ------------------------------------------------------------------------------------

vault::Sealed seal_keys(const AwsKeys& keys, std::string_view bound_to, base::SecretBytes& plain,
                        vault::ProcessKey& key) {
  const KeySizes sizes{static_cast<std::uint16_t>(keys.access_key_id.size()),
                       static_cast<std::uint16_t>(keys.secret_access_key.size())};
  std::byte* out = plain.reveal().data();
  const auto put = [&](const void* data, std::size_t size) {
    if (size > 0) std::memcpy(out, data, size);
    out += size;
  };
  put(&sizes, sizeof sizes);
  for (const std::string_view part : {keys.access_key_id, keys.secret_access_key, keys.session_token})
    put(part.data(), part.size());
  return key.seal(plain.reveal(), bound_to);
}

class AwsSigv4Kind final : public Kind {
 public:
  std::string_view name() const noexcept override { return "aws_sigv4"; }

  Result<void> check(const base::Document& auth) const override {
    CLV_TRY_VOID(read_settings(auth));
    return ok();
  }

  std::string_view needs_tls(const base::Document& auth) const override {
    const auto settings = read_settings(auth);
    return settings.has_value() && settings->payload == Payload::kUnsigned
               ? "with payload: unsigned, TLS is all that protects a body"
               : "";
  }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    Settings settings = CLV_TRY(read_settings(material.auth));
    const auto parsed = AwsKeyText::parse(material.secret.reveal_text(), key.arena());
    if (!parsed.has_value()) return parsed.error().within("credential '" + material.name + "'");
    const AwsKeys& keys = parsed->keys();
    // The secret key never leaves, and a session token does.
    EchoMarks echoes;
    if (!keys.session_token.empty()) echoes = CLV_TRY(marks_of(material, {&keys.session_token, 1}, key));
    base::SecretBytes plain = CLV_TRY(base::SecretBytes::allocate(
        key.arena(), sizeof(KeySizes) + keys.access_key_id.size() + keys.secret_access_key.size() +
                         keys.session_token.size()));
    vault::Sealed sealed = seal_keys(keys, material.bound_to, plain, key);
    return std::make_unique<AwsCredential>(std::move(material.name), std::move(echoes), std::move(settings),
                                           material.over_tls, std::move(sealed));
  }
};

}  // namespace

const Kind& aws_sigv4_kind() noexcept {
  static const AwsSigv4Kind kind;
  return kind;
}

}  // namespace claviger::credentials
