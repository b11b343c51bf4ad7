# SPDX-License-Identifier: Apache-2.0
"""Credentials that log in with user and password, as Technitium DNS Server has it: 200 for everything, and a word in the body."""

import json
import secrets
import threading
import urllib.parse

import pytest

from support import resources as yaml
from support import wire
from support.gateway import Gateway
from support.keys import make_api_key
from support.raw_upstream import STAY, RawUpstream
from support.waiting import until

USER, PASSWORD = "admin", "fake-password-of-the-admin"
AUTH = {
    "kind": "session_login",
    "login": {"path": "/api/user/login", "form": {"user": "$user", "pass": "$password"}},
    "token": {"json": "token"},
    "lifetime": "30m",
    "lost": {"json": "status", "is": ["invalid-token"]},
    "send": {"kind": "query", "name": "token"},
}


class Technitium(RawUpstream):
    """The log-in and two calls of its API, to the letter."""

    def __init__(self, **how):
        super().__init__(**how)
        self.sessions = set()
        self.logins = []
        self.applied = []
        self.lock = threading.Lock()
        self.on("/api/user/login", self._login).on("/api/zones/list", self._api).on("/api/zones/records/add", self._api)

    def _say(self, connection, body):
        connection.answer(json.dumps(body).encode(), fields=[("Content-Type", "application/json; charset=utf-8")])
        return STAY

    def _login(self, connection, request):
        request.body = connection.read_body(request)
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        with self.lock:
            self.logins.append(form)
            if (form.get("user"), form.get("pass")) != (USER, PASSWORD):
                return self._say(connection, {"status": "error", "errorMessage": "Invalid username or password for user: admin"})
            token = secrets.token_hex(32)
            self.sessions.add(token)
        return self._say(connection, {"displayName": "Administrator", "username": USER, "token": token, "status": "ok"})

    def _api(self, connection, request):
        request.body = connection.read_body(request)
        query = dict(urllib.parse.parse_qsl(request.target.partition("?")[2]))
        _, _, bearer = (request.get("Authorization") or "").partition(" ")
        if query.get("token", bearer) not in self.sessions:
            return self._say(connection, {"status": "invalid-token", "errorMessage": "Invalid token or session expired."})
        self.applied.append((request.path, request.body))
        return self._say(connection, {"response": {"zones": [], "said": request.body.decode()}, "status": "ok"})

    def end_sessions(self):
        self.sessions.clear()


@pytest.fixture
def technitium():
    with Technitium() as made:
        yield made


@pytest.fixture
def gateways(tmp_path, technitium):
    made = []

    def start(auth=None, secret=f"{USER}:{PASSWORD}"):
        key = make_api_key()
        resources = yaml.simple("dns", technitium.url(), key, auth=auth or AUTH)
        gateway = Gateway(tmp_path / f"g{len(made)}", resources, env={"E2E_SECRET": secret},
                          config={"gateway": {"workers": 2}, "audit": "off"})
        made.append(gateway)
        gateway.start()
        gateway.key = key
        return gateway

    yield start
    for gateway in made:
        gateway.stop()


def call(gateway, method="GET", path="/dns/api/zones/list", body=b"", fields=()):
    with gateway.connect() as client:
        return client.call(method, path, [wire.bearer(gateway.key), *fields], body)


def add_record(gateway, body=b"domain=www.example.test&type=A&ipAddress=192.0.2.1"):
    return call(gateway, "POST", "/dns/api/zones/records/add", body,
                [("Content-Type", "application/x-www-form-urlencoded")])


@pytest.mark.parametrize("send", [{"kind": "query", "name": "token"}, {"kind": "bearer"}])
def test_a_caller_uses_the_session_and_never_sees_it(gateways, technitium, send):
    gateway = gateways({**AUTH, "send": send})
    answers = [call(gateway) for _ in range(5)]
    assert all(answer.json["status"] == "ok" for answer in answers)
    assert technitium.logins == [{"user": USER, "pass": PASSWORD}]
    token = next(iter(technitium.sessions))
    assert not any(token in answer.text for answer in answers)
    shown = technitium.last("/api/zones/list")
    assert (f"token={token}" in shown.target) == (send["kind"] == "query")


def test_a_callers_own_token_is_taken_off(gateways, technitium):
    gateway = gateways()
    assert call(gateway, path="/dns/api/zones/list?token=of-the-caller&zone=x").json["status"] == "ok"
    assert "of-the-caller" not in technitium.last("/api/zones/list").target


def test_a_session_that_is_gone_is_renewed_and_the_write_is_made_once(gateways, technitium):
    gateway = gateways()
    assert add_record(gateway).json["status"] == "ok"
    technitium.end_sessions()
    answer = add_record(gateway)
    assert answer.json["status"] == "ok" and answer.json["response"]["said"].startswith("domain=www")
    assert len(technitium.logins) == 2
    assert len(technitium.applied) == 2


def test_fifty_calls_on_a_session_that_is_gone_bring_about_one_log_in(gateways, technitium):
    gateway = gateways()
    assert call(gateway).status == 200
    technitium.end_sessions()
    answers, threads = [], []
    for _ in range(50):
        threads.append(threading.Thread(target=lambda: answers.append(add_record(gateway))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.json["status"] for answer in answers] == ["ok"] * 50
    assert len(technitium.logins) == 2
    assert len(technitium.applied) == 1 + 50


def test_a_large_write_is_not_made_twice_but_the_next_one_has_a_session(gateways, technitium):
    gateway = gateways()
    assert call(gateway).status == 200
    technitium.end_sessions()
    assert add_record(gateway, b"x" * 100_000).json["status"] == "invalid-token"
    until(lambda: len(technitium.logins) == 2, "another log-in")
    assert until(lambda: add_record(gateway).json["status"] == "ok", "a session")


def test_a_wrong_password_is_tried_once_so_that_nobody_is_locked_out(gateways, technitium):
    gateway = gateways(secret=f"{USER}:fake-wrong-password-of-it")
    answers = [call(gateway) for _ in range(30)]
    assert {(answer.status, answer.problem_code) for answer in answers} == {(503, "no_credential")}
    assert len(technitium.logins) == 1


def test_another_password_is_tried_at_once(make_managed, technitium):
    gateway = make_managed(config={"gateway": {"workers": 2}})
    gateway.key = gateway.serve_simple("dns", technitium.url(), f"{USER}:fake-wrong-password-of-it", auth=AUTH)
    assert call(gateway).status == 503
    gateway.set_secret("dns-main", f"{USER}:{PASSWORD}")
    assert call(gateway).json["status"] == "ok"

    def types():
        return [event["type"] for event in gateway.events()]

    until(lambda: types().count("credential.token_fetched") == 1, "an event of the log-in")
    assert types().count("credential.token_failed") == 1
    log = json.dumps(gateway.events()) + gateway.log.text()
    assert PASSWORD not in log and "fake-wrong-password" not in log
