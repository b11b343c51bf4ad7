# SPDX-License-Identifier: Apache-2.0
"""The tool that looks for secrets must itself be seen to find them, or its silence means nothing."""

import base64
import socket
import ssl
import subprocess
import sys

import pytest

from support.memory import base64_cores, patterns_of
from support.nginx import free_ports
from support.waiting import until

CANARY = b"fake-canary-+/=?-not-a-real-secret-0123456789"

HOLDER = """
import base64, sys
secret = sys.stdin.buffer.readline().strip()
held = {form}
del secret
print("ready", flush=True)
sys.stdin.buffer.readline()
"""


@pytest.mark.parametrize("shift", range(6))
def test_the_base64_of_a_secret_is_found_at_every_alignment(shift):
    surrounded = base64.b64encode(b"u" * shift + CANARY + b"tail")
    assert any(core in surrounded for core in base64_cores(CANARY, base64.b64encode))


@pytest.mark.parametrize("form, expected", [
    ("secret * 1 + b'x'", "canary:raw"),
    ("base64.b64encode(b'user:' + secret)", "canary:base64."),
    ("base64.urlsafe_b64encode(b'a' + secret)", "canary:base64"),
    ("secret.hex()", "canary:hex"),
    ("''.join('%%%02X' % c for c in secret)", "canary:percent"),
    ("secret[:30] + b'---'", "canary/first:raw"),
])
def test_the_scanner_finds_a_secret_in_each_form(scanner, form, expected):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER.format(form=form)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdin.write(CANARY + b"\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"ready\n"
        assert any(name.startswith(expected) for name in scanner.scan(holder.pid, {"canary": CANARY}).names())
    finally:
        holder.communicate(b"\n")


def test_the_scanner_finds_nothing_where_there_is_nothing(scanner):
    holder = subprocess.Popen(["sleep", "60"])
    try:
        findings = scanner.scan(holder.pid, {"canary": CANARY})
        assert findings.patterns == [] and findings.schedules == []
        assert findings.scanned > 100_000
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize("version, cipher, expected", [
    ("-tls1_3", "TLS_AES_128_GCM_SHA256", "AES-128"),
    ("-tls1_3", "TLS_AES_256_GCM_SHA384", "AES-256"),
    ("-tls1_2", "ECDHE-ECDSA-AES128-SHA256", "AES-128"),
    ("-tls1_2", "ECDHE-ECDSA-AES256-SHA384", "AES-256"),
])
def test_the_scanner_finds_the_key_schedules_of_a_tls_server(scanner, authority, version, cipher, expected):
    identity, (port,) = authority.issue("schedules"), free_ports(1)
    choose = "-ciphersuites" if version == "-tls1_3" else "-cipher"
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", identity.cert, "-key",
                               identity.key, version, choose, cipher, "-quiet"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        def connected():
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                return None
        context = ssl.create_default_context(cafile=str(authority.cert))
        with context.wrap_socket(until(connected, "openssl s_server"), server_hostname="localhost") as client:
            assert client.cipher()[0] == cipher
            client.sendall(b"hello\n")
            assert server.stdout.readline() == b"hello\n"
            found = [name for name, _ in scanner.scan(server.pid, {}).schedules]
        assert found.count(expected) >= 2, found  # one for each direction
    finally:
        server.kill()
        server.communicate()


def test_every_form_is_long_enough_not_to_be_met_by_chance():
    assert min(map(len, patterns_of({"canary": CANARY}).values())) >= 12
