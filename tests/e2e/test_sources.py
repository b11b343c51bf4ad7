# SPDX-License-Identifier: Apache-2.0
"""Secrets that lie elsewhere: in files, Vault and AWS Secrets Manager. They are read, read again, kept while their source fails,
and taken away when it has failed for too long; and nobody gets at one that is not meant for him."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from support import resources as yaml
from support.gateway import IS_SANITIZED, parse_json
from support.managed import Refused
from support.vault_server import VaultServer
from support.waiting import until

TOKEN = "hvs.fake-root-token-0123456789"
ENV = {"FAKE_VAULT_TOKEN": TOKEN, "FAKE_ROLE": "fake-role-id-1234", "FAKE_SECRET_ID": "fake-secret-id-5678-0123456789"}
FIRST, SECOND = "fake-first-value-0123456789", "fake-second-value-9876543210"
BY_ROLE = {"approle": {"role_id": "env:FAKE_ROLE", "secret_id": "env:FAKE_SECRET_ID"}}


@pytest.fixture
def vault():
    made = VaultServer()
    made.add_token(TOKEN)
    made.add_role(ENV["FAKE_ROLE"], ENV["FAKE_SECRET_ID"])
    made.mount("secret/")
    made.put("secret/", "team/openai", key=FIRST, other="fake-other-value-0123456789")
    yield made
    made.stop()
    assert made.complaints == []


def vault_config(vault, auth=None, wait="3s", **more):
    return {"gateway": {"workers": 2}, "sources": {"wait": wait, "file": {"poll": "1s"}, "vault": {
        "address": vault.url, "auth": auth or {"token": "env:FAKE_VAULT_TOKEN"}, "refresh": "1s", **more}}}


def from_source(name, url, key, source):
    made = yaml.simple(name, url, key)
    made[1]["from"] = source
    return made


@pytest.fixture
def side_car(make_gateway, upstream, key):
    def make(source, config, start=True, **env):
        return make_gateway(from_source("raw", upstream.url(), key, source), start=start, env={**ENV, **env}, config=config)
    return make


@pytest.fixture
def sent(upstream, key):
    """What a call brings the upstream: the secret that it went out with, or the gateway's refusal."""
    def call(gateway):
        answer = gateway.get("/raw/any", key)
        if answer.status != 200:
            return answer.status, answer.problem_code
        return upstream.last("/any").get("Authorization").removeprefix("Bearer ")
    return call


def events(gateway, name):
    return [each for each in map(parse_json, list(gateway.log.lines)) if each and each.get("event") == name]


def every_call(gateway, sent, seconds, allowed):
    """Calls without a pause: all that they were sent with."""
    seen, end = set(), time.monotonic() + seconds
    while time.monotonic() < end:
        seen.add(sent(gateway))
    assert seen <= set(allowed), seen
    return seen


# -- Vault

@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("how", ["found out", "said"])
def test_a_secret_of_kv_is_read_and_read_again(vault, side_car, sent, version, how):
    vault.mount("kv/", version=version)
    vault.put("kv/", "a/b", key=FIRST)
    gateway = side_car("vault:kv/a/b#key", vault_config(vault, **({"kv": str(version)} if how == "said" else {})))
    assert sent(gateway) == FIRST
    vault.put("kv/", "a/b", key=SECOND)
    until(lambda: sent(gateway) == SECOND, "the second value")
    changed = gateway.event("credential_secret_changed")
    assert (changed["credential"], changed["source"]) == ("raw-main", "vault:kv/a/b#key")
    assert (vault.count(r"GET /v1/sys/internal/.*") > 0) == (how == "found out")


def test_no_call_fails_while_the_value_changes(vault, side_car, sent):
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault))
    for value in (SECOND, FIRST, SECOND):
        vault.put("secret/", "team/openai", key=value)
        every_call(gateway, sent, 1.2, {FIRST, SECOND})
    until(lambda: sent(gateway) == SECOND, "the last value")


def test_by_app_role_the_token_is_renewed_ahead_of_its_end_and_got_anew_after_it(vault, side_car, sent):
    vault.add_role(ENV["FAKE_ROLE"], ENV["FAKE_SECRET_ID"], ttl=6, most_renewals=1)
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault, BY_ROLE))
    assert sent(gateway) == FIRST
    until(lambda: vault.count("POST /v1/auth/token/renew-self") >= 1, "a renewal", patience=20)
    assert vault.count("POST /v1/auth/approle/login") == 1
    until(lambda: vault.count("POST /v1/auth/approle/login") == 2, "another token", patience=20)
    with vault.lock:
        vault.tokens.clear()  # revoked, all of them
    until(lambda: vault.count("POST /v1/auth/approle/login") == 3, "a third", patience=20)
    assert events(gateway, "source_failed") == []


def test_a_secret_with_a_lease_is_renewed_and_then_made_anew(vault, side_car, sent):
    vault.mount("database/", kind="database")
    vault.put("database/", "creds/app", time=3, renewals=2, made=[FIRST, SECOND])
    gateway = side_car("vault:database/creds/app#key", vault_config(vault))
    assert sent(gateway) == FIRST
    until(lambda: vault.count("PUT /v1/sys/leases/renew") >= 2, "renewals", patience=20)
    assert sent(gateway) == FIRST
    until(lambda: sent(gateway) == SECOND, "another secret", patience=20)
    assert vault.count("GET /v1/database/creds/app") == 2


def test_with_a_namespace_every_request_names_it(side_car, sent):
    vault = VaultServer(name_space="team/a")
    try:
        vault.add_token(TOKEN)
        vault.mount("secret/")
        vault.put("secret/", "x", key=FIRST)
        gateway = side_car("vault:secret/x#key", vault_config(vault, namespace="team/a"))
        assert sent(gateway) == FIRST
        assert vault.complaints == []
    finally:
        vault.stop()


def test_two_upstreams_with_one_place_have_it_read_once(vault, make_gateway, make_upstream, key):
    one, other = make_upstream(), make_upstream()
    resources = from_source("one", one.url(), key, "vault:secret/team/openai#key")
    resources += [each for each in from_source("two", other.url(), key, "vault:secret/team/openai#other")
                  if each["kind"] in ("upstream", "credential", "grant")]
    config = vault_config(vault)
    config["sources"]["vault"]["refresh"] = "1h"
    gateway = make_gateway(resources, env=ENV, config=config)
    assert gateway.get("/one/any", key).status == 200 and gateway.get("/two/any", key).status == 200
    assert one.last("/any").get("Authorization") == f"Bearer {FIRST}"
    assert other.last("/any").get("Authorization") == "Bearer fake-other-value-0123456789"
    assert vault.count("GET /v1/secret/data/team/openai") == 1


@pytest.mark.parametrize("mode, says", [
    ("sealed", "sealed"), ("standby", "standby"), ("redirect", "redirect"), ("busy", "fewer requests"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "mounted there"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "too large"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"data\":", "closed"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"a\":1,\"a\":1}    ", "twice"),
    (b"HTTP/1.0 200 OK\r\n\r\n{}", "HTTP/1.0"),
    (b"SSH-2.0-OpenSSH\r\n", "127.0.0.1"),
])
def test_whatever_vault_says_that_is_no_secret_is_told_of_and_the_last_good_value_is_used(vault, side_car, sent, mode, says):
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault, kv="auto"))
    vault.mode = mode
    failed = gateway.event("source_failed")
    if not isinstance(mode, bytes) or b"[]" not in mode:
        assert says in failed["reason"], failed
    assert failed["kept_until"]
    assert FIRST not in gateway.log.text()
    assert sent(gateway) == FIRST
    assert gateway.metric("claviger_source_values", source="vault", state="kept") == 1
    vault.mode = None
    until(lambda: events(gateway, "source_recovered"), "its recovery", patience=20)
    assert len(events(gateway, "source_failed")) == 1, "once for each change, not for each attempt"
    assert gateway.metric("claviger_source_values", source="vault", state="good") == 1


def test_what_has_failed_for_too_long_is_not_used_any_more(vault, side_car, sent):
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault, keep="2s"))
    assert sent(gateway) == FIRST
    vault.mode = "sealed"
    until(lambda: sent(gateway) == (503, "no_credential"), "the value to be gone", patience=20)
    assert gateway.metric("claviger_source_values", source="vault", state="gone") == 1
    vault.mode = None
    until(lambda: sent(gateway) == FIRST, "it to be back", patience=20)


def test_vault_that_is_not_there_at_start_is_waited_for_and_then_done_without(vault, side_car, sent):
    vault.mode = "sealed"
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault, wait="1s"))
    assert "sealed" in gateway.event("source_failed")["reason"]
    assert sent(gateway) == (503, "no_credential")
    vault.mode = None
    until(lambda: sent(gateway) == FIRST, "the first value", patience=20)


@pytest.mark.parametrize("source, says", [
    ("vault:secret/team/nothing#key", "nothing there"), ("vault:secret/team/openai#nothing", "no field"),
    ("vault:elsewhere/x#key", "permission denied"),
])
def test_a_place_without_a_value_is_said_to_be_one(vault, side_car, sent, source, says):
    gateway = side_car(source, vault_config(vault, wait="1s"))
    assert says in gateway.event("source_failed")["reason"]
    assert sent(gateway) == (503, "no_credential")


@pytest.mark.parametrize("value", ["", "fake with\nline end", "x" * 20_000, 5, {"nested": "object"}])
def test_a_value_that_cannot_be_used_changes_nothing(vault, side_car, sent, value):
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault))
    vault.put("secret/", "team/openai", key=value)
    failed = gateway.event("source_failed")
    assert "fake with" not in failed["reason"] and "xxx" not in failed["reason"]
    assert sent(gateway) == FIRST
    vault.put("secret/", "team/openai", key=SECOND)
    until(lambda: sent(gateway) == SECOND, "a value that can be used", patience=20)


def test_a_slow_vault_keeps_no_call_waiting(vault, side_car, sent):
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault))
    vault.mode = "slow"
    time.sleep(1.2)
    start = time.monotonic()
    for _ in range(20):
        assert sent(gateway) == FIRST
    assert time.monotonic() - start < 5
    assert gateway.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory takes root")
@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is not the gateway's")
def test_no_value_and_no_token_is_left_in_memory(vault, side_car, sent, scanner):
    """After refreshes, changes and faults; with a value that has to be unescaped. In the locked fallback, which a scan can read."""
    values = ['fake-"first"-value-0123456789abcdef', 'fake-"second"-value-fedcba9876543210', 'fake-"refused"-value-\n0123456789']
    vault.add_role(ENV["FAKE_ROLE"], ENV["FAKE_SECRET_ID"], ttl=6, most_renewals=1)
    vault.put("secret/", "team/openai", key=values[0])
    gateway = side_car("vault:secret/team/openai#key", vault_config(vault, BY_ROLE), CLAVIGER_SECRET_MEMORY="locked")
    assert sent(gateway) == values[0]
    vault.put("secret/", "team/openai", key=values[1])
    until(lambda: sent(gateway) == values[1], "the second value")
    vault.put("secret/", "team/openai", key=values[2])
    gateway.event("source_failed")
    vault.put("secret/", "team/openai", key=values[1])
    gateway.event("source_recovered")
    for mode in ("sealed", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + json.dumps({"data": {"data": {"key": values[0]}}}).encode()):
        start = len(gateway.log.lines)
        vault.mode = mode
        gateway.event("source_failed", start=start)
        vault.mode = None
        gateway.event("source_recovered", start=start)
    until(lambda: vault.count("POST /v1/auth/approle/login") >= 2, "another token", patience=20)
    searched = {f"value-{number}": value.encode() for number, value in enumerate(values)}
    searched |= {f"token-{number}": text.encode() for number, text in enumerate(vault.tokens) if text != TOKEN}
    searched["secret-id"] = ENV["FAKE_SECRET_ID"].encode()
    findings = scanner.scan(gateway.pid, searched)
    assert findings.patterns == [], findings.describe()
    assert findings.scanned > 1_000_000 and findings.unreadable == 0


# -- Files and the environment

def test_a_file_is_read_again_when_it_changes(side_car, sent, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(FIRST + "\n")
    secret.chmod(0o600)
    gateway = side_car(f"file:{secret}", {"sources": {"file": {"poll": "1s"}}})
    assert sent(gateway) == FIRST
    secret.write_text(SECOND)
    until(lambda: sent(gateway) == SECOND, "the second value", patience=20)
    secret.chmod(0o644)
    assert "open to group or others" in gateway.event("source_failed")["reason"]
    assert sent(gateway) == SECOND
    secret.chmod(0o600)
    gateway.event("source_recovered")


def test_kubernetes_swap_of_links_is_seen(side_car, sent, tmp_path):
    """A volume of a Secret: key -> ..data/key, ..data -> ..<time>; an update swaps ..data in one step."""
    def version(name, value):
        made = tmp_path / f"..{name}"
        made.mkdir()
        (made / "key").write_text(value)
        (made / "key").chmod(0o600)
        (tmp_path / "..data_tmp").symlink_to(made.name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        return made

    old = version("2026_01_01", FIRST)
    (tmp_path / "key").symlink_to("..data/key")
    gateway = side_car(f"file:{tmp_path}/key", {"sources": {"file": {"poll": "1s"}}})
    assert sent(gateway) == FIRST
    version("2026_01_02", SECOND)
    shutil.rmtree(old)
    seen = set()
    until(lambda: seen.add(sent(gateway)) or SECOND in seen, "the second value", patience=20)
    assert seen <= {FIRST, SECOND}
    assert events(gateway, "source_failed") == []


def test_a_file_for_the_group_is_taken_where_that_is_said(side_car, sent, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(FIRST)
    secret.chmod(0o440)
    refused = side_car(f"file:{secret}", {}, start=False).spawn()
    assert refused.wait() != 0 and "open to group or others" in refused.log.text()
    gateway = side_car(f"file:{secret}", {"sources": {"file": {"group_read": True}}})
    assert sent(gateway) == FIRST


def test_without_its_file_or_variable_a_side_car_does_not_start(side_car, tmp_path):
    for source in (f"file:{tmp_path}/nothing", "env:FAKE_NOTHING"):
        gateway = side_car(source, {}, start=False).spawn()
        assert gateway.wait() != 0
        assert "raw-main" in gateway.log.text()


# -- With a store

def managed_resources(url, source):
    return [yaml.upstream("raw", url), yaml.credential("raw-main", "raw", source), yaml.principal("caller"),
            yaml.grant("caller", "raw")]


def test_with_a_store_a_credential_says_from_where_it_is_allowed(vault, make_managed, upstream, sent, tmp_path):
    authority = upstream.url()  # without TLS, the scheme is part of it
    config = vault_config(vault, allow=["secret/mine/*", {"name": "secret/team/openai", "to": [authority]}])
    gateway = make_managed(config=config, env=ENV, tls=False)
    gateway.apply(managed_resources(upstream.url(), "vault:secret/team/openai#key"))
    caller = gateway.create_key("caller")
    until(lambda: gateway.get("/raw/any", caller).status == 200, "the value")
    assert upstream.last("/any").get("Authorization") == f"Bearer {FIRST}"
    shown = gateway.managed("GET", "/credentials/raw-main")
    assert (shown["status"]["state"], shown["status"]["version"], shown["from"]) == ("active", 1, "vault:secret/team/openai#key")

    vault.put("secret/", "team/openai", key=SECOND)
    until(lambda: gateway.get("/raw/any", caller).status == 200 and
          upstream.last("/any").get("Authorization") == f"Bearer {SECOND}", "the second value", patience=20)
    changed = until(lambda: [each for each in gateway.events() if each["type"] == "credential.secret_changed"], "the event")
    assert [(each["credential"], each["version"]) for each in changed] == [("raw-main", 2)]

    vault.mode = "sealed"
    until(lambda: any("sealed" in what for what in gateway.notices().values()), "a notice", patience=20)
    assert any("sealed" in each for each in gateway.managed("GET", "/credentials/raw-main")["status"]["warnings"])
    vault.mode = None
    until(lambda: [each for each in gateway.events() if each["type"] == "source.recovered"], "its recovery", patience=20)

    # A restart finds it again.
    gateway.restart()
    until(lambda: gateway.get("/raw/any", caller).status == 200, "the value after a restart")


def test_with_a_store_a_value_that_was_kept_for_too_long_is_missing(vault, make_managed, upstream):
    config = vault_config(vault, keep="2s", allow=[{"name": "secret/team/*", "to": [upstream.url()]}])
    gateway = make_managed(config=config, env=ENV, tls=False)
    gateway.apply(managed_resources(upstream.url(), "vault:secret/team/openai#key"))
    state = lambda: gateway.managed("GET", "/credentials/raw-main")["status"]["state"]
    usable = lambda: gateway.metric("claviger_credential_usable", credential="raw-main")
    until(lambda: state() == "active" and usable() == 1, "the value")
    vault.mode = "sealed"
    until(lambda: state() == "missing", "it to be gone", patience=20)
    until(lambda: usable() == 0, "the metric to say so")
    vault.mode = None
    until(lambda: state() == "active" and usable() == 1, "it to be back", patience=20)


@pytest.mark.parametrize("source", ["vault:secret/team/openai#key", "vault:secret/yours/x#key", "env:FAKE_VAULT_TOKEN", "file:MASTER",
                                    "file:/etc/passwd", "aws-sm:any"])
def test_with_a_store_nothing_is_read_that_the_configuration_does_not_allow(vault, make_managed, upstream, source):
    gateway = make_managed(config=vault_config(vault, allow=["secret/mine/*", {"name": "secret/team/openai", "to": ["api.example"]}]),
                           env=ENV, tls=False)
    before = len(vault.requests)
    with pytest.raises(Refused, match="may not be sent|not among what"):
        gateway.apply(managed_resources(upstream.url(), source.replace("MASTER", str(gateway.master_key))))
    assert len(vault.requests) == before


def test_an_upstream_that_moves_takes_no_secret_along(vault, make_managed, upstream, make_upstream):
    authority = upstream.url()
    gateway = make_managed(config=vault_config(vault, allow=[{"name": "secret/team/*", "to": [authority]}]), env=ENV, tls=False)
    gateway.apply(managed_resources(upstream.url(), "vault:secret/team/openai#key"))
    caller = gateway.create_key("caller")
    until(lambda: gateway.get("/raw/any", caller).status == 200, "the value")
    elsewhere = make_upstream()
    gateway.apply([yaml.upstream("raw", elsewhere.url())])
    answer = gateway.get("/raw/any", caller)
    assert (answer.status, answer.problem_code) == (503, "no_credential")
    # Nor do settings that send it somewhere first.
    with pytest.raises(Refused):
        gateway.apply([yaml.upstream("raw", upstream.url()), yaml.credential(
            "raw-main", "raw", "vault:secret/team/openai#key",
            auth={"kind": "oauth2_client_credentials", "token_url": elsewhere.url() + "/token", "client_id": "x"})])


def test_a_secret_is_set_where_it_does_not_come_from_elsewhere_and_the_other_way_round(vault, make_managed, upstream):
    gateway = make_managed(config=vault_config(vault, allow=["secret/team/*"]), env=ENV, tls=False)
    inside = managed_resources(upstream.url(), None)
    del inside[1]["from"]
    gateway.apply(inside)
    gateway.set_secret("raw-main", "fake-inside-value-0123456789")
    caller = gateway.create_key("caller")
    gateway.apply([yaml.credential("raw-main", "raw", "vault:secret/team/openai#key")])
    until(lambda: gateway.get("/raw/any", caller).status == 200 and
          upstream.last("/any").get("Authorization") == f"Bearer {FIRST}", "the value from Vault")
    with pytest.raises(Refused, match="from elsewhere"):
        gateway.set_secret("raw-main", "fake-inside-value-0123456789")
    gateway.apply([inside[1]])
    assert gateway.get("/raw/any", caller).problem_code == "no_credential"
    gateway.set_secret("raw-main", SECOND)
    assert gateway.get("/raw/any", caller).status == 200
    assert upstream.last("/any").get("Authorization") == f"Bearer {SECOND}"


# -- AWS Secrets Manager

@pytest.fixture
def manager(identity):
    pytest.importorskip("boto3", reason="python3-boto3 is not there; `./dev install test` installs it")
    from support.secrets_manager import SecretsManager
    made = SecretsManager("AKIAFAKEFAKEFAKEFAKE", "fake/secret+access/key", "fake//session+token==", identity=identity)
    yield made
    made.stop()
    assert [seen.error for seen in made.seen if seen.error] == []


def aws_config(manager, authority):
    return {"sources": {"wait": "3s", "aws-sm": {
        "region": manager.region, "endpoint": manager.url, "ca": str(authority.cert), "access_key_id": "env:FAKE_ID",
        "secret_access_key": "env:FAKE_KEY", "session_token": "env:FAKE_SESSION", "refresh": "1s"}}}


AWS_ENV = {"FAKE_ID": "AKIAFAKEFAKEFAKEFAKE", "FAKE_KEY": "fake/secret+access/key", "FAKE_SESSION": "fake//session+token=="}


@pytest.mark.parametrize("source, wrap", [
    ("aws-sm:prod/openai", "{}"), ("aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/openai-AbCdEf#key", '{{"key":"{}","more":{{}}}}')])
def test_a_secret_of_aws_is_asked_for_with_a_good_signature(manager, side_car, sent, authority, source, wrap):
    name = source.removeprefix("aws-sm:").partition("#")[0]
    manager.values[name] = wrap.format(FIRST)
    gateway = side_car(source, aws_config(manager, authority), **AWS_ENV)
    assert sent(gateway) == FIRST
    manager.values[name] = wrap.format(SECOND)
    until(lambda: sent(gateway) == SECOND, "the second value", patience=20)


@pytest.mark.parametrize("value, error, says", [
    (None, None, "no secret of that name"), (b"fake", None, "no text"), ("", None, "empty"), ("{}", None, "under the key"),
    ("no JSON", None, "no JSON object"), ("x", (400, "AccessDeniedException"), "access denied"), ("x", (400, "ThrottlingException"), "fewer requests"),
    ("x", (500, "InternalServiceError"), "error of its own"), ("x", (418, "NobodyKnows"), "answers 418"),
])
def test_what_aws_says_that_is_no_secret_is_told_of(manager, side_car, sent, authority, value, error, says):
    manager.values["x"], manager.error = value, error
    config = aws_config(manager, authority)
    config["sources"]["wait"] = "0s"
    gateway = side_car("aws-sm:x#key", config, **AWS_ENV)
    assert says in gateway.event("source_failed")["reason"]
    assert sent(gateway) == (503, "no_credential")


# -- Real servers

def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def start_server(command, port, env=None):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)

    def listens():
        with socket.socket() as made:
            return made.connect_ex(("127.0.0.1", port)) == 0
    until(listens, f"{command[0]} to listen", patience=60)
    return process


@pytest.fixture
def moto():
    """A server that speaks AWS's protocol: moto (PyPI)."""
    binary = os.environ.get("CLAVIGER_MOTO") or shutil.which("moto_server")
    if not binary:
        pytest.skip("moto_server is not there: pip install 'moto[server]', or name it in CLAVIGER_MOTO")
    port = free_port()
    process = start_server([binary, "-H", "127.0.0.1", "-p", str(port)], port)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def call_aws(url, action, **body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {
        "X-Amz-Target": f"secretsmanager.{action}", "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 Credential=fake/20260101/eu-west-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_secrets_of_aws_secrets_manager_are_read_and_read_again(moto, side_car, sent):
    call_aws(moto, "CreateSecret", Name="prod/openai", SecretString='{"key":"%s"}' % FIRST)
    config = {"sources": {"wait": "5s", "aws-sm": {"region": "eu-west-1", "endpoint": moto, "access_key_id": "env:FAKE_ID",
                                                   "secret_access_key": "env:FAKE_KEY", "refresh": "1s"}}}
    gateway = side_car("aws-sm:prod/openai#key", config, FAKE_ID="AKIAFAKEFAKEFAKEFAKE", FAKE_KEY="fake/secret/access/key")
    assert sent(gateway) == FIRST
    call_aws(moto, "PutSecretValue", SecretId="prod/openai", SecretString='{"key":"%s"}' % SECOND)
    until(lambda: sent(gateway) == SECOND, "the second value", patience=20)
    call_aws(moto, "DeleteSecret", SecretId="prod/openai", ForceDeleteWithoutRecovery=True)
    assert "no secret of that name" in gateway.event("source_failed")["reason"]
    assert sent(gateway) == SECOND


def test_a_real_bao_or_vault_gives_what_it_has(side_car, sent):
    binary = os.environ.get("CLAVIGER_BAO")
    if not binary:
        pytest.skip("CLAVIGER_BAO names no bao or vault binary")
    port = free_port()
    env = dict(os.environ, BAO_ADDR=f"http://127.0.0.1:{port}", VAULT_ADDR=f"http://127.0.0.1:{port}", BAO_TOKEN=TOKEN, VAULT_TOKEN=TOKEN,
               HOME="/tmp")
    process = start_server([binary, "server", "-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}",
                            "-dev-no-store-token"], port, env)
    try:
        def cli(*arguments):
            return subprocess.run([binary, *arguments], env=env, check=True, capture_output=True, text=True).stdout.strip()
        until(lambda: subprocess.run([binary, "status"], env=env, capture_output=True).returncode == 0, "it to be unsealed")
        cli("kv", "put", "secret/team/openai", f"key={FIRST}")
        cli("secrets", "enable", "-version=1", "-path=old", "kv")
        cli("kv", "put", "old/x", f"key={FIRST}")
        cli("auth", "enable", "approle")
        cli("write", "auth/approle/role/claviger", "token_ttl=6s", "token_policies=root")
        role = cli("read", "-field=role_id", "auth/approle/role/claviger/role-id")
        secret = cli("write", "-f", "-field=secret_id", "auth/approle/role/claviger/secret-id")

        class Here:
            url = env["BAO_ADDR"]
        for source in ("vault:secret/team/openai#key", "vault:old/x#key"):
            gateway = side_car(source, vault_config(Here, BY_ROLE), FAKE_ROLE=role, FAKE_SECRET_ID=secret)
            assert sent(gateway) == FIRST
            mount, path = ("old", "x") if "old" in source else ("secret", "team/openai")
            cli("kv", "put", f"{mount}/{path}", f"key={SECOND}")
            until(lambda: sent(gateway) == SECOND, "the second value", patience=20)
            time.sleep(7)  # the token has been renewed, or got anew, by then
            cli("kv", "put", f"{mount}/{path}", f"key={FIRST}")
            until(lambda: sent(gateway) == FIRST, "the first again", patience=20)
    finally:
        process.kill()
        process.wait()
