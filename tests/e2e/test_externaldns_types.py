# SPDX-License-Identifier: Apache-2.0
"""Types that ExternalDNS knows nothing of but their names: it passes them on, without an owner, since its registry reads none of what it
would write beside them. Each through its life, and found as it was wanted in the forms that Technitium answers in."""

import json

import pytest

from support.dns_door import DnsDoor
from support.external_dns import endpoint

ZONE = "example.com"
REVERSE = "2.0.192.in-addr.arpa"
DIGEST, OTHER_DIGEST = "ab" * 32, "cd" * 32
LONG_TEXT = "v=fake; " + "0123456789" * 60


@pytest.fixture
def stand(tmp_path):
    with DnsDoor(tmp_path / "door", ZONE, REVERSE) as made:
        yield made


def caa(flags, tag, value):
    return {"flags": flags, "tag": tag, "value": value}


def ds(tag, algorithm, number, digest):
    return {"keyTag": tag, "algorithm": algorithm, "algorithmNumber": number, "digestType": "SHA256", "digestTypeNumber": 2,
            "digest": digest.upper()}


def sshfp(algorithm, kind, fingerprint):
    return {"algorithm": algorithm, "fingerprintType": kind, "fingerprint": fingerprint.upper()}


def tlsa(usage, selector, matching, data):
    return {"certificateUsage": usage, "selector": selector, "matchingType": matching, "certificateAssociationData": data.upper()}


def uri(priority, weight, text):
    return {"priority": priority, "weight": weight, "uri": text}


def service(priority, target, parameters=None):
    return {"svcPriority": priority, "svcTargetName": target, "svcParams": parameters or {}, "autoIpv4Hint": False, "autoIpv6Hint": False}


# Targets as somebody might state them, and what Technitium has then: two at first, with one more, and without the first.
PASSED_ON = {
    "CAA": [('0 issue "ca.example.net"', caa(0, "issue", "ca.example.net")),
            ("128 iodef mailto:x@example.net", caa(128, "iodef", "mailto:x@example.net")),
            ('0 issuewild ";"', caa(0, "issuewild", ";"))],
    "DS": [(f"4711 13 2 {DIGEST}", ds(4711, "ECDSAP256SHA256", 13, DIGEST)),
           (f"04712 RSASHA1-NSEC3-SHA1 SHA256 {OTHER_DIGEST.upper()}", ds(4712, "RSASHA1_NSEC3_SHA1", 7, OTHER_DIGEST)),
           (f"4711 15 2 {OTHER_DIGEST}", ds(4711, "ED25519", 15, OTHER_DIGEST))],
    "SSHFP": [(f"4 2 {DIGEST}", sshfp("Ed25519", "SHA256", DIGEST)),
              (f"1 1 {DIGEST[:40]}", sshfp("RSA", "SHA1", DIGEST[:40])),
              (f"6 2 {OTHER_DIGEST}", sshfp("Ed448", "SHA256", OTHER_DIGEST))],
    "TLSA": [(f"3 1 1 {DIGEST}", tlsa("DANE-EE", "SPKI", "SHA2-256", DIGEST)),
             (f"2 0 1 {DIGEST}", tlsa("DANE-TA", "Cert", "SHA2-256", DIGEST)),
             (f"3 1 2 {DIGEST * 2}", tlsa("DANE-EE", "SPKI", "SHA2-512", DIGEST * 2))],
    "TXT": [("some text", "some text"),
            (f'"{LONG_TEXT}"', LONG_TEXT),
            ('with "quotes" and \\ in it', 'with "quotes" and \\ in it')],
    "URI": [('10 1 "https://example.net/a%20b"', uri(10, 1, "https://example.net/a%20b")),
            ("20 1 HTTPS://Example.net:443", uri(20, 1, "https://example.net/")),
            ('10 2 "ftp://u@example.net:2121/A?b"', uri(10, 2, "ftp://u@example.net:2121/A?b"))],
    "HTTPS": [('1 . alpn="h2,h3" port=0443', service(1, "", {"alpn": "h2,h3", "port": "443"})),
              ("2 backup.example.net ipv4hint=192.0.2.2,192.0.2.1 ech=AAr/",
               service(2, "backup.example.net", {"ipv4hint": "192.0.2.2,192.0.2.1", "ech": "00:0A:FF"})),
              ("3 .", service(3, ""))],
    "SVCB": [("1 svc.example.net. port=8443", service(1, "svc.example.net", {"port": "8443"})),
             ("2 . key667=hi no-default-alpn mandatory=port,alpn ipv6hint=2001:DB8::0:1 alpn=dot dohpath=/q{?dns} port=853",
              service(2, "", {"mandatory": "alpn,port", "alpn": "dot", "no-default-alpn": None, "port": "853", "ipv6hint": "2001:db8::1",
                             "dohpath": "/q{?dns}", "667": "68:69"})),
             ("0 alias.example.net", service(0, "alias.example.net"))],
    "ANAME": [("Elsewhere.example.net.", "elsewhere.example.net"), ("bücher.example.net", "xn--bcher-kva.example.net"),
              ("third.example.net", "third.example.net")],
    "DNAME": [("example.net", "example.net"), ("other.example.net.", "other.example.net")],
}
STAGES = ((slice(0, 2), 300), (slice(0, 2), 60), (slice(0, 3), 60), (slice(1, 3), 300))
STAGES_OF_ONE = ((slice(0, 1), 300), (slice(0, 1), 60), (slice(1, 2), 60), (slice(0, 1), 300))


def stages(kind):
    return STAGES_OF_ONE if kind == "DNAME" else STAGES


def name_of(kind):
    return f"of-{kind.lower()}.{ZONE}"


def test_every_type_through_its_life(stand):
    flags = {"registry": "noop", "managed_record_types": list(PASSED_ON)}
    for stage in range(len(STAGES)):
        wanted = {kind: (records[stages(kind)[stage][0]], stages(kind)[stage][1]) for kind, records in PASSED_ON.items()}
        stand.bring(*(endpoint(name_of(kind), kind, *(target for target, _ in records), ttl=ttl) for kind, (records, ttl) in wanted.items()), **flags)
        for kind, (records, ttl) in wanted.items():
            found = stand.dns.at(name_of(kind), kind)
            assert len(found) == len(records) and all(rdata in found for _, rdata in records), (kind, found)
            assert stand.dns.ttl(name_of(kind), kind) == {ttl}, kind
    stand.bring(**flags)
    assert stand.dns.names(*PASSED_ON) == []


@pytest.mark.parametrize("kind", PASSED_ON)
def test_what_is_listed_can_be_asked_for_as_it_is(stand, kind):
    """Without ExternalDNS: what a caller reads and sends back changes nothing, and takes away what it names."""
    wanted = endpoint(name_of(kind), kind, *(target for target, _ in PASSED_ON[kind][stages(kind)[0][0]]), ttl=300)

    def change(**lists):
        return stand.call("POST", "/records", json.dumps(lists).encode()).status
    assert change(create=[wanted]) == 204
    [listed] = [each for each in stand.records() if each["recordType"] == kind]
    adjusted = stand.call("POST", "/adjustendpoints", json.dumps([wanted]).encode()).json
    assert adjusted == [listed]
    written = len(stand.dns.writes)
    assert change(create=[listed]) == 204 and change(updateOld=[listed], updateNew=[listed]) == 204
    assert stand.dns.writes[written:] == []
    assert change(delete=[listed]) == 204
    assert stand.dns.names(kind) == []
    stand.check()


BY_HAND = {
    "parameters that are none": ("SVCB", service(1, "")),
    "parameters in another order": ("HTTPS", service(1, "", {"port": "1", "ipv4hint": "192.0.2.1", "alpn": "h2"})),
    "protocols in capitals": ("HTTPS", service(1, "", {"alpn": "H2"})),
    "hints of the server's own making": ("HTTPS", {**service(1, "", {"ipv4hint": "192.0.2.1"}), "autoIpv4Hint": True}),
    "a text of several strings": ("TXT", {"text": "a\nb", "splitText": True, "characterStrings": ["a", "b"]}),
    "the root as a service": ("SRV", {"priority": 0, "weight": 0, "port": 0, "target": "."}),
    "a mail exchange that is none": ("MX", {"preference": 0, "exchange": "."}),
    "what points to a service": ("URI", uri(1, 1, "mailto:x@example.net")),
}


@pytest.mark.parametrize("kind, rdata", BY_HAND.values(), ids=BY_HAND)
def test_what_somebody_wrote_in_a_form_of_his_own_gets_another_ttl_and_goes(stand, kind, rdata):
    name = name_of(kind)
    stand.dns.put(name, kind, rdata)
    [listed] = [each for each in stand.records() if each["dnsName"] == name] or [None]
    assert listed, "it is not shown"
    for _ in range(2):
        answer = stand.call("POST", "/records", json.dumps({"updateOld": [listed], "updateNew": [{**listed, "recordTTL": 60}]}).encode())
        assert answer.status == 204, answer.text
        assert stand.dns.ttl(name, kind) == {60} and len(stand.dns.at(name, kind)) == 1
    assert stand.call("POST", "/records", json.dumps({"delete": [listed]}).encode()).status == 204
    assert stand.dns.names(kind) == []
    stand.check()


def test_a_service_with_mandatory_keys_in_another_order_goes(stand):
    """Nothing that ExternalDNS's records could look like, but it would be asked for in each cycle."""
    stand.dns.put(name_of("SVCB"), "SVCB", service(1, "", {"mandatory": "port,alpn", "port": "1", "alpn": "h2"}))
    stand.bring(registry="noop", managed_record_types=["SVCB"])
    assert stand.dns.names("SVCB") == []


HIDDEN = {"empty": service(1, "", {"667": ""}), "bytes": service(1, "", {"667": "00:FF:20"})}


@pytest.mark.parametrize("rdata", HIDDEN.values(), ids=HIDDEN)
def test_what_cannot_be_shown_stays_whatever_comes_and_goes_beside_it(stand, rdata):
    name = name_of("SVCB")
    stand.dns.put(name, "SVCB", rdata, service(1, "", {"port": "1"}))
    assert [each["targets"] for each in stand.records() if each["dnsName"] == name] == [["1 . port=1"]]
    for old, new in (("1 . port=1", "1 . port=2"), ("1 . port=2", None)):
        before = [endpoint(name, "SVCB", old)]
        changes = {"updateOld": before, "updateNew": [endpoint(name, "SVCB", new)]} if new else {"delete": before}
        assert stand.call("POST", "/records", json.dumps(changes).encode()).status == 204
        assert rdata in stand.dns.at(name, "SVCB")
    assert stand.dns.at(name, "SVCB") == [rdata]
