# SPDX-License-Identifier: Apache-2.0
"""How credentials fare: what upstreams answer takes one away from nobody who did not deserve it, what is revoked is gone everywhere,
secrets grow old, and an incident is got over."""

import json
import threading
import time

import pytest

from support import resources as yaml
from support import wire
from support.managed import managed_resources, status_on
from support.raw_upstream import LEAVE, STAY, chunk
from support.waiting import until

WORKERS = 4


def fake_secret(label, number=1):
    """The same each time, unlike world's."""
    return f"fake-{label}-{number}-0123456789abcdef"


class Provider:
    """Behaviours of an upstream that looks at credentials: those in `bad` are refused, those in `busy` are throttled."""

    def __init__(self):
        self.bad, self.busy, self.seen = set(), set(), []

    def answer(self, connection, request):
        connection.read_body(request)
        token = (request.get("Authorization") or "").removeprefix("Bearer ")
        self.seen.append((time.monotonic(), token))
        if token in self.bad or request.path == "/odd":
            connection.answer(b"{}", status="401 Unauthorized")
        elif token in self.busy or request.path == "/flood":
            connection.answer(b"{}", status="429 Too Many Requests", fields=[("Retry-After", "2")])
        else:
            connection.answer(b"ok")
        return STAY

    def stream(self, connection, request):
        token = (request.get("Authorization") or "").removeprefix("Bearer ")
        self.seen.append((time.monotonic(), token))
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not connection.upstream.release.wait(0.02):
            connection.send(chunk(b"data: tick\n\n"))
        return LEAVE


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def upstream(make_upstream, provider):
    made = make_upstream()
    for path in ("/any", "/odd", "/flood"):
        made.on(path, provider.answer)
    return made.on("/events", provider.stream)


@pytest.fixture
def gateway(make_managed, upstream):
    made = make_managed(config={"gateway": {"workers": WORKERS}})
    made.apply([*managed_resources("raw", upstream.url(), principal="alice"), yaml.principal("mallory"),
                yaml.principal("bob"), yaml.grant("bob", "raw", name="bob-raw"),
                yaml.grant("mallory", "raw", name="mallory-raw")])
    made.set_secret("raw-main", fake_secret("life"))
    return made


@pytest.fixture
def callers(gateway):
    """A connection and a key for each."""
    made = {}
    for name in ("alice", "bob", "mallory"):
        client, key = gateway.connect(), gateway.create_key(name)
        made[name] = lambda path="/any", client=client, key=key: client.call("GET", "/raw" + path, [wire.bearer(key)])
        made[name].client = client
    yield made
    for each in made.values():
        each.client.close()


def credential(gateway, name="raw-main"):
    return gateway.managed("GET", f"/credentials/{name}")["status"]


def changes(gateway):
    return [(event["from"], event["to"], event["reason"]) for event in gateway.events()
            if event["type"] == "credential.state_changed"]


# -- what answers do

def test_one_caller_who_provokes_401s_and_429s_harms_nobody(gateway, callers):
    for _ in range(50):
        assert callers["mallory"]("/odd").status == 401
        assert callers["mallory"]("/flood").status == 429
        assert callers["alice"]().status == 200

    assert callers["bob"]().status == 200
    assert credential(gateway)["state"] == "active"
    assert changes(gateway) == []


def test_many_keys_of_one_principal_are_one_voice(gateway, callers):
    keys = [gateway.create_key("mallory") for _ in range(5)]
    with gateway.connect() as client:
        for key in keys * 5:
            assert status_on(client, "/raw/odd", key) == 401

    assert credential(gateway)["state"] == "active"
    assert any("may be invalid" in each for each in credential(gateway)["warnings"])
    assert callers["alice"]().status == 200


def test_two_who_work_together_do_not_keep_a_third_from_it(gateway, callers):
    for _ in range(20):
        callers["mallory"]("/odd")
        callers["bob"]("/odd")
        assert callers["alice"]().status == 200, "her first call is a trial, and what she is served counts from then on"


def test_a_credential_that_is_refused_is_out_and_comes_back_with_the_next_trial(gateway, callers, provider):
    provider.bad.add(fake_secret("life"))
    assert callers["alice"]().status == 401
    assert callers["bob"]().status == 401

    answer = callers["alice"]()
    assert (answer.status, answer.problem_code) == (503, "no_credential")
    assert 1 <= int(answer.get("Retry-After")) <= 30
    assert credential(gateway)["state"] == "invalid"
    until(lambda: changes(gateway) == [("active", "invalid", "refused")], "the event")
    assert gateway.notices()[("credential", "raw-main")].startswith("is invalid since ")
    assert gateway.metric("claviger_credential_usable", credential="raw-main", upstream="raw") == 0

    provider.bad.clear()
    until(lambda: callers["mallory"]().status == 200, "a trial by somebody who was not refused")
    assert callers["alice"]().status == 200
    assert credential(gateway)["state"] == "active"


def test_another_secret_is_active_at_once(gateway, callers, provider):
    provider.bad.add(fake_secret("life"))
    callers["alice"](), callers["bob"]()
    assert callers["alice"]().status == 503

    gateway.set_secret("raw-main", fake_secret("life", 2))

    assert callers["alice"]().status == 200
    assert credential(gateway)["state"] == "active"


def test_an_operator_who_enables_it_is_believed(gateway, callers, provider):
    provider.bad.add(fake_secret("life"))
    callers["alice"](), callers["bob"]()
    assert callers["alice"]().status == 503
    provider.bad.clear()

    gateway.cli("credential", "enable", "raw-main")

    assert callers["alice"]().status == 200
    until(lambda: changes(gateway)[-1:] == [("invalid", "active", "enabled")], "the event")


def test_a_pool_goes_on_with_those_that_work(gateway, callers, provider):
    gateway.apply([{"kind": "credential", "name": "raw-more", "upstream": "raw"}])
    gateway.set_secret("raw-more", fake_secret("life", 2))
    provider.bad.add(fake_secret("life"))

    statuses = [callers[name]().status for _ in range(20) for name in ("alice", "bob", "bob")]  # each meets both

    assert statuses.count(401) <= 4, statuses
    assert set(statuses[15:]) == {200}
    assert credential(gateway)["state"] == "invalid"
    assert credential(gateway, "raw-more")["state"] == "active"


def test_throttling_is_waited_for(gateway, callers, provider):
    provider.busy.add(fake_secret("life"))
    assert callers["alice"]().status == 429
    assert callers["bob"]().status == 429
    answer = callers["alice"]()
    assert (answer.status, answer.problem_code) == (503, "no_credential")
    assert int(answer.get("Retry-After")) <= 3
    provider.busy.clear()

    until(lambda: callers["alice"]().status == 200, "its time to be over")


# -- revocation

class Stream:
    def __init__(self, gateway, key):
        self.client, self.ended_at, self.ticks = gateway.connect(), None, 0
        self.client.request("GET", "/raw/events", [wire.bearer(key)])
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        until(lambda: self.ticks > 2, "the stream to flow")

    def _read(self):
        def count(_):
            self.ticks += 1
        try:
            self.client.read_answer(into=count)
        except (wire.BrokenAnswer, OSError):
            pass
        self.ended_at = time.monotonic()


def test_after_revoke_returns_no_worker_sends_it_and_streams_with_it_end(gateway, provider):
    gateway.apply([{"kind": "credential", "name": "raw-more", "upstream": "raw"}])
    key = gateway.create_key("alice")
    streams = [Stream(gateway, key) for _ in range(2 * WORKERS)]
    gateway.set_secret("raw-more", fake_secret("life", 2))
    stopping, failures = threading.Event(), []

    def load():
        with gateway.connect() as client:
            while not stopping.is_set():
                try:
                    if status_on(client, "/raw/any", key) != 200:
                        failures.append("refused")
                except (wire.BrokenAnswer, OSError):  # one that carried it when it was revoked
                    return

    threads = [threading.Thread(target=load, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len({token for _, token in provider.seen}) == 2, "both to be in use")
    gateway.cli("credential", "revoke", "raw-main")
    returned = time.monotonic()
    time.sleep(0.8)
    with gateway.connect() as client:
        assert {status_on(client, "/raw/any", key) for _ in range(20)} == {200}
    stopping.set()
    for thread in threads:
        thread.join()

    # What had left the gateway before may be read a moment later.
    assert [token for when, token in provider.seen if when > returned + 0.25 and token == fake_secret("life")] == []
    assert failures == []
    for stream in streams:
        stream.thread.join(5)
        assert stream.ended_at is not None and stream.ended_at - returned < 1
    assert credential(gateway)["state"] == "revoked"


# -- age, expiry, last use

def test_age_and_rotation_are_shown_everywhere(make_managed, upstream):
    gateway = make_managed()
    gateway.apply([*managed_resources("raw", upstream.url())])
    gateway.apply([{"kind": "credential", "name": "raw-main", "upstream": "raw", "rotate_after": "1h"}])
    gateway.set_secret("raw-main", fake_secret("life"))
    status = credential(gateway)
    assert (status["version"], status["age_days"], status["rotation"]) == (1, 0, "none")
    assert gateway.metric("claviger_credential_rotation_due", credential="raw-main", upstream="raw") == 0
    assert gateway.metric("claviger_credential_age_seconds", credential="raw-main", upstream="raw") < 60
    table = gateway.cli("get", "credentials")
    assert "ROTATION" in table and "LAST USED" in table


def test_what_has_expired_is_not_used_and_is_said_to_be(gateway, callers):
    assert callers["alice"]().status == 200
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
    gateway.apply([{"kind": "credential", "name": "raw-main", "upstream": "raw", "expires": soon}])
    assert any("expires in" in each for each in credential(gateway)["warnings"])

    until(lambda: callers["alice"]().status == 503, "it to expire")
    assert credential(gateway)["state"] == "invalid"
    assert credential(gateway)["reason"] == "expired"
    until(lambda: ("active", "invalid", "expired") in changes(gateway), "the event")

    gateway.apply([{"kind": "credential", "name": "raw-main", "upstream": "raw"}])
    until(lambda: callers["alice"]().status == 200, "it to be good again")


def test_when_it_was_used_last_outlives_a_restart_and_no_revision_is_made_for_it(gateway, callers):
    assert "last_used" not in credential(gateway)
    revision = gateway.managed("GET", "/credentials/raw-main")["revision"]
    callers["alice"]()
    used = credential(gateway)["last_used"]

    gateway.restart()

    assert credential(gateway)["last_used"] == used
    assert gateway.managed("GET", "/credentials/raw-main")["revision"] == revision


# -- an incident

def rotate(gateway, *arguments, **how):
    return json.loads(gateway.cli("credential", "rotate-all", "-o", "json", *arguments, **how))


def marked(gateway):
    return [event for event in gateway.events() if event["type"] == "credential.rotation_required"]


def test_an_incident_from_the_first_command_to_the_last(gateway, callers, tmp_path):
    gateway.apply([*managed_resources("other", "http://127.0.0.1:9", principal="alice")[:2],
                   {"kind": "credential", "name": "raw-more", "upstream": "raw"}])
    for name in ("raw-more", "other-main"):
        gateway.set_secret(name, fake_secret(name))

    assert rotate(gateway, "--reason", "a laptop was stolen", "--dry-run")["required"] == 0
    listed = rotate(gateway, "--reason", "a laptop was stolen")
    assert listed["required"] == 3
    assert [each["upstream"] for each in listed["credentials"]] == ["other", "raw", "raw"]
    assert {each["rotation_reason"] for each in listed["credentials"]} == {"a laptop was stolen"}
    until(lambda: len(marked(gateway)) == 3, "each to be recorded")
    assert all(event["actor"] == "admin" for event in marked(gateway))
    assert "needs another secret since" in gateway.notices()[("credential", "raw-main")]
    assert callers["alice"]().status == 200

    new = tmp_path / "new.env"
    new.write_text(f"raw-main={fake_secret('new', 1)}\nraw-more='{fake_secret('new', 2)}'  # done\n")
    refused = gateway.cli_run("credential", "rotate-all", "--secrets", str(new))
    assert refused.returncode == 1 and "chmod 0600" in refused.stderr
    new.chmod(0o600)
    assert rotate(gateway, "--secrets", str(new))["required"] == 1

    assert rotate(gateway, "--disable-old")["required"] == 1
    assert credential(gateway, "other-main")["state"] == "disabled"
    assert credential(gateway)["state"] == "active"
    gateway.cli("credential", "set", "other-main", stdin=fake_secret("new", 3))
    assert credential(gateway, "other-main")["state"] == "active"
    assert rotate(gateway)["required"] == 0
    assert callers["alice"]().status == 200


@pytest.mark.parametrize("arguments, words", [
    (["--ask"], "--ask needs a terminal"), (["-o", "yaml"], "table or json"), (["--ask", "--secrets", "x"], "exclude"),
    (["--upstream", "../x"], "cannot be the name"), (["--reason", "a\nb"], "one line"), (["--reason", "x" * 257], "256 bytes"),
    (["--reason", "x", "--upstream", "none"], "there is no upstream 'none'"), (["--secrets", "/nonexistent"], "nonexistent"),
])
def test_wrong_input_for_rotate_all_is_refused_in_words(gateway, arguments, words):
    done = gateway.cli_run("credential", "rotate-all", *arguments)
    assert done.returncode in (1, 2) and words in done.stderr, done.stderr
    assert credential(gateway).get("rotation_required") is None


def test_a_slip_in_one_name_sets_nothing(gateway, tmp_path):
    gateway.cli("credential", "rotate-all", "--reason", "test")
    new = tmp_path / "new.env"
    new.write_text(f"raw-main={fake_secret('new')}\nraw-mian={fake_secret('new')}\n")
    new.chmod(0o600)

    done = gateway.cli_run("credential", "rotate-all", "--secrets", str(new))

    assert done.returncode == 1 and "new.env:2: there is no such credential" in done.stderr
    assert fake_secret("new") not in done.stderr + done.stdout
    assert credential(gateway)["version"] == 1


# -- .env files

def test_secrets_are_taken_over_from_an_env_file(gateway, callers, provider, tmp_path):
    file = tmp_path / ".env"
    file.write_text(f"# keys\nexport RAW_TOKEN='{fake_secret('env', 1)}'\nOPENAI_API_KEY={fake_secret('env', 2)}\nEMPTY=\n")
    file.chmod(0o600)

    dry = json.loads(gateway.cli("credential", "import", str(file), "--map", "RAW_TOKEN=raw/from-env", "--dry-run", "-o", "json"))
    assert [(each["variables"], each["action"]) for each in dry] == [
        ("RAW_TOKEN", "would be made and set"), ("OPENAI_API_KEY", "left out")]
    assert "there is no upstream 'openai'" in dry[1]["why"]
    assert gateway.api("GET", "/api/v1/credentials/from-env").status == 404

    done = gateway.cli_run("credential", "import", str(file), "--map", "RAW_TOKEN=raw/from-env")
    assert done.returncode == 0, done.stderr
    for secret in (fake_secret("env", 1), fake_secret("env", 2)):
        assert secret not in done.stdout + done.stderr
    assert credential(gateway, "from-env")["state"] == "active"
    for _ in range(4):
        callers["alice"]()
    assert fake_secret("env", 1) in {token for _, token in provider.seen}

    again = gateway.cli_run("credential", "import", str(file), "--map", "RAW_TOKEN=from-env")
    assert again.returncode == 1 and "--replace" in again.stdout
    gateway.cli("credential", "import", str(file), "--map", "RAW_TOKEN=from-env", "--replace")
    assert credential(gateway, "from-env")["version"] == 2


@pytest.mark.parametrize("text, mode, arguments, words", [
    ("A=fake-x\n", 0o644, [], "chmod 0600"),
    ("A = fake-x\n", 0o600, [], ".env:1: NAME=value expected"),
    ("A=fake-1\nA=fake-2\n", 0o600, [], ".env:2: A is there twice"),
    ("A=fake-x\n", 0o600, ["--map", "A"], "--map takes"),
    ("A=fake-x\n", 0o600, ["--map", "B=raw-main"], "there is no B"),
    ("A=fake-x\nB=fake-y\n", 0o600, ["--upstream", "raw"], "--only"),
])
def test_wrong_input_for_import_is_refused_in_words(gateway, tmp_path, text, mode, arguments, words):
    file = tmp_path / ".env"
    file.write_text(text)
    file.chmod(mode)

    done = gateway.cli_run("credential", "import", str(file), *arguments)

    assert done.returncode in (1, 2) and words in done.stderr, done.stderr
    assert "fake-" not in done.stdout + done.stderr
