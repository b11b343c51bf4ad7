# SPDX-License-Identifier: Apache-2.0
"""Nodes that come and go, and take each other's place, and a gateway that ends in the middle: ExternalDNS goes on."""

import json
import signal
import threading

import pytest

from support import wire
from support.cycles import NAMES, ZONE, converges, wanted
from support.dns_door import stands
from support.waiting import until

@pytest.fixture
def start(tmp_path):
    with stands(tmp_path, ZONE) as make:
        yield make


# --- several nodes

def test_the_node_that_is_asked_first_is_a_secondary(start):
    stand = start(nodes=("technitium-a", "technitium-b"))
    stand.dns.promote("technitium-b")
    converges(stand, wanted())
    assert {write.node for write in stand.dns.writes} == {"technitium-b"}


def test_the_first_node_is_down(start):
    stand = start(nodes=("technitium-a", "technitium-b"), deadline="4s")
    stand.dns.promote("technitium-b")
    stand.dns.nodes["technitium-a"].go_down()
    converges(stand, wanted())
    assert {write.node for write in stand.dns.writes} == {"technitium-b"}


def test_the_primary_goes_down_in_the_middle_and_comes_back(start):
    stand = start(nodes=("technitium-a", "technitium-b"), deadline="3s", parallel=2)
    primary = stand.node
    primary.delay = 0.02

    def meanwhile(peer):
        until(lambda: len(stand.dns.writes) > 10, "changes")
        primary.go_down()
        peer.wait_for("Failed to do run once")
        assert len(stand.dns.names("A")) < NAMES
        primary.come_up()
    converges(stand, wanted(), meanwhile)
    assert {write.node for write in stand.dns.writes} == {"technitium-a"}


def test_another_node_becomes_the_primary(start):
    stand = start(nodes=("technitium-a", "technitium-b"), deadline="3s", parallel=2)
    stand.node.delay = 0.02

    def meanwhile(peer):
        until(lambda: len(stand.dns.writes) > 10, "changes")
        stand.node.go_down()
        until(lambda: stand.node.under_way == 0, "what it had begun")
        stand.dns.promote("technitium-b")
    converges(stand, wanted(), meanwhile)
    assert {write.node for write in stand.dns.writes} == {"technitium-a", "technitium-b"}


def test_a_node_passes_on_what_is_the_primarys(start):
    stand = start(nodes=("technitium-a", "technitium-b"), upstreams=["technitium-b"], node="technitium-a", zones=[ZONE])
    converges(stand, wanted(6))
    assert {write.node for write in stand.dns.writes} == {"technitium-a"}  # where it was done
    assert not stand.dns.nodes["technitium-a"].calls


# --- the gateway itself ends in the middle

def in_the_background(stand, endpoints):
    answers = []

    def ask():
        try:
            answers.append(stand.call("POST", "/records", json.dumps({"create": endpoints}).encode()))
        except (OSError, wire.BrokenAnswer) as error:
            answers.append(error)
    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: len(stand.dns.writes) > 10, "changes")
    return asking, answers


def test_a_gateway_that_is_told_to_go_answers_first(start):
    stand = start()
    stand.node.delay = 0.05
    asking, answers = in_the_background(stand, wanted(100))
    assert stand.gateway.stop() == 0
    asking.join()
    assert getattr(answers[0], "status", None) in (204, 503), answers
    stand.node.delay = 0
    stand.gateway.start()
    assert stand.call("POST", "/records", json.dumps({"create": wanted(100)}).encode()).status == 204
    assert len(stand.dns.names("A")) == 100
    stand.check()


def test_a_gateway_that_is_killed_finds_what_it_had_done(start):
    stand = start()
    stand.node.delay = 0.02
    asking, _ = in_the_background(stand, wanted(100))
    stand.gateway.signal(signal.SIGKILL)
    stand.gateway.wait()
    asking.join()
    until(lambda: stand.node.under_way == 0, "what it had begun")
    stand.node.delay = 0
    stand.gateway.start()
    answer = stand.call("POST", "/records", json.dumps({"create": wanted(100)}).encode())
    assert answer.status == 204, answer
    assert len(stand.dns.names("A")) == 100
    stand.check()
