# SPDX-License-Identifier: Apache-2.0
"""What ExternalDNS writes down of who owns what, however it is told to: encrypted, and at names with prefixes and suffixes."""

import pytest

from support.dns_door import stands
from support.external_dns import endpoint

ZONE = "example.com"
ENCRYPTED = {"txt_encrypt_enabled": True, "txt_encrypt_aes_key": "fake-key-of-no-one-of-32-letters"}


@pytest.fixture
def start(tmp_path):
    with stands(tmp_path, ZONE) as make:
        yield make


@pytest.fixture
def stand(start):
    return start()


def at(name, kind, *targets, ttl=300):
    return endpoint(f"{name}.{ZONE}" if name else ZONE, kind, *targets, ttl=ttl)


def owners(stand):
    """The registry's texts by name: one at each."""
    found = {name: stand.dns.at(name, "TXT") for name in stand.dns.names("TXT")}
    assert all(len(texts) == 1 for texts in found.values()), found
    return {name: texts[0] for name, texts in found.items()}


# --- encrypted

def test_encrypted_owners_through_the_life_of_a_record(stand):
    for wanted in ([at("www", "A", "192.0.2.1")], [at("www", "A", "192.0.2.2")], [at("www", "A", "192.0.2.2", ttl=60)],
                   [at("www", "CNAME", "x.example.net")], [at("www", "A", "192.0.2.3"), at("*", "A", "192.0.2.4"), at("", "A", "192.0.2.5")]):
        stand.bring(*wanted, **ENCRYPTED)
        assert len(owners(stand)) == len(wanted) and "heritage" not in str(owners(stand))
    stand.bring(**ENCRYPTED)
    assert stand.dns.names("A", "CNAME", "TXT") == []


def test_encrypted_owners_leave_each_other_alone(stand):
    first, second = at("first", "A", "192.0.2.1"), at("second", "A", "192.0.2.2")
    stand.bring(first, txt_owner_id="one", **ENCRYPTED)
    stand.bring(second, txt_owner_id="two", **ENCRYPTED)
    before = owners(stand)
    stand.bring(first, at("second", "A", "192.0.2.9"), txt_owner_id="one", **ENCRYPTED)
    assert stand.dns.at(f"second.{ZONE}", "A") == ["192.0.2.2"] and owners(stand) == before
    stand.bring(txt_owner_id="two", **ENCRYPTED)
    assert stand.dns.names("A", "TXT") == [f"a-first.{ZONE}", f"first.{ZONE}"]


def test_an_encrypted_owner_hands_over(stand):
    stand.bring(at("www", "A", "192.0.2.1"), at("web", "CNAME", "x.example.net"), txt_owner_id="old", **ENCRYPTED)
    before = owners(stand)
    stand.source.endpoints = [at("www", "A", "192.0.2.1"), at("web", "CNAME", "y.example.net")]
    cycle = stand.external_dns(txt_owner_id="new", migrate_from_txt_owner="old", **ENCRYPTED).once()
    assert cycle.status == 0, stand.why(cycle)
    after = owners(stand)
    assert after.keys() == before.keys() and not set(after.values()) & set(before.values())
    stand.settle(txt_owner_id="new", **ENCRYPTED)
    assert stand.dns.at(f"web.{ZONE}", "CNAME") == ["y.example.net"]
    stand.bring(txt_owner_id="new", **ENCRYPTED)
    assert stand.dns.names("A", "CNAME", "TXT") == []


def test_owners_are_encrypted_from_one_day_on(stand):
    """What is written in the other form is read, and stays until the record changes."""
    stand.bring(at("www", "A", "192.0.2.1"), at("web", "A", "192.0.2.1"))
    for target in ("192.0.2.1", "192.0.2.2"):
        stand.bring(at("www", "A", target), at("web", "A", "192.0.2.1"), **ENCRYPTED)
    assert {name: "heritage" in text for name, text in owners(stand).items()} == {f"a-www.{ZONE}": False, f"a-web.{ZONE}": True}


def test_an_owner_that_was_written_before_they_were_encrypted_goes_with_its_record(stand):
    stand.bring(at("www", "A", "192.0.2.1"))
    stand.bring(**ENCRYPTED)
    assert stand.dns.names("A", "TXT") == []


def test_owners_are_no_longer_encrypted_from_one_day_on(stand):
    key = {"txt_encrypt_aes_key": ENCRYPTED["txt_encrypt_aes_key"]}
    stand.bring(at("www", "A", "192.0.2.1"), **ENCRYPTED)
    stand.bring(at("www", "A", "192.0.2.1"), **key)
    stand.bring(at("www", "A", "192.0.2.2"), **key)
    assert "heritage" in str(owners(stand))
    stand.bring(**key)
    assert stand.dns.names("A", "TXT") == []


# --- at names of one's own

AFFIXES = {
    "prefix": ({"txt_prefix": "own-"}, f"own-a-www.{ZONE}"),
    "prefix that is a label": ({"txt_prefix": "own."}, f"own.a-www.{ZONE}"),
    "prefix with the type": ({"txt_prefix": "%{record_type}-own-"}, f"a-own-www.{ZONE}"),
    "prefix that is a label with the type": ({"txt_prefix": "own.%{record_type}."}, f"own.a.www.{ZONE}"),
    "suffix": ({"txt_suffix": "-own"}, f"a-www-own.{ZONE}"),
    "suffix with the type": ({"txt_suffix": "-%{record_type}-own"}, f"www-a-own.{ZONE}"),
    "suffix that is a label with the type": ({"txt_suffix": ".%{record_type}-own"}, f"www.a-own.{ZONE}"),
}


def through_their_lives(stand, name, flags):
    for wanted in ([at(name, "A", "192.0.2.1")], [at(name, "A", "192.0.2.2", "192.0.2.3")], [at(name, "A", "192.0.2.3", ttl=60)]):
        stand.bring(*wanted, **flags)
        assert stand.dns.at(wanted[0]["dnsName"], "A") == wanted[0]["targets"]
        assert len(owners(stand)) == 1
    kept = owners(stand)
    stand.bring(**flags)
    assert stand.dns.names("A", "TXT") == []
    return list(kept)


@pytest.mark.parametrize("flags, expected", AFFIXES.values(), ids=AFFIXES)
def test_prefixes_and_suffixes(stand, flags, expected):
    assert through_their_lives(stand, "www", flags) == [expected]


@pytest.mark.parametrize("flags", [flags for flags, _ in AFFIXES.values()], ids=AFFIXES)
def test_prefixes_and_suffixes_of_a_wildcard(stand, flags):
    through_their_lives(stand, "*.deep", flags)


PREFIXES = {name: flags for name, (flags, _) in AFFIXES.items() if "txt_prefix" in flags}
SUFFIXES = {name: flags for name, (flags, _) in AFFIXES.items() if "txt_suffix" in flags}


@pytest.mark.parametrize("flags", PREFIXES.values(), ids=PREFIXES)
def test_prefixes_of_the_name_of_the_zone_itself(stand, flags):
    through_their_lives(stand, "", flags)


@pytest.mark.parametrize("flags", SUFFIXES.values(), ids=SUFFIXES)
def test_a_suffix_of_the_name_of_the_zone_itself_holds_up_nobody_else(stand, flags):
    """ExternalDNS puts it behind the first label, which makes a name of another zone: "a-example-own.com". Nobody could write down
    there who owns the record, so it is not made."""
    stand.source.endpoints = [at("", "A", "192.0.2.1"), at("www", "A", "192.0.2.1")]
    with stand.external_dns(**flags) as peer:
        for _ in range(2):
            peer.wait_for("Failed to do run once", peer.mark())
    assert stand.dns.names("A") == [f"www.{ZONE}"] and len(owners(stand)) == 1
    assert "in none of the door's zones" in stand.gateway.event("dns_door_refused")["reason"]
    stand.check()
    stand.bring(at("www", "A", "192.0.2.1"), **flags)
