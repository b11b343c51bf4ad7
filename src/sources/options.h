// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "http/path.h"
#include "sources/allow_list.h"

namespace claviger::sources {

// `sources` of the configuration file; docs/configuration.md is its manual.

// When a source is read, and how long it may fail.
struct Pace {
  std::chrono::milliseconds refresh{std::chrono::minutes(5)};  // a tenth more or less each time
  std::chrono::milliseconds keep{
      std::chrono::hours(24)};  // the last good value is used while the source fails; 0: not at all
  friend bool operator==(const Pace&, const Pace&) = default;
};

struct FileOptions {
  std::chrono::milliseconds poll{std::chrono::seconds(2)};
  std::chrono::milliseconds keep{std::chrono::hours(24)};
  bool group_read = false;  // by a group that this process is in
  friend bool operator==(const FileOptions&, const FileOptions&) = default;
};

// A store of secrets on the network.
struct StoreAddress {
  std::string url;  // as written
  http::BaseUrl base;
  std::string ca;  // PEM file; empty: the system's
  friend bool operator==(const StoreAddress& a, const StoreAddress& b) noexcept {
    return a.url == b.url && a.ca == b.ca;
  }
};

struct AppRole {
  std::string mount = "approle";
  std::string role_id;  // env: or file:
  std::string secret_id;  // the same; empty: the role asks for none
  friend bool operator==(const AppRole&, const AppRole&) = default;
};

// HashiCorp Vault or OpenBao.
struct VaultOptions {
  StoreAddress address;
  std::string name_space;  // empty: the root
  std::string token;  // env: or file:; empty: by AppRole
  AppRole app_role;
  unsigned kv = 0;  // version of KV where nobody says; 0: Vault is asked
  Pace pace;
  friend bool operator==(const VaultOptions&, const VaultOptions&) = default;
};

// AWS Secrets Manager, or what speaks its protocol.
struct AwsOptions {
  StoreAddress address;
  std::string region;
  std::string access_key_id;  // each env: or file:
  std::string secret_access_key;
  std::string session_token;  // empty: none
  Pace pace;
  friend bool operator==(const AwsOptions&, const AwsOptions&) = default;
};

struct Options {
  AllowList allowed;
  FileOptions file;
  std::optional<VaultOptions> vault;
  std::optional<AwsOptions> aws;
  std::chrono::milliseconds wait{std::chrono::seconds(10)};  // at start, for sources on the network
  friend bool operator==(const Options&, const Options&) = default;
};

}  // namespace claviger::sources
