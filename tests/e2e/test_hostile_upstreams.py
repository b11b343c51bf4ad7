# SPDX-License-Identifier: Apache-2.0
"""Upstreams that would have their answers read in two ways: callers get the one reading or none, and nobody gets another's answer."""

import socket
import threading
import time

import pytest

from support import resources as yaml
from support import wire
from support.corpus import read_cases
from support.keys import make_api_key
from support.raw_upstream import LEAVE, STAY
from support.stand import Stand
from support.waiting import until

SECRET = "fake-hostile-secret-0123456789abcdef"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"
CASES = read_cases("answers")


class HostileStand(Stand):
    turns = 0

    def path(self):
        self.turns += 1
        return f"/turn/{self.turns}"

    def call(self, client, method, behaviour):
        """(path, answer) of a call that the upstream treats as it is told to."""
        path = self.path()
        self.upstream.on(path, behaviour)
        client.request(method, f"/raw{path}", [wire.bearer(self.key)])
        return path, client.read_answer(method)

    def probe(self, client):
        """An answer that says whose it is reaches who asked for it; gives the number of the upstream's connection."""
        path = self.path()
        self.upstream.on(path, lambda connection, request: connection.answer(path.encode()) or STAY)
        answer = client.call("GET", f"/raw{path}", [wire.bearer(self.key)])
        assert (answer.status, answer.body) == (200, path.encode()), answer
        return self.connection_of(path)

    def connection_of(self, path):
        """The last one, where a connection that died idle had it sent twice."""
        return self.upstream.to(path)[-1].connection


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = HostileStand(tmp_path_factory.mktemp("hostile"), SECRET)
    yield made
    made.stop()


def says(data, then):
    def behaviour(connection, request):
        try:
            connection.send(data)
        except OSError:
            pass  # the gateway had heard enough
        return then
    return behaviour


def as_bytes(head, body):
    """A head as the client read it, in the form that cases have."""
    lines = [f"{head.version} {head.status} {head.reason}", *(f"{name}: {value}" for name, value in head.fields)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@pytest.mark.parametrize("name", CASES)
def test_an_answer_reaches_the_caller_in_one_reading_or_not_at_all(stand, name):
    case = CASES[name]
    [sent] = case.bytes_of("upstream sends")
    then = LEAVE if case.one("upstream") == "closes" else STAY
    method, expected = case.one("request"), case.one("expect")

    with stand.gateway.connect() as client:
        try:
            path, answer = stand.call(client, method, says(sent, then))
        except wire.BrokenAnswer:
            assert expected == "broken", str(case)
            path = f"/turn/{stand.turns}"
            assert client.at_end()
        else:
            assert expected != "broken", (str(case), answer)
            if expected == "passed":
                [wanted] = case.bytes_of("caller gets", id=answer.get("X-Request-Id"))
                came = b"".join(as_bytes(interim, b"") for interim in answer.interim) + as_bytes(answer, answer.body)
                assert came == wanted, str(case)
            else:
                assert (answer.status, answer.problem_code) == (502, "upstream_failed"), (str(case), answer)
                assert answer.interim == [] or case.one("refused-by") == "gateway" or name.startswith("interim/")
            stand.probe(client)

    with stand.gateway.connect() as client:
        kept = [stand.probe(client) for _ in range(3)].count(stand.connection_of(path)) > 0
    assert kept == (case.one("connection") == "kept"), str(case)
    assert stand.upstream.strays == []


@pytest.mark.parametrize("late", [POISON, b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", b"\r\n", b"x",
                                  b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["an-answer", "408", "an-empty-line", "a-byte", "an-interim-answer"])
def test_what_comes_unasked_on_an_idle_connection_is_nobodys_answer(stand, late):
    held = []

    def answers_and_waits(connection, request):
        held.append(connection)
        connection.answer(b"fine")
        return STAY

    with stand.gateway.connect() as client:
        for _ in range(10):
            held.clear()
            path, answer = stand.call(client, "GET", answers_and_waits)
            assert answer.body == b"fine"
            held[0].send(late)
            assert stand.probe(client) != stand.connection_of(path)


def test_two_callers_at_once_never_get_each_others_answer(stand):
    """Every other answer has a second one behind it."""
    failures = []

    def runs(number):
        with stand.gateway.connect() as client:
            for turn in range(40):
                path = f"/mixed/{number}/{turn}"
                body = path.encode()
                extra = POISON if turn % 2 else b""
                plain = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body + extra
                stand.upstream.on(path, says(plain, STAY))
                answer = client.call("GET", f"/raw{path}", [wire.bearer(stand.key)])
                if answer.body != body:
                    failures.append((path, answer.body))

    threads = [threading.Thread(target=runs, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def answers_early(answer, then=STAY):
    """Answers as soon as the head is there, whatever is still to come of the request."""
    def exchange(connection):
        connection.read_until(b"\r\n\r\n")
        connection.send(answer)
        return then
    return exchange


def test_an_answer_before_the_request_is_whole_ends_both_connections(make_gateway, make_upstream):
    upstream, key = make_upstream(), make_api_key()
    upstream._exchange = answers_early(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env={"E2E_SECRET": SECRET}, config={"gateway": {"workers": 1}})
    with gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [wire.bearer(key), ("Content-Length", "1000000")]) + b"x" * 1000)
        answer = client.read_answer()
        assert (answer.status, answer.body) == (413, b"no")
        assert answer.get("Connection") == "close"
        try:
            client.send(b"GET /raw/evil HTTP/1.1\r\nHost: h\r\n\r\n")  # part of that body, if anything
        except OSError:
            pass
        assert client.at_end()
    assert gateway.get("/raw/any", key).status == 413
    assert upstream.accepted == 2


def drips(pieces, pause=0.02):
    def behaviour(connection, request):
        for piece in pieces:
            connection.send(piece)
            time.sleep(pause)
        return STAY
    return behaviour


def test_a_poisoned_tail_that_comes_late_costs_the_connection(stand):
    with stand.gateway.connect() as client:
        path, answer = stand.call(client, "GET", drips([b"HTTP/1.1 200 OK\r\nContent-", b"Length: 4\r\n\r\ngo", b"od" + POISON]))
        assert answer.body == b"good"
        assert stand.probe(client) != stand.connection_of(path)


@pytest.mark.parametrize("field", [b"X-Long: ", b"X-Many: a\r\n"], ids=["one-field", "many-fields"])
def test_a_head_without_end_is_given_up_on_in_bounded_memory(stand, field):
    before = stand.gateway.status_kib("VmRSS")

    def endless(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\n" + field)
        try:
            for _ in range(1000):
                connection.send(field * 4096)
        except OSError:
            pass
        return LEAVE

    with stand.gateway.connect() as client:
        for _ in range(5):
            _, answer = stand.call(client, "GET", endless)
            assert (answer.status, answer.problem_code) == (502, "upstream_failed")
    assert stand.gateway.status_kib("VmRSS") - before < 16 << 10


def test_chunks_of_one_byte_each_with_an_extension_are_relayed_without_them(stand):
    body = bytes(range(256)) * 8
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent += b"".join(b"1;ignored=\"%s\"\r\n%c\r\n" % (b"x" * 200, octet) for octet in body) + b"0;x\r\nX-T: y\r\n\r\n"
    with stand.gateway.connect() as client:
        _, answer = stand.call(client, "GET", says(sent, STAY))
        assert answer.body == body
        stand.probe(client)


@pytest.mark.parametrize("end", ["reset", "close"])
def test_an_answer_that_breaks_off_does_not_look_whole_in_http_1_0_either(stand, end):
    def breaks(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        if end == "reset":
            connection.abort()
        return LEAVE

    path = stand.path()
    stand.upstream.on(path, breaks)
    with stand.gateway.connect() as client:
        client.request("GET", f"/raw{path}", [wire.bearer(stand.key)], version="HTTP/1.0")
        with pytest.raises(wire.BrokenAnswer):
            client.read_answer()


def test_a_redirect_is_not_followed_and_the_credential_stays(stand, make_upstream):
    elsewhere = make_upstream()
    head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere.url()}/take\r\nContent-Length: 0\r\n\r\n"
    with stand.gateway.connect() as client:
        _, answer = stand.call(client, "POST", says(head.encode(), STAY))
    assert (answer.status, answer.get("Location")) == (307, f"{elsewhere.url()}/take")
    assert elsewhere.accepted == 0


def test_an_upstream_that_half_closes_behind_its_answer_is_not_asked_again(stand):
    def half_closes(connection, request):
        connection.answer(b"bye")
        connection.sock.shutdown(socket.SHUT_WR)
        until(lambda: connection.sock.recv(1) == b"", "the gateway to hang up")
        return LEAVE

    with stand.gateway.connect() as client:
        for _ in range(10):
            path, answer = stand.call(client, "GET", half_closes)
            assert answer.body == b"bye"
            assert stand.probe(client) != stand.connection_of(path)
