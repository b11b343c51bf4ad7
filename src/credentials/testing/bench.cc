// SPDX-License-Identifier: Apache-2.0
#include "credentials/testing/bench.h"

#include <span>

#include "base/check.h"
#include "base/json.h"

namespace claviger::credentials::testing {

base::Document settings(const Entries& entries) {
  const auto file = std::make_shared<const std::string>("auth.yaml");
  base::Document map;
  map.type = base::Document::Type::kMap;
  map.place = {.file = file, .line = 7};
  std::uint32_t line = 7;
  for (const auto& [name, value] : entries) {
    base::Document scalar;
    scalar.type = base::Document::Type::kScalar;
    scalar.scalar = value;
    if (value.starts_with('{')) scalar = *base::parse_json(value, "auth.yaml");
    scalar.place = {.file = file, .line = line++};
    map.entries.emplace_back(name, std::move(scalar));
  }
  return map;
}

Bench::Bench() {
  auto arena = base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 1 << 20});
  CLV_CHECK(arena.has_value());
  arena_ = *std::move(arena);
  auto key = vault::ProcessKey::create(*arena_);
  CLV_CHECK(key.has_value());
  key_ = *std::move(key);
}

vault::Opener Bench::opener() {
  auto opener = key_->make_opener();
  CLV_CHECK(opener.has_value());
  return *std::move(opener);
}

Result<std::unique_ptr<const Credential>> Bench::make(const Kind& kind, const base::Document& auth,
                                                      std::string_view secret, bool masked) {
  auto bytes = base::SecretBytes::copy_of(*arena_, std::as_bytes(std::span(secret)));
  CLV_CHECK(bytes.has_value());
  return kind.make({.name = "fake-credential",
                    .auth = auth,
                    .secret = *std::move(bytes),
                    .bound_to = kBoundTo,
                    .masked = masked},
                   *key_);
}

std::string Bench::fields_of(const Credential& credential) {
  std::string memory(std::size_t{64} << 10, '\0');
  http::HeadWriter out(memory);
  vault::Opener open = opener();
  const Result<void> written = credential.write_fields(out, {.opener = open});
  return written.has_value() ? std::string(out.text()) : "error: " + std::string(written.error().what());
}

std::string Bench::query_of(const Credential& credential) {
  std::string memory(std::size_t{64} << 10, '\0');
  http::HeadWriter out(memory);
  vault::Opener open = opener();
  const Result<void> written = credential.write_query(out, {.opener = open});
  return written.has_value() ? std::string(out.text()) : "error: " + std::string(written.error().what());
}

}  // namespace claviger::credentials::testing
