// SPDX-License-Identifier: Apache-2.0
#include "doors/relay/relay_door.h"

#include <utility>

#include "gateway/serve_call.h"

namespace claviger::doors {

net::Task<void> RelayDoor::handle(http::ServerConnection& caller) {
  return gateway::serve_call(worker_, caller);
}

net::Task<void> RelayDoor::refuse(http::ServerConnection& caller, Error error) {
  return gateway::refuse_call(worker_, caller, std::move(error));
}

}  // namespace claviger::doors
