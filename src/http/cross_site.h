// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/message.h"

// What a browser says of the page that made it send a request. Nobody but a browser has to say it: these rules keep
// pages from calling with what the browser adds by itself, and nobody else from anything.
namespace claviger::http {

// A page of another origin had it sent (Fetch Metadata: Sec-Fetch-Site).
bool is_fetched_for_another_site(const Fields& fields) noexcept;

// The same, or Origin (RFC 6454 section 7) names anything but https at Host, "null" included.
// Requires: the request came over TLS.
bool is_of_another_origin(const RequestHead& head) noexcept;

}  // namespace claviger::http
