// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "gateway/answer_head.h"
#include "gateway/call.h"
#include "gateway/interruption.h"
#include "gateway/worker.h"
#include "http/client_connection.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// One request on one upstream connection: head out with the credential, body up and answer down at the
// same time, each as fast as the slower side takes it.
//
// Owns: nothing of the connections. Threads: its worker's.
// Secrets: the head lies in arena scratch from the moment it is written to the moment it is sent.
class Exchange final : public net::HangupWatcher, public Interruptible {
 public:
  Exchange(Worker& worker, http::ServerConnection& caller, Call& call, http::ClientConnection& upstream,
           Interruption& interruption) noexcept
      : worker_(worker),
        caller_(caller),
        call_(call),
        upstream_(upstream),
        interruption_(interruption),
        timeouts_(call.upstream->resource->timeouts) {}

  // Requires: the exchange outlives the task.
  net::Task<Result<void>> run();

  // After run():
  bool is_reusable() const noexcept { return reusable_; }         // the upstream connection
  bool answer_began() const noexcept { return upstream_.answer_began(); }
  bool caller_is_gone() const noexcept { return caller_gone_; }
  // Nothing of the request was used up, and the caller has seen nothing of this attempt.
  bool can_be_repeated() const noexcept {
    const http::RequestHead& head = *call_.head;
    const bool has_body = head.framing == http::Framing::kChunked || head.content_length > 0;
    return !has_body && !interim_relayed_ && !answer_began() && !caller_.answer_began();
  }

 private:
  void on_hangup() noexcept override;
  void interrupt() noexcept override;

  net::Task<Result<void>> send_head();
  void append_early_body(http::HeadWriter& out);
  net::Task<void> upload();
  net::Task<Result<void>> send_piece(std::string_view piece);
  net::Task<Result<void>> download();
  net::Task<Result<void>> read_final_head();
  Result<void> write_head();
  net::Task<Result<void>> stream_body();
  net::Task<Result<void>> write_piece(std::string_view piece);
  net::Task<void> end_upload();

  Worker& worker_;
  http::ServerConnection& caller_;
  Call& call_;
  http::ClientConnection& upstream_;
  Interruption& interruption_;
  const policy::UpstreamTimeouts& timeouts_;
  net::Child upload_;
  std::string_view pending_;             // a piece of the body that did not fit behind the head
  std::optional<Error> upload_error_;    // why the body did not arrive whole, when the caller is to blame
  AnswerFraming framing_ = AnswerFraming::kNone;
  bool request_sent_ = false;
  bool interim_relayed_ = false;
  bool ending_ = false;  // the upload is not worth going on with
  bool caller_gone_ = false;
  bool reusable_ = false;
};

}  // namespace claviger::gateway
