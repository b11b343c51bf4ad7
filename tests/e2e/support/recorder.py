# SPDX-License-Identifier: Apache-2.0
"""An upstream that keeps every byte that reaches it, and takes nothing but the one plain form of a request."""

import re

from support.raw_upstream import STAY, RawUpstream, Request
from support.waiting import until

PLAIN_HEAD = re.compile(rb"[!-~]+ /[!-~]* HTTP/1\.1\r\n(?:[!#-'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*\r\n)*\r\n")
PLAIN_CHUNK = re.compile(rb"(?:0|[1-9a-f][0-9a-f]*)\r\n")


class NotPlain(Exception):
    pass


class Recorder(RawUpstream):
    """`whole` holds each request that came whole: its head and its body, chunks taken off. `strays` holds what is
    none: bytes that break the plain form, or that follow a request without being one."""

    def __init__(self, *arguments, **how):
        self.whole = []
        self.strays = []
        super().__init__(*arguments, **how)

    def _exchange(self, connection):
        try:
            head = connection.read_until(b"\r\n\r\n")
            if not PLAIN_HEAD.fullmatch(head):
                raise NotPlain(head)
            request = Request(head, connection=connection.number)
            self.requests.append(request)
            request.body = self._read_body(connection, request)
            if connection.buffer:
                raise NotPlain(connection.buffer)  # the gateway does not pipeline
        except NotPlain as stray:
            self.strays.append(stray.args[0])
            return False
        self.whole.append(head + request.body)
        behaviour = self.behaviours.get(request.path)
        if behaviour:
            return behaviour(connection, request)
        connection.answer(b"" if request.method == "HEAD" else b"ok", length=2)
        return STAY

    def _read_body(self, connection, request):
        length, coding = request.all("Content-Length"), request.all("Transfer-Encoding")
        if len(length) + len(coding) > 1 or coding not in ([], ["chunked"]):
            raise NotPlain(request.raw)
        if request.get("Expect"):
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not coding:
            return connection.read_exactly(int(length[0]) if length else 0)
        pieces = []
        while True:
            size = connection.read_until(b"\r\n")
            if not PLAIN_CHUNK.fullmatch(size):
                raise NotPlain(size)
            pieces.append(connection.read_exactly(int(size, 16)))
            end = connection.read_exactly(2)  # no trailers
            if end != b"\r\n":
                raise NotPlain(size + end)
            if size == b"0\r\n":
                return b"".join(pieces)

    def whole_since(self, start, count):
        """Requests from the `start`th on, once there are `count` of them."""
        until(lambda: len(self.whole) >= start + count, f"{count} requests to come through")
        return self.whole[start:]
