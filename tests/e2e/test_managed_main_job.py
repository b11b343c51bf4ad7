# SPDX-License-Identifier: Apache-2.0
"""The main job of a gateway with a store, by hand through the command line: from `init` to the call in the audit log."""

import json
import os
import subprocess

import pytest

from support import resources as yaml
from support import wire
from support.gateway import run
from support.managed import key_of, managed_resources
from support.waiting import until
from support.world import fake_secret

SECRET = fake_secret("main-job")


@pytest.fixture
def gateway(make_managed):
    return make_managed()


@pytest.fixture
def files(tmp_path, upstream):
    """A resource file as a user would write one."""
    path = tmp_path / "resources.yaml"
    path.write_text(yaml.dump(managed_resources("api", upstream.url(), principal="billing", answers={"mask": False})))
    return path


@pytest.fixture
def working(gateway, files):
    gateway.cli("apply", "-f", files)
    gateway.cli("credential", "set", "api-main", stdin=SECRET)
    return gateway


def test_from_nothing_to_a_call_in_the_audit_log(gateway, files, upstream):
    gateway.cli("apply", "-f", files)
    gateway.cli("credential", "set", "api-main", "--from-stdin", stdin=SECRET)
    key = key_of(gateway.cli("key", "create", "--principal", "billing", "--expires", "90d").strip())

    done = subprocess.run(["curl", "-sS", "--fail-with-body", "--cacert", gateway.ca, "-H", f"Authorization: Bearer {key.text}",
                           gateway.url("/api/v1/chat")], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr
    assert ["authorization", f"Bearer {SECRET}"] in json.loads(done.stdout)["fields"]
    assert upstream.last("/v1/chat").get("Authorization") == f"Bearer {SECRET}"
    def tail():
        events = [json.loads(line) for line in gateway.cli("audit", "tail", "-n", "100", "-o", "json").splitlines()]
        return events if wanted <= {each["type"] for each in events} else None

    wanted = {"upstream.created", "credential.created", "principal.created", "grant.created", "call.finished"}
    events = until(tail, "it all to be in the log")
    call = [each for each in events if each["type"] == "call.finished"]
    assert [(each["principal"], each["key_id"], each["path"], each["status"]) for each in call] == [
        ("billing", key.id, "/api/v1/chat", 200)]
    assert "billing" in gateway.cli("audit", "tail")


def test_init_shows_what_it_made_and_does_not_do_it_twice(make_managed):
    gateway = make_managed(start=False)

    assert str(gateway.admin_key_file) in gateway.initialised.stdout
    for secret in (gateway.master_key, gateway.admin_key_file, gateway.data / "server.key", gateway.database):
        assert secret.stat().st_mode & 0o777 == 0o600, secret
    assert gateway.data.stat().st_mode & 0o077 == 0
    assert gateway.admin_key.text.startswith("clv_")
    again = run("init", "--config", gateway.config_file, "--data-dir", gateway.data)
    assert again.returncode == 1 and "already" in again.stderr


def test_a_data_directory_without_a_store_is_not_served(make_managed):
    gateway = make_managed(start=False, init=False)
    gateway.data.mkdir(mode=0o700)

    assert "claviger init" in gateway.start_refused()


def test_everything_is_there_after_a_restart(working, upstream):
    key = working.create_key("billing")
    before = working.cli("get", "grants", "-o", "json")

    working.restart()

    assert working.cli("get", "grants", "-o", "json") == before
    assert working.get("/api/v1/chat", key).status == 200
    assert upstream.last("/v1/chat").get("Authorization") == f"Bearer {SECRET}"


def test_apply_again_changes_nothing_and_says_so(working, files):
    revision = working.status()["revision"]

    said = working.cli("apply", "-f", files)

    assert "unchanged" in said and "created" not in said
    assert working.status()["revision"] == revision


def test_a_dry_run_says_what_would_be_done_and_does_none_of_it(gateway, files):
    said = gateway.cli("apply", "-f", files, "--dry-run")

    assert "created" in said or "create" in said
    assert "api" not in gateway.cli("get", "upstreams")
    assert [each["type"] for each in gateway.events() if each["type"].startswith("upstream")] == []


def test_all_of_an_apply_or_nothing(gateway, tmp_path, upstream):
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.dump([*managed_resources("api", upstream.url()), yaml.grant("nobody", "api", name="bad")]))

    done = gateway.cli_run("apply", "-f", path)

    assert done.returncode == 1 and "nobody" in done.stderr
    assert gateway.managed("GET", "/upstreams")["items"] == []


def test_get_shows_every_kind_in_every_format_and_no_secret(working):
    working.create_key("billing")
    for kind in ("upstreams", "credentials", "principals", "api_keys", "grants"):
        for form in ("table", "json", "yaml"):
            said = working.cli("get", kind, "-o", form)
            assert said and SECRET not in said and "sha256:" not in said
    assert json.loads(working.cli("get", "credential", "api-main", "-o", "json"))["status"]["state"] == "active"


def test_what_get_shows_can_be_applied(working, tmp_path):
    path = tmp_path / "copy.yaml"
    path.write_text(working.cli("get", "upstreams", "-o", "yaml"))

    assert "unchanged" in working.cli("apply", "-f", path)


def test_explain_names_the_rule_and_its_exit_code_is_the_answer(working):
    allowed = working.cli("explain", "--principal", "billing", "--method", "GET", "--url", "/api/v1")
    denied = working.cli_run("explain", "--principal", "nobody", "--method", "GET", "--url", "/api/v1")

    assert "billing-api" in allowed
    assert denied.returncode == 1


def test_a_credential_is_disabled_enabled_and_revoked(working):
    key = working.create_key("billing")

    def status():
        return working.get("/api/x", key).status

    assert status() == 200
    working.cli("credential", "disable", "api-main")
    assert status() == 503
    working.cli("credential", "enable", "api-main")
    assert status() == 200
    working.cli("credential", "revoke", "api-main")
    assert status() == 503
    assert working.cli_run("credential", "enable", "api-main").returncode == 1


@pytest.mark.parametrize("source", ["stdin", "file", "env"])
def test_a_new_secret_is_used_from_the_next_call_on(working, upstream, tmp_path, source):
    key, fresh = working.create_key("billing"), fake_secret("rotated")
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(fresh + "\n")
    arguments = {"stdin": ["--from-stdin"], "file": ["--from-file", path], "env": ["--from-env", "E2E_FRESH"]}[source]

    with working.connect() as client:
        assert client.call("GET", "/api/before", [wire.bearer(key)]).status == 200
        working.cli("credential", "set", "api-main", *arguments, stdin=fresh + "\n", env={"E2E_FRESH": fresh})
        assert client.call("GET", "/api/after", [wire.bearer(key)]).status == 200

    assert upstream.last("/before").get("Authorization") == f"Bearer {SECRET}"
    assert upstream.last("/after").get("Authorization") == f"Bearer {fresh}"


def test_what_is_deleted_is_gone_and_what_is_needed_cannot_be_deleted(working):
    needed = working.cli_run("delete", "upstream", "api")
    assert needed.returncode == 1 and "billing-api" in needed.stderr + needed.stdout or "api-main" in needed.stderr

    working.cli("delete", "grant", "billing-api")
    working.cli("delete", "credential", "api-main")
    working.cli("delete", "upstream", "api")
    assert working.managed("GET", "/upstreams")["items"] == []


def test_a_backup_is_restored_beside_the_same_master_key(working, tmp_path, upstream):
    key = working.create_key("billing")
    backup = tmp_path / "backup.db"
    working.cli("backup", backup, "--data-dir", working.data, "--config", working.config_file)
    working.cli("principal", "disable", "billing")
    assert working.get("/api/x", key).status == 401
    assert working.stop() == 0

    done = run("restore", backup, "--data-dir", working.data, "--config", working.config_file, "--replace")
    assert done.returncode == 0, done.stderr
    working.start()

    assert working.get("/api/x", key).status == 200  # as it was
    assert upstream.last("/x").get("Authorization") == f"Bearer {SECRET}"
    assert "store.restored" in [each["type"] for each in working.events()]
    assert backup.stat().st_mode & 0o777 == 0o600
    assert working.stop() == 0
    working.verify_log()


def test_restore_does_not_touch_a_store_that_is_in_use(working, tmp_path):
    backup = tmp_path / "backup.db"
    working.cli("backup", backup, "--data-dir", working.data)

    done = run("restore", backup, "--data-dir", working.data, "--replace")

    assert done.returncode == 1 and f"pid {working.pid}" in done.stderr
    assert "api" in working.cli("get", "upstreams")


def test_the_log_of_it_all_verifies_offline_and_against_a_checkpoint(working, tmp_path):
    key = working.create_key("billing")
    for _ in range(50):
        assert working.get("/api/x", key).status == 200
    checkpoint = tmp_path / "checkpoint"
    working.checkpointed()
    working.cli("audit", "checkpoint", "-o", checkpoint)
    for _ in range(50):
        assert working.get("/api/y", key).status == 200
    assert working.stop() == 0

    working.verify_log()
    working.verify_log("--against", checkpoint)


COMMANDS = [
    ["init"], ["serve"], ["check-config"], ["key", "new"], ["apply"], ["get"], ["delete"], ["credential", "set"],
    ["credential", "enable"], ["credential", "disable"], ["credential", "revoke"],
    ["credential", "rotate-all"], ["credential", "import"], ["key", "create"], ["key", "list"],
    ["key", "revoke"], ["explain"], ["audit", "tail"], ["audit", "verify"], ["principal", "disable"],
    ["principal", "enable"], ["backup"], ["restore"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_by_example(command):
    done = run(*command, "--help")

    assert done.returncode == 0
    assert f"  claviger {' '.join(command)}" in done.stdout


WRONG = {
    "no address": (["get", "grants"], {"CLAVIGER_ADDR": "https://127.0.0.1:1"}, 1, "127.0.0.1:1"),
    "address of another sort": (["get", "grants"], {"CLAVIGER_ADDR": "ftp://x"}, 1, "CLAVIGER_ADDR"),
    "plain address elsewhere": (["get", "grants"], {"CLAVIGER_ADDR": "http://192.0.2.1:9443"}, 1, "https"),
    "no token": (["get", "grants"], {"CLAVIGER_TOKEN": ""}, 1, "CLAVIGER_TOKEN"),
    "unknown token": (["get", "grants"], {"CLAVIGER_TOKEN": "clv_00000000_nonsense"}, 1, ""),
    "no such ca": (["get", "grants"], {"CLAVIGER_CACERT": "/nowhere/ca.pem"}, 1, "/nowhere/ca.pem"),
    "no such kind": (["get", "gadgets"], {}, 2, "gadgets"),
    "no such name": (["get", "grant", "nothing"], {}, 1, "nothing"),
    "no such format": (["get", "grants", "-o", "xml"], {}, 2, "table"),
    "no such file": (["apply", "-f", "/nowhere.yaml"], {}, 1, "/nowhere.yaml"),
    "nothing to apply": (["apply"], {}, 2, "-f"),
    "no such credential": (["credential", "set", "nothing"], {}, 1, "nothing"),
    "no such key": (["key", "revoke", "00000000"], {}, 1, "00000000"),
    "no such principal": (["principal", "disable", "nobody"], {}, 1, "nobody"),
    "key for nobody": (["key", "create", "--principal", "nobody"], {}, 1, "nobody"),
    "key without principal": (["key", "create"], {}, 2, "--principal"),
    "key with a strange end": (["key", "create", "--principal", "admin", "--expires", "soon"], {}, 2, "soon"),
    "key from a strange net": (["key", "create", "--principal", "admin", "--cidr", "10/8"], {}, 2, "10/8"),
    "delete nothing": (["delete", "grant", "nothing"], {}, 1, "nothing"),
    "unknown command": (["credentials"], {}, 2, "credential"),
    "unknown option": (["get", "grants", "--all"], {}, 2, "--all"),
    "explain without url": (["explain", "--principal", "x", "--method", "GET"], {}, 2, "--url"),
}


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    from support.managed import ManagedGateway
    with ManagedGateway(tmp_path_factory.mktemp("idle") / "gateway") as made:
        yield made


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_says_what_is_wrong(idle, case):
    arguments, env, code, says = WRONG[case]

    done = idle.cli_run(*arguments, env=env, stdin="fake-secret-for-nothing-0123456789")

    assert done.returncode == code, (done.returncode, done.stderr)
    assert says in done.stderr
    assert done.stderr.startswith("claviger") and done.stderr.count("\n") <= 4 and "terminate" not in done.stderr
    assert "nonsense" not in done.stderr  # a token is not repeated


def test_a_secret_is_not_taken_from_the_command_line_or_from_a_file_that_others_read(idle, tmp_path):
    path = tmp_path / "secret"
    path.write_text("fake-open-secret-0123456789")
    path.chmod(0o644)

    assert idle.cli_run("credential", "set", "api-main", "fake-secret-0123456789").returncode == 2
    done = idle.cli_run("credential", "set", "api-main", "--from-file", path)
    assert done.returncode == 1 and str(path) in done.stderr
    assert os.path.exists(path)


def test_a_reader_reads_and_a_caller_does_not_even_that(idle):
    idle.apply([yaml.principal("auditor", management="read"), yaml.principal("anybody")])
    auditor, anybody = idle.create_key("auditor"), idle.create_key("anybody")

    assert "auditor" in idle.cli("get", "principals", key=auditor)
    assert idle.cli_run("principal", "disable", "anybody", key=auditor).returncode == 1
    assert idle.cli_run("get", "principals", key=anybody).returncode == 1
