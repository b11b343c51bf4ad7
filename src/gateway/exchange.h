// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "credentials/body_coder.h"
#include "gateway/answer_head.h"
#include "gateway/answer_mask.h"
#include "gateway/body_copy.h"
#include "gateway/call.h"
#include "gateway/interruption.h"
#include "gateway/upstream_pool.h"
#include "gateway/worker.h"
#include "http/client_connection.h"
#include "http/server_connection.h"
#include "net/buffer.h"
#include "net/task.h"

namespace claviger::gateway {

// The front of a request's body that was taken from the caller and went nowhere: the next attempt begins with it.
struct HeldBody {
  explicit HeldBody(net::BufferPool& pool) noexcept : bytes(pool) {}
  bool is_held = false;
  net::Buffer bytes;  // framed as they are sent
  std::string_view pending;  // what follows them, in the caller's buffer
  bool is_whole = false;  // nothing more comes
};

// One request on one upstream connection: head out with the credential, body up and answer down at the
// same time, each as fast as the slower side takes it.
//
// Owns: nothing of the connections. Threads: its worker's.
// Secrets: the head lies in arena scratch from the moment it is written to the moment it is sent.
class Exchange final : public net::HangupWatcher, public Interruptible {
 public:
  Exchange(Worker& worker, http::ServerConnection& caller, Call& call, UpstreamPool::Lease& lease,
           HeldBody& held, BodyCopy& copy, Interruption& interruption) noexcept
      : worker_(worker),
        caller_(caller),
        call_(call),
        lease_(lease),
        upstream_(lease.connection()),
        held_(held),
        copy_(copy),
        interruption_(interruption),
        timeouts_(call.upstream->resource->timeouts),
        mask_(worker, call) {}

  // Requires: the exchange outlives the task, and begins in the turn that it was made in: a token is good then, and masked.
  net::Task<Result<void>> run();

  // After run():
  bool is_reusable() const noexcept { return reusable_; }  // the upstream connection
  bool answer_began() const noexcept { return upstream_.answer_began(); }
  bool caller_is_gone() const noexcept { return caller_gone_; }
  // The upstream does not know the session that the request carried, and there is another now: the call is to be sent once more. The
  // caller has seen nothing of this answer.
  bool has_another_token() const noexcept { return has_another_token_; }
  // Not a byte of the request left, and what was taken of its body is held for the next attempt.
  bool nothing_was_sent() const noexcept { return nothing_sent_ && !upload_error_; }
  // Nothing of the request was used up, and the caller has seen nothing of this attempt.
  bool can_be_repeated() const noexcept {
    const http::RequestHead& head = *call_.head;
    const bool has_body = head.framing == http::Framing::kChunked || head.content_length > 0;
    return !has_body && !interim_relayed_ && !answer_began() && !caller_.answer_began();
  }

 private:
  void on_hangup() noexcept override;
  void interrupt(Interrupted why) noexcept override;

  net::Task<Result<void>> send_head();
  void append_early_body(http::HeadWriter& out);
  void append_copy(http::HeadWriter& out);
  net::Task<void> upload_copy();
  bool hold(std::string_view text, std::size_t head_size);
  net::Task<void> upload();
  bool waits_for_caller() const noexcept;
  std::chrono::milliseconds time_for_head() const noexcept;
  net::Task<Result<void>> send_piece(std::string_view piece);
  net::Task<Result<void>> send_coded(std::string_view piece);
  net::Task<Result<void>> download();
  // exchange_renewal.cc
  net::Task<Result<bool>> is_session_lost();
  bool can_be_sent_again() const noexcept;
  net::Task<Result<void>> renew_session();
  net::Task<Result<void>> read_final_head();
  Result<void> write_head();
  net::Task<Result<void>> stream_body();
  net::Task<Result<void>> write_piece(AnswerMask::Released body);
  net::Task<void> end_upload();

  static constexpr int kReadsBeforeYield = 16;  // of a body that never makes us wait: others get their turn

  Worker& worker_;
  http::ServerConnection& caller_;
  Call& call_;
  UpstreamPool::Lease& lease_;
  http::ClientConnection& upstream_;
  HeldBody& held_;
  BodyCopy& copy_;
  Interruption& interruption_;
  const policy::UpstreamTimeouts& timeouts_;
  AnswerMask mask_;
  net::Child upload_;
  std::unique_ptr<credentials::BodyCoder>
      coder_;  // of the body, where it goes out in a form of the credential's making
  std::string_view pending_;  // a piece of the body that did not fit behind the head
  std::size_t copied_ = 0;  // pieces of the copy that went behind it
  std::optional<Error> upload_error_;  // why the body did not arrive whole, when the caller is to blame
  AnswerFraming framing_ = AnswerFraming::kNone;
  bool request_sent_ = false;
  bool nothing_sent_ = false;
  bool reads_body_ = false;  // and has to wait for it
  bool has_answer_ = false;  // its final head
  bool interim_relayed_ = false;
  bool interim_in_line_ = false;  // the caller has not taken all of it
  bool ending_ = false;  // the upload is not worth going on with
  bool caller_gone_ = false;
  bool has_another_token_ = false;
  bool reusable_ = false;
};

}  // namespace claviger::gateway
