// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "sources/reader.h"
#include "vault/process_key.h"
#include "vault/source.h"

namespace claviger::sources {

// Secrets of AWS Secrets Manager: GetSecretValue, signed (Signature Version 4). The keys for it are read from their source each time, so
// that others may be put there.
class AwsReader final : public Reader {
 public:
  // kInvalid when the CA file is no good. Requires: what is borrowed outlives it.
  static Result<std::unique_ptr<Reader>> create(const AwsOptions& options, vault::SecretSources& secrets);

  net::Task<Result<Reading>> read(const http::FetchSurroundings& around, std::string place,
                                  std::vector<std::string> parts,
                                  std::optional<std::chrono::seconds>& wait) override;
  const Pace& pace() const noexcept override { return options_.pace; }

 private:
  AwsReader(const AwsOptions& options, http::FetchTarget target, vault::SecretSources& secrets)
      : options_(options), target_(std::move(target)), secrets_(secrets) {}
  struct Signed;
  Result<Signed> sign(const std::string& body, WallTime now, base::SecretArena& arena);

  const AwsOptions& options_;
  const http::FetchTarget target_;
  vault::SecretSources& secrets_;
};

}  // namespace claviger::sources
