# SPDX-License-Identifier: Apache-2.0
"""An upstream that lets in whoever shows a token that somebody says is good."""

from support.raw_upstream import STAY, RawUpstream


class GuardedUpstream(RawUpstream):
    """`knows` says whether a bearer token is good; every path then answers "fine"."""

    def __init__(self, knows, **how):
        super().__init__(**how)
        self.knows = knows
        self.refused = 0

    def _exchange_any(self, connection, request):
        request.body = connection.read_body(request)
        scheme, _, token = (request.get("Authorization") or "").partition(" ")
        if scheme == "Bearer" and self.knows(token):
            connection.answer(b"fine " + request.body)
        else:
            self.refused += 1
            connection.answer(b"who?", "401 Unauthorized")
        return STAY

    def guard(self, *paths):
        for path in paths:
            self.on(path, self._exchange_any)
        return self
