# SPDX-License-Identifier: Apache-2.0
"""Many callers at once whom the gateway knows, and who take memory and descriptors."""

import contextlib

from support import wire

# What a sanitizer leaves to be measured is more than the mark anyway; without one, it takes some heads to be.
HEAVY = b"GET /raw/any HTTP/1.1\r\nHost: x\r\nX-Pad: " + b"x" * 28000


def ask(client, key):
    return client.call("GET", "/raw/any", [wire.bearer(key)])


@contextlib.contextmanager
def known_callers(gateway, key, count, next_head=b""):
    """Connections that were served, and now hold the beginning of another request."""
    clients = []
    try:
        for _ in range(count):  # one after the other: as strangers, so many might not be let in
            client = gateway.connect()
            clients.append(client)
            assert ask(client, key).status == 200
            if next_head:
                client.send(next_head)
        yield clients
    finally:
        for client in clients:
            client.close()
