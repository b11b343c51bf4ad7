# SPDX-License-Identifier: Apache-2.0
"""Bodies of any size flow through in constant memory, at the pace of the slower side."""

import hashlib
import os
import threading

import pytest

from support import wire
from support.gateway import IS_SANITIZED
from support.raw_upstream import STAY
from support.waiting import PATIENCE, until, until_stable

SIZE = 64 << 20
BLOCK = os.urandom(1 << 20)
ALLOWED_KIB = 8 << 10  # by which the process may grow
# What the kernel's socket buffers on the way can hold, generously; far below SIZE.
IN_BUFFERS = 32 << 20


@pytest.fixture(scope="module")
def big(nginx):
    content = BLOCK * (SIZE // len(BLOCK))
    nginx.put_file("big.bin", content)
    return hashlib.sha256(content).hexdigest()


class MemoryWatch:
    """Fails when the process grew by more than allowed while inside."""

    def __init__(self, gateway):
        self.gateway = gateway

    def __enter__(self):
        self.before = self.gateway.status_kib("VmRSS")
        self.gateway.reset_peak_memory()

    def __exit__(self, failure, *_):
        grown = self.gateway.status_kib("VmHWM") - self.before
        if failure is None and not IS_SANITIZED:
            assert grown < ALLOWED_KIB, f"grew by {grown} KiB"


@pytest.fixture
def warm(world):
    """Every worker has had its first buffers: what grows from here on grows with the body."""
    for _ in range(12):
        world.gateway.get("/bearer/files/small.txt", world.caller)
        world.gateway.call("PUT", "/bearer/sink/warm", world.caller, body=b"x" * 200_000)
    return world


@pytest.mark.parametrize("mount", ["bearer", "plain"])
def test_64_mib_down_arrive_intact_in_constant_memory(warm, big, mount):
    digest = hashlib.sha256()
    with MemoryWatch(warm.gateway), warm.gateway.connect() as client:
        client.request("GET", f"/{mount}/files/big.bin", [wire.bearer(warm.caller)])
        answer = client.read_answer(into=digest.update)

    assert answer.status == 200 and answer.get("Content-Length") == str(SIZE)
    assert digest.hexdigest() == big


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_64_mib_up_arrive_intact_in_constant_memory(warm, big, framing):
    name = f"big-{framing}"
    with MemoryWatch(warm.gateway), warm.gateway.connect() as client:
        announced = ("Content-Length", str(SIZE)) if framing == "length" else ("Transfer-Encoding", "chunked")
        client.send(wire.head("PUT", f"/bearer/sink/{name}", [wire.bearer(warm.caller), announced]))
        for _ in range(SIZE // len(BLOCK)):
            client.send(BLOCK if framing == "length" else b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK))
        if framing == "chunked":
            client.send(b"0\r\n\r\n")
        answer = client.read_answer("PUT")

    assert answer.status in (201, 204), answer
    assert hashlib.sha256(warm.nginx.sunk(name)).hexdigest() == big


def test_a_caller_that_does_not_read_stops_the_upstream_and_costs_no_memory(warm, big):
    def pours(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // 65536 // 16):
            for at in range(0, len(BLOCK), 65536):
                connection.send(BLOCK[at:at + 65536])
        return STAY

    warm.raw.on("/pours-64", pours)
    with MemoryWatch(warm.gateway), warm.gateway.connect(receive_buffer=65536) as client:
        client.request("GET", "/raw/pours-64", [wire.bearer(warm.caller)])
        warm.raw.last("/pours-64")
        connection = warm.raw.connections[warm.raw.last("/pours-64").connection - 1]
        sent_before_pause = until_stable(lambda: connection.sent)
        assert 0 < sent_before_pause < IN_BUFFERS

        digest = hashlib.sha256()
        client.read_answer(into=digest.update)
        assert digest.hexdigest() == big


def test_an_upstream_that_does_not_read_stops_the_caller_and_costs_no_memory(warm, big):
    go_on, digest = threading.Event(), hashlib.sha256()

    def dawdles(connection, request):
        assert go_on.wait(PATIENCE)
        connection.read_body(request, digest.update)
        connection.answer(b"all of it")
        return STAY

    warm.raw.on("/dawdles", dawdles)
    sent = 0

    def push(client):
        nonlocal sent
        for _ in range(SIZE // len(BLOCK)):
            view = memoryview(BLOCK)
            while view:
                count = client.sock.send(view[:65536])
                sent += count
                view = view[count:]

    with MemoryWatch(warm.gateway), warm.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/dawdles", [wire.bearer(warm.caller), ("Content-Length", str(SIZE))]))
        pusher = threading.Thread(target=push, args=(client,), daemon=True)
        pusher.start()
        until(lambda: sent, "the first bytes to go")
        assert until_stable(lambda: sent) < IN_BUFFERS
        go_on.set()
        pusher.join(PATIENCE)
        assert client.read_answer().body == b"all of it"
    assert digest.hexdigest() == big


def test_many_slow_readers_at_once_cost_little_each(warm):
    def pours(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(BLOCK)):
            connection.send(BLOCK)
        return STAY

    warm.raw.on("/pours-many", pours)
    before = warm.gateway.status_kib("VmRSS")
    clients = [warm.gateway.connect(receive_buffer=16384) for _ in range(50)]
    for client in clients:
        client.request("GET", "/raw/pours-many", [wire.bearer(warm.caller)])
    until(lambda: len(warm.raw.to("/pours-many")) == 50, "all to be under way")
    grown = until_stable(lambda: warm.gateway.status_kib("VmRSS")) - before
    for client in clients:
        client.abort()
    assert grown < 50 * 256 or IS_SANITIZED, f"{grown / 50:.0f} KiB for each stalled call"


def test_a_stalled_call_holds_up_no_other(warm):
    def pours(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(BLOCK)):
            connection.send(BLOCK)
        return STAY

    warm.raw.on("/pours-beside", pours)
    stalled = [warm.gateway.connect(receive_buffer=16384) for _ in range(8)]  # some on each worker
    for client in stalled:
        client.request("GET", "/raw/pours-beside", [wire.bearer(warm.caller)])
        assert client.sock.recv(1)
    for _ in range(16):
        assert warm.gateway.get("/raw/any", warm.caller).status == 200
    for client in stalled:
        client.abort()
