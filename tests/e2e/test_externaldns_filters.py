# SPDX-License-Identifier: Apache-2.0
"""What a door's filter leaves out ExternalDNS never asks for, and nobody else can have."""

import json

import pytest

from support.dns_door import DnsDoor
from support.external_dns import endpoint

ZONE = "example.com"
WITHIN, WITHOUT = f"www.in.{ZONE}", f"www.out.{ZONE}"

FILTERS = {
    "an expression": {"regex_include": r"^([a-z0-9-]+\.)*in\.example\.com$"},
    "an expression that leaves out": {"regex_exclude": r"(^|\.)out\.example\.com$"},
    "both expressions": {"regex_include": r"\.example\.com$", "regex_exclude": r"\bout\b"},
    "a list": {"include": [f"in.{ZONE}"]},
    "what is below a name": {"include": [f".in.{ZONE}"]},
    "a list that leaves out": {"exclude": [f"out.{ZONE}"]},
    "both lists": {"include": [ZONE], "exclude": [f"out.{ZONE}"]},
}


@pytest.fixture(params=FILTERS.values(), ids=FILTERS)
def stand(request, tmp_path):
    with DnsDoor(tmp_path / "door", ZONE, filter=request.param) as made:
        yield made


def heritage(owned, name=None, labels=True):
    text = '"heritage=external-dns,external-dns/owner=test"'
    return endpoint(name or f"a-{owned}", "TXT", text, labels={"ownedRecord": owned} if labels else {})


def change(stand, **lists):
    return stand.call("POST", "/records", json.dumps(lists).encode())


def test_what_is_without_is_never_asked_for(stand):
    for target in ("192.0.2.1", "192.0.2.2"):
        stand.bring(*(endpoint(name, "A", target) for name in (WITHIN, WITHOUT, f"*.in.{ZONE}", f"bücher.in.{ZONE}")))
        assert WITHOUT not in stand.dns.names("A") and WITHIN in stand.dns.names("A")
        assert not [write for write in stand.dns.writes if "out" in write.name]
    stand.bring(endpoint(WITHOUT, "A", "192.0.2.1"))
    assert stand.dns.names("A", "TXT") == []


REFUSED = {
    "a record": [endpoint(WITHOUT, "A", "192.0.2.1")],
    "a record and its owner": [endpoint(WITHOUT, "A", "192.0.2.1"), heritage(WITHOUT)],
    "an owner alone": [heritage(WITHOUT)],
    "an owner without a label": [heritage(WITHOUT, labels=False)],
    "the owner of one within, without": [heritage(WITHIN, f"a-{WITHOUT}")],
    "the owner of one without, within": [heritage(WITHOUT, f"a-{WITHIN}")],
    "a text that says nothing of owners": [endpoint(WITHOUT, "TXT", "v=fake")],
    "a text with a label": [endpoint(WITHOUT, "TXT", "v=fake", labels={"ownedRecord": WITHIN})],
}


def test_what_is_without_cannot_be_had_by_asking(stand):
    for what, endpoints in REFUSED.items():
        answer = change(stand, create=endpoints)
        assert answer.status == 503, (what, answer)
        assert stand.dns.writes == [], what


def test_what_is_without_is_neither_changed_nor_deleted(stand):
    stand.dns.put(WITHOUT, "A", {"ipAddress": "192.0.2.1"}, ttl=300)
    before, there = stand.dns.state(), [endpoint(WITHOUT, "A", "192.0.2.1", ttl=300)]
    assert change(stand, delete=there).status == 503
    assert change(stand, updateOld=there, updateNew=[endpoint(WITHOUT, "A", "192.0.2.2", ttl=300)]).status == 503
    assert stand.dns.state() == before
    # Nor does it hold up what is within.
    assert change(stand, delete=there, create=[endpoint(WITHIN, "A", "192.0.2.1"), heritage(WITHIN)]).status == 503
    assert stand.dns.names("A") == [WITHIN, WITHOUT] and stand.dns.names("TXT") == [f"a-{WITHIN}"]
    assert stand.dns.violations == []


def test_an_expression_is_about_names_and_not_about_those_of_their_owners(tmp_path):
    """"a-www" has a dash, as all of the registry's names have, which ExternalDNS itself holds against no filter."""
    with DnsDoor(tmp_path / "door", ZONE, filter={"regex_exclude": r"^[^.]+-"}) as stand:
        stand.bring(endpoint(f"www.{ZONE}", "A", "192.0.2.1"), endpoint(f"db-1.{ZONE}", "A", "192.0.2.2"))
        assert stand.dns.names("A") == [f"www.{ZONE}"] and stand.dns.names("TXT") == [f"a-www.{ZONE}"]


def test_a_prefix_of_owners_names_has_to_be_let_through_as_well(tmp_path):
    with DnsDoor(tmp_path / "door", ZONE, filter={"regex_include": r"^www\.example\.com$"}) as stand:
        stand.source.endpoints = [endpoint(f"www.{ZONE}", "A", "192.0.2.1")]
        assert f"it is not TYPE-www.{ZONE}" in stand.why(stand.external_dns(txt_prefix="own.").once())
        assert stand.dns.writes == []
    with DnsDoor(tmp_path / "other", ZONE, filter={"include": [f"www.{ZONE}", f"own.a-www.{ZONE}"]}) as stand:
        stand.bring(endpoint(f"www.{ZONE}", "A", "192.0.2.1"), txt_prefix="own.")
        assert stand.dns.names("TXT") == [f"own.a-www.{ZONE}"]
