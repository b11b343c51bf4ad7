# SPDX-License-Identifier: Apache-2.0
"""ExternalDNS as it runs on and on, until what it wants is there."""

from support.external_dns import endpoint

ZONE = "example.com"
NAMES = 24


def wanted(count=NAMES, target="192.0.2.1", ttl=300):
    return [endpoint(f"n{number}.{ZONE}", "A", target, f"192.0.2.{number + 100}", ttl=ttl) for number in range(count)]


def is_there(stand, endpoints):
    assert stand.dns.names("A") == sorted(each["dnsName"] for each in endpoints)
    for each in endpoints:
        name = each["dnsName"]
        assert stand.dns.at(name, "A") == sorted(each["targets"])
        assert stand.dns.ttl(name, "A") == {each["recordTTL"]}
        assert len(stand.dns.at(f"a-{name}", "TXT")) == 1, f"nobody owns {name}"


def converges(stand, endpoints, meanwhile=None, redundant=0):
    """ExternalDNS runs all along: `meanwhile` may do what it likes to Technitium once changes are on their way."""
    stand.source.endpoints = endpoints
    with stand.external_dns() as peer:
        if meanwhile:
            meanwhile(peer)
        peer.wait_until_unchanged(peer.mark())
        is_there(stand, endpoints)
    stand.check(redundant)
    return peer


def suffered(peer):
    return [line for line in peer.log.lines if "Failed to do run once" in line]
