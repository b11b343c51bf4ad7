# SPDX-License-Identifier: Apache-2.0
"""Peers that break off, descriptors that run out, pipes that close: the gateway loses what it must and nothing else."""

import os
import socket
import subprocess

import pytest

from support import resources as yaml
from support import wire
from support.gateway import BINARY, IS_SANITIZED, Gateway
from support.raw_upstream import LEAVE, STAY, chunk
from support.waiting import until, until_stable

ENV = {"E2E_SECRET": "fake-resilience-secret-0123456789"}


@pytest.fixture
def gateway(make_gateway, upstream, key):
    return make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, config={"gateway": {"workers": 1}})


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("framing, part", [("Content-Length: 10", b"12345"), ("Transfer-Encoding: chunked", chunk(b"12345")),
                                           ("Transfer-Encoding: chunked", b"5\r\n123")], ids=["length", "chunked", "within-a-chunk"])
def test_a_request_that_breaks_off_is_never_whole_to_the_upstream(gateway, upstream, key, framing, part, how):
    outcomes = []

    def reads(connection, request):
        try:
            outcomes.append(connection.read_body(request))
        except (EOFError, OSError):
            outcomes.append("broken off")
            raise
        return STAY

    upstream.on("/reads", reads)
    client = gateway.connect()
    client.send(wire.head("POST", "/raw/reads", [wire.bearer(key), tuple(framing.split(": "))]) + part)
    upstream.last("/reads")
    getattr(client, how)()
    assert until(lambda: outcomes, "the upstream to notice") == ["broken off"]
    assert gateway.get("/raw/any", key).status == 200


@pytest.mark.parametrize("says_goodbye", [True, False], ids=["with-close-notify", "without"])
def test_a_body_until_the_close_is_whole_only_if_tls_says_that_it_ended(make_gateway, make_upstream, identity, authority, key,
                                                                        says_goodbye):
    upstream = make_upstream(identity)

    def ends(connection, request):
        connection.read_body(request)
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nas much as there is")
        if says_goodbye:
            connection.sock = connection.sock.unwrap()
        else:
            connection.sock.shutdown(socket.SHUT_RDWR)
        return LEAVE

    upstream.on("/ends", ends)
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key, tls={"ca": str(authority.cert)}), env=ENV)
    with gateway.connect() as client:
        client.request("GET", "/raw/ends", [wire.bearer(key)])
        if says_goodbye:
            assert client.read_answer().body == b"as much as there is"
        else:
            with pytest.raises(wire.BrokenAnswer):
                client.read_answer()


def test_a_second_gateway_cannot_take_half_of_the_firsts_connections(make_gateway, upstream, key):
    """Listening sockets may be shared by the workers of one process, never by two processes."""
    resources = yaml.simple("raw", upstream.url(), key)
    first = make_gateway(resources, env=ENV)
    address = "{}:{}".format(*first.addresses["gateway"])
    second = make_gateway(resources, env=ENV, config={"gateway": {"listen": address}}, start=False)
    second.spawn()
    assert second.event("ready") is None
    assert second.wait() == 1 and address in second.log.text()


def test_a_restart_takes_the_same_port_at_once(make_gateway, upstream, key):
    resources = yaml.simple("raw", upstream.url(), key)
    first = make_gateway(resources, env=ENV)
    with first.connect() as client:
        client.call("GET", "/raw/any", [wire.bearer(key)])
        assert first.stop() == 0
    address = "{}:{}".format(*first.addresses["gateway"])
    second = make_gateway(resources, env=ENV, config={"gateway": {"listen": address}})
    assert second.get("/raw/any", key).status == 200


def test_no_descriptor_is_lost_whatever_goes_wrong(gateway, upstream, key):
    def resets(connection, request):
        connection.abort()
        return LEAVE

    upstream.on("/resets", resets)
    upstream.on("/leaves", lambda connection, request: LEAVE)

    def one_of_each():
        gateway.get("/raw/any", key)
        gateway.get("/raw/any")
        gateway.get("/raw/resets", key)
        gateway.get("/raw/leaves", key)
        gateway.connect().close()
        client = gateway.connect()
        client.send(wire.head("POST", "/raw/any", [wire.bearer(key), ("Content-Length", "10")]) + b"12345")
        client.abort()

    for _ in range(3):
        one_of_each()
    before = until_stable(lambda: descriptors(gateway))
    for _ in range(30):
        one_of_each()
    assert until_stable(lambda: descriptors(gateway)) <= before + 2


def test_many_calls_leave_the_memory_as_it_was(gateway, key):
    def calls(count):
        with gateway.connect() as client:
            for _ in range(count):
                assert client.call("POST", "/raw/any", [wire.bearer(key)], b"body").status == 200
                assert client.call("GET", "/raw/any").status == 401

    calls(300)
    before = gateway.status_kib("VmRSS")
    calls(1500)
    assert gateway.status_kib("VmRSS") - before < 1024 or IS_SANITIZED


def test_running_out_of_descriptors_is_survived_without_spinning(make_gateway, upstream, key):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, config={"gateway": {"workers": 1}}, start=False)
    gateway.wrapper = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
    gateway.start()
    flood = [socket.create_connection(gateway.addresses["gateway"]) for _ in range(100)]
    try:
        used = until_stable(lambda: descriptors(gateway))
        assert used <= 64
        before = cpu_ticks(gateway)
        until_stable(lambda: descriptors(gateway), quiet=0.5)
        assert cpu_ticks(gateway) - before < 25, "it spins"  # of 50 that half a second has
    finally:
        for each in flood:
            each.close()
    assert until(lambda: works(gateway, key), "service to come back")


def cpu_ticks(gateway):
    with open(f"/proc/{gateway.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def works(gateway, key):
    try:
        return gateway.get("/raw/any", key).status == 200
    except (OSError, wire.BrokenAnswer):
        return False


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_log_that_nobody_reads_any_more_stops_nothing(gateway, key, stream):
    lines = gateway.access if stream == "stdout" else gateway.log
    lines.close()
    for _ in range(5):
        gateway.signal(1)  # SIGHUP: a line for the log
        for _ in range(50):
            assert gateway.get("/raw/any", key).status == 200
    assert gateway.process.poll() is None


def test_a_log_whose_reader_stalls_holds_up_no_call(make_gateway, upstream, key):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, config={"gateway": {"workers": 1}})
    gateway.access.stall()
    with gateway.connect() as client:
        for _ in range(6000):  # some two megabytes of log; a pipe holds 64 KiB
            client.send(wire.head("GET", "/raw/any"))
            assert client.read_answer().status == 401
    gateway.access.go_on()


def test_closed_standard_streams_are_not_mistaken_for_sockets(tmp_path, upstream, key):
    """Without them the first sockets would be descriptors 0 to 2, and log lines would go to callers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gateway = Gateway(tmp_path, yaml.simple("raw", upstream.url(), key), env=ENV,
                      config={"gateway": {"listen": f"127.0.0.1:{port}"}, "log": {"level": "debug"}})
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", BINARY, "serve", "--resources", gateway.resources, "--config",
         gateway.config_file, "--data-dir", gateway.data], env=gateway.env)
    gateway.process, gateway.addresses = process, {"gateway": ("127.0.0.1", port)}
    try:
        until(lambda: works(gateway, key) or process.poll() is not None, "it to start, or to refuse to")
        if process.poll() is None:
            kinds = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
            assert not [kind for kind in kinds if kind.startswith(("socket:", "anon_inode:"))], kinds
            for _ in range(5):
                process.send_signal(1)
                assert works(gateway, key)
    finally:
        process.terminate()
        process.wait(15)


def test_an_address_of_ipv6_can_be_listened_on(make_gateway, upstream, key):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, config={"gateway": {"listen": "[::1]:0"}})
    assert gateway.addresses["gateway"][0] == "::1"
    assert gateway.get("/raw/any", key).status == 200
