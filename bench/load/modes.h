// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "arguments.h"

// What the tool can do. Each prints lines of JSON to the standard output and returns the exit status.
namespace bench {

// TLS handshakes, one after the other on each of --connections connections, for --seconds: full, or with
// --resumed=1 each by the newest ticket. Each ends when its ticket has come and both ends have closed.
int handshakes(const Arguments& arguments);

// --rate requests a second over --connections connections for --seconds, sent when they are due whatever became of
// those before. Times are from when a request was due.
int callers(const Arguments& arguments);

// --connections that have each had one answer, and are then silent until the standard input ends.
int idle(const Arguments& arguments);

// --kind=slow: a head at a byte a second on each of --connections. --kind=silent: connections that say nothing;
// --kind=hello: that send half a ClientHello; --rate new ones a second, the oldest making room. Until the standard
// input ends.
int attack(const Arguments& arguments);

// Reads --streams server-sent event streams for --seconds: the time from the stamp in each event to its arrival.
int events(const Arguments& arguments);

// An upstream, on --port and, with TLS, --tls-port: /v1/events is a stream of --rate events a second, each with the
// monotonic clock in it; all else is a little JSON. 403 without --credential.
int event_source(const Arguments& arguments);

}  // namespace bench
