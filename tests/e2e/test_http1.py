# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.x in its decent forms: what a client or an upstream may do must work on both sides."""

import queue
import socket

import pytest

from support import resources as yaml
from support import wire
from support.raw_upstream import LEAVE, STAY, chunk, says
from support.waiting import until


def test_a_connection_serves_many_requests_and_so_does_the_upstreams(world):
    with world.gateway.connect() as client:
        numbers = [client.call("GET", "/raw/any", [wire.bearer(world.caller)]).json["connection"] for _ in range(50)]

    assert len(set(numbers)) <= 2


def test_pipelined_requests_are_answered_in_their_order(world):
    with world.gateway.connect() as client:
        client.send(b"".join(
            wire.head("POST", f"/raw/any?{turn}", [wire.bearer(world.caller), ("Content-Length", "2")]) + b"%02d" % turn
            for turn in range(20)))
        answers = [client.read_answer("POST").json for _ in range(20)]

    assert [(answer["target"], answer["body"]) for answer in answers] == [(f"/any?{n}", f"{n:02d}") for n in range(20)]


def test_a_request_arriving_byte_by_byte_is_answered(world):
    with world.gateway.connect() as client:
        for byte in wire.head("POST", "/raw/any", [wire.bearer(world.caller), ("Content-Length", "3")]) + b"abc":
            client.send(bytes([byte]))
        assert client.read_answer().json["body"] == "abc"


def test_an_empty_line_before_a_request_is_forgiven(world):
    with world.gateway.connect() as client:
        client.send(b"\r\n" + wire.head("GET", "/raw/any", [wire.bearer(world.caller)]))
        assert client.read_answer().status == 200


def test_an_absolute_target_is_understood_and_sent_on_as_a_path(world):
    answer = world.gateway.call("GET", "http://gateway.test/raw/any?x", world.caller)

    assert answer.status == 200 and answer.json["target"] == "/any?x"


def test_head_has_the_fields_of_get_and_no_body(world):
    with world.gateway.connect() as client:
        answer = client.call("HEAD", "/plain/files/small.txt", [wire.bearer(world.caller)])
        again = client.call("GET", "/plain/files/small.txt", [wire.bearer(world.caller)])

    assert (answer.status, answer.get("Content-Length"), answer.body) == (200, "600", b"")
    assert len(again.body) == 600


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_that_have_no_body_leave_the_connection_in_step(world, status):
    world.raw.on("/bodyless", says(f"HTTP/1.1 {status}\r\nX-Seen: yes\r\n\r\n".encode()))
    with world.gateway.connect() as client:
        for _ in range(3):
            answer = client.call("GET", "/raw/bodyless", [wire.bearer(world.caller)])
            assert answer.status == int(status[:3]) and answer.get("X-Seen") == "yes"


def test_a_client_that_expects_100_continue_is_told_to_go_on(world):
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [wire.bearer(world.caller), ("Content-Length", "5"), ("Expect", "100-continue")]))
        assert client.read_head().status == 100
        client.send(b"12345")
        answer = client.read_answer("POST")

    assert answer.status == 200 and answer.json["body"] == "12345"


def test_a_client_that_does_not_wait_for_100_continue_is_served_whatever_the_upstream_says(world):
    answer = world.gateway.call("POST", "/raw/never-says-100", world.caller, [("Expect", "100-continue")], b"12345")

    assert answer.status == 200 and answer.json["body"] == "12345"


def test_a_client_that_expects_100_continue_is_refused_before_it_sends_its_body(world):
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [("Content-Length", "5"), ("Expect", "100-continue")]))
        assert client.read_head().status == 401


def test_a_chunked_body_arrives_whole_whatever_its_chunks(world):
    body = bytes(range(256)) * 40
    with world.gateway.connect() as client:
        for sizes in ((1,), (4096,), (1, 2, 3, 5000)):
            answer = client.call("POST", "/raw/any", [wire.bearer(world.caller), ("Transfer-Encoding", "chunked")],
                                 wire.chunked(body, sizes))
            assert answer.json["body"].encode("latin-1") == body


def test_extensions_and_trailers_of_chunks_go_no_further(world):
    world.raw.on("/extended", says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   b"3;ext=\"up\"\r\nabc\r\n0\r\nX-Trailer: up\r\n\r\n"))
    with world.gateway.connect() as client:
        answer = client.call("POST", "/raw/any", [wire.bearer(world.caller), ("Transfer-Encoding", "chunked")],
                             b"3;ext=down\r\nxyz\r\n0\r\nX-Trailer: down\r\n\r\n")
        assert answer.json["body"] == "xyz"
        assert client.call("GET", "/raw/extended", [wire.bearer(world.caller)]).body == b"abc"
    request = world.raw.last("/any")
    assert b"ext=" not in request.raw and b"X-Trailer" not in request.raw


def test_a_chunked_answer_arrives_whole(world):
    pieces = [b"x" * size for size in (1, 15, 16, 4095, 70000)]
    world.raw.on("/chunks", says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                 b"".join(map(chunk, pieces)) + b"0\r\n\r\n"))
    with world.gateway.connect() as client:
        for _ in range(2):
            answer = client.call("GET", "/raw/chunks", [wire.bearer(world.caller)])
            assert answer.framing == "chunked" and answer.body == b"".join(pieces)


def test_an_http10_client_gets_an_answer_it_understands(world):
    world.raw.on("/chunks10", says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
    with world.gateway.connect() as client:
        answer = client.call("GET", "/raw/chunks10", [wire.bearer(world.caller)], version="HTTP/1.0", host=None)
        assert answer.framing == "close" and answer.body == b"abc"
        assert answer.get("Transfer-Encoding") is None
        assert client.at_end()


def test_an_http10_client_may_keep_its_connection(world):
    with world.gateway.connect() as client:
        for _ in range(3):
            answer = client.call("GET", "/raw/any", [wire.bearer(world.caller), ("Connection", "keep-alive")],
                                 version="HTTP/1.0")
            assert answer.status == 200
            assert (answer.get("Connection") or "").lower() == "keep-alive"  # it would not know otherwise


def test_a_client_that_asks_for_it_sees_the_connection_closed(world):
    with world.gateway.connect() as client:
        answer = client.call("GET", "/raw/any", [wire.bearer(world.caller), ("Connection", "close")])
        assert answer.status == 200 and answer.get("Connection") == "close"
        assert client.at_end()


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 200 OK\r\n\r\nto the end",
    b"HTTP/1.0 200 OK\r\n\r\nto the end",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nto the end",
    b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nto the end",
])
def test_an_answer_that_ends_with_the_connection_arrives_whole(world, raw):
    world.raw.on("/closing", says(raw, LEAVE))
    with world.gateway.connect() as client:
        for _ in range(2):
            assert client.call("GET", "/raw/closing", [wire.bearer(world.caller)]).body == b"to the end"


@pytest.mark.parametrize("interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
                                     b"HTTP/1.1 102 Processing\r\n\r\n" * 3])
def test_interim_answers_of_the_upstream_come_before_the_final_one_or_not_at_all(world, interim):
    world.raw.on("/interim", says(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    with world.gateway.connect() as client:
        for _ in range(2):
            answer = client.call("GET", "/raw/interim", [wire.bearer(world.caller)])
            assert (answer.status, answer.body) == (200, b"ok")


def test_an_early_answer_reaches_the_caller_while_it_is_still_sending(world):
    def refuses_early(connection, request):
        connection.answer(b"too much", "413 Content Too Large", [("Connection", "close")])
        return LEAVE

    world.raw.on("/early", refuses_early)
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/early", [wire.bearer(world.caller), ("Content-Length", "1000000")]) + b"x" * 1000)
        answer = client.read_answer()

    assert (answer.status, answer.body) == (413, b"too much")
    assert answer.get("X-Claviger-Error") is None


def test_an_early_answer_on_a_lasting_connection_does_not_wait_for_the_body(world):
    def answers_first(connection, request):
        connection.answer(b"first")
        request.body = connection.read_body(request)
        return STAY

    world.raw.on("/answers-first", answers_first)
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/answers-first", [wire.bearer(world.caller), ("Content-Length", "10")]) + b"12345")
        answer = client.read_answer()
    assert (answer.status, answer.body) == (200, b"first")


def test_each_event_of_a_stream_arrives_before_the_next_is_sent(world):
    go_on = queue.Queue()

    def ticks(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for turn in iter(go_on.get, None):
            connection.send(chunk(b"data: %d\n\n" % turn))
        connection.send(b"0\r\n\r\n")
        return STAY

    world.raw.on("/events", ticks)
    with world.gateway.connect() as client:
        client.request("GET", "/raw/events", [wire.bearer(world.caller), ("Accept", "text/event-stream")])
        assert client.read_head().get("Content-Type") == "text/event-stream"  # before there is any event
        for turn in range(20):
            go_on.put(turn)
            assert b"data: %d\n" % turn in client.read_until(b"\n\n")
        go_on.put(None)
        assert client.read_until(b"0\r\n\r\n")


def test_a_body_reaches_the_upstream_piece_by_piece(world):
    arrived = []

    def listens(connection, request):
        connection.read_body(request, arrived.append)
        connection.answer(b"heard")
        return STAY

    world.raw.on("/listens", listens)
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/listens", [wire.bearer(world.caller), ("Transfer-Encoding", "chunked")]))
        for turn in range(10):
            client.send(chunk(b"piece %d" % turn))
            until(lambda: b"".join(arrived).endswith(b"piece %d" % turn), "the piece to arrive")
        client.send(b"0\r\n\r\n")
        assert client.read_answer().body == b"heard"


def test_an_upstream_connection_that_was_closed_while_idle_fails_nobody(world):
    def leaves_silently(connection, request):
        connection.answer(b"bye")  # without Connection: close
        return LEAVE

    world.raw.on("/leaves", leaves_silently)
    for _ in range(20):
        assert world.gateway.get("/raw/leaves", world.caller).body == b"bye"


def test_a_caller_that_half_closes_still_gets_its_answer(world, make_gateway):
    gateway = make_gateway(yaml.simple("raw", world.raw.url(), world.caller), env={"E2E_SECRET": "fake-half-closed-secret"})
    with gateway.connect() as client:
        client.send(wire.head("GET", "/raw/any", [wire.bearer(world.caller)]))
        client.sock.shutdown(socket.SHUT_WR)
        assert client.read_answer().status == 200


def test_the_upstreams_call_ends_when_its_caller_is_gone(world):
    gone = queue.Queue()

    def pours(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                connection.send(chunk(b"x" * 65536))
        except OSError:
            gone.put(True)
            raise

    world.raw.on("/pours", pours)
    client = world.gateway.connect()
    client.request("GET", "/raw/pours", [wire.bearer(world.caller)])
    client.read_head()
    client.abort()
    assert gone.get(timeout=15)
