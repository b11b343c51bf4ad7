// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a request on a door's listener is, by its head alone.

#include "base/result.h"
#include "doors/externaldns/door_stats.h"
#include "http/message.h"

namespace claviger::doors::externaldns {

// What is asked for, by method and path. kNoResource, kMethodNotAllowed.
Result<WebhookCall> find_call(const http::RequestHead& head);

// Whether the media types that it names are the webhook's, byte for byte: there is one version, and another would mean something else.
Result<void> check_types(const http::RequestHead& head);

// Whether it may come from a page in a browser (CSRF, DNS rebinding). On a listener that is on loopback, Host has to be an address or
// localhost: nobody can have a reason to call it by another name. kDenied says what gave it away.
Result<void> check_is_no_browsers(const http::RequestHead& head, bool is_on_loopback);

}  // namespace claviger::doors::externaldns
