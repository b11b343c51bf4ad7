// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "cli/admin_address.h"
#include "http/client_connection.h"
#include "net/resolver.h"
#include "server/process.h"
#include "vault/source.h"

namespace claviger::cli {

struct AdminRequest {
  std::string_view method = "GET";
  std::string target;  // path and query; names in it are resource names, all else encode_query()'d
  std::string_view content_type;  // empty: no body
  std::string_view body;  // may lie in the arena; outlives the call
};

struct AdminAnswer {
  unsigned status = 0;
  std::string body;
  std::string request_id;
  std::string next;  // X-Claviger-Next
  std::string key;  // X-Claviger-Key
  std::string remaining;   // X-Claviger-Remaining
  std::string unreadable;  // X-Claviger-Unreadable
  std::uint32_t retry_after_seconds = 0;
};

// The management API, call by call. CLAVIGER_ADDR, CLAVIGER_TOKEN and CLAVIGER_CACERT say where it is, who asks, and
// which certificates are trusted. Redirects are not followed. An answer has at most 64 MiB; 30 s without a byte end a
// call.
//
// Owns: the process's secret memory, one loop, one connection that is used again where that is safe.
// Threads: one; each call blocks. Secrets: the token lies in the arena and is erased from the environment; heads are
// put together in the arena.
class AdminClient {
 public:
  // Reads the environment. Nothing is sent yet. kInvalid says what to set.
  static Result<std::unique_ptr<AdminClient>> create();

  // Whatever status the answer has; an Error when there is none.
  Result<AdminAnswer> exchange(const AdminRequest& request);
  // The same, but a status of 300 and above is an Error in words (cli/admin_failure.h).
  Result<AdminAnswer> call(const AdminRequest& request);
  // call() for JSON both ways. `json` empty: no body.
  Result<base::Document> call_json(std::string_view method, std::string target, std::string_view json = {});
  // For an answer that holds a secret: the body, at most 64 KiB, in the arena alone.
  Result<base::SecretBytes> call_for_secret(const AdminRequest& request);
  // All items of a list, page after page; a full rate limit is waited for.
  Result<void> for_each(std::string target, const std::function<Result<void>(const base::Document&)>& each);

  const AdminAddress& address() const noexcept { return address_; }
  base::SecretArena& arena() const noexcept { return memory_.arena; }
  vault::SecretSources& sources() noexcept { return *sources_; }

 private:
  struct Sink;
  AdminClient(server::SecretMemory memory, AdminAddress address);
  Result<void> run(const AdminRequest& request, AdminAnswer& answer, Sink& sink);
  net::Task<Result<void>> talk(const AdminRequest& request, AdminAnswer& answer, Sink& sink, bool may_reuse);
  net::Task<Result<void>> connect();
  net::Task<Result<void>> send(const AdminRequest& request);
  net::Task<Result<void>> receive(http::Method method, AdminAnswer& answer, Sink& sink);
  Result<base::SecretBytes> write_head(const AdminRequest& request, std::size_t& size);
  Result<base::Document> page(const std::string& target);

  server::SecretMemory memory_;
  AdminAddress address_;
  std::unique_ptr<vault::SecretSources> sources_;
  base::SecretBytes token_;
  SystemClock clock_;
  std::unique_ptr<net::Loop> loop_;
  net::BufferPool buffers_;
  std::unique_ptr<net::Resolver> resolver_;
  std::shared_ptr<net::ClientTls> tls_;
  std::unique_ptr<http::ClientConnection> connection_;
};

// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3).
std::string encode_query(std::string_view text);

}  // namespace claviger::cli
