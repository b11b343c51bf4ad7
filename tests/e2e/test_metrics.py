# SPDX-License-Identifier: Apache-2.0
"""What happens shows in the metrics: each kind of event moves its own series, and no other of its family."""

import re
import socket
import ssl

import pytest

from support import resources as yaml
from support import wire
from support.gateway import REPOSITORY
from support.raw_upstream import LEAVE, says
from support.waiting import until

ENV = {"E2E_SECRET": "fake-metrics-secret-0123456789"}

SERIES = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? ([-+.0-9e]+)')


@pytest.fixture
def gateway(make_gateway, upstream, key):
    return make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV)


def family(gateway, name, *labels):
    """The samples of a family above zero, by the values of these labels. Whoever asks is counted, too: not here."""
    found = {}
    for (known, has), value in gateway.metrics().items():
        if known == name and value and ("worker", "control") not in has:
            by = tuple(dict(has)[label] for label in labels)
            found[by] = found.get(by, 0) + value
    return found


def text_of(gateway):
    with gateway.connect("admin") as client:
        return client.call("GET", "/metrics")


# -- messages that break the rules

def codec_errors(gateway):
    return family(gateway, "claviger_codec_errors_total", "side", "rule")


BROKEN_REQUESTS = {
    "start_line": b"GET\r\nHost: a\r\n\r\n",
    "version": b"GET /raw/x HTTP/2.0\r\nHost: a\r\n\r\n",
    "target": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "target_size": b"GET /raw/" + b"x" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "host": b"GET /raw/x HTTP/1.1\r\n\r\n",
    "line_ending": b"GET /raw/x HTTP/1.1\nHost: a\n\n",
    "control_byte": b"GET /raw/x HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    "field_line": b"GET /raw/x HTTP/1.1\r\nHost : a\r\n\r\n",
    "folding": b"GET /raw/x HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    "field_count": b"GET /raw/x HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 120 + b"\r\n",
    "head_size": b"GET /raw/x HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40000,
    "content_length": b"POST /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
    "transfer_encoding": b"POST /raw/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "two_framings": b"POST /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "connection": b"GET /raw/x HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
    "expect": b"POST /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n",
}


@pytest.mark.parametrize("rule", BROKEN_REQUESTS)
def test_a_request_that_breaks_a_rule_is_counted_under_it_alone(gateway, rule):
    with gateway.connect() as client:
        client.send(BROKEN_REQUESTS[rule])
        assert client.read_answer().status in (400, 413, 414, 431)
    assert codec_errors(gateway) == {("caller", rule): 1}


@pytest.mark.parametrize("rule, body", [
    ("chunk", b"zz\r\n"), ("chunk_extension", b"1;" + b"x" * 300 + b"\r\n"),
    ("trailer", b"0\r\nno field\r\n\r\n"),
])
def test_a_body_that_breaks_a_rule_is_counted_under_it_alone(gateway, key, rule, body):
    with gateway.connect() as client:
        client.send(wire.head("POST", "/raw/x", [wire.bearer(key), ("Transfer-Encoding", "chunked")]) + body)
        assert client.read_answer().status == 400
    assert codec_errors(gateway) == {("caller", rule): 1}


def test_a_path_with_two_readings_is_counted_as_one(gateway, key):
    assert gateway.get("/raw/a/../b", key).status == 400
    assert codec_errors(gateway) == {("caller", "path"): 1}


BROKEN_ANSWERS = {
    "start_line": b"HTTP/1.1 2OO OK\r\n\r\n",
    "version": b"ICY 200 OK, and some more\r\n\r\n",
    "line_ending": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "content_length": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "two_framings": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "head_size": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000,
    "interim_body": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "truncated": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
}


@pytest.mark.parametrize("rule", BROKEN_ANSWERS)
def test_an_answer_that_breaks_a_rule_is_counted_under_it_alone(gateway, upstream, key, rule):
    upstream.on("/x", says(BROKEN_ANSWERS[rule], LEAVE))
    try:
        assert gateway.get("/raw/x", key).status == 502
    except wire.BrokenAnswer:
        pass  # its head was good
    until(lambda: codec_errors(gateway), "it to be counted")
    assert codec_errors(gateway) == {("upstream", rule): 1}


def test_calls_that_are_in_order_break_nothing(gateway, key):
    for _ in range(3):
        assert gateway.call("POST", "/raw/x", key, body=b"hello").status == 200
    assert codec_errors(gateway) == {}


# -- TLS

def handshakes(gateway):
    return family(gateway, "claviger_tls_handshakes_total", "side", "version", "resumed")


def failures(gateway):
    return family(gateway, "claviger_tls_handshakes_failed_total", "side", "reason")


def caller_context(gateway, version):
    context = ssl.create_default_context(cafile=str(gateway.ca))
    context.minimum_version = context.maximum_version = version
    return context


def call_over(gateway, context, session=None):
    """One call on a connection of its own; the session for the next."""
    address = gateway.addresses["gateway"]
    with socket.create_connection(address) as plain:
        with context.wrap_socket(plain, server_hostname=address[0], session=session) as sock:
            sock.sendall(wire.head("GET", "/none", [("Connection", "close")]))
            while sock.recv(65536):
                pass
            assert sock.session_reused == (session is not None)
            return sock.session


@pytest.fixture
def tls_gateway(make_gateway, upstream, key):
    return make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, tls=True)


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "1.2"), (ssl.TLSVersion.TLSv1_3, "1.3")])
def test_handshakes_of_callers_are_counted_by_version_and_by_being_resumed(tls_gateway, version, name):
    context = caller_context(tls_gateway, version)
    session = call_over(tls_gateway, context)
    assert handshakes(tls_gateway) == {("caller", name, "no"): 1}
    call_over(tls_gateway, context, session)
    assert handshakes(tls_gateway) == {("caller", name, "no"): 1, ("caller", name, "yes"): 1}
    assert failures(tls_gateway) == {}


def fails_with(gateway, context):
    address = gateway.addresses["gateway"]
    with socket.create_connection(address) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        with context.wrap_socket(plain, server_hostname=address[0]) as sock:
            sock.recv(1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_caller_with_too_old_a_version_is_counted_as_that(tls_gateway):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    fails_with(tls_gateway, context)
    assert until(lambda: failures(tls_gateway), "it to be counted") == {("caller", "version"): 1}


def test_a_caller_with_other_ciphers_is_counted_as_that(tls_gateway):
    context = caller_context(tls_gateway, ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    fails_with(tls_gateway, context)
    assert until(lambda: failures(tls_gateway), "it to be counted") == {("caller", "cipher"): 1}


def test_a_caller_that_does_not_trust_the_certificate_is_counted_as_that(tls_gateway):
    context = ssl.create_default_context()
    fails_with(tls_gateway, context)
    assert until(lambda: failures(tls_gateway), "it to be counted") == {("caller", "certificate"): 1}


def test_callers_that_leave_or_say_nothing_are_counted_as_that(make_gateway, upstream, key):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, tls=True,
                           config={"limits": {"head_timeout": "300ms"}})
    socket.create_connection(gateway.addresses["gateway"]).close()
    assert until(lambda: failures(gateway), "the first to be counted") == {("caller", "closed"): 1}
    with socket.create_connection(gateway.addresses["gateway"]):
        until(lambda: len(failures(gateway)) == 2, "the second to be counted")
    assert failures(gateway) == {("caller", "closed"): 1, ("caller", "timeout"): 1}


def test_handshakes_with_upstreams_are_counted_too(make_gateway, make_upstream, authority, identity, key):
    secure = make_upstream(identity)
    gateway = make_gateway(yaml.simple("raw", secure.url("localhost"), key, tls={"ca": str(authority.cert)}), env=ENV,
                           config={"gateway": {"workers": 1}})  # each has sessions of its own
    secure.on("/leaves", says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", LEAVE))
    assert gateway.get("/raw/leaves", key).status == 200
    assert handshakes(gateway) == {("upstream", "1.3", "no"): 1}
    assert gateway.get("/raw/leaves", key).status == 200
    assert handshakes(gateway) == {("upstream", "1.3", "no"): 1, ("upstream", "1.3", "yes"): 1}
    assert failures(gateway) == {}


def test_an_upstream_whose_certificate_is_no_good_is_counted_as_that(make_gateway, make_upstream, identity, key):
    stranger = make_upstream(identity)
    gateway = make_gateway(yaml.simple("raw", stranger.url("localhost"), key), env=ENV)
    assert gateway.get("/raw/x", key).status == 502
    assert failures(gateway) == {("upstream", "certificate"): 1}


def test_an_upstream_that_speaks_no_tls_is_counted(make_gateway, make_upstream, key):
    plain = make_upstream(first_words=b"220 mail.example ESMTP ready\r\n")
    gateway = make_gateway(yaml.simple("raw", f"https://localhost:{plain.port}", key), env=ENV)
    assert gateway.get("/raw/x", key).status == 502
    assert failures(gateway) == {("upstream", "version"): 1}  # as OpenSSL sees it: a wrong version number


# -- requests, and how long they take

def buckets(gateway):
    """How many requests took at most so long, by the upper edge in seconds."""
    return {float(le): value
            for (le,), value in family(gateway, "claviger_request_duration_seconds_bucket", "le").items()}


def test_requests_are_counted_by_how_long_they_took(gateway, upstream, key):
    def slow(connection, request):
        connection.read_body(request)
        assert not upstream.release.wait(0.6)
        connection.answer(b"at last")
        return LEAVE

    upstream.on("/slow", slow)
    assert gateway.get("/raw/slow", key).status == 200
    until(lambda: gateway.metric("claviger_request_duration_seconds_count") == 1, "it to be counted")
    assert min(buckets(gateway)) >= 1
    assert buckets(gateway)[float("inf")] == 1
    assert 0.6 <= gateway.metric("claviger_request_duration_seconds_sum") < 60
    assert gateway.get("/raw/x", key).status == 200
    assert gateway.get("/raw/x").status == 401
    until(lambda: gateway.metric("claviger_request_duration_seconds_count") == 3, "all of them to be counted")
    assert gateway.metric("claviger_requests_total", worker="control") >= 1  # the questions for metrics are requests, too


# -- loops

def test_every_loop_says_how_busy_and_how_late_it_is(make_gateway, upstream, key):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, config={"gateway": {"workers": 2}})
    loops = {"0", "1", "control"}

    def of_each(name):
        return {loop: gateway.metric(name, worker=loop) for loop in loops}

    until(lambda: all(of_each("claviger_loop_turns_total").values()), "all loops to have turned")
    turns = gateway.metric("claviger_loop_turns_total")
    busy = gateway.metric("claviger_loop_busy_seconds_total")
    for _ in range(20):
        assert gateway.get("/raw/x", key).status == 200
    assert gateway.metric("claviger_loop_turns_total") > turns
    assert gateway.metric("claviger_loop_busy_seconds_total") > busy
    assert all(0 < lag < 10 for lag in of_each("claviger_loop_lag_seconds").values())


# -- the whole

def test_the_exposition_is_what_its_format_says(gateway, key):
    gateway.get("/raw/x", key)
    gateway.get("/raw/x")
    answer = text_of(gateway)
    assert answer.get("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    announced, seen, family_name = {}, set(), None
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            family_name = line.split(" ")[2]
            assert family_name not in announced, line
            announced[family_name] = None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family_name and announced[name] is None, line
            assert kind in ("counter", "gauge", "histogram")
            assert (kind == "counter") == name.endswith("_total"), line
            announced[name] = kind
        else:
            match = SERIES.fullmatch(line)
            assert match, line
            name = re.sub("_(bucket|sum|count)$", "", match[1]) if announced[family_name] == "histogram" else match[1]
            assert name == family_name, line
            series = (match[1], frozenset(re.findall(r'([a-z_]+)="', match[2] or "")), match[2])
            assert series not in seen, line
            seen.add(series)
    assert all(announced.values())


def test_every_metric_is_in_the_documentation(gateway, make_managed, key):
    """docs/metrics.md lists them all; a unit test holds it to what the code can expose."""
    gateway.get("/raw/x", key)
    documented = set(re.findall(r"^\| `(claviger_[a-z_]+)`", (REPOSITORY / "docs/metrics.md").read_text(), re.M))
    for made in (gateway, make_managed()):
        exposed = set(re.findall(r"^# TYPE (\S+)", text_of(made).text, re.M))
        assert exposed <= documented, exposed - documented
