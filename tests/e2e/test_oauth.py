# SPDX-License-Identifier: Apache-2.0
"""Credentials that are tokens of an authorization server: RFC 6749 and RFC 7523 against one that is none of ours, and against one that
is down, slow or lies."""

import json
import subprocess
import threading

import pytest

from support import resources as yaml
from support import wire
from support.gateway import Gateway
from support.guarded import GuardedUpstream
from support.keys import make_api_key
from support.managed import managed_resources
from support.oauth_server import OauthServer
from support.raw_upstream import LEAVE, STAY, RawUpstream, says
from support.waiting import until

SECRET = "fake-client-secret-of-the-test"
LOOPBACK = {"allow_private_addresses": yaml.LOOPBACK, "allow_plaintext": True}


@pytest.fixture(scope="module")
def oauth():
    server = OauthServer()
    server.add_client("fake-client", SECRET)
    server.add_client("fake-poster", SECRET, "client_secret_post")
    yield server
    server.stop()


@pytest.fixture
def upstream(oauth):
    with GuardedUpstream(oauth.knows).guard("/any", "/other") as made:
        yield made


@pytest.fixture
def gateways(tmp_path):
    """Side-car gateways of two workers, whose upstream "raw" has this `auth`."""
    made = []

    def start(upstream, auth, secret=SECRET):
        key = make_api_key()
        gateway = Gateway(tmp_path / f"g{len(made)}", yaml.simple("raw", upstream.url(), key, auth=auth),
                          env={"E2E_SECRET": secret}, config={"gateway": {"workers": 2}, "audit": "off"})
        made.append(gateway)
        gateway.start()
        gateway.key = key
        return gateway

    yield start
    for gateway in made:
        gateway.stop()


def client_credentials(url, client="fake-client", **more):
    return {"kind": "oauth2_client_credentials", "token_url": url, "client_id": client, **LOOPBACK, **more}


def call(gateway, method="GET", path="/raw/any", body=b"", fields=()):
    with gateway.connect() as client:
        return client.call(method, path, [wire.bearer(gateway.key), *fields], body)


def many(count, work):
    """Answers of as many callers at once."""
    answers, lock, ready = [], threading.Lock(), threading.Barrier(count)

    def one():
        ready.wait()
        answer = work()
        with lock:
            answers.append(answer)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def metric(gateway, name):
    with gateway.connect("admin") as client:
        page = client.call("GET", "/metrics").text
    return next((float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name + " ")), 0)


# -- RFC 6749 section 4.4

@pytest.mark.parametrize("client, how", [("fake-client", "basic"), ("fake-poster", "body")])
def test_client_credentials(oauth, upstream, gateways, client, how):
    gateway = gateways(upstream, client_credentials(oauth.url, client, client_auth=how, scope="read write"))
    assert call(gateway, "POST", body=b"and a body").body == b"fine and a body"
    asked = oauth.asked[-1]
    assert (asked["grant_type"], asked["scope"]) == ("client_credentials", "read write")
    assert ("client_secret" in asked) == (how == "body") and bool(asked["authorization"]) == (how == "basic")
    assert upstream.last("/any").get("Authorization").startswith("Bearer ")


def test_two_hundred_calls_at_once_on_no_token_bring_about_one_log_in(oauth, upstream, gateways):
    gateway = gateways(upstream, client_credentials(oauth.url))
    before = len(oauth.asked)
    answers = many(200, lambda: call(gateway))
    assert [answer.status for answer in answers] == [200] * 200
    assert len(oauth.asked) == before + 1


def test_a_lost_session_is_renewed_once_also_when_fifty_calls_see_it(oauth, upstream, gateways):
    gateway = gateways(upstream, client_credentials(oauth.url))
    assert call(gateway).status == 200
    before = len(oauth.asked)
    oauth.forget_all()
    answers = many(50, lambda: call(gateway, "POST", body=b"again"))
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"fine again")] * 50
    assert len(oauth.asked) == before + 1
    assert 1 <= upstream.refused <= 50
    assert metric(gateway, "claviger_tokens_lost_total") == 1


def test_a_refusal_that_no_token_cures_is_relayed_and_brings_about_one_log_in(oauth, gateways):
    with GuardedUpstream(lambda _: False).guard("/any") as upstream:
        gateway = gateways(upstream, client_credentials(oauth.url))
        before = len(oauth.asked)
        assert [call(gateway).status for _ in range(20)] == [401] * 20
        assert len(oauth.asked) == before + 2


def test_a_wrong_secret_is_shown_once_and_calls_are_told_when_to_come_again(oauth, upstream, gateways):
    gateway = gateways(upstream, client_credentials(oauth.url), secret="fake-but-wrong-client-secret")
    before = len(oauth.asked)
    answers = many(20, lambda: call(gateway)) + [call(gateway) for _ in range(20)]
    assert {(answer.status, answer.problem_code) for answer in answers} == {(503, "no_credential")}
    assert all(100 <= int(answer.get("Retry-After")) <= 150 for answer in answers[20:])
    assert len(oauth.asked) == before + 1
    assert not upstream.requests


# -- RFC 6749 section 6

def test_a_refresh_token_that_is_replaced_outlasts_a_restart(oauth, upstream, make_managed):
    oauth.add_client("fake-public", method="none")
    auth = {"kind": "oauth2_refresh_token", "token_url": oauth.url, "client_id": "fake-public", **LOOPBACK}
    first = oauth.add_refresh_token("fake-public")
    gateway = make_managed(config={"gateway": {"workers": 2}})
    gateway.key = gateway.serve_simple("raw", upstream.url(), first, auth=auth)
    assert call(gateway).status == 200
    until(lambda: gateway.managed("GET", "/credentials/raw-main")["status"]["version"] == 2, "the replaced secret to be kept")

    def types():
        return [event["type"] for event in gateway.events()]

    until(lambda: types().count("credential.secret_replaced") == 1, "an event of it")
    until(lambda: types().count("credential.token_fetched") == 1, "an event of the log-in")
    # The change of world that this was has cost no session, and no other one does.
    asked = len(oauth.asked)
    gateway.apply([yaml.principal("somebody-else")])
    assert call(gateway).status == 200 and len(oauth.asked) == asked
    gateway.restart()
    assert call(gateway).status == 200
    assert oauth.asked[-1]["refresh_token"] != first


def test_a_secret_that_is_set_anew_is_logged_in_with_and_a_revoked_one_is_not(oauth, upstream, make_managed):
    gateway = make_managed(config={"gateway": {"workers": 2}})
    gateway.key = gateway.serve_simple("raw", upstream.url(), SECRET, auth=client_credentials(oauth.url))
    assert call(gateway).status == 200
    asked = len(oauth.asked)
    gateway.set_secret("raw-main", SECRET)
    assert call(gateway).status == 200 and len(oauth.asked) == asked + 1
    gateway.cli("credential", "revoke", "raw-main")
    assert call(gateway).status == 503
    assert len(oauth.asked) == asked + 1


# -- RFC 7523

@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("form", ["pem", "google"])
def test_an_assertion_that_the_gateway_signs(oauth, upstream, gateways, tmp_path, algorithm, form):
    kind = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if algorithm == "RS256" else \
        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    private = subprocess.run(["openssl", "genpkey", *kind], check=True, capture_output=True, text=True).stdout
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=private, check=True, capture_output=True, text=True).stdout
    issuer = f"fake-{algorithm}-{form}@idp.test".lower()
    oauth.add_client(issuer, public_key=public)
    auth = {"kind": "jwt_bearer", "token_url": oauth.url, "scope": "read", **LOOPBACK}
    if form == "google":
        secret = json.dumps({"type": "service_account", "client_email": issuer, "private_key_id": "fake-key-id",
                             "private_key": private, "token_uri": "https://elsewhere.test/never-asked"})
    else:
        secret = private
        auth.update(issuer=issuer, subject="somebody", key_id="fake-key-id")
    source = tmp_path / "key"
    source.write_text(secret)
    source.chmod(0o600)
    key = make_api_key()
    resources = yaml.simple("raw", upstream.url(), key, auth=auth)
    resources[1]["from"] = f"file:{source}"
    gateway = Gateway(tmp_path / "g", resources, config={"gateway": {"workers": 1}, "audit": "off"})
    gateway.start()
    try:
        gateway.key = key
        assert call(gateway).status == 200
    finally:
        gateway.stop()
    header, claims = oauth.assertions[-1]
    assert (header["alg"], header["kid"]) == (algorithm, "fake-key-id")
    assert (claims["iss"], claims["aud"], claims["scope"]) == (issuer, oauth.url, "read")
    assert claims["sub"] == (issuer if form == "google" else "somebody")
    assert 0 < claims["exp"] - claims["iat"] <= 3600 and claims["jti"]


# -- Whoever else may answer there

TOKEN = b'{"access_token":"fake-access-token-of-a-liar","token_type":"Bearer"'


def json_answer(body, status="200 OK", more=""):
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)


LIES = {
    "huge": json_answer(b'{"access_token":"' + b"x" * 1_000_000 + b'"}'),
    "no json": json_answer(b"<html>token</html>"),
    "a list": json_answer(b"[1]"),
    "cut": json_answer(TOKEN),
    "a number for a token": json_answer(b'{"access_token":17,"expires_in":60}'),
    "a token with a line end": json_answer(b'{"access_token":"fake\\r\\nX-Evil: 1","expires_in":60}'),
    "expired": json_answer(TOKEN + b',"expires_in":0}'),
    "negative": json_answer(TOKEN + b',"expires_in":-60}'),
    "a word": json_answer(TOKEN + b',"expires_in":"soon"}'),
    "another type": json_answer(b'{"access_token":"fake-access-token-of-a-liar","token_type":"mac","expires_in":60}'),
    "twice": json_answer(TOKEN + b',"access_token":"fake-other-token-of-it","expires_in":60}'),
    "deep": json_answer(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "redirect": json_answer(b"", "302 Found", "Location: /elsewhere\r\n"),
    "coded": json_answer(b"\x1f\x8b", more="Content-Encoding: gzip\r\n"),
    "error": json_answer(b'{"error":"server_error"}', "500 Internal Server Error"),
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("lie", LIES)
def test_an_endpoint_that_lies_is_refused_clearly(gateways, upstream, lie):
    with RawUpstream().on("/token", says(LIES[lie], LEAVE)) as endpoint:
        gateway = gateways(upstream, client_credentials(endpoint.url() + "/token"))
        answers = [call(gateway) for _ in range(5)]
        assert {(answer.status, answer.problem_code) for answer in answers} == {(502, "upstream_failed")}
        assert all(int(answer.get("Retry-After")) >= 1 for answer in answers)
        assert len(endpoint.requests) <= 2
        assert not endpoint.to("/elsewhere") and not upstream.requests


def test_a_token_whose_endpoint_does_not_say_for_how_long_is_used(gateways):
    with GuardedUpstream(lambda token: token == "fake-access-token-of-a-liar").guard("/any") as upstream, \
            RawUpstream().on("/token", says(json_answer(TOKEN + b"}"))) as endpoint:
        gateway = gateways(upstream, client_credentials(endpoint.url() + "/token"))
        assert [call(gateway).status for _ in range(3)] == [200] * 3
        assert len(endpoint.requests) == 1


def test_an_endpoint_that_is_down_or_slow_keeps_nobody_waiting_for_long(gateways, upstream):
    gone = RawUpstream()
    url = gone.url()
    gone.stop()
    gateway = gateways(upstream, client_credentials(url + "/token"))
    assert call(gateway).status == 502

    def stall(connection, request):
        connection.upstream.release.wait(30)
        return LEAVE

    with RawUpstream().on("/token", stall) as slow:
        gateway = gateways(upstream, client_credentials(slow.url() + "/token"))
        answers = many(20, lambda: call(gateway))
        assert {answer.status for answer in answers} == {502}
        assert len(slow.requests) == 1


def test_an_outage_is_survived_while_the_token_is_good(upstream, gateways):
    server = OauthServer(lifetime=600)
    server.add_client("fake-client", SECRET)
    with GuardedUpstream(server.knows).guard("/any") as guarded:
        gateway = gateways(guarded, client_credentials(server.url))
        assert call(gateway).status == 200
        server.stop()
        assert [call(gateway).status for _ in range(20)] == [200] * 20


def test_an_endpoint_is_known_by_its_ca_and_no_other(oauth, authority, identity, upstream, gateways):
    server = OauthServer(ssl_context=(str(identity.cert), str(identity.key)))
    server.add_client("fake-client", SECRET)
    try:
        with GuardedUpstream(server.knows).guard("/any") as guarded:
            url = server.url.replace("127.0.0.1", "localhost")
            trusted = {"allow_private_addresses": yaml.LOOPBACK, "allow_plaintext": False}
            good = gateways(guarded, client_credentials(url, **trusted, ca=str(authority.cert)))
            assert call(good).status == 200
            stranger = gateways(guarded, client_credentials(url, **trusted))
            assert call(stranger).status == 502
            assert len(server.asked) == 1
    finally:
        server.stop()


def test_private_addresses_are_not_asked_for_tokens_unless_it_is_said(oauth, upstream, gateways):
    auth = client_credentials(oauth.url.replace("127.0.0.1", "localhost"))
    del auth["allow_private_addresses"]
    before = len(oauth.asked)
    assert call(gateways(upstream, auth)).status == 502
    assert len(oauth.asked) == before
