# SPDX-License-Identifier: Apache-2.0
"""A wrong file never starts a gateway, and what is wrong with it is said: which file, which line, why."""

import os
import re
import socket
import textwrap

import pytest

from support.gateway import Gateway, run
from support.keys import make_api_key

KEY = make_api_key()
GOOD = textwrap.dedent(f"""\
    kind: upstream
    name: one
    mount: /one
    base_url: https://api.example
    auth: {{ kind: bearer }}
    ---
    kind: credential
    name: one-main
    upstream: one
    from: env:E2E_SECRET
    ---
    kind: principal
    name: caller
    ---
    kind: api_key
    name: {KEY.id}
    principal: caller
    hash: "{KEY.hash}"
    ---
    kind: grant
    principal: caller
    upstream: one
    """)
ENV = {"E2E_SECRET": "fake-bad-input-secret-0123456789"}


def line_of(text, needle):
    return next(number for number, line in enumerate(text.splitlines(), 1) if needle in line)


def serve(directory, resources=GOOD, config="", env=None):
    """(exit status, stderr) of a gateway that is not expected to start."""
    gateway = Gateway(directory, resources, config={}, env=ENV if env is None else env)
    if config:
        gateway.config_file.write_text(config)
    gateway.spawn()
    if gateway.event("ready") is not None:
        gateway.stop()
        raise AssertionError("it started")
    status = gateway.wait()
    return status, gateway.log.text()


def check(*arguments, env=None):
    done = run("check-config", *arguments, env=ENV if env is None else env)
    return done.returncode, done.stderr + done.stdout


# (what is replaced in GOOD, by what, text whose line must be named, words that must be in the reason)
BAD_RESOURCES = {
    "unknown-key": ("mount: /one", "mount: /one\nmonut: /two", "monut", ["monut"]),
    "unknown-key-with-a-hint": ("upstream: one\nfrom:", "upstream: one\nform:", "form", ["form", "from"]),
    "unknown-key-deep-down": ("{ kind: bearer }", "{ kind: bearer, nmae: x }", "nmae", ["nmae"]),
    "unknown-kind": ("kind: principal", "kind: princpal", "princpal", ["princpal"]),
    "no-kind": ("kind: principal\n", "", "name: caller", ["kind"]),
    "unknown-credential-kind": ("kind: bearer", "kind: barer", "barer", ["barer", "bearer"]),
    "wrong-type": ("mount: /one", "mount: [/one]", "[/one]", ["mount"]),
    "map-for-a-string": ("name: caller", "name: { first: caller }", "first", ["name"]),
    "missing-key": ("mount: /one\n", "", "kind: upstream", ["mount"]),
    "unknown-upstream": ("upstream: one\nfrom:", "upstream: won\nfrom:", "won", ["won"]),
    "unknown-principal-of-a-grant": ("principal: caller\nupstream:", "principal: colour\nupstream:", "colour", ["colour"]),
    "unknown-principal-of-a-key": ("principal: caller\nhash:", "principal: colour\nhash:", "colour", ["colour"]),
    "mount-without-slash": ("mount: /one", "mount: one", "mount: one", ["mount"]),
    "mount-that-is-not-canonical": ("mount: /one", "mount: /one/../two", "mount: /one", ["mount"]),
    "plaintext-not-allowed": ("https://api", "http://api", "http://api", ["allow_plaintext"]),
    "base-url-with-userinfo": ("https://api.example", "https://u:p@api.example", "base_url", ["user"]),
    "base-url-with-query": ("https://api.example", "https://api.example/?a=b", "base_url", ["query"]),
    "base-url-of-another-scheme": ("https://api.example", "ftp://api.example", "base_url", ["http"]),
    "no-boolean": ("mount: /one", "mount: /one\nallow_plaintext: \"yes\"", "allow_plaintext", ["allow_plaintext"]),
    "bad-cidr": (f"name: {KEY.id}", f"name: {KEY.id}\ncidrs: [10.0.0.1/8]", "cidrs", ["10.0.0.1/8"]),
    "bad-time": (f"name: {KEY.id}", f"name: {KEY.id}\nexpires: tomorrow", "tomorrow", ["expires"]),
    "bad-hash": (KEY.hash, "sha256:1234", "sha256:1234", ["hash"]),
    "bad-rate": ("principal: caller\nupstream: one", "principal: caller\nupstream: one\nrate: fast", "fast", ["rate"]),
    "bad-glob": ("principal: caller\nupstream: one", "principal: caller\nupstream: one\npaths: [v1]", "paths", ["path"]),
    "lower-case-method": ("principal: caller\nupstream: one", "principal: caller\nupstream: one\nmethods: [get]", "methods", ["method"]),
    "empty-methods": ("principal: caller\nupstream: one", "principal: caller\nupstream: one\nmethods: []", "methods", ["methods"]),
    "the-key-itself": (f"name: {KEY.id}", f"name: {KEY.text}", "name: clv_", ["name"]),
    "a-secret-in-the-file": ("from: env:E2E_SECRET", "secret: fake-in-the-file", "secret:", ["secret"]),
    "unknown-source": ("from: env:E2E_SECRET", "from: vault:thing", "vault:", ["from"]),
    "bad-yaml": ("mount: /one", "mount: [/one", None, []),
    "tab-indented": ("{ kind: bearer }", "\n\tkind: bearer", None, []),
    "an-alias": ("name: one\nmount", "name: &a one\nmount", "&a", ["anchor"]),
    "a-tag": ("name: one\nmount", "name: !!str one\nmount", "!!str", ["tag"]),
    "a-key-twice": ("mount: /one", "mount: /one\nmount: /two", "mount: /two", ["mount"]),
    "a-list-at-the-top": ("kind: principal\nname: caller", "- kind: principal", "- kind", []),
    "two-upstreams-of-one-name": ("kind: principal", "kind: upstream\nname: one\nmount: /other\nbase_url: https://b.example\n---\nkind: principal", "mount: /other", ["one"]),
    "two-mounts": ("kind: principal", "kind: upstream\nname: two\nmount: /one\nbase_url: https://b.example\n---\nkind: principal", "name: two", ["/one"]),
    "two-principals-of-one-name": ("kind: principal", "kind: principal\nname: caller\n---\nkind: principal", None, ["caller"]),
    "two-keys-of-one-id": ("kind: grant", f"kind: api_key\nname: {KEY.id}\nprincipal: caller\nhash: \"{KEY.hash}\"\n---\nkind: grant", None, [KEY.id]),
}


@pytest.mark.parametrize("how", ["serve", "check-config"])
@pytest.mark.parametrize("case", BAD_RESOURCES)
def test_a_wrong_resource_is_refused_by_file_line_and_reason(tmp_path, case, how):
    old, new, at, words = BAD_RESOURCES[case]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if how == "serve":
        status, said = serve(tmp_path, text)
    else:
        (tmp_path / "resources").mkdir()
        (tmp_path / "resources/all.yaml").write_text(text)
        status, said = check("--resources", tmp_path / "resources")

    assert status == 1, said
    assert re.search(r"all\.yaml:\d+", said), said
    if at:
        # The line itself, or that on which its resource or map begins.
        wanted = line_of(text, at)
        named = [int(number) for number in re.findall(r"all\.yaml:(\d+)", said)]
        begins = max([0, *(n for n, line in enumerate(text.splitlines()[:wanted], 1) if line == "---")]) + 1
        assert any(begins <= number <= wanted for number in named), f"line {wanted}: {said}"
    for word in words:
        assert word in said
    assert "fake-in-the-file" not in said and KEY.secret not in said
    if how == "serve":
        assert said.startswith("claviger: ") and len(said.splitlines()) == 1


def test_the_good_file_is_good(tmp_path):
    (tmp_path / "all.yaml").write_text(GOOD)
    assert check("--resources", tmp_path)[0] == 0


def test_a_duplicate_names_both_places_even_across_files(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text("# a comment\nkind: principal\nname: caller\n")
    status, said = check("--resources", tmp_path)
    assert status == 1
    assert "b.yaml:" in said and "a.yaml:" in said


BAD_CONFIGS = {
    "unknown-key": ("gatway: {}", ["gatway", "gateway"]),
    "unknown-key-deep-down": ("gateway:\n  listen: 127.0.0.1:0\n  lisen: x", ["lisen"]),
    "wrong-type": ("gateway: [127.0.0.1:0]", ["gateway"]),
    "bad-address": ("gateway: { listen: nowhere }", ["listen"]),
    "bad-port": ("gateway: { listen: \"127.0.0.1:70000\" }", ["listen"]),
    "name-for-an-address": ("gateway: { listen: \"localhost:0\" }", ["listen"]),
    "no-duration": ("limits: { head_timeout: 30 }", ["head_timeout"]),
    "bad-duration": ("limits: { head_timeout: soon }", ["head_timeout"]),
    "bad-size": ("limits: { body: lots }", ["body"]),
    "negative": ("limits: { connections: -1 }", ["connections"]),
    "zero-workers": ("gateway: { workers: 0 }", ["workers"]),
    "bad-workers": ("gateway: { workers: many }", ["workers"]),
    "bad-level": ("log: { level: chatty }", ["level"]),
    "bad-access-target": ("log: { access: syslog }", ["access"]),
    "tls-on": ("gateway: { tls: on }", ["tls"]),
    "tls-without-key": ("gateway: { tls: { cert: /nowhere/cert.pem } }", ["key"]),
    "tls-files-missing": ("gateway: { tls: { cert: /nowhere/cert.pem, key: /nowhere/key.pem } }", ["/nowhere/cert.pem"]),
    "plaintext-beyond-loopback": ("gateway: { listen: \"0.0.0.0:0\", tls: off }", ["allow_plaintext"]),
    "bad-yaml": ("gateway: { listen: ", []),
    "alias": ("gateway: &a { listen: \"127.0.0.1:0\" }\nadmin: *a", []),
    "a-key-twice": ("drain_timeout: 1s\ndrain_timeout: 2s", ["drain_timeout"]),
    "two-documents": ("drain_timeout: 1s\n---\ndrain_timeout: 2s", []),
}


@pytest.mark.parametrize("how", ["serve", "check-config"])
@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_a_wrong_configuration_is_refused_by_file_line_and_reason(tmp_path, case, how):
    text, words = BAD_CONFIGS[case]
    if how == "serve":
        status, said = serve(tmp_path, config=text + "\n")
    else:
        (tmp_path / "claviger.yaml").write_text(text + "\n")
        status, said = check(tmp_path / "claviger.yaml")

    assert status == 1, said
    assert re.search(r"claviger\.yaml:\d+", said), said
    for word in words:
        assert word in said
    assert len(said.splitlines()) == 1


def test_an_empty_configuration_is_all_defaults(tmp_path):
    for text in ("", "# nothing\n"):
        (tmp_path / "claviger.yaml").write_text(text)
        assert check(tmp_path / "claviger.yaml")[0] == 0


@pytest.mark.parametrize("how", ["serve", "check-config"])
@pytest.mark.parametrize("what", ["missing", "a-directory", "a-dangling-link"])
def test_an_unreadable_configuration_is_refused_by_name(tmp_path, what, how):
    path = tmp_path / "settings.yaml"
    if what == "a-directory":
        path.mkdir()
    elif what == "a-dangling-link":
        path.symlink_to(tmp_path / "gone")
    (tmp_path / "resources").mkdir()
    arguments = ["check-config", path] if how == "check-config" else \
        ["serve", "--resources", tmp_path / "resources", "--config", path, "--data-dir", tmp_path / "data"]
    done = run(*arguments)
    assert done.returncode == 1
    assert str(path) in done.stderr


@pytest.mark.parametrize("how", ["serve", "check-config"])
@pytest.mark.parametrize("what", ["missing", "a-file", "a-dangling-link-inside", "a-directory-inside"])
def test_unreadable_resources_are_refused_by_name(tmp_path, what, how):
    path = tmp_path / "resources"
    if what == "a-file":
        path.write_text("")
    elif what != "missing":
        path.mkdir()
        (path / "good.yaml").write_text(GOOD)
        bad = path / "bad.yaml"
        bad.symlink_to(tmp_path / "gone") if "link" in what else bad.mkdir()
    config = tmp_path / "claviger.yaml"
    config.write_text('gateway: { listen: "127.0.0.1:0", tls: off }\nadmin: { listen: "off" }\n')
    arguments = ["check-config", "--resources", path] if how == "check-config" else \
        ["serve", "--resources", path, "--config", config, "--data-dir", tmp_path / "data"]
    done = run(*arguments, env=ENV)
    assert done.returncode == 1, done
    assert ("bad.yaml" if "inside" in what else str(path)) in done.stderr


def test_a_missing_variable_is_named_with_what_to_do(tmp_path):
    status, said = serve(tmp_path, env={})
    assert status == 1
    assert "E2E_SECRET" in said and re.search(r"all\.yaml:\d+", said)


@pytest.mark.parametrize("content, mode, word", [
    (None, None, ""), ("fake-open-secret-0123456789", 0o644, "chmod"), ("fake-open-secret-0123456789", 0o666, "chmod"),
    ("fake-open-secret-0123456789", 0o640, "chmod"), ("", 0o600, "empty"), ("\n", 0o600, "empty"), ("a" * 70_000, 0o600, "64"),
    ("fake-with\ncontrol-bytes-0123456789", 0o600, ""), ("fake-with\0nul-0123456789", 0o600, ""),
], ids=["missing", "readable-by-all", "writable-by-all", "readable-by-group", "empty", "only-a-line-end", "huge", "two-lines", "nul"])
def test_a_bad_secret_file_is_named_and_never_quoted(tmp_path, content, mode, word):
    path = tmp_path / "the-secret"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    status, said = serve(tmp_path, GOOD.replace("env:E2E_SECRET", f"file:{path}"))
    assert status == 1
    assert re.search(r"all\.yaml:\d+", said), said
    assert "the-secret" in said or "one-main" in said, said
    assert word in said
    assert not content or len(content) < 5 or content[:10] not in said


@pytest.mark.parametrize("what", ["a-directory", "a-dangling-link", "a-fifo"])
def test_a_secret_that_is_no_regular_file_is_refused_without_hanging(tmp_path, what):
    path = tmp_path / "the-secret"
    if what == "a-directory":
        path.mkdir()
    elif what == "a-fifo":
        os.mkfifo(path, 0o600)
    else:
        path.symlink_to(tmp_path / "gone")
    status, said = serve(tmp_path, GOOD.replace("env:E2E_SECRET", f"file:{path}"))
    assert status == 1 and "the-secret" in said


@pytest.mark.parametrize("mode", [0o666, 0o622])
@pytest.mark.parametrize("which", ["a resource file", "the resource directory", "the configuration"])
def test_files_that_others_may_write_are_refused(tmp_path, which, mode):
    gateway = Gateway(tmp_path, GOOD, env=ENV)
    path = {"a resource file": gateway.resources / "all.yaml", "the resource directory": gateway.resources,
            "the configuration": gateway.config_file}[which]
    path.chmod(mode | (0o111 if path.is_dir() else 0))
    gateway.spawn()
    if gateway.event("ready") is not None:
        gateway.stop()
        pytest.fail("it started")
    assert gateway.wait() == 1
    assert path.name in gateway.log.text()


@pytest.mark.parametrize("listener", ["gateway", "admin"])
def test_a_port_that_is_taken_is_named(tmp_path, listener):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        gateway = Gateway(tmp_path, GOOD, env=ENV, config={listener: {"listen": address}})
        gateway.spawn()
        assert gateway.event("ready") is None
        assert gateway.wait() == 1
        assert address in gateway.log.text()
        assert "in use" in gateway.log.text().lower()


def test_an_address_that_is_not_this_machines_is_named(tmp_path):
    gateway = Gateway(tmp_path, GOOD, env=ENV, config={"gateway": {"listen": "192.0.2.77:0", "allow_plaintext": True}})
    gateway.spawn()
    assert gateway.event("ready") is None
    assert gateway.wait() == 1 and "192.0.2.77" in gateway.log.text()


def test_a_bad_choice_of_secret_memory_is_refused(tmp_path):
    status, said = serve(tmp_path, env={**ENV, "CLAVIGER_SECRET_MEMORY": "heap"})
    assert status == 1
    assert "CLAVIGER_SECRET_MEMORY" in said and "memfd" in said and "locked" in said


def test_check_config_does_not_need_the_secrets_and_does_not_read_them(tmp_path):
    (tmp_path / "all.yaml").write_text(GOOD.replace("env:E2E_SECRET", "file:/nowhere/secret"))
    assert check("--resources", tmp_path, env={})[0] == 0


def test_a_yaml_bomb_is_refused_at_once(tmp_path):
    deep = "kind: principal\nname: " + "[" * 100_000 + "\n"
    (tmp_path / "deep.yaml").write_text(deep)
    status, said = check("--resources", tmp_path)
    assert status == 1 and "deep.yaml" in said, (status, said[:500])


def test_a_file_of_binary_is_refused_by_name(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)) * 100)
    status, said = check("--resources", tmp_path)
    assert status == 1 and "binary.yaml" in said


def test_files_of_other_names_are_left_alone(tmp_path):
    (tmp_path / "all.yaml").write_text(GOOD)
    (tmp_path / "README.md").write_text("not: [yaml")
    (tmp_path / ".hidden.yaml").write_text("not: [yaml")
    assert check("--resources", tmp_path)[0] == 0


def test_a_directory_without_any_resource_is_refused_since_it_is_likely_the_wrong_one(tmp_path):
    status, said = serve(tmp_path, resources=[])
    assert status == 1 and "no resource" in said


def test_a_bad_gateway_leaves_nothing_listening(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gateway = Gateway(tmp_path, GOOD.replace("mount: /one", "mount: one"), env=ENV, config={"gateway": {"listen": f"127.0.0.1:{port}"}})
    gateway.spawn()
    assert gateway.wait() == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)
