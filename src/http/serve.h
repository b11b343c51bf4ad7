// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/server_connection.h"

namespace claviger::http {

// Whoever answers requests: a door.
class Handler {
 public:
  virtual ~Handler() = default;
  // Answers the request whose head was read. Either the answer is whole when the task ends, or the
  // connection was told to abort().
  virtual net::Task<void> handle(ServerConnection& connection) = 0;
  // Answers a head that could not be read (kBadRequest, kHeadTooLarge, kTooLarge). The connection is closed after it.
  virtual net::Task<void> refuse(ServerConnection& connection, Error error) = 0;
};

// Serves a connection from its first request to its last.
// Requires: both outlive the task.
net::Task<void> serve(ServerConnection& connection, Handler& handler);

}  // namespace claviger::http
