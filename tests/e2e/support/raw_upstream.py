# SPDX-License-Identifier: Apache-2.0
"""An upstream over bare sockets that does, to the byte, what a test scripts for a path, decent or not."""

import json
import socket
import ssl
import threading
from dataclasses import dataclass

from support.waiting import PATIENCE, until

STAY, LEAVE = True, False  # what a behaviour returns: keep the connection, or close it


@dataclass
class Request:
    raw: bytes  # the head as received
    body: bytes = b""
    connection: int = 0

    @property
    def method(self):
        return self.raw.split(b" ", 1)[0].decode()

    @property
    def target(self):
        return self.raw.split(b" ", 2)[1].decode("latin-1")

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def fields(self):
        lines = self.raw.decode("latin-1")[:-4].split("\r\n")[1:]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def all(self, name):
        return [value for known, value in self.fields if known == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) < 2, f"the upstream got {name} {len(values)} times"
        return values[0] if values else None


@dataclass
class Connection:
    sock: socket.socket
    number: int
    upstream: "RawUpstream"
    buffer: bytes = b""
    sent: int = 0  # bytes of this connection that the kernel took
    ended: bool = False  # closed on this side, and the other side's kernel knows

    def receive(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError
        self.buffer += piece

    def read_until(self, mark):
        while mark not in self.buffer:
            self.receive()
        at = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:at], self.buffer[at:]
        return taken

    def read_exactly(self, count, into=None):
        pieces = []
        into = into or pieces.append
        while count:
            if not self.buffer:
                self.receive()
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            count -= len(piece)
            into(piece)
        return b"".join(pieces)

    def read_body(self, request, into=None):
        coding, length = request.get("Transfer-Encoding"), request.get("Content-Length")
        if request.get("Expect") and request.path != "/never-says-100":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if coding:
            assert coding.lower() == "chunked", coding
            pieces = []
            while True:
                size = int(self.read_until(b"\r\n")[:-2], 16)
                pieces.append(self.read_exactly(size, into))
                assert self.read_until(b"\r\n") == b"\r\n"
                if size == 0:
                    return b"".join(pieces)
        return self.read_exactly(int(length or 0), into)

    def send(self, data):
        self.sock.sendall(data)
        self.sent += len(data)

    def answer(self, body=b"", status="200 OK", fields=(), length=None):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
        lines += [f"{name}: {value}" for name, value in fields]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def abort(self):
        """A reset instead of an end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def echo(connection, request):
    """What was received, as JSON: the behaviour where no other is scripted."""
    request.body = connection.read_body(request)
    connection.answer(json.dumps({
        "method": request.method, "target": request.target, "fields": request.fields,
        "body": request.body.decode("latin-1"), "connection": connection.number,
    }).encode(), fields=[("Content-Type", "application/json")])
    return STAY


def says(raw, then=STAY):
    """Reads the request whole, answers with exactly these bytes."""
    def behaviour(connection, request):
        request.body = connection.read_body(request)
        connection.send(raw)
        return then
    return behaviour


def hang_up(sock):
    """Wakes whichever thread is blocked on it, which closing alone does not."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


class RawUpstream:
    def __init__(self, identity=None, host="127.0.0.1", receive_buffer=None, first_words=None, port=0):
        self.identity = identity
        self.host = host
        self.first_words = first_words  # said at once, whatever the other side speaks; then the end
        self.behaviours = {}
        self.requests = []
        self.connections = []
        self.accepted = 0
        self.handshakes_failed = 0
        self.release = threading.Event()  # lets behaviours that stall go on
        self.context = None
        if identity:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(identity.cert, identity.key)
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind((host, port))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.release.set()
        hang_up(self.listener)
        for connection in list(self.connections):
            hang_up(connection.sock)

    def url(self, host=None):
        host = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.identity else 'http'}://{host}:{self.port}"

    def on(self, path, behaviour):
        self.behaviours[path] = behaviour
        return self

    def to(self, path):
        """Requests so far for this path."""
        return [request for request in self.requests if request.path == path]

    def saw(self, answer):
        """Whether the request came through that was given this answer."""
        return any(request.all("X-Request-Id") == answer.all("X-Request-Id") for request in self.requests)

    def last(self, path):
        return until(lambda: self.to(path), f"the upstream to see {path}")[-1]

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(sock, self.accepted), daemon=True).start()

    def _serve(self, sock, number):
        connection = None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                sock.settimeout(PATIENCE)
                try:
                    sock = self.context.wrap_socket(sock, server_side=True)
                except (OSError, ssl.SSLError):
                    self.handshakes_failed += 1
                    return
                sock.settimeout(None)
            connection = Connection(sock, number, self)
            self.connections.append(connection)
            if self.first_words:
                connection.send(self.first_words)
                return
            while self._exchange(connection):
                pass
        except (EOFError, OSError, ValueError):
            pass  # the gateway went away, which is its right
        finally:
            sock.close()
            if connection:
                connection.ended = True

    def _exchange(self, connection):
        request = Request(connection.read_until(b"\r\n\r\n"), connection=connection.number)
        self.requests.append(request)
        behaviour = self.behaviours.get(request.path, echo)
        return behaviour(connection, request)


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"
