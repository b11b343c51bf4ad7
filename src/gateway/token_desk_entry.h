// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the desk knows of one credential. Internal to TokenDesk.

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gateway/token_desk.h"
#include "gateway/token_pace.h"

namespace claviger::gateway {

struct TokenDesk::Entry {
  explicit Entry(net::Loop& loop, TokenSource from, std::size_t readers)
      : source(std::move(from)), cell(std::make_shared<TokenCell>(readers)), timer(loop), save_timer(loop) {}

  TokenSource source;
  std::shared_ptr<TokenCell> cell;
  std::shared_ptr<CredentialLife> life;  // once a world has it
  std::optional<vault::Sealed> replaced;  // the secret, since its endpoint has replaced the source's
  std::optional<vault::Sealed> being_saved;  // that, or one before it
  bool is_unsaved = false;
  std::shared_ptr<const credentials::Token> token;
  Monotonic fetched{};
  TokenPace pace;
  std::optional<Error> last_error;  // of the attempt that the pace counts from
  std::optional<std::chrono::seconds> retry_after;  // that the last answer asked for
  std::size_t turn = 0;  // of targets
  std::vector<Done> waiting;
  bool is_adopted = false;
  bool is_closed = false;
  bool is_fetching = false;
  bool is_saving = false;
  bool tries_again = false;  // ahead of time, after an attempt that failed
  net::Timer timer;
  net::Timer save_timer;
  net::Task<void> fetching;
  net::Task<void> saving;

  bool has_good(Monotonic now) const noexcept { return token && now < token->good_until; }
};

}  // namespace claviger::gateway
