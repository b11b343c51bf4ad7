# SPDX-License-Identifier: Apache-2.0
"""Whatever befalls Technitium, ExternalDNS goes on, nothing is lost or written twice, and a later cycle brings about what was wanted."""

import time

import pytest

from support.cycles import NAMES, ZONE, converges, is_there, suffered, wanted
from support.dns_door import resources, stands
from support.external_dns import endpoint
from support.technitium import PASSWORD, USER
from support.waiting import until

ADD, UPDATE, DELETE, GET = (f"/api/zones/records/{verb}" for verb in ("add", "update", "delete", "get"))


@pytest.fixture
def start(tmp_path):
    with stands(tmp_path, ZONE) as make:
        yield make


# --- one call among many goes wrong

WRONG = {
    "an error of the server": ("status", "500 Internal Server Error"),
    "a gateway before it": ("status", "502 Bad Gateway"),
    "a status that ExternalDNS must never see": ("status", "429 Too Many Requests"),
    "not even JSON": ("say", b"<html>Please log in to the portal</html>"),
    "nothing at all": ("say", b""),
    "something else in JSON": ("say", [1, 2, 3]),
    "an error that nobody knows": ("say", {"status": "error", "errorMessage": "Object reference not set to an instance of an object."}),
    "a second factor": ("say", {"status": "2fa-required", "errorMessage": "A time-based one-time password (TOTP) is required."}),
    "no connection": ("drop", None),
    "done but never said": ("drop_after", None),
    "half of an answer": ("half", None),
}


@pytest.mark.parametrize("path", [ADD, GET], ids=["to a write", "to a read"])
def test_answers_that_are_none(start, path):
    """Each in its turn, one call after the other."""
    stand = start(zones=[ZONE])
    faults = [stand.node.fault(kind, path, skip=4 if path == ADD else 0, what=what) for kind, what in WRONG.values()]
    peer = converges(stand, wanted(), lambda peer: until(lambda: all(fault.met for fault in faults), "all of it", patience=60))
    assert suffered(peer)


# What is there at first, and what is wanted then, so that such calls are made.
CHANGES = {
    ADD: (lambda: [], wanted),
    UPDATE: (wanted, lambda: wanted(ttl=60)),
    DELETE: (wanted, lambda: [{**each, "targets": each["targets"][1:]} for each in wanted()]),
}


@pytest.mark.parametrize("path", CHANGES, ids=["add", "update", "delete"])
def test_a_session_ends_in_the_middle_of_a_batch(start, path):
    before, after = CHANGES[path]
    stand = start()
    stand.bring(*before())
    stand.node.fault("forget", path, skip=10)
    peer = converges(stand, after())
    assert suffered(peer) == []  # it is logged in again and the call repeated: nobody notices
    assert stand.node.logins == ["fine", "fine"]


@pytest.mark.parametrize("path", CHANGES, ids=["add", "update", "delete"])
def test_calls_that_go_wrong_are_not_made_twice_if_they_were_done(start, path):
    before, after = CHANGES[path]
    stand = start()
    stand.bring(*before())
    faults = [stand.node.fault(kind, path, skip=skip, what=what) for kind, skip, what in
              (("drop", 3, None), ("drop_after", 8, None), ("status", 11, "503 Service Unavailable"), ("half", 14, None), ("drop_after", 17, None))]
    peer = converges(stand, after())
    assert [fault.met for fault in faults] == [1] * 5 and suffered(peer)


def test_sessions_that_end_again_and_again_cost_few_log_ins(start):
    stand = start()
    assert stand.call("GET", "/records").status == 200
    for _ in range(20):
        stand.node.forget_sessions()
        assert stand.call("GET", "/records").status in (200, 503)
    assert len(stand.node.logins) <= 4
    converges(stand, wanted(4))


def test_every_connection_breaks_after_half_a_batch(start):
    stand = start()
    fault = stand.node.fault("drop_after", ADD, skip=NAMES, times=10)
    peer = converges(stand, wanted())
    assert fault.met and suffered(peer)


def test_deletes_that_are_cut_short(start):
    """A record goes before the record that says whose it is, one after the other: what was cut short may leave the latter alone, which
    harms nobody, and is there for whoever wants the name again."""
    stand = start()
    stand.bring(*wanted())
    faults = [stand.node.fault("status", DELETE, skip=11, times=6, what="503 Service Unavailable"),
              stand.node.fault("drop_after", DELETE, skip=20, times=3)]
    converges(stand, wanted(4))
    assert len(stand.dns.names("TXT")) - 4 <= sum(fault.met for fault in faults)
    converges(stand, wanted())
    converges(stand, [])


def test_updates_never_leave_a_name_without_an_address(start):
    stand = start()
    stand.bring(*wanted())
    gone, watched = [], stand.dns.names("A")
    stand.node.fault("drop_after", ADD, skip=5, times=4)
    store = stand.node._store

    def note(zone, name, kind, found):
        if name in watched and kind == "A" and not found:
            gone.append(name)
        return store(zone, name, kind, found)
    stand.node._store = note
    converges(stand, wanted(target="192.0.2.99"))
    assert gone == []


# --- Technitium does not answer

def test_calls_that_hang_are_given_up_before_external_dns_gives_up(start):
    """With the deadline as it is set by default: 12 s, of the 15 s that ExternalDNS waits. At one door reads hang. At the other two writes
    are not answered in 20 s, of which one is never done: all the rest is, and the next cycle finds what is left."""
    reading, stand = start(), start()
    faults = [stand.node.fault("hang", ADD, skip=9, what=20), stand.node.fault("late", ADD, skip=12, what=20)]
    reading.node.fault("hang", GET, times=1000)
    began = []

    def meanwhile(peer):
        until(lambda: all(fault.met for fault in faults), "both")
        began.append(time.monotonic())
        answer = reading.call("GET", "/records")
        assert answer.status == 503 and 10 < time.monotonic() - began[0] < 14.5, answer
        peer.wait_for("Failed to do run once", patience=15)
        assert 10 < time.monotonic() - began[0] < 14.5
        assert len(stand.dns.names("A")) >= NAMES - 2, "the others wait for those that hang"
        assert stand.gateway.event("dns_door_refused")["status"] == 503
    peer = converges(stand, wanted(), meanwhile)
    assert len(suffered(peer)) == 1 and time.monotonic() - began[0] < 20
    reading.node.faults.clear()
    reading.node.release.set()
    assert reading.call("GET", "/records").status == 200


def test_a_batch_that_hangs_keeps_what_was_done(start):
    stand = start(deadline="2s", parallel=2)
    fault = stand.node.fault("hang", ADD, skip=9, times=2)
    peer = converges(stand, wanted())
    assert fault.met == 2 and suffered(peer)


def test_a_slow_server_is_got_through_in_several_cycles(start):
    stand = start(deadline="1s", parallel=2)
    stand.node.delay = 0.05
    peer = converges(stand, wanted())
    assert suffered(peer)


def test_technitium_is_down_for_a_while(start):
    """From the start, even: what the door manages need not be asked for where its zones are configured."""
    stand = start(deadline="2s", zones=[ZONE])
    stand.node.go_down()

    def meanwhile(peer):
        peer.wait_for("Failed to do run once")
        assert stand.health("/healthz").status == 200
        assert until(lambda: stand.health("/readyz").status == 503, "not to be ready")
        stand.node.come_up()
    converges(stand, wanted(), meanwhile)
    assert until(lambda: stand.health("/readyz").status == 200, "to be ready")


# --- what one cannot do

def test_a_zone_that_is_missing_holds_up_nobody_else(start):
    stand = start(zones=[ZONE, "missing.example"])
    everything = [*wanted(4), endpoint("www.missing.example", "A", "192.0.2.1", ttl=300)]

    def meanwhile(peer):
        peer.wait_for("Failed to do run once")
        until(lambda: len(stand.dns.names("A")) == 4, "what can be done")
        stand.dns.add_zone("missing.example")
    converges(stand, everything, meanwhile)


def test_a_zone_that_is_missing_below_one_that_is_there_is_not_taken_for_it(start):
    """The server would write to the one above."""
    stand = start(zones=[ZONE, f"deep.{ZONE}"])
    stand.source.endpoints = [*wanted(2), endpoint(f"www.deep.{ZONE}", "A", "192.0.2.1", ttl=300)]
    with stand.external_dns() as peer:
        peer.wait_for("Failed to do run once")
    assert stand.dns.names("A") == [f"n0.{ZONE}", f"n1.{ZONE}"]
    stand.check()


def test_an_endpoint_with_more_targets_than_any_may_have_holds_up_nobody_else(start):
    """As a headless service of more than a thousand pods has."""
    stand = start()
    many = endpoint(f"headless.{ZONE}", "A", *(f"10.0.{number >> 8}.{number & 255}" for number in range(1200)), ttl=300)

    def meanwhile(peer):
        peer.wait_for("Failed to do run once")
        is_there(stand, wanted(4))
        assert f"headless.{ZONE}" in stand.gateway.event("dns_door_refused")["reason"]
        stand.source.endpoints = [*wanted(4), {**many, "targets": many["targets"][:1000]}]
    stand.source.endpoints = [*wanted(4), many]
    with stand.external_dns() as peer:
        meanwhile(peer)
        peer.wait_until_unchanged(peer.mark())
    is_there(stand, stand.source.endpoints)
    stand.check()


def test_a_right_that_is_missing_holds_up_nobody_else(start):
    stand = start(ZONE, "other.example")
    stand.dns.denied.add(("other.example", "Modify"))

    def meanwhile(peer):
        peer.wait_for("Failed to do run once")
        until(lambda: len(stand.dns.names("A")) == 4, "what can be done")
        stand.dns.denied.clear()
    converges(stand, [*wanted(4), endpoint("www.other.example", "A", "192.0.2.1", ttl=300)], meanwhile)


def test_somebody_else_has_an_alias_there(start):
    stand = start()
    stand.dns.put(f"n1.{ZONE}", "CNAME", {"cname": "by.hand.example.net"})

    def meanwhile(peer):
        until(lambda: len(stand.dns.names("A")) == 3, "what can be done")
        stand.dns.drop(f"n1.{ZONE}", "CNAME")
    converges(stand, wanted(4), meanwhile)


def test_an_address_stays_where_the_alias_cannot_be(start):
    """Beside somebody's MX record: the server would refuse it once the address is gone."""
    stand = start()
    stand.bring(*wanted(2))
    stand.dns.put(f"n1.{ZONE}", "MX", {"preference": 10, "exchange": "mx.example.net"})
    stand.source.endpoints = [*wanted(1), endpoint(f"n1.{ZONE}", "CNAME", "elsewhere.example.net")]
    with stand.external_dns() as peer:
        for _ in range(2):
            peer.wait_for("Failed to do run once", peer.mark())
        assert stand.dns.names("A") == [f"n0.{ZONE}", f"n1.{ZONE}"] and len(stand.dns.names("TXT")) == 2
        assert "a CNAME stands alone" in stand.gateway.event("dns_door_refused")["reason"]
        stand.dns.drop(f"n1.{ZONE}", "MX")
        peer.wait_until_unchanged(peer.mark())
    assert stand.dns.names("CNAME") == [f"n1.{ZONE}"] and len(stand.dns.names("TXT")) == 2
    stand.check()


def test_nothing_is_written_where_another_zone_would_answer(start):
    """One that the door does not manage, of whatever type: what is above it is seen by nobody."""
    stand = start(zones=[ZONE])
    stand.dns.add_zone(f"corp.{ZONE}", type="Forwarder")
    stand.source.endpoints = [*wanted(2), endpoint(f"www.corp.{ZONE}", "A", "192.0.2.1", ttl=300)]

    def meanwhile(peer):
        peer.wait_for("Failed to do run once")
        until(lambda: len(stand.dns.names("A")) == 2, "what can be done")
        assert f"it is in the zone corp.{ZONE} of the server's" in stand.gateway.event("dns_door_refused")["reason"]
        assert not [write for write in stand.dns.writes if "corp" in write.name]
        del stand.dns.zones[f"corp.{ZONE}"]
    converges(stand, stand.source.endpoints, meanwhile)


def test_a_wrong_password_is_not_tried_until_one_is_locked_out(start):
    stand = start(secret="external-dns:fake-and-quite-wrong-password", zones=[ZONE])
    stand.source.endpoints = wanted(2)
    with stand.external_dns() as peer:
        for _ in range(4):
            peer.wait_for("Failed to do run once", peer.mark())
    assert 1 <= len(stand.node.logins) <= 4 and "blocked" not in stand.node.logins
    answer = stand.call("GET", "/records")
    assert answer.status == 503 and answer.body, answer
    assert "fake-and-quite-wrong-password" not in answer.text


def test_a_password_that_is_changed_locks_out_nobody_and_is_taken_up_again(start, tmp_path):
    """In Technitium first, as it goes, and then in the file."""
    stand = start(zones=[ZONE], secret="unused:unused")
    secret = stand.gateway.write_secret("login", f"{USER}:{PASSWORD}")
    stand.gateway.write_resources(resources(stand.dns, source=secret))
    stand.gateway.reload()
    stand.source.endpoints = wanted(2)
    with stand.external_dns() as peer:
        peer.wait_until_unchanged()
        stand.dns.users[USER] = "fake-password-after-the-change"
        stand.node.forget_sessions()
        for _ in range(2):
            peer.wait_for("Failed to do run once", peer.mark())
        assert "refused" in stand.node.logins
        stand.gateway.write_secret("login", f"{USER}:{stand.dns.users[USER]}")
        stand.gateway.reload()
        stand.source.endpoints = wanted(4)
        peer.wait_until_unchanged(peer.mark())
        assert until(lambda: len(stand.dns.names("A")) == 4, "what is wanted since")
    assert "blocked" not in stand.node.logins and stand.node.logins.count("refused") < 5
    assert stand.node.logins[-1] == "fine"
    is_there(stand, wanted(4))
    stand.check()


def test_an_address_that_another_got_locked_out_is_not_kept_locked_out(start):
    """As the runbook has it: no further log-in until the secret is set anew."""
    stand = start(zones=[ZONE], secret="unused:unused")
    stand.node.blocked_until = time.monotonic() + 300
    secret = stand.gateway.write_secret("login", f"{USER}:{PASSWORD}")
    stand.gateway.write_resources(resources(stand.dns, source=secret))
    stand.gateway.reload()
    stand.source.endpoints = wanted(2)
    with stand.external_dns() as peer:
        for _ in range(4):
            peer.wait_for("Failed to do run once", peer.mark())
        tried = list(stand.node.logins)
        assert len(tried) <= 2 and tried[-1] == "blocked", "once with each secret, of which the first was wrong besides"
        stand.node.blocked_until = 0
        stand.dns.users[USER] = "fake-password-after-the-lock-out"
        stand.gateway.write_secret("login", f"{USER}:{stand.dns.users[USER]}")
        stand.gateway.reload()
        peer.wait_until_unchanged(peer.mark())
    assert stand.node.logins == [*tried, "fine"]
    is_there(stand, wanted(2))
    stand.check()


def test_a_grant_that_is_taken_away_stops_it_at_once(start):
    stand = start()
    stand.bring(*wanted(2))
    calls = sum(stand.node.calls.values())
    text = (stand.gateway.resources / "all.yaml").read_text()
    stand.gateway.write_resources("---\n".join(part for part in text.split("---\n") if '"dns-technitium-a"' not in part))
    stand.gateway.reload()
    answer = stand.call("GET", "/records")
    assert answer.status == 503 and sum(stand.node.calls.values()) == calls
    stand.gateway.write_resources(text)
    stand.gateway.reload()
    converges(stand, wanted(3))
