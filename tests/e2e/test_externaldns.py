# SPDX-License-Identifier: Apache-2.0
"""ExternalDNS itself brings about what it wants on Technitium through the door, and then finds nothing left to do."""

import json
import time

import pytest

from support import audit_events
from support.certs import Authority
from support.dns_door import DOOR, MEDIA_TYPE, PRINCIPAL, door, stands
from support.external_dns import OWNED_TYPES, endpoint
from support.waiting import until

ZONE = "example.com"
REVERSE = "2.0.192.in-addr.arpa"


@pytest.fixture
def start(tmp_path):
    with stands(tmp_path, ZONE, REVERSE) as make:
        yield make


@pytest.fixture
def stand(start):
    return start()


def at(name, kind, *targets, ttl=300):
    return endpoint(f"{name}.{ZONE}", kind, *targets, ttl=ttl)


def owner_of(stand, name, kind):
    """What the TXT record beside it says."""
    texts = stand.dns.at(f"{kind.lower()}-{name}.{ZONE}", "TXT")
    assert len(texts) == 1 and texts[0].startswith("heritage=external-dns,"), texts
    return texts[0].partition("external-dns/owner=")[2].partition(",")[0]


# --- all types, through their lives

# Targets as a cluster might state them, and what Technitium has then: at first, with one more, and without the first.
OWNED = {
    "A": (["192.0.2.1", "192.0.2.2"], "192.0.2.3", lambda text: text),
    "AAAA": (["2001:db8:0:0::1", "2001:DB8::2"], "2001:db8::3", lambda text: {"2001:db8:0:0::1": "2001:db8::1"}.get(text, text.lower())),
    "SRV": ([f"10 20 5060 a.{ZONE}.", f"10 20 5061 b.{ZONE}."], f"10 20 5062 c.{ZONE}.",
            lambda text: dict(zip(("priority", "weight", "port", "target"), [*map(int, text.split()[:3]), text.split()[3][:-1]]))),
    "NS": (["ns1.example.net", "ns2.example.net"], "ns3.example.net", lambda text: text),
    "MX": (["10 mail.example.net", "20 backup.example.net"], "30 last.example.net",
           lambda text: {"preference": int(text.split()[0]), "exchange": text.split()[1]}),
    "NAPTR": (['100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .', f'100 20 "s" "SIP+D2U" "" _sip._udp.{ZONE}.'],
              '100 30 "u" "E2U+x" "!^a b$!x!" .',
              lambda text: dict(zip(("order", "preference", "flags", "services", "regexp", "replacement"), naptr(text)))),
}


def naptr(text):
    order, preference, rest = text.split(" ", 2)
    quoted = rest.split('"')
    return int(order), int(preference), quoted[1], quoted[3], quoted[5], quoted[6].strip().removesuffix(".") or "."


def name_for(kind):
    return f"_sip._udp-{kind.lower()}" if kind == "SRV" else f"of-{kind.lower()}"


def owned(ttl=300, first=True, more=False):
    made = []
    for kind, (targets, other, _) in OWNED.items():
        made.append(at(name_for(kind), kind, *targets[0 if first else 1:], *([other] if more else []), ttl=ttl))
    made.append(at("alias", "CNAME", "somewhere.example.net", ttl=ttl))
    made.append(endpoint(f"7.{REVERSE}", "PTR", f"host.{ZONE}", ttl=ttl))
    return made


def is_as_wanted(stand, wanted):
    for each in wanted:
        name, kind = each["dnsName"], each["recordType"]
        told = OWNED[kind][2] if kind in OWNED else lambda text: text
        expected = sorted(map(told, each["targets"]), key=lambda value: value if isinstance(value, str) else repr(value))
        assert stand.dns.at(name, kind) == expected, kind
        assert stand.dns.ttl(name, kind) == {each["recordTTL"]}, kind


def test_every_type_through_its_life(stand):
    types = {"managed_record_types": OWNED_TYPES}
    for wanted in (owned(), owned(ttl=60), owned(ttl=60, more=True), owned(ttl=60, more=True, first=False), owned(first=False)):
        stand.bring(*wanted, **types)
        is_as_wanted(stand, wanted)
        for kind in OWNED:
            assert owner_of(stand, name_for(kind), kind) == "test"
    stand.bring(**types)
    assert stand.dns.names(*OWNED, "CNAME", "PTR") == []


def test_its_own_source_of_made_up_records(stand):
    """It makes up others in each cycle."""
    seen = set()
    for _ in range(3):
        cycle = stand.external_dns(source="fake", fqdn_template=ZONE).once()
        assert cycle.status == 0, stand.why(cycle)
        names = stand.dns.names("A")
        assert len(names) == len(stand.dns.names("TXT")) == 10 and not seen & set(names)
        seen |= set(names)
    stand.check()


# --- what changes its form

def test_a_name_turns_from_address_to_alias_and_back(stand):
    address, alias = at("www", "A", "192.0.2.1"), at("www", "CNAME", "elsewhere.example.net")
    for wanted in (address, alias, address):
        stand.bring(wanted)
        assert stand.dns.names("A", "CNAME") == [f"www.{ZONE}"]
        assert stand.dns.at(f"www.{ZONE}", wanted["recordType"]) == wanted["targets"]
    assert owner_of(stand, "www", "A") == "test"
    assert stand.dns.at(f"cname-www.{ZONE}", "TXT") == []


@pytest.mark.parametrize("flags", [{}, {"txt_wildcard_replacement": "any"}], ids=["as it is", "replaced"])
def test_a_wildcard(stand, flags):
    for target in ("192.0.2.1", "192.0.2.2"):
        stand.bring(at("*", "A", target), at("*.deep", "CNAME", "x.example.net"), **flags)
        assert stand.dns.at(f"*.{ZONE}", "A") == [target]
    stand.bring(**flags)
    assert stand.dns.names("A", "CNAME", "TXT") == []


def test_names_of_all_alphabets(stand):
    for ttl in (300, 60):
        stand.bring(endpoint(f"bücher.{ZONE}", "A", "192.0.2.1", ttl=ttl),
                    endpoint(f"xn--mller-kva.{ZONE}", "CNAME", "übersee.example.net", ttl=ttl))
        assert stand.dns.names("A") == [f"xn--bcher-kva.{ZONE}"]
        assert stand.dns.at(f"xn--mller-kva.{ZONE}", "CNAME") == ["xn--bersee-2ya.example.net"]
    stand.bring()
    assert stand.dns.names("A", "CNAME", "TXT") == []


def test_the_name_of_the_zone_itself(stand):
    """ExternalDNS would write down its owner outside the zone."""
    for target in ("192.0.2.1", "192.0.2.2"):
        stand.bring(endpoint(ZONE, "A", target))
        assert stand.dns.at(ZONE, "A") == [target]
    stand.bring()
    assert stand.dns.names("A", "TXT") == []


def test_letters_of_any_case_and_dots_at_the_end(stand):
    stand.bring(endpoint(f"WWW.{ZONE}", "A", "192.0.2.1"), endpoint(f"Alias.{ZONE}", "CNAME", "Some.Example.NET."))
    assert stand.dns.names("A", "CNAME") == [f"alias.{ZONE}", f"www.{ZONE}"]


def test_what_has_no_ttl_gets_the_doors(start):
    stand = start(ttl={"default": 120, "min": 60, "max": 3600})
    stand.bring(at("none", "A", "192.0.2.1", ttl=0), at("low", "A", "192.0.2.1", ttl=1), at("high", "A", "192.0.2.1", ttl=99999))
    assert [stand.dns.ttl(f"{name}.{ZONE}", "A") for name in ("none", "low", "high")] == [{120}, {60}, {3600}]


def test_properties_and_set_identifiers_cause_no_endless_changes(stand):
    properties = [{"name": "alias", "value": "false"}, {"name": "webhook/comment", "value": "hello"}]
    stand.bring({**at("www", "A", "192.0.2.1"), "setIdentifier": "blue", "providerSpecific": properties},
                {**at("web", "CNAME", "x.example.net"), "providerSpecific": properties[1:]})
    assert stand.dns.at(f"www.{ZONE}", "A") == ["192.0.2.1"]


# --- who owns what

def test_two_owners_leave_each_other_alone(stand):
    first, second = at("first", "A", "192.0.2.1"), at("second", "A", "192.0.2.2")
    stand.bring(first, txt_owner_id="one")
    stand.bring(second, txt_owner_id="two")
    stand.bring(first, at("second", "A", "192.0.2.9"), txt_owner_id="one")
    assert stand.dns.at(f"second.{ZONE}", "A") == ["192.0.2.2"]
    assert [owner_of(stand, name, "A") for name in ("first", "second")] == ["one", "two"]
    stand.bring(txt_owner_id="two")
    assert stand.dns.names("A") == [f"first.{ZONE}"]


def test_an_owner_hands_over(stand):
    wanted = [at("www", "A", "192.0.2.1"), at("web", "CNAME", "x.example.net")]
    stand.bring(*wanted, txt_owner_id="old")
    stand.source.endpoints = [at("www", "A", "192.0.2.1"), at("web", "CNAME", "y.example.net")]
    cycle = stand.external_dns(txt_owner_id="new", migrate_from_txt_owner="old").once()
    assert cycle.status == 0, cycle.log
    stand.settle(txt_owner_id="new")
    assert [owner_of(stand, "www", "A"), owner_of(stand, "web", "CNAME")] == ["new", "new"]
    stand.bring(txt_owner_id="new")
    assert stand.dns.names("A", "CNAME", "TXT") == []


def test_what_nobody_owns_stays_as_it_is(stand):
    stand.dns.put(f"by-hand.{ZONE}", "A", {"ipAddress": "192.0.2.77"}, comments="by hand")
    stand.dns.put(f"note.{ZONE}", "TXT", {"text": "by hand", "splitText": False, "characterStrings": ["by hand"]})
    stand.dns.put(f"off.{ZONE}", "A", {"ipAddress": "192.0.2.78"}, disabled=True)
    stand.dns.zones[ZONE].dnssec = True
    before = stand.dns.state()
    stand.bring(at("www", "A", "192.0.2.1"), at("by-hand", "A", "192.0.2.1"), managed_record_types=["A", "TXT", "NS"])
    stand.bring(managed_record_types=["A", "TXT", "NS"])
    assert stand.dns.state() == before


def test_what_somebody_noted_on_a_record_stays_with_it(stand):
    stand.bring(at("www", "A", "192.0.2.1", "192.0.2.2"))
    found = stand.dns.zones[ZONE].sets[f"www.{ZONE}", "A"]
    found[0].comments, found[0].expiry_ttl = "do not touch", 0
    stand.bring(at("www", "A", "192.0.2.1", "192.0.2.2", "192.0.2.3"))
    stand.bring(at("www", "A", "192.0.2.1", "192.0.2.2", ttl=60))
    assert {"do not touch"} <= {record.comments for record in stand.dns.zones[ZONE].sets[f"www.{ZONE}", "A"]}


def test_an_owner_without_its_record_gets_it_again(stand):
    stand.bring(at("www", "A", "192.0.2.1"))
    stand.dns.drop(f"www.{ZONE}", "A")
    stand.bring(at("www", "A", "192.0.2.1"))
    assert stand.dns.at(f"www.{ZONE}", "A") == ["192.0.2.1"]


# --- what Technitium does of itself

@pytest.mark.parametrize("before_13_5", [False, True], ids=["as it is", "before 13.5"])
def test_what_somebody_else_did_just_before_is_what_was_asked_for(stand, before_13_5):
    """Between the look and the call. Servers before 13.5 do not even say that it was so."""
    stand.dns.before_13_5, name, call = before_13_5, f"www.{ZONE}", stand.node._call
    change, done = [at("www", "A", "192.0.2.1")], [lambda: stand.dns.put(name, "A", {"ipAddress": "192.0.2.1"}), lambda: stand.dns.drop(name, "A")]

    def call_and_do(request):
        body = call(request)
        if request.path == "/api/zones/records/get" and name.encode() in request.body:
            done.pop(0)()
        return body
    stand.node._call = call_and_do
    assert stand.call("POST", "/records", json.dumps({"create": change}).encode()).status == 204
    assert stand.dns.at(name, "A") == ["192.0.2.1"]
    assert stand.call("POST", "/records", json.dumps({"delete": change}).encode()).status == 204
    assert stand.dns.at(name, "A") == []
    assert [write.outcome == "ok" for write in stand.dns.writes] == [before_13_5] * 2
    stand.check(redundant=2)


def test_the_record_that_points_back_goes_with_the_address(stand):
    def back(last, to="www"):
        return endpoint(f"{last}.{REVERSE}", "PTR", f"{to}.{ZONE}", ttl=300)
    for wanted in ([at("www", "A", "192.0.2.1"), back(1)], [at("www", "A", "192.0.2.1", "192.0.2.2"), back(1), back(2)],
                   [at("www", "A", "192.0.2.2"), back(2)], [at("www", "A", "192.0.2.2"), back(2, "other")], []):
        stand.bring(*wanted, managed_record_types=OWNED_TYPES)
        assert stand.dns.names("PTR") == sorted(each["dnsName"] for each in wanted if each["recordType"] == "PTR")
    assert not [write for write in stand.dns.writes if {"ptr", "createPtrZone"} & write.form.keys()]


def test_the_record_that_points_back_comes_again_if_it_is_wanted_still(stand):
    back = endpoint(f"1.{REVERSE}", "PTR", f"www.{ZONE}", ttl=300)
    stand.bring(at("www", "A", "192.0.2.1", "192.0.2.2"), back, managed_record_types=OWNED_TYPES)
    stand.source.endpoints = [at("www", "A", "192.0.2.2"), back]
    stand.settle(cycles=2, managed_record_types=OWNED_TYPES)
    assert stand.dns.at(f"1.{REVERSE}", "PTR") == [f"www.{ZONE}"] and stand.dns.at(f"www.{ZONE}", "A") == ["192.0.2.2"]


def test_what_points_back_by_hand_stays_as_long_as_the_address(stand):
    stand.dns.put(f"1.{REVERSE}", "PTR", {"ptrName": f"www.{ZONE}"})
    for ttl in (300, 60):
        stand.bring(at("www", "A", "192.0.2.1", ttl=ttl))
        assert stand.dns.at(f"1.{REVERSE}", "PTR") == [f"www.{ZONE}"]
    stand.bring()
    assert stand.dns.names("A", "PTR") == []


def test_glue_stays_when_a_delegation_gets_another_ttl_or_target(stand):
    stand.bring(at("sub", "NS", f"ns1.sub.{ZONE}", f"ns2.sub.{ZONE}"), managed_record_types=OWNED_TYPES)
    for record in stand.dns.zones[ZONE].sets[f"sub.{ZONE}", "NS"]:
        record.glue = ("192.0.2.1", "2001:db8::1")
    stand.dns.zones[ZONE].serial += 1
    stand.bring(at("sub", "NS", f"ns1.sub.{ZONE}", f"ns2.sub.{ZONE}", ttl=60), managed_record_types=OWNED_TYPES)
    stand.bring(at("sub", "NS", f"ns1.sub.{ZONE}", f"ns3.sub.{ZONE}", ttl=60), managed_record_types=OWNED_TYPES)
    glue = {record.rdata["nameServer"]: record.glue for record in stand.dns.zones[ZONE].sets[f"sub.{ZONE}", "NS"]}
    assert glue == {f"ns1.sub.{ZONE}": ("192.0.2.1", "2001:db8::1"), f"ns3.sub.{ZONE}": ()}


# --- zones

def test_a_record_goes_to_the_zone_with_the_longest_name(start):
    stand = start(ZONE, f"deep.{ZONE}", "example.org")
    stand.bring(at("www", "A", "192.0.2.1"), at("www.deep", "A", "192.0.2.2"), endpoint("www.example.org", "A", "192.0.2.3"))
    assert {(write.name, write.zone) for write in stand.dns.writes if write.type == "A"} == {
        (f"www.{ZONE}", ZONE), (f"www.deep.{ZONE}", f"deep.{ZONE}"), ("www.example.org", "example.org")}


def test_what_is_outside_the_zones_is_never_sent(start):
    """The filter comes to ExternalDNS in the form that it reads."""
    stand = start(ZONE, "example.org", zones=[ZONE])
    stand.bring(at("www", "A", "192.0.2.1"), endpoint("www.example.org", "A", "192.0.2.3"))
    assert stand.dns.names("A") == [f"www.{ZONE}"]
    assert {write.zone for write in stand.dns.writes} == {ZONE}


def test_a_zone_is_made_where_that_is_wanted(start):
    stand = start(ZONE, zones=[ZONE, "new.example"], create_zones=True)
    stand.bring(endpoint("www.new.example", "A", "192.0.2.1"))
    assert stand.dns.at("www.new.example", "A") == ["192.0.2.1"]
    assert [write.name for write in stand.dns.writes if write.call == "/api/zones/create"] == ["new.example"]


def test_a_zone_that_is_made_becomes_a_member_of_the_catalog(start):
    stand = start(ZONE, zones=[ZONE, "new.example"], create_zones={"catalog": "catalog.example"})
    stand.dns.add_zone("catalog.example", type="Catalog")
    stand.bring(at("www", "A", "192.0.2.7"), endpoint("www.new.example", "A", "192.0.2.1"))
    assert stand.dns.at("www.new.example", "A") == ["192.0.2.1"]
    assert stand.dns.zones["new.example"].catalog == "catalog.example" and stand.dns.zones[ZONE].catalog == ""


def test_a_zone_is_not_made_outside_a_catalog_that_is_missing(start):
    stand = start(ZONE, zones=[ZONE, "new.example"], create_zones={"catalog": "catalog.example"})
    stand.source.endpoints = [at("www", "A", "192.0.2.7"), endpoint("www.new.example", "A", "192.0.2.1")]
    peer = stand.external_dns()
    assert "No such Catalog zone was found: catalog.example" in stand.why(peer.once())
    assert "new.example" not in stand.dns.zones and stand.dns.at(f"www.{ZONE}", "A") == ["192.0.2.7"], "it holds up nobody else"
    stand.dns.add_zone("catalog.example", type="Catalog")
    assert peer.once().status == 0 and peer.once().unchanged
    assert stand.dns.zones["new.example"].catalog == "catalog.example"
    stand.check(redundant=1)  # the one that was refused


def test_several_doors_have_zones_of_their_own(start):
    stand = start(ZONE, "example.org", doors=[])
    stand.gateway.write_config({"doors": [door(stand.dns, zones=[ZONE]), door(stand.dns, name="other", zones=["example.org"])]})
    assert stand.gateway.stop() == 0
    stand.gateway.start()
    wanted = [at("www", "A", "192.0.2.1"), endpoint("www.example.org", "A", "192.0.2.3")]
    stand.bring(*wanted)
    assert stand.dns.names("A") == [f"www.{ZONE}"]
    stand.source.endpoints = wanted
    assert stand.external_dns("other").once().status == 0
    assert stand.dns.names("A") == [f"www.{ZONE}", "www.example.org"]
    stand.check()


def test_over_tls_to_a_node_that_the_named_authority_vouches_for(start, authority, identity):
    stand = start(identity=identity, ca=authority.cert)
    stand.bring(at("www", "A", "192.0.2.1"))
    assert stand.dns.at(f"www.{ZONE}", "A") == ["192.0.2.1"]


def test_to_a_node_that_nobody_vouches_for_not_even_the_password_goes(start, identity, tmp_path):
    stand = start(identity=identity, ca=Authority(tmp_path / "other").cert)
    assert stand.call("GET", "/records").status == 503
    assert stand.node.logins == [] and not stand.node.calls


# --- what it does not do

def test_a_dry_run_writes_nothing(start):
    stand = start(dry_run=True)
    stand.source.endpoints = [at("www", "A", "192.0.2.1")]
    assert stand.external_dns().once().status == 0
    assert stand.dns.writes == []
    assert stand.gateway.event("dns_changes")["dry_run"] == 2


def test_most_of_a_zone_is_not_deleted_unless_one_may(start):
    stand = start(allow_mass_delete=False)
    stand.bring(*(at(f"n{number}", "A", "192.0.2.1") for number in range(10)))
    stand.source.endpoints = []
    cycle = stand.external_dns().once()
    assert cycle.status != 0 and len(stand.dns.names("A")) == 10
    assert "503" in cycle.log
    stand.bring(*(at(f"n{number}", "A", "192.0.2.1") for number in range(8)))
    assert len(stand.dns.names("A")) == 8
    stand.check()


def test_nothing_that_is_there_is_sent_again(stand):
    wanted = [at(f"n{number}", "A", "192.0.2.1", "192.0.2.2") for number in range(20)]
    stand.bring(*wanted)
    written = len(stand.dns.writes)
    wanted[3] = at("n3", "A", "192.0.2.1", "192.0.2.3")
    stand.bring(*wanted)
    assert {write.name for write in stand.dns.writes[written:]} <= {f"n3.{ZONE}", f"a-n3.{ZONE}"}


def test_the_password_is_used_once(stand):
    stand.bring(*(at(f"n{number}", "A", "192.0.2.1") for number in range(50)))
    assert stand.node.logins == ["fine"]


# --- what it says

def test_it_says_what_external_dns_asks_for_to_the_letter(stand):
    hello = stand.call("GET", "/")
    assert (hello.status, hello.get("Content-Type")) == (200, MEDIA_TYPE)
    assert sorted(hello.json) == ["include"] and sorted(hello.json["include"]) == sorted([ZONE, REVERSE])
    change = json.dumps({"create": [at("www", "A", "192.0.2.1")]}).encode()
    for _ in range(2):  # what is done already is done
        answer = stand.call("POST", "/records", change)
        assert (answer.status, answer.body) == (204, b"")
    listed = stand.call("GET", "/records")
    assert (listed.status, listed.get("Content-Type")) == (200, MEDIA_TYPE)
    assert at("www", "A", "192.0.2.1") in listed.json
    for body in (b"[]", json.dumps([at("www", "A", "192.0.2.1")]).encode()):
        adjusted = stand.call("POST", "/adjustendpoints", body)
        assert (adjusted.status, adjusted.get("Content-Type"), adjusted.json) == (200, MEDIA_TYPE, json.loads(body))
    stand.check()


BAD = {
    "no JSON": b"{",
    "JSON of another form": b'{"create": {}}',
    "a name that is none": json.dumps({"create": [endpoint(f"a b.{ZONE}", "A", "192.0.2.1")]}).encode(),
    "an address that is none": json.dumps({"create": [at("www", "A", "192.0.2.256")]}).encode(),
    "a type that nobody knows": json.dumps({"create": [at("www", "LOC", "somewhere")]}).encode(),
    "a zone that nobody has": json.dumps({"create": [endpoint("www.example.net", "A", "192.0.2.1")]}).encode(),
    "deeper than anything": b"[" * 100_000,
    "more than 32 MiB": b'{"create":[]' + b" " * (33 << 20) + b"}",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_whatever_is_wrong_external_dns_may_come_again(stand, body):
    """Any 4xx would end it."""
    answer = stand.call("POST", "/records", body)
    assert answer.status == 503 and answer.body and b"fake-password" not in answer.body, answer
    assert stand.dns.writes == []
    assert stand.call("POST", "/records", json.dumps({"create": [at("www", "A", "192.0.2.1")]}).encode()).status == 204


def test_one_bad_record_holds_up_no_other(stand):
    stand.source.endpoints = [at("www", "A", "192.0.2.1"), at("bad", "MX", "70000 mail.example.net"), at("web", "TLSA", "nonsense")]
    with stand.external_dns(managed_record_types=["A", "MX", "TLSA"]) as peer:
        peer.wait_for("Failed to do run once")
        assert stand.dns.at(f"www.{ZONE}", "A") == ["192.0.2.1"]
    assert stand.dns.names("MX", "TLSA") == []
    refused = stand.gateway.event("dns_door_refused")
    assert f"web.{ZONE}" in refused["reason"], refused


def test_each_change_of_a_record_is_an_event(start):
    stand = start(config={"audit": {}})
    stand.bring(at("www", "A", "192.0.2.1"))
    stand.bring(at("www", "A", "192.0.2.2", ttl=60))
    stand.bring()
    assert stand.gateway.stop() == 0
    events = [event for event in audit_events.check_log(stand.gateway.data / "audit") if event["type"] == "dns_record.changed"]
    told = [(event.get("before"), event.get("after")) for event in events if event["record"] == f"www.{ZONE}"]
    assert told == [(None, "300 192.0.2.1"), ("300 192.0.2.1", "60 192.0.2.2"), ("60 192.0.2.2", None)]
    for event in events:
        assert (event["door"], event["principal"], event["zone"], event["outcome"]) == (DOOR, PRINCIPAL, ZONE, "done")
        assert event["request_id"] and event["calls"]


def test_zones_that_are_made_and_changes_that_are_refused_are_events(start):
    stand = start(ZONE, zones=[ZONE, "new.example"], create_zones=True, config={"audit": {}})
    assert stand.call("GET", "/records").status == 200
    body = {"create": [endpoint("www.new.example", "A", "192.0.2.1"), endpoint("www.example.net", "A", "192.0.2.1"), at("bad", "A", "nonsense")]}
    answer = stand.call("POST", "/records", json.dumps(body).encode())
    assert answer.status == 503 and "none of the door's zones" in answer.text, answer
    assert stand.gateway.stop() == 0
    events = {event["type"]: event for event in audit_events.check_log(stand.gateway.data / "audit") if event["type"].startswith("dns_")}
    made, refused, changed = events["dns_zone.created"], events["dns_changes.refused"], events["dns_record.changed"]
    assert (made["zone"], made["upstream"], made["door"], made["principal"]) == ("new.example", "technitium-a", DOOR, PRINCIPAL)
    assert refused["refused"] == 2 and "no IPv4 address" in refused["reason"], refused
    assert made["request_id"] == refused["request_id"] == changed["request_id"] == answer.get("X-Request-Id")


def test_its_metrics_count_what_alerts_go_by(stand):
    def value(text):
        return [float(line.split()[-1]) for line in stand.health("/metrics").text.splitlines() if line.startswith(text + " ")]

    good = f'claviger_dns_last_success_timestamp_seconds{{door="{DOOR}",call="apply"}}'
    assert value(good) == [0]
    stand.bring(at("www", "A", "192.0.2.1"))
    until(lambda: time.time() - value(good)[0] < 60, "the page to be made anew")
    assert stand.call("POST", "/records", json.dumps({"create": [at("bad", "A", "nonsense")]}).encode()).status == 503
    until(lambda: value(f'claviger_dns_refusals_total{{door="{DOOR}",call="apply",reason="bad_request"}}') == [1], "the refusal to be counted")
    assert value(f'claviger_dns_record_changes_total{{door="{DOOR}",outcome="done"}}') == [2]
    assert value(f'claviger_dns_record_changes_total{{door="{DOOR}",outcome="refused"}}') == [1]


def test_a_principal_that_is_not_there_may_nothing(start):
    stand = start(principal="nobody")
    answer = stand.call("GET", "/records")
    assert answer.status == 503 and sum(stand.node.calls.values()) == 0, answer


def test_nobody_becomes_the_principal_by_another_listener(stand):
    for fields in ((), [("Authorization", f"Bearer {PRINCIPAL}")], [("X-Claviger-Door", DOOR)]):
        assert stand.gateway.get("/technitium-a/api/dashboard/stats/get", fields=fields).status == 401
    assert "/api/dashboard/stats/get" not in stand.node.calls


@pytest.mark.parametrize("field", [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Cookie", "a=b")])
def test_a_browser_gets_nothing(stand, field):
    for method, path in (("GET", "/records"), ("POST", "/records")):
        answer = stand.call(method, path, b"{}" if method == "POST" else None, fields=[field])
        assert 400 <= answer.status < 500, answer
