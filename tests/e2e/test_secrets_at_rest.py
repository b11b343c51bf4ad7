# SPDX-License-Identifier: Apache-2.0
"""A credential's bytes are nowhere but in its envelope: not in a file, an answer, a log, a backup, a command line."""

import os
import subprocess
from pathlib import Path

import pytest

from support import wire
from support.gateway import BINARY
from support.managed import ManagedGateway, managed_resources
from support.memory import forms
from support.raw_upstream import RawUpstream
from support.world import KINDS, fake_secret


def assert_free_of(secrets, where, data):
    for name, secret in secrets.items():
        for form, needle in forms(secret.encode()):
            at = data.find(needle)
            assert at < 0, f"{name} as {form} in {where} at {at}"


class Setting:
    """Every kind of credential; secrets by API, from stdin, a file and the environment; each set twice."""

    def __init__(self, directory):
        self.upstream = RawUpstream()
        self.gateway = ManagedGateway(directory / "gateway", config={"log": {"level": "debug", "access": "stdout"}}).start()
        self.secrets, self.said = {}, []
        for kind, auth in KINDS.items():
            self.gateway.apply(managed_resources(kind, self.upstream.url(), auth=auth))
            for turn in ("old", "new"):
                self.set(kind, f"{kind}-{turn}", directory)
        self.key = self.gateway.create_key("caller")
        self.keys = {"callers key": self.key.secret, "admin key": self.gateway.admin_key.secret,
                     "revoked key": self.gateway.create_key("caller").secret}
        self.use()

    def set(self, kind, label, directory):
        secret = fake_secret(label)
        self.secrets[label] = secret = "user:" + secret if kind == "basic" else secret
        name = f"{kind}-main"
        if kind == "bearer":
            answer = self.gateway.api("PUT", f"/api/v1/credentials/{name}/secret", secret.encode())
            assert answer.status == 200
            self.said.append(answer.body)
            return
        path = directory / label
        path.touch(mode=0o600)
        path.write_text(secret)
        arguments = {"header": [], "basic": ["--from-file", path], "query": ["--from-env", "E2E_UPLOAD"]}[kind]
        self.said.append(self.gateway.cli("credential", "set", name, *arguments, env={"E2E_UPLOAD": secret},
                                          stdin=secret).encode())
        path.unlink()

    def use(self):
        """Calls that work, calls that do not, and management that is refused with the secret in hand."""
        for kind in KINDS:
            for method in ("GET", "POST"):
                assert self.gateway.call(method, f"/{kind}/any?q=1", self.key).status == 200
        self.gateway.get("/bearer/any")
        secret = self.secrets["bearer-new"].encode()
        for path, fields in (("/credentials/nobody/secret", []), ("/credentials/bearer-main/secret", [("If-Match", '"1"')]),
                             ("/credentials/bearer-main/nothing", []), ("/apply", [])):
            answer = self.gateway.api("PUT", "/api/v1" + path, secret, fields=fields)
            assert answer.status >= 400
            self.said.append(answer.body)
        self.said.append(self.gateway.api("POST", "/api/v1/credentials", {
            "name": "leak", "upstream": "bearer", "from": "env:X", "secret": secret.decode()}).body)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    made = Setting(tmp_path_factory.mktemp("at-rest"))
    yield made
    if made.gateway.process.poll() is None:
        made.gateway.stop()
    made.upstream.stop()


def test_the_secrets_did_reach_the_upstream(setting):
    """Else nothing below would prove anything."""
    sent = b"".join(request.raw for request in setting.upstream.requests)
    assert setting.secrets["bearer-new"].encode() in sent and setting.secrets["header-new"].encode() in sent


def test_no_file_of_the_data_directory_has_them_while_it_runs(setting):
    files = setting.gateway.files()
    assert {"claviger.db", "claviger.db-wal", "master.key"} <= {path.name for path in files}
    assert any(setting.gateway.audit_log in path.parents for path in files)
    for path in files:
        assert_free_of(setting.secrets, path, path.read_bytes())
        if path != setting.gateway.admin_key_file:
            assert_free_of(setting.keys, path, path.read_bytes())


def test_neither_log_has_them_at_debug_level(setting):
    for name, lines in (("log", setting.gateway.log), ("access log", setting.gateway.access)):
        assert_free_of({**setting.secrets, **setting.keys}, name, lines.text().encode())


def test_no_answer_of_the_management_api_has_them(setting):
    paths = [f"/api/v1/{kind}" for kind in ("upstreams", "credentials", "principals", "api_keys", "grants")]
    for each in list(paths):
        paths += [f"{each}/{item['name']}" for item in setting.gateway.api("GET", each).json["items"]]
    paths += ["/api/v1/status", "/api/v1/audit/events?last=1000", "/api/v1/audit/checkpoint", "/metrics", "/healthz", "/readyz",
              "/api/v1/explain?principal=caller&method=GET&url=/bearer/any"]
    setting.gateway.checkpointed()
    for path in paths:
        answer = setting.gateway.api("GET", path)
        assert answer.status == 200, (path, answer)
        assert_free_of({**setting.secrets, **setting.keys}, path, answer.body)
        assert b"sha256:" not in answer.body, path
    for said in setting.said:
        assert_free_of(setting.secrets, "an answer to an upload", said)


def test_no_command_shows_them(setting):
    for arguments in (["get", "credentials", "-o", "yaml"], ["get", "api_keys", "-o", "json"], ["key", "list"], ["status"],
                      ["audit", "tail", "-n", "1000", "-o", "json"]):
        assert_free_of({**setting.secrets, **setting.keys}, arguments, setting.gateway.cli(*arguments).encode())


def test_a_backup_has_none_of_them_and_no_master_key(setting, tmp_path):
    backup = tmp_path / "backup.db"
    setting.gateway.cli("backup", backup, "--data-dir", setting.gateway.data)

    master = setting.gateway.master_key.read_text().strip().rpartition(":")[2]
    assert_free_of({**setting.secrets, **setting.keys, "master key": master}, backup, backup.read_bytes())


def test_the_process_shows_none_of_them_in_environment_or_command_line(setting):
    for name in ("environ", "cmdline", "comm", "maps"):
        path = Path(f"/proc/{setting.gateway.pid}/{name}")
        assert_free_of({**setting.secrets, **setting.keys}, path, path.read_bytes())


def test_a_master_key_from_the_environment_is_erased_there(make_managed, make_upstream):
    made = make_managed(start=False)
    line = made.master_key.read_text().strip()
    made.master_key.unlink()
    made.config_file.write_text(made.config_file.read_text() + 'master_key: {"from": "env:E2E_MASTER"}\n')
    made.env["E2E_MASTER"] = line
    made.start()

    environment = Path(f"/proc/{made.pid}/environ").read_bytes()
    assert line.encode() not in environment and line.rpartition(":")[2].encode() not in environment


@pytest.mark.skipif(os.geteuid() != 0, reason="attaching to a process takes root")
def test_the_client_that_uploads_does_not_show_it_either(setting):
    """While it waits for its input, and for the answer."""
    secret = fake_secret("upload")
    process = subprocess.Popen([BINARY, "credential", "set", "bearer-main", "--from-env", "E2E_UPLOAD"],
                               env={**os.environ, **setting.gateway.cli_env(), "E2E_UPLOAD": secret},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert process.wait(30) == 0, process.stderr.read()
    assert secret.encode() not in command_line
    with setting.gateway.connect() as client:
        assert client.call("GET", "/bearer/any", [wire.bearer(setting.key)]).status == 200
    assert setting.upstream.last("/any").get("Authorization") == f"Bearer {secret}"


def test_after_a_stop_no_file_has_them(setting):
    """Last: the WAL has been written back into the database by then."""
    assert setting.gateway.stop() == 0
    for path in setting.gateway.files():
        assert_free_of(setting.secrets, path, path.read_bytes())
