# SPDX-License-Identifier: Apache-2.0
"""Whoever changes where a credential goes must supply the secret again, whatever they are allowed to do otherwise."""

from pathlib import Path

import pytest

from support import resources as yaml
from support.certs import Authority
from support.endpoint import Endpoint
from support.managed import managed_resources
from support.waiting import until
from support.world import fake_secret

SECRET = fake_secret("unbinding")


@pytest.fixture
def upstream(make_upstream, identity):
    return make_upstream(identity)


@pytest.fixture
def elsewhere(make_upstream, identity):
    return make_upstream(identity)


@pytest.fixture
def tls(authority):
    """What a gateway needs to be told to believe in the upstreams of this file."""
    return {"ca": str(authority.cert)}


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Another authority."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def gateway(make_managed):
    return make_managed()


@pytest.fixture
def key(gateway, upstream, tls):
    return gateway.serve_simple("raw", upstream.url("localhost"), SECRET, tls=tls)


def change(gateway, **fields):
    """PUT what GET gave, but for some fields, as an admin."""
    resource = gateway.managed("GET", "/upstreams/raw")
    return gateway.managed("PUT", "/upstreams/raw", {**resource, **fields})


def state(gateway, name="raw-main"):
    return gateway.managed("GET", f"/credentials/{name}")["status"]["state"]


@pytest.fixture(params=["base_url", "path of base_url", "auth", "server_name", "ca"])
def changed(request, gateway, key, upstream, elsewhere, tls, stranger, tmp_path):
    """The upstream of a credential, led elsewhere in one way or another."""
    assert gateway.get("/raw/any", key).status == 200
    more_ca = tmp_path / "more-ca.pem"
    more_ca.write_bytes(Path(tls["ca"]).read_bytes() + stranger.cert.read_bytes())
    change(gateway, **{
        "base_url": {"base_url": elsewhere.url("localhost")},
        "path of base_url": {"base_url": upstream.url("localhost") + "/other"},
        "auth": {"auth": {"kind": "query", "name": "api_key"}},
        "server_name": {"tls": {**tls, "server_name": "127.0.0.1"}},
        "ca": {"tls": {"ca": str(more_ca)}},
    }[request.param])
    return gateway


def test_the_secret_goes_nowhere_any_more(changed, key, upstream, elsewhere):
    seen = len(upstream.requests)

    answer = changed.get("/raw/any", key)

    assert (answer.status, answer.problem_code) == (503, "no_credential")
    assert state(changed) == "unbound"
    assert len(upstream.requests) == seen and elsewhere.requests == []


def test_changing_it_back_does_not_bring_the_secret_back(changed, key, upstream, tls):
    change(changed, base_url=upstream.url("localhost"), auth={"kind": "bearer"}, tls=tls)

    assert changed.get("/raw/any", key).status == 503
    assert state(changed) == "unbound"


def test_it_stays_so_after_a_restart(changed, key):
    changed.restart()

    assert changed.get("/raw/any", key).status == 503
    assert state(changed) == "unbound"


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_ca_file_that_is_changed_in_place_unbinds_as_well(gateway, upstream, tls, stranger, tmp_path, how):
    """And one that says the same under another name does not."""
    ca, again = tmp_path / "ca.pem", tmp_path / "again.pem"
    for path in (ca, again):
        path.write_bytes(Path(tls["ca"]).read_bytes())
    key = gateway.serve_simple("raw", upstream.url("localhost"), SECRET, tls={"ca": str(ca)})
    change(gateway, tls={"ca": str(again)})
    assert gateway.get("/raw/any", key).status == 200

    again.write_bytes(again.read_bytes() + stranger.cert.read_bytes())
    getattr(gateway, how)()

    assert gateway.get("/raw/any", key).status == 503
    assert "set" in gateway.notices()["credential", "raw-main"]  # what to do about it


def test_with_the_secret_supplied_again_it_works(gateway, key, elsewhere):
    change(gateway, base_url=elsewhere.url("localhost"))
    gateway.set_secret("raw-main", fake_secret("fresh"))

    assert gateway.get("/raw/any", key).status == 200
    assert elsewhere.last("/any").get("Authorization").startswith("Bearer fake-fresh")
    assert state(gateway) == "active"


def test_whoever_unbinds_is_told(gateway, upstream, elsewhere, key, tls):
    results = gateway.apply(managed_resources("raw", elsewhere.url("localhost"), tls=tls))

    said = [warning for each in results for warning in each["warnings"]]
    assert any("raw-main" in each and "unbound" in each for each in said), results
    until(lambda: any("raw-main" in str(event) and "unbound" in str(event).lower() for event in gateway.events()),
          "the event of it")


def test_what_does_not_lead_it_elsewhere_leaves_it_bound(gateway, key):
    change(gateway, mount="/moved", timeouts={"idle": "10s"})

    assert gateway.get("/moved/any", key).status == 200
    assert state(gateway) == "active"


def test_only_the_credentials_of_that_upstream_are_unbound(gateway, upstream, elsewhere, key, tls):
    other = gateway.serve_simple("other", upstream.url("localhost"), fake_secret("other"), principal="other-caller", tls=tls)
    change(gateway, base_url=elsewhere.url("localhost"))

    assert gateway.get("/other/any", other).status == 200
    assert state(gateway, "other-main") == "active"


def test_a_credential_that_is_moved_to_another_upstream_is_unbound(gateway, upstream, elsewhere, key, tls):
    gateway.apply([yaml.upstream("evil", elsewhere.url("localhost"), tls=tls), yaml.grant("caller", "evil", name="caller-evil"),
                   {"kind": "credential", "name": "raw-main", "upstream": "evil"}])

    assert gateway.get("/evil/any", key).status == 503
    assert elsewhere.requests == []


def test_a_credential_that_takes_the_name_of_a_deleted_one_has_no_secret(gateway, upstream, key):
    gateway.managed("DELETE", "/credentials/raw-main")
    gateway.apply([{"kind": "credential", "name": "raw-main", "upstream": "raw"}])

    assert state(gateway) == "missing"
    assert gateway.get("/raw/any", key).status == 503


@pytest.mark.parametrize("how", ["url", "ca", "what is in the ca"])
def test_a_token_endpoint_that_is_another_one_gets_no_secret(gateway, authority, identity, elsewhere, tls, stranger, tmp_path, how):
    endpoint, ca = Endpoint(identity), tmp_path / "token-ca.pem"
    ca.write_bytes(authority.cert.read_bytes())

    def auth(url, trusted):
        return {"kind": "oauth2_client_credentials", "client_id": "claviger", "token_url": url + "/token", "ca": str(trusted),
                "allow_private_addresses": yaml.LOOPBACK}

    key = gateway.serve_simple("raw", endpoint.url("localhost"), SECRET, tls=tls, auth=auth(endpoint.url("localhost"), ca))
    assert gateway.get("/raw/any", key).status == 200
    if how == "what is in the ca":
        ca.write_bytes(stranger.cert.read_bytes())
        gateway.reload()
    else:
        change(gateway, auth=auth(elsewhere.url("localhost") if how == "url" else endpoint.url("localhost"),
                                  authority.cert if how == "url" else stranger.cert))
    asked = len(endpoint.requests)
    answer = gateway.get("/raw/any", key)
    endpoint.stop()

    assert (answer.status, answer.problem_code) == (503, "no_credential")
    assert state(gateway) == "unbound" or "set" in gateway.notices()["credential", "raw-main"]
    assert len(endpoint.requests) == asked and elsewhere.requests == []
