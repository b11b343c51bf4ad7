# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.x client that sends exactly the bytes it is told to, and judges strictly what comes back."""

import base64
import json
import socket
import ssl
from dataclasses import dataclass, field

from support.waiting import PATIENCE


class BrokenAnswer(Exception):
    """The connection ended, or went wrong, in the midst of an answer."""

    def __init__(self, why, head=None, body=b""):
        super().__init__(why)
        self.head = head
        self.body = body


@dataclass
class Answer:
    version: str
    status: int
    reason: str
    fields: list  # (name, value), as sent
    body: bytes = b""
    interim: list = field(default_factory=list)
    framing: str = "none"

    def all(self, name):
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) < 2, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem_code(self):
        return self.get("X-Claviger-Error")


def bearer(key):
    return ("Authorization", f"Bearer {key.text}")


def basic(key, user="x"):
    return ("Authorization", "Basic " + base64.b64encode(f"{user}:{key.text}".encode()).decode())


def head(method, target, fields=(), host="gateway.test", version="HTTP/1.1"):
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunked(body, sizes=(1, 10, 1000)):
    out, at, turn = b"", 0, 0
    while at < len(body):
        piece = body[at:at + sizes[turn % len(sizes)]]
        out += b"%x\r\n" % len(piece) + piece + b"\r\n"
        at += len(piece)
        turn += 1
    return out + b"0\r\n\r\n"


class Client:
    """One connection. `tls` is the path of the CA to trust, or None for plain; `context` an SSLContext in its stead, and
    `session` one of an earlier connection of that context."""

    def __init__(self, address, tls=None, server_name="localhost", receive_buffer=None, timeout=PATIENCE, context=None,
                 session=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                context = context or ssl.create_default_context(cafile=str(tls))
                self.sock = context.wrap_socket(self.sock, server_hostname=server_name, suppress_ragged_eofs=False,
                                                session=session)
        except BaseException:
            self.sock.close()
            raise
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def abort(self):
        """Closes with a reset instead of a goodbye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def receive(self):
        """More bytes into the buffer; False at the end of the connection, however it came."""
        try:
            piece = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return False
        self.buffer += piece
        return bool(piece)

    def at_end(self):
        """Whether the gateway closes, having sent nothing more."""
        while self.receive():
            pass
        return self.buffer == b""

    def read_until(self, mark):
        while mark not in self.buffer:
            if not self.receive():
                raise BrokenAnswer(f"connection ended before {mark!r}", body=self.buffer)
        at = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:at], self.buffer[at:]
        return taken

    def read_exactly(self, count, into):
        while count:
            if not self.buffer and not self.receive():
                raise BrokenAnswer(f"connection ended {count} bytes early")
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            count -= len(piece)
            into(piece)

    def read_head(self):
        lines = self.read_until(b"\r\n\r\n").decode("latin-1")[:-4].split("\r\n")
        version, _, rest = lines[0].partition(" ")
        status, _, reason = rest.partition(" ")
        assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name and name == name.strip(), f"malformed field: {line!r}"
            fields.append((name, value.strip()))
        return Answer(version, int(status), reason, fields)

    def read_answer(self, method="GET", into=None):
        """One whole answer. BrokenAnswer when it does not arrive as it was announced."""
        interim = []
        answer = self.read_head()
        while 100 <= answer.status < 200 and answer.status != 101:
            interim.append(answer)
            answer = self.read_head()
        answer.interim = interim
        pieces = []
        try:
            self._read_body(answer, method, into or pieces.append)
        except BrokenAnswer as broken:
            broken.head, broken.body = answer, b"".join(pieces)
            raise
        answer.body = b"".join(pieces)
        return answer

    def _read_body(self, answer, method, into):
        length, coding = answer.get("Content-Length"), answer.get("Transfer-Encoding")
        assert not (length and coding), "Content-Length beside Transfer-Encoding"
        if method == "HEAD" or answer.status in (204, 304):
            return
        if coding:
            assert coding == "chunked"
            answer.framing = "chunked"
            while True:
                size = int(self.read_until(b"\r\n")[:-2], 16)
                if size:
                    self.read_exactly(size, into)
                end = self.read_until(b"\r\n")
                assert end == b"\r\n", f"bytes after a chunk, or trailers: {end!r}"
                if size == 0:
                    return
        if length is not None:
            answer.framing = "length"
            self.read_exactly(int(length), into)
            return
        answer.framing = "close"
        while True:
            if self.buffer:
                into(self.buffer)
                self.buffer = b""
            if not self._receive_to_clean_end():
                return

    def _receive_to_clean_end(self):
        """A body that ends with the connection has ended only when the end was said (FIN, close_notify)."""
        try:
            piece = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError) as error:
            raise BrokenAnswer(f"a body delimited by the close was cut: {error}") from error
        self.buffer += piece
        return bool(piece)

    def request(self, method, target, fields=(), body=b"", host="gateway.test", version="HTTP/1.1"):
        fields = list(fields)
        names = {name.lower() for name, _ in fields}
        if (body or method in ("POST", "PUT", "PATCH")) and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        self.send(head(method, target, fields, host, version) + body)

    def call(self, method, target, fields=(), body=b"", **how):
        self.request(method, target, fields, body, **how)
        return self.read_answer(method)
