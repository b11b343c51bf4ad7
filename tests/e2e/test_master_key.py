# SPDX-License-Identifier: Apache-2.0
"""Master keys that are not a file: made of a passphrase, or wrapped by the transit engine of a Vault or OpenBao."""

import base64
import json
import os
import pty
import re
import subprocess
import threading
import time

import pytest

from support.gateway import BINARY, run
from support.transit_server import TransitServer
from support.vault_format import MasterKey, StoreFile
from support.waiting import until
from support.world import fake_secret

PHRASE = "fake correct horse battery staple"
OTHER = "fake other horse battery staple"
RECIPE = r"clv-passphrase-1:argon2id:m=65536,t=3,p=4:[A-Za-z0-9+/]{22}==\n"


@pytest.fixture
def transit():
    server = TransitServer()
    server.add_token("hvs.fake-token-of-the-gateway", paths=("transit/",))
    server.add_role("fake-role", "fake-secret-id-0123456789", paths=("transit/",))
    yield server
    server.stop()
    assert server.complaints == []


def settings(server, patience="300ms", **more):
    return {"address": server.url, "patience": patience, **({"token": "env:FAKE_VAULT_TOKEN"} if "app_role" not in more else {}), **more}


def by_transit(make_managed, transit, env=None, **more):
    return make_managed(start=False, env={"FAKE_VAULT_TOKEN": "hvs.fake-token-of-the-gateway", **(env or {})},
                        config={"master_key": {"from": "transit:claviger", "transit": settings(transit, **more)}})


def by_passphrase(make_managed, tmp_path, phrase=PHRASE):
    path = tmp_path / "phrase"
    path.write_text(phrase + "\n")
    path.chmod(0o600)
    made = make_managed(start=False, init=False, config={"master_key": {"from": f"passphrase:file:{path}"}})
    made.phrase = path
    return made


def serve(gateway, upstream):
    gateway.start()
    gateway.key = gateway.serve_simple("raw", upstream.url(), fake_secret("main"))
    return gateway


def rekey(gateway, *arguments):
    return json.loads(gateway.cli("rekey", "-o", "json", *arguments))


def files(gateway, pattern="master*"):
    return sorted(path.name for path in gateway.data.glob(pattern))


# --- Passphrase ----------------------------------------------------------------------------------

def test_a_key_of_a_passphrase_opens_the_store_and_no_other_passphrase_does(make_managed, upstream, tmp_path):
    gateway = by_passphrase(make_managed, tmp_path)
    gateway.initialised = gateway.init()
    serve(gateway, upstream)
    key = gateway.status()["master_key_id"]
    assert files(gateway) == [f"master-{key}.argon2id"]
    assert re.fullmatch(RECIPE, (gateway.data / files(gateway)[0]).read_text())
    gateway.restart()
    assert gateway.get("/raw/any", gateway.key).status == 200
    gateway.stop()

    gateway.phrase.write_text(OTHER)
    said = gateway.start_refused()
    assert "is not the one of master key" in said and key in said and "horse" not in said
    gateway.phrase.unlink()
    assert "phrase" in gateway.start_refused()
    gateway.phrase.write_text(PHRASE)
    gateway.phrase.chmod(0o644)
    assert "chmod" in gateway.start_refused()
    gateway.phrase.chmod(0o600)
    recipe = gateway.data / f"master-{key}.argon2id"
    text = recipe.read_text()
    for spoiled in (text.replace("m=65536", "m=8"), text.replace("t=3", "t=9999"), "", text[:-4]):
        recipe.write_text(spoiled)
        assert "recipe" in gateway.start_refused()
    recipe.unlink()
    assert recipe.name in gateway.start_refused()
    recipe.write_text(text)
    recipe.chmod(0o600)
    gateway.start()
    assert gateway.get("/raw/any", gateway.key).status == 200


def test_a_passphrase_may_come_from_a_variable_which_is_erased(make_managed, upstream):
    gateway = make_managed(start=False, env={"FAKE_PHRASE": PHRASE}, config={"master_key": {"from": "passphrase:env:FAKE_PHRASE"}})
    serve(gateway, upstream)
    with open(f"/proc/{gateway.pid}/environ", "rb") as environment:
        assert PHRASE.encode() not in environment.read()
    gateway.stop()
    gateway.env["FAKE_PHRASE"] = OTHER
    said = gateway.start_refused()
    assert "FAKE_PHRASE is not the one of master key" in said and "horse" not in said
    gateway.env.pop("FAKE_PHRASE")
    assert "FAKE_PHRASE" in gateway.start_refused()


def put_the_old_keyring_back(gateway, old):
    """As whoever writes the database may."""
    gateway.sql(("UPDATE meta SET value = ? WHERE name = 'keyring'", (old.keyring,)),
                "DELETE FROM meta WHERE name = 'rekey'")


def test_a_rekey_leaves_no_recipe_by_which_a_start_would_make_the_old_key(make_managed, upstream, tmp_path):
    """Else whoever has that one would only have to put the old keyring back: what is set afterwards would be sealed for them."""
    gateway = by_passphrase(make_managed, tmp_path)
    gateway.init()
    serve(gateway, upstream)
    backup = tmp_path / "before.db"
    gateway.cli("backup", str(backup), "--data-dir", str(gateway.data))
    before = StoreFile(gateway.database)
    other = tmp_path / "other"
    other.write_text(OTHER)
    other.chmod(0o600)
    state = rekey(gateway, "--to", f"passphrase:file:{other}")
    kept, named = f"master-{state['from']}.argon2id.old", f"master-{state['from']}.argon2id"
    assert files(gateway) == sorted([kept, f"master-{state['to']}.argon2id", "master.from"])
    assert kept in state["old_key"]
    gateway.stop()
    after = StoreFile(gateway.database)
    put_the_old_keyring_back(gateway, before)
    assert named in gateway.start_refused()
    put_the_old_keyring_back(gateway, after)
    gateway.start()
    assert gateway.get("/raw/any", gateway.key).status == 200
    gateway.stop()
    # It is put back by whoever has a backup from before to open.
    gateway.cli("restore", str(backup), "--data-dir", str(gateway.data), "--replace")
    assert named in gateway.start_refused()
    (gateway.data / kept).rename(gateway.data / named)
    gateway.start()
    assert gateway.get("/raw/any", gateway.key).status == 200


@pytest.mark.parametrize("weak", ["fifteen-letters", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabcabc"])
def test_a_weak_passphrase_is_refused_and_not_repeated(make_managed, tmp_path, weak):
    gateway = by_passphrase(make_managed, tmp_path, weak)
    done = run("init", "--config", gateway.config_file, "--data-dir", gateway.data)
    assert done.returncode == 1 and "too weak" in done.stderr and weak not in done.stderr
    assert files(gateway) == []


def answer_on_a_terminal(command, answers):
    """What a terminal showed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)
    shown = b""
    for answer in [*answers, None]:
        while answer is None or not shown.rstrip(b" ").endswith(b":"):
            try:
                piece = os.read(leader, 4096)
            except OSError:
                piece = b""
            if not piece:
                break
            shown += piece
        if answer is not None:
            os.write(leader, answer.encode() + b"\n")
            shown += b"\n"
    os.close(leader)
    return process.wait(30), shown.decode()


def test_init_asks_for_it_on_a_terminal_twice(make_managed, tmp_path):
    gateway = by_passphrase(make_managed, tmp_path)
    gateway.phrase.unlink()
    command = [BINARY, "init", "--config", gateway.config_file, "--data-dir", gateway.data]
    status, shown = answer_on_a_terminal(command, [PHRASE, OTHER])
    assert status == 1 and "two different" in shown and PHRASE not in shown
    status, shown = answer_on_a_terminal(command, [PHRASE, PHRASE])
    assert status == 0 and PHRASE not in shown, shown
    gateway.phrase.write_text(PHRASE)
    gateway.phrase.chmod(0o600)
    gateway.start()
    assert gateway.status()["master_key_id"] in shown


def test_without_a_terminal_it_says_where_it_looked(make_managed, tmp_path):
    gateway = by_passphrase(make_managed, tmp_path)
    gateway.phrase.unlink()
    done = run("init", "--config", gateway.config_file, "--data-dir", gateway.data, stdin="")
    assert done.returncode == 1 and str(gateway.phrase) in done.stderr


def test_a_rekey_goes_from_a_file_to_a_passphrase_and_to_another_one(make_managed, upstream, tmp_path):
    gateway = serve(make_managed(start=False), upstream)
    phrase = tmp_path / "phrase"
    phrase.write_text("fake weak")
    phrase.chmod(0o600)
    done = gateway.cli_run("rekey", "--to", f"passphrase:file:{phrase}")
    assert done.returncode == 1 and "too weak" in done.stderr
    assert files(gateway) == ["master.key"]
    phrase.write_text(PHRASE)
    first = rekey(gateway, "--to", f"passphrase:file:{phrase}")
    assert "master_key.from" in first["old_key"]
    gateway.restart()
    assert f"master.key.{first['from']}.old" in files(gateway)
    # Where the old one comes from there is no room for the new one: a start in between would lack one of them.
    done = gateway.cli_run("rekey", "--to", f"passphrase:file:{phrase}")
    assert done.returncode == 1 and "name another place" in done.stderr
    other = tmp_path / "other"
    other.write_text(OTHER)
    other.chmod(0o600)
    second = rekey(gateway, "--to", f"passphrase:file:{other}", "--remove-old")
    assert StoreFile(gateway.database).key_ids() == {second["to"]}
    gateway.restart()
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert files(gateway) == [f"master-{second['to']}.argon2id", "master.from", f"master.key.{first['from']}.old"]


# --- Transit -------------------------------------------------------------------------------------

def test_a_key_that_transit_wrapped_opens_the_store(make_managed, upstream, transit):
    gateway = serve(by_transit(make_managed, transit), upstream)
    key = gateway.status()["master_key_id"]
    assert files(gateway) == [f"master-{key}.transit"]
    assert (gateway.data / f"master-{key}.transit").read_text().startswith("vault:v1:")
    transit.rotate()
    gateway.restart()
    assert gateway.get("/raw/any", gateway.key).status == 200
    # While it runs it needs transit no more.
    transit.mode = "sealed"
    assert gateway.get("/raw/any", gateway.key).status == 200
    done = gateway.cli_run("rekey")
    assert done.returncode == 1 and "sealed" in done.stderr
    assert files(gateway) == [f"master-{key}.transit"]
    transit.mode = None
    state = rekey(gateway, "--remove-old")
    assert files(gateway) == [f"master-{state['to']}.transit"]
    assert (gateway.data / files(gateway)[0]).read_text().startswith("vault:v2:")
    gateway.restart()
    assert gateway.get("/raw/any", gateway.key).status == 200


def test_a_rekey_leaves_nothing_of_which_transit_would_make_the_old_key(make_managed, upstream, transit):
    gateway = serve(by_transit(make_managed, transit), upstream)
    before = StoreFile(gateway.database)
    state = rekey(gateway)
    named = f"master-{state['from']}.transit"
    assert files(gateway) == sorted([named + ".old", f"master-{state['to']}.transit"])
    gateway.stop()
    put_the_old_keyring_back(gateway, before)
    assert named in gateway.start_refused()


def test_a_rekey_goes_from_a_file_to_a_passphrase_to_transit_and_back(make_managed, upstream, transit, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.write_text(PHRASE)
    phrase.chmod(0o600)
    gateway = serve(make_managed(start=False, env={"FAKE_VAULT_TOKEN": "hvs.fake-token-of-the-gateway"},
                                 config={"master_key": {"transit": settings(transit)}}), upstream)
    old, ids = [MasterKey.of_file(gateway.master_key)], []
    for source in (f"passphrase:file:{phrase}", "transit:claviger", "file:master.key"):
        state = rekey(gateway, "--to", source)
        ids.append(state["to"])
        gateway.restart()
        assert gateway.get("/raw/any", gateway.key).status == 200 and gateway.notices() == {}
        assert gateway.status()["master_key_id"] == state["to"]
        store = StoreFile(gateway.database)
        assert store.key_ids() == {state["to"]} and all(store.opened_by(key) == (0, False) for key in old)
    assert files(gateway) == sorted(["master.key", f"master.key.{old[0].id.hex()}.old", f"master-{ids[0]}.argon2id.old",
                                     f"master-{ids[1]}.transit.old"])
    assert store.opened_by(MasterKey.of_file(gateway.master_key)) == (1, True)
    said = gateway.log.text() + "".join(path.read_text() for path in gateway.audit_log.glob("*.jsonl"))
    assert PHRASE not in said and "hvs.fake" not in said


WRONG_KEYS = {"short": base64.b64encode(bytes(16)).decode(), "long": base64.b64encode(bytes(33)).decode(), "no base64": "!" * 44,
              "missing": None, "a number": 7}


@pytest.mark.parametrize("key", WRONG_KEYS.values(), ids=WRONG_KEYS.keys())
def test_an_answer_that_is_no_key_is_none(make_managed, transit, key):
    transit.lie = {"plaintext": key}
    gateway = make_managed(start=False, init=False, env={"FAKE_VAULT_TOKEN": "hvs.fake-token-of-the-gateway"},
                           config={"master_key": {"from": "transit:claviger", "transit": settings(transit)}})
    done = run("init", "--config", gateway.config_file, "--data-dir", gateway.data, env=gateway.env)
    assert done.returncode == 1 and "does not answer with a key" in done.stderr and files(gateway) == []
    transit.lie = {}
    gateway.init()
    transit.lie = {"plaintext": key}
    assert "does not answer with a key" in gateway.start_refused()


def test_another_key_than_the_one_that_was_wrapped_opens_nothing(make_managed, transit):
    gateway = by_transit(make_managed, transit)
    key = files(gateway)[0].split("-")[1].split(".")[0]
    transit.lie = {"plaintext": base64.b64encode(bytes(32)).decode()}
    said = gateway.start_refused()
    assert f"the store wants the master key {key}, but transit:claviger has" in said
    transit.lie = {}
    gateway.start()


@pytest.mark.parametrize("wrapped", ["fake", "vault:v1:\"}", "vault:v1:" + "A" * 2000, None])
def test_what_transit_did_not_wrap_is_not_kept(make_managed, transit, wrapped):
    transit.lie = {"ciphertext": wrapped}
    gateway = make_managed(start=False, init=False, env={"FAKE_VAULT_TOKEN": "hvs.fake-token-of-the-gateway"},
                           config={"master_key": {"from": "transit:claviger", "transit": settings(transit)}})
    done = run("init", "--config", gateway.config_file, "--data-dir", gateway.data, env=gateway.env)
    assert done.returncode == 1 and "does not answer with a wrapped key" in done.stderr and files(gateway) == []


def test_one_that_is_not_there_is_named(make_managed):
    server = TransitServer()
    server.add_token("hvs.fake-token-of-the-gateway", paths=("transit/",))
    gateway = by_transit(make_managed, server)
    server.stop()
    said = gateway.start_refused()
    assert server.url in said and "refused" in said.lower()


def test_an_app_role_logs_in(make_managed, upstream, transit):
    env = {"FAKE_ROLE": "fake-role", "FAKE_SECRET": "fake-secret-id-0123456789"}
    gateway = by_transit(make_managed, transit, env, app_role={"role_id": "env:FAKE_ROLE", "secret_id": "env:FAKE_SECRET"})
    serve(gateway, upstream).restart()
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert transit.count("POST /v1/auth/approle/login") >= 2


def test_a_start_says_what_to_do(make_managed, transit):
    gateway = by_transit(make_managed, transit)
    key = files(gateway)[0]

    def refused(*expected):
        said = gateway.start_refused()
        assert all(each in said for each in expected), said
        assert "hvs.fake" not in said
    transit.mode = "sealed"
    refused("is sealed", transit.url)
    transit.mode = None
    token = transit.tokens.pop("hvs.fake-token-of-the-gateway")
    refused("permission denied")
    transit.tokens["hvs.fake-token-of-the-gateway"] = token
    token.paths = ("transit/datakey",)
    refused("permission denied")
    token.paths = ("transit/",)
    transit.rotate()
    transit.least_version = 2
    refused("400", "claviger")
    transit.least_version = 1
    transit.transit = "elsewhere"
    refused("no transit engine", "master_key.transit.mount")
    transit.transit = "transit"
    text = (gateway.data / key).read_text()
    (gateway.data / key).write_text("vault:v1:\"}\n")
    refused("nothing that transit wrapped")
    (gateway.data / key).write_text(text[:-8] + "AAAAAA=\n")
    refused("400")
    (gateway.data / key).unlink()
    refused(key)
    (gateway.data / key).write_text(text)
    (gateway.data / key).chmod(0o600)
    gateway.start()


def test_one_that_is_down_or_sealed_is_waited_for(make_managed, transit):
    gateway = by_transit(make_managed, transit, patience="20s")
    transit.mode = "sealed"
    threading.Timer(1.5, lambda: setattr(transit, "mode", None)).start()
    since = time.monotonic()
    gateway.start()
    assert 1.4 < time.monotonic() - since < 15
    gateway.stop()
    # Whoever ends it meanwhile does not have to wait.
    transit.mode = "sealed"
    gateway.spawn()
    seen = len(transit.requests)
    until(lambda: len(transit.requests) > seen, "a request")
    time.sleep(0.3)
    since = time.monotonic()
    gateway.stop()
    assert time.monotonic() - since < 5
    transit.mode = None


@pytest.mark.parametrize("spoil, says", [
    ({"from": "transit:claviger"}, "master_key.transit.address"),
    ({"from": "transit:"}, "must be file:"),
    ({"from": "passphrase:fake words"}, "must be file:"),
    ({"from": "transit:claviger", "transit": {"address": "http://vault.example:8200", "token": "env:X"}}, "in the clear"),
    ({"from": "transit:claviger", "transit": {"address": "https://vault.example:8200"}}, "either token or app_role"),
    ({"from": "transit:claviger", "transit": {"address": "https://vault.example", "token": "hvs.fake-pasted"}}, "must be file:"),
    ({"from": "transit:claviger", "transit": {"address": "https://vault.example", "token": "env:X", "mount": "../x"}}, "a path"),
], ids=["no address", "no key", "the words themselves", "in the clear", "no log-in", "a token in the file", "a path that climbs"])
def test_a_configuration_that_is_wrong_is_said_to_be_so(tmp_path, spoil, says):
    path = tmp_path / "claviger.yaml"
    path.write_text(json.dumps({"master_key": spoil}))
    done = run("check-config", path)
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert "hvs.fake" not in done.stderr and "fake words" not in done.stderr
