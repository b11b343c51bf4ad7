# SPDX-License-Identifier: Apache-2.0
"""Technitium's password and its tokens are in no memory between calls, and in nothing that the gateway says or keeps. In the locked
fallback, for the reason that test_memory_secrecy.py gives."""

import os
import secrets

import pytest

from support.dns_door import DnsDoor, resources
from support.external_dns import endpoint
from support.gateway import IS_SANITIZED
from support.technitium import USER
from support.waiting import until

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory takes root"),
    pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is not the gateway's"),
]

ZONE = "example.com"
ADD = "/api/zones/records/add"


class Stand(DnsDoor):
    """Log-ins to one node, an API token for the other; both secrets lie in files."""

    def __init__(self, directory):
        super().__init__(directory, ZONE, nodes=("technitium-a", "technitium-b"), deadline="3s",
                         config={"log": {"level": "debug"}, "audit": {}})
        self.password = f"fake-password-{secrets.token_hex(20)}"
        self.dns.users[USER] = self.password
        self.api_token = self.dns.create_token()
        self.dns.denied.clear()
        self.tokens, gateway = [self.api_token], self.gateway
        login = gateway.write_secret("login", f"{USER}:{self.password}")
        made = resources(self.dns, source=login)
        for resource in made:
            if resource["name"] == "technitium-b":
                resource["auth"] = {"kind": "bearer"}
            if resource["name"] == "technitium-b-main":
                resource["from"] = gateway.write_secret("token", self.api_token)
        gateway.write_resources(made)
        gateway.env = {**os.environ, "CLAVIGER_SECRET_MEMORY": "locked"}

    def searched(self):
        self.tokens += [token for node in self.dns.nodes.values() for token in node.sessions if token not in self.tokens]
        return {"password": self.password.encode(), **{f"token.{number}": token.encode() for number, token in enumerate(self.tokens)}}

    def expect_clean(self, scanner):
        until(lambda: self.gateway.metric("claviger_requests_active") == 0, "all calls to be over")
        findings = scanner.scan(self.gateway.pid, self.searched())
        assert findings.patterns == [], findings.describe()
        assert findings.scanned > 1_000_000 and findings.unreadable == 0


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    with Stand(tmp_path_factory.mktemp("dns-memory") / "gateway") as made:
        yield made


def wanted(count, target="192.0.2.1"):
    return [endpoint(f"n{number}.{ZONE}", "A", target, ttl=300) for number in range(count)]


def test_cycles_leave_neither_password_nor_token(stand, scanner):
    stand.bring(*wanted(30))
    stand.bring(*wanted(20, "192.0.2.2"))
    assert len(stand.searched()) >= 3, "nobody logged in"
    stand.expect_clean(scanner)


def test_nor_do_sessions_that_end_and_those_after_them(stand, scanner):
    stand.node.fault("forget", ADD, skip=5)
    stand.bring(*wanted(40))
    assert len(stand.searched()) >= 4, "nobody logged in again"
    stand.expect_clean(scanner)


def test_nor_do_answers_that_say_the_token_again(stand, scanner):
    token = next(iter(stand.node.sessions))
    stand.node.fault("say", "/api/zones/records/get", times=3, what={"status": "error", "errorMessage": f"Bad token {token} of {stand.password}"})
    answer = stand.call("GET", "/records")
    assert answer.status == 503, answer
    assert token not in answer.text and stand.password not in answer.text
    stand.node.faults.clear()
    stand.expect_clean(scanner)


def test_nor_do_calls_that_break_off_and_nodes_that_go_away(stand, scanner):
    stand.node.fault("drop_after", ADD, skip=3, times=2)
    stand.node.fault("half", ADD, skip=4)
    peer = stand.external_dns()
    stand.source.endpoints = wanted(60)
    assert peer.once().status != 0
    stand.node.faults.clear()
    stand.node.go_down()
    stand.call("GET", "/records")
    stand.expect_clean(scanner)
    stand.node.come_up()
    stand.settle()
    stand.expect_clean(scanner)


def test_the_other_node_was_asked_too(stand, scanner):
    """With the API token: else the scans above would say nothing of it."""
    stand.dns.promote("technitium-b")
    stand.bring(*wanted(10, "192.0.2.3"))
    assert {write.node for write in stand.dns.changes()} == {"technitium-a", "technitium-b"}
    stand.expect_clean(scanner)


def test_no_log_metric_event_or_file_has_any_of_it(stand):
    gateway = stand.gateway
    said = gateway.log.text() + gateway.access.text() + gateway.exposition() + stand.health("/metrics").text
    held = b"".join(path.read_bytes() for path in gateway.data.rglob("*") if path.is_file())
    assert f"n1.{ZONE}".encode() in said.encode() + held, "nothing is said of what was done"
    assert [name for name, secret in stand.searched().items() if secret in said.encode() or secret in held] == []
