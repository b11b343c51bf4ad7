# SPDX-License-Identifier: Apache-2.0
"""Ten wrong inputs for each family of commands: each is refused with the right exit code, in a line or two that name what is
wrong and what to do, with no secret in them, and nothing is changed."""

import base64
import re

import pytest

from support import resources as yaml
from support.gateway import run
from support.managed import ManagedGateway, managed_resources

SECRET = "fake-secret-of-wrong-inputs-0123456789"
TOKEN = "clv_00000000_nonsensenonsensenonsensenonsensenonsensenonsensen"  # fake

# What stands in {braces} is made by the fixture. One entry: arguments, exit code, what must be said (a regular expression), and
# perhaps what the environment or standard input is. Nothing in here would write to the machine's own directories, if it were not
# refused.
WRONG = {
    "init": [
        (["init", "--data-dir", "{data}"], 1, "another gateway.*stop it"),
        (["init", "--data-dir", "{down}"], 1, "already"),
        (["init", "--data-dir", "{file}"], 1, "{file}.*directory"),
        (["init", "--data-dir", "/proc/nowhere"], 1, "/proc/nowhere"),
        (["init", "--data-dir", "{fresh}", "--config"], 2, "--config"),
        (["init", "--config", "/nowhere.yaml"], 1, "/nowhere.yaml"),
        (["init", "--config", "{broken}"], 1, "{broken}:2"),
        (["init", "--config", "{master_env}", "--data-dir", "{fresh}"], 1, "CLAVIGER_E2E_NO_SUCH"),
        (["init", "extra"], 2, "extra"),
        (["init", "--force"], 2, "--force"),
    ],
    "serve": [
        (["serve", "--data-dir", "{fresh}"], 1, "claviger init"),
        (["serve", "--data-dir", "{data}"], 1, "pid"),
        (["serve", "--data-dir", "{file}"], 1, "claviger init|directory"),
        (["serve", "--resources", "/nowhere"], 1, "/nowhere"),
        (["serve", "--resources", "{file}", "--data-dir", "{fresh}"], 1, "{file}"),
        (["serve", "--config", "{broken}"], 1, "{broken}:2.*gatewya"),
        (["serve", "--resources", "{fresh}", "--demo"], 2, "--demo"),
        (["serve", "--port", "80"], 2, "--port"),
        (["serve", "now"], 2, "now"),
        (["serve", "--config", "{taken}", "--resources", "{empty}", "--data-dir", "{fresh}"], 1, "in use"),
    ],
    "check-config": [
        (["check-config"], 2, "FILE|--resources"),
        (["check-config", "/nowhere.yaml"], 1, "/nowhere.yaml"),
        (["check-config", "{empty}"], 1, "{empty}"),
        (["check-config", "{broken}"], 1, "{broken}:2"),
        (["check-config", "{unclosed}"], 1, "{unclosed}:"),
        (["check-config", "--resources", "/nowhere"], 1, "/nowhere"),
        (["check-config", "--resources", "{file}"], 1, "{file}"),
        (["check-config", "--resources"], 2, "--resources"),
        (["check-config", "{file}", "{file}"], 2, ""),
        (["check-config", "--resources", "{bad_resources}"], 1, "one.yaml"),
    ],
    "apply": [
        (["apply"], 2, "-f"),
        (["apply", "-f"], 2, "--file|-f"),
        (["apply", "-f", "/nowhere.yaml"], 1, "/nowhere.yaml"),
        (["apply", "-f", "{unclosed}"], 1, "{unclosed}"),
        (["apply", "-f", "{bad_resources}"], 1, "one.yaml.*gadget|gadget.*one.yaml"),
        (["apply", "-f", "{empty}"], 1, "{empty}"),
        (["apply", "-f", "-"], 1, "no resource", {"stdin": ""}),
        (["apply", "-f", "-"], 1, "nobody", {"stdin": "kind: grant\nname: g\nprincipal: nobody\nupstream: raw\n"}),
        (["apply", "-f", "-"], 1, "secret", {"stdin": f"kind: credential\nname: c\nupstream: raw\nsecret: {SECRET}\n"}),
        (["apply", "-f", "{file}", "--dry"], 2, "--dry"),
    ],
    "get": [
        (["get"], 2, "KIND|kind|upstreams"),
        (["get", "gadgets"], 2, "upstream.*grant"),
        (["get", "grants", "-o", "xml"], 2, "table, json or yaml"),
        (["get", "grant", "nothing"], 1, "nothing"),
        (["get", "grants", "Not A Name"], 2, "Not A Name.*a-z"),
        (["get", "grants", "../../x"], 2, "name.*a-z"),
        (["get", "grants", "a", "b"], 2, "b"),
        (["get", "grants", "--all"], 2, "--all"),
        (["get", "grants"], 1, "CLAVIGER_TOKEN", {"env": {"CLAVIGER_TOKEN": ""}}),
        (["get", "grants"], 1, "CLAVIGER_ADDR", {"env": {"CLAVIGER_ADDR": "https://127.0.0.1:1"}}),
    ],
    "delete": [
        (["delete"], 2, "KIND|kind|upstream"),
        (["delete", "grant"], 2, "NAME|which|name"),
        (["delete", "gadget", "x"], 2, "upstream.*grant"),
        (["delete", "grant", "nothing"], 1, "nothing"),
        (["delete", "upstream", "raw"], 1, "caller-raw|raw-main"),
        (["delete", "principal", "caller"], 1, "caller-raw|grant|api_key"),
        (["delete", "grant", "a", "b"], 2, "b"),
        (["delete", "--all"], 2, "--all"),
        (["delete", "grant", "caller-raw"], 1, "CLAVIGER_TOKEN|API key", {"env": {"CLAVIGER_TOKEN": TOKEN}}),
        (["delete", "grant", "caller-raw"], 1, "/nowhere/ca.pem", {"env": {"CLAVIGER_CACERT": "/nowhere/ca.pem"}}),
    ],
    "credential": [
        (["credential"], 2, "--help"),
        (["credential", "rotate", "raw-main"], 2, "rotate"),
        (["credential", "set"], 2, "NAME|name|credential"),
        (["credential", "set", "nothing"], 1, "nothing", {"stdin": SECRET}),
        (["credential", "set", "raw-main", SECRET], 2, "--from-stdin|--help"),
        (["credential", "set", "raw-main"], 1, "empty", {"stdin": ""}),
        (["credential", "set", "raw-main"], 1, "line|byte|character", {"stdin": SECRET + "\nX-Evil: 1"}),
        (["credential", "set", "raw-main", "--from-file", "{open}"], 1, "{open}.*chmod"),
        (["credential", "set", "raw-main", "--from-env", "CLAVIGER_E2E_NO_SUCH"], 1, "CLAVIGER_E2E_NO_SUCH"),
        (["credential", "set", "raw-main", "--from-env", "X", "--from-stdin"], 2, "--from"),
        (["credential", "set", "raw-main"], 1, "KiB|long|large", {"stdin": SECRET * 1000}),
        (["credential", "disable", "nothing"], 1, "nothing"),
        (["credential", "enable"], 2, "NAME|name|credential"),
    ],
    "principal": [
        (["principal"], 2, "--help"),
        (["principal", "create", "x"], 2, "create"),
        (["principal", "disable"], 2, "NAME|name|principal"),
        (["principal", "disable", "nobody"], 1, "nobody"),
        (["principal", "enable", "nobody"], 1, "nobody"),
        (["principal", "disable", "caller", "bob"], 2, "bob"),
        (["principal", "disable", "Not A Name"], 2, "Not A Name.*a-z"),
        (["principal", "disable", "caller", "--now"], 2, "--now"),
        (["principal", "disable", "caller"], 1, "CLAVIGER_ADDR", {"env": {"CLAVIGER_ADDR": "ftp://x"}}),
        (["principal", "disable", "caller"], 1, "CLAVIGER_TOKEN", {"env": {"CLAVIGER_TOKEN": "not a key"}}),
    ],
    "key": [
        (["key"], 2, "--help"),
        (["key", "rotate"], 2, "rotate"),
        (["key", "create"], 2, "--principal"),
        (["key", "create", "--principal", "nobody"], 1, "nobody"),
        (["key", "create", "--principal", "caller", "--expires", "soon"], 2, "soon.*90d|90d.*soon"),
        (["key", "create", "--principal", "caller", "--expires", "2020-01-01T00:00:00Z"], 2, "past"),
        (["key", "create", "--principal", "caller", "--cidr", "10/8"], 2, "10/8"),
        (["key", "create", "--principal", "caller", "-o", "xml"], 2, "text or json"),
        (["key", "list", "--principal"], 2, "--principal"),
        (["key", "revoke"], 2, "ID|id"),
        (["key", "revoke", "00000000"], 1, "00000000"),
        (["key", "revoke", TOKEN], 2, "id|ID"),
        (["key", "new", "--principal", "Not A Name"], 2, "--principal.*a-z"),
    ],
    "explain": [
        (["explain"], 2, "--principal|--method|--url"),
        (["explain", "--principal", "caller", "--method", "GET"], 2, "--url"),
        (["explain", "--principal", "caller", "--url", "/raw/x"], 2, "--method"),
        (["explain", "--method", "GET", "--url", "/raw/x"], 2, "--principal"),
        (["explain", "--principal", "caller", "--method", "G T", "--url", "/raw/x"], 1, "method"),
        (["explain", "--principal", "caller", "--method", "GET", "--url", "/raw/x", "--path", "/x"], 2, "--path"),
        (["explain", "caller", "--method", "GET", "--url", "/raw/x"], 2, "--principal|caller"),
        (["explain", "--principal", "caller", "--method", "GET", "--url", ""], 1, "url"),
        (["explain", "--principal", "caller", "--method", "GET", "--url", "/raw/x", "-o", "xml"], 2, "text or json"),
        (["explain", "--principal", "caller", "--method", "GET", "--url", "/raw/x"], 1, "CLAVIGER_TOKEN", {"env": {"CLAVIGER_TOKEN": ""}}),
    ],
    "audit": [
        (["audit"], 2, "--help"),
        (["audit", "erase"], 2, "erase"),
        (["audit", "tail", "-n", "many"], 2, "many|number"),
        (["audit", "tail", "-n", "0"], 2, "1000"),
        (["audit", "tail", "-n", "5000"], 2, "1000"),
        (["audit", "tail", "-o", "xml"], 2, "text or json"),
        (["audit", "tail", "--log", "/nowhere"], 1, "/nowhere"),
        (["audit", "search", "--from", "yesterday"], 2, "--from.*2027-01-01"),
        (["audit", "search", "--from", "1h", "--to", "2h"], 2, "--from.*--to"),
        (["audit", "export", "--from", "yesterday", "--to", "0s", "--log", "/nowhere", "-o", "/nowhere/pack"], 2, "--from.*2h"),
        (["audit", "export", "--from", "1h", "--to", "2h", "--log", "/nowhere", "-o", "/nowhere/pack"], 2, "--from.*--to"),
        (["audit", "search", "--status", "teapot"], 2, "--status.*4xx"),
        (["audit", "search", "--decision", "forbidden"], 2, "denied"),
        (["audit", "search", "--principal", "a b"], 2, "--principal"),
        (["audit", "search", "--key-id", "clv_fakefake_x"], 2, "id alone"),
        (["audit", "search", "--limit", "0"], 2, "--limit"),
        (["audit", "search", "-o", "xml"], 2, "text or json"),
        (["audit", "search", "--log", "/nowhere"], 1, "/nowhere"),
        (["audit", "search", "--log", "{empty}"], 1, "{empty}"),
        (["audit", "search", "--log", "{data}", "--data-dir", "{data}"], 2, "--data-dir.*--log"),
        (["audit", "index"], 2, "--data-dir.*--log"),
        (["audit", "index", "--log", "{empty}"], 1, "{empty}"),
        (["audit", "checkpoint", "-o", "/nowhere/x"], 1, "/nowhere/x"),
        (["audit", "pseudonym"], 2, "ADDRESS"),
        (["audit", "pseudonym", "192.0.2"], 2, "IP address"),
        (["audit", "pseudonym", "192.0.2.7", "--data-dir", "/nowhere"], 1, "/nowhere/pseudonym.key"),
        (["audit", "verify"], 2, "--data-dir.*--log"),
        (["audit", "verify", "--data-dir", "{data}", "--log", "{data}"], 2, "--data-dir.*--log"),
        (["audit", "verify", "--log", "/nowhere"], 1, "/nowhere"),
        (["audit", "verify", "--log", "{empty}"], 1, "{empty}"),
        (["audit", "verify", "--data-dir", "{data}", "--against", "/nowhere"], 1, "/nowhere"),
        (["audit", "verify", "--data-dir", "{data}", "--against", "{file}"], 1, "{file}"),
        (["audit", "verify", "--data-dir", "{data}", "--key", "nonsense"], 1, "key"),
    ],
    "backup": [
        (["backup"], 2, "FILE|file"),
        (["backup", "{file}", "--data-dir", "{data}"], 1, "{file}"),
        (["backup", "/nowhere/backup.db", "--data-dir", "{data}"], 1, "/nowhere"),
        (["backup", "{nowhere}/x", "--data-dir", "{data}"], 1, "{nowhere}"),
        (["backup", "{empty}", "--data-dir", "{data}"], 1, "{empty}"),
        (["backup", "{new}", "--data-dir", "{nowhere}"], 1, "{nowhere}"),
        (["backup", "{new}", "--data-dir", "{empty}"], 1, "{empty}"),
        (["backup", "{new}", "--config", "/nowhere.yaml"], 1, "/nowhere.yaml"),
        (["backup", "{new}", "more"], 2, "more"),
        (["backup", "{new}", "--encrypt"], 2, "--encrypt"),
    ],
    "restore": [
        (["restore"], 2, "FILE|file"),
        (["restore", "/nowhere.db", "--data-dir", "{down}", "--replace"], 1, "/nowhere.db"),
        (["restore", "{file}", "--data-dir", "{down}", "--replace"], 1, "{file}"),
        (["restore", "{empty}", "--data-dir", "{down}", "--replace"], 1, "{empty}"),
        (["restore", "{backup}", "--data-dir", "{down}"], 1, "--replace"),
        (["restore", "{backup}", "--data-dir", "{data}", "--replace"], 1, "pid"),
        (["restore", "{backup}", "--data-dir", "{file}"], 1, "{file}"),
        (["restore", "{backup}", "--data-dir"], 2, "--data-dir"),
        (["restore", "{backup}", "more"], 2, "more"),
        (["restore", "{backup}", "--force"], 2, "--force"),
    ],
}


class Setting:
    def __init__(self, directory):
        self.gateway = ManagedGateway(directory / "gateway").start()
        self.gateway.checkpointed()  # one case asks for the last checkpoint
        self.gateway.apply(managed_resources("raw", "http://127.0.0.1:1"))
        self.gateway.set_secret("raw-main", SECRET)
        down = ManagedGateway(directory / "down")
        self.names = {
            "data": self.gateway.data, "down": down.data, "fresh": directory / "fresh", "nowhere": directory / "nowhere", "new": directory / "new.db",
            "file": self.file(directory / "file", "nothing in particular\n"),
            "open": self.file(directory / "open", SECRET, 0o644),
            "broken": self.file(directory / "broken.yaml", "drain_timeout: 1s\ngatewya: {}\n"),
            "unclosed": self.file(directory / "unclosed.yaml", "kind: [\n"),
            "master_env": self.file(directory / "master.yaml", "master_key: { from: \"env:CLAVIGER_E2E_NO_SUCH\" }\n"),
            "taken": self.file(directory / "taken.yaml", yaml.one_document({
                "gateway": {"listen": "127.0.0.1:%d" % self.gateway.addresses["gateway"][1], "tls": "off"}, "admin": {"listen": "off"}})),
            "empty": directory / "empty", "bad_resources": directory / "bad", "backup": directory / "backup.db"}
        for name in ("empty", "bad_resources"):
            self.names[name].mkdir(mode=0o700)
        self.file(self.names["bad_resources"] / "one.yaml", "kind: gadget\nname: x\n")
        self.gateway.cli("backup", self.names["backup"], "--data-dir", self.gateway.data)
        self.names = {name: str(path) for name, path in self.names.items()}

    @staticmethod
    def file(path, text, mode=0o600):
        path.touch(mode=mode)
        path.chmod(mode)
        path.write_text(text)
        return path


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    made = Setting(tmp_path_factory.mktemp("wrong"))
    yield made
    made.gateway.stop()


def test_there_are_ten_of_each():
    assert all(len(each) >= 10 for each in WRONG.values())


@pytest.mark.parametrize("family, number", [(family, number) for family, cases in WRONG.items() for number in range(len(cases))],
                         ids=lambda value: str(value))
def test_wrong_input_is_refused_and_explained(setting, family, number):
    arguments, code, says, more = (*WRONG[family][number], {})[:4]
    arguments = [each.format(**setting.names) for each in arguments]
    if family in ("init", "serve") and "--data-dir" not in arguments:
        arguments += ["--data-dir", setting.names["fresh"]]  # whatever becomes of it, not the machine's own
    revision = setting.gateway.status()["revision"]

    done = run(*arguments, env={**setting.gateway.cli_env(), **more.get("env", {})}, stdin=more.get("stdin", ""))

    assert (done.returncode, done.stdout) == (code, ""), done
    assert re.search(says.format(**{name: re.escape(value) for name, value in setting.names.items()}), done.stderr, re.S), done.stderr
    assert done.stderr.startswith("claviger") and done.stderr.count("\n") <= 4, done.stderr
    assert ("--help" in done.stderr) == (code == 2), done.stderr
    for secret in (SECRET, TOKEN, setting.gateway.admin_key.text):
        assert secret[10:] not in done.stderr
    assert setting.gateway.status()["revision"] == revision


def test_an_init_that_failed_can_be_repeated(setting, tmp_path):
    arguments = ["init", "--config", setting.names["master_env"], "--data-dir", tmp_path / "data"]
    assert run(*arguments).returncode == 1

    done = run(*arguments, env={"CLAVIGER_E2E_NO_SUCH": f"clv-master-key-1:{base64.b64encode(bytes(range(32))).decode()}"})

    assert done.returncode == 0, done.stderr
