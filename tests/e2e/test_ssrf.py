# SPDX-License-Identifier: Apache-2.0
"""No upstream may lead to an address inside unless somebody said so, whatever clothes the address wears."""

import pytest

from support import resources as yaml
from support.waiting import until

ENV = {"E2E_SECRET": "fake-ssrf-secret-0123456789"}


@pytest.fixture
def upstreams(make_upstream):
    return {4: make_upstream(), 6: make_upstream(host="::1")}


HOSTS = {
    "the address": (4, "127.0.0.1"),
    "a name": (4, "localhost"),
    "another loopback address": (4, "127.1.2.3"),
    "IPv6": (6, "[::1]"),
    "IPv4 in IPv6": (4, "[::ffff:127.0.0.1]"),
    "IPv4 in IPv6, in hex": (4, "[::ffff:7f00:1]"),
    "nothing specified": (4, "0.0.0.0"),
    "nothing specified, IPv6": (6, "[::]"),
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("allowed", [None, False, ["10.0.0.0/8", "fd00::/8"]], ids=["by default", "false", "other ranges"])
def test_an_upstream_on_loopback_is_refused_unless_it_is_allowed(make_gateway, upstreams, key, host, allowed):
    family, text = HOSTS[host]
    upstream = upstreams[family]
    resources = yaml.simple("inside", f"http://{text}:{upstream.port}", key, allow_private_addresses=allowed)
    gateway = make_gateway(resources, env=ENV, start=False)
    gateway.spawn()
    if gateway.event("ready") is None:  # a literal can be refused right away
        assert gateway.wait() == 1 and "address" in gateway.log.text()
        return
    gateway.stop()
    gateway.start()

    answer = gateway.get("/inside/any", key)

    assert (answer.status, answer.problem_code) == (502, "upstream_failed"), answer
    assert upstream.accepted == 0
    # The caller, or the operator who can do something about it, is told why.
    until(lambda: "private" in answer.json["detail"] + gateway.log.text(), "the reason to be said")
    assert gateway.metric("claviger_upstream_guard_refused_total") >= 1


@pytest.mark.parametrize("host, allowed", [
    ("127.0.0.1", ["127.0.0.0/8"]), ("127.0.0.1", ["127.0.0.1"]), ("127.0.0.1", True), ("localhost", ["127.0.0.0/8"]),
    ("[::1]", ["::1/128"]), ("[::ffff:127.0.0.1]", ["127.0.0.0/8"]),
])
def test_a_range_that_is_allowed_is_reached(make_gateway, upstreams, key, host, allowed):
    upstream = upstreams[6 if host == "[::1]" else 4]
    gateway = make_gateway(yaml.simple("inside", f"http://{host}:{upstream.port}", key, allow_private_addresses=allowed), env=ENV)
    assert gateway.get("/inside/any", key).status == 200


@pytest.mark.parametrize("host", ["10.255.255.1", "192.168.255.1", "169.254.169.254", "100.64.0.1", "[fd00:ec2::254]", "[fe80::1]",
                                  "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "198.18.0.1", "224.0.0.1", "[ff02::1]", "255.255.255.255"])
def test_special_purpose_addresses_are_refused_without_a_connection_attempt(make_gateway, key, host):
    gateway = make_gateway(yaml.simple("inside", f"https://{host}:9", key, allow_private_addresses=None,
                                       timeouts={"connect": "500ms"}), env=ENV, start=False)
    gateway.spawn()
    if gateway.event("ready") is None:
        assert gateway.wait() == 1
        return
    gateway.stop()
    gateway.start()
    answer = gateway.get("/inside/any", key)
    assert (answer.status, answer.problem_code) == (502, "upstream_failed")  # a 504 would mean that it was tried


@pytest.mark.parametrize("host", ["0177.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "127.0.0.1."])
def test_odd_spellings_of_an_address_reach_nothing(make_gateway, upstreams, key, host):
    upstream = upstreams[4]
    gateway = make_gateway(yaml.simple("odd", f"http://{host}:{upstream.port}", key, allow_private_addresses=None,
                                       timeouts={"connect": "1s"}), env=ENV, start=False)
    gateway.spawn()
    if gateway.event("ready") is None:
        assert gateway.wait() == 1
        return
    gateway.stop()
    gateway.start()
    assert gateway.get("/odd/any", key).status in (502, 504)
    assert upstream.accepted == 0


def test_a_redirect_into_the_inside_is_relayed_to_the_caller_and_not_followed(make_gateway, make_upstream, key):
    inside, outside = make_upstream(), make_upstream()
    outside.on("/redirects", lambda connection, request: connection.answer(
        b"", "307 Temporary Redirect", [("Location", inside.url() + "/any")]) or True)
    gateway = make_gateway(yaml.simple("outside", outside.url(), key), env=ENV)
    answer = gateway.get("/outside/redirects", key)
    assert (answer.status, answer.get("Location")) == (307, inside.url() + "/any")
    assert inside.accepted == 0


@pytest.mark.parametrize("listener", ["gateway", "admin"])
def test_an_upstream_that_is_the_gateway_itself_does_not_loop(make_gateway, key, listener):
    """Without allow_private_addresses the guard says no; with it, a call into itself ends at once for want of a key."""
    gateway = make_gateway(yaml.simple("self", "http://127.0.0.1:1", key), env=ENV)
    port = gateway.addresses[listener][1]
    gateway.write_resources(yaml.simple("self", f"http://127.0.0.1:{port}", key))
    gateway.reload()
    answer = gateway.get("/self/self/self/any", key)
    assert answer.status in (401, 404, 502), answer
    assert gateway.metric("claviger_requests_total") < 10
