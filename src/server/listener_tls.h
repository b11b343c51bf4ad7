// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/ticket_keys.h"
#include "net/tls.h"
#include "server/config.h"

namespace claviger::server {

// What a listener's connections are accepted with.
struct OpenedTls {
  std::shared_ptr<const net::ServerTls> tls;  // null: off
  std::string ca_file;  // the CA of the generated certificate; empty where the configuration names its own
};

// From the files that `listener` names, else from the certificate in the data directory of `config`, which is made when
// there is none.
// Requires: `tickets` outlives what is made.
Result<OpenedTls> open_listener_tls(const ListenerConfig& listener, const Config& config,
                                    net::TicketKeys& tickets);

}  // namespace claviger::server
