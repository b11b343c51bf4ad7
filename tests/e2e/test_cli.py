# SPDX-License-Identifier: Apache-2.0
"""The command line: exit codes, help that teaches, keys that work."""

import hashlib
import json
import re
import subprocess

import pytest

from support import resources as yaml
from support.gateway import BINARY, run
from support.keys import checksum
from support.waiting import PATIENCE

COMMANDS = [["serve"], ["check-config"], ["key"], ["key", "new"], ["version"]]


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["serve", "--nonsense"], ["key"], ["key", "new"], ["key", "nonsense"],
    ["key", "new", "--principal", "p", "-o", "xml"], ["key", "new", "--principal", "p", "--expires", "soon"],
    ["key", "new", "--principal", "p", "--cidr", "everywhere"], ["key", "new", "--principal", "No Such Name!"],
    ["check-config"], ["serve", "--resources"], ["version", "extra"],
], ids=" ".join)
def test_wrong_usage_exits_with_2_and_points_to_help(arguments):
    done = run(*arguments)
    assert done.returncode == 2, done
    assert "--help" in done.stderr
    assert done.stdout == ""


def test_serving_what_is_not_there_says_how_to_make_it(tmp_path):
    done = run("serve", "--data-dir", tmp_path / "nothing")
    assert done.returncode == 1 and done.stdout == ""
    assert "claviger init" in done.stderr and "--resources" in done.stderr


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=lambda command: " ".join(command) or "claviger")
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_teaches_with_an_example(command, flag):
    done = run(*command, flag)
    assert done.returncode == 0 and done.stderr == ""
    assert re.search(r"^\s*(Example|\$ claviger|claviger )", done.stdout, re.M), done.stdout
    assert "claviger " + " ".join(command) in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_version_says_so():
    done = run("version")
    assert done.returncode == 0
    assert re.match(r"claviger \d+\.\d+\.\d+", done.stdout)


@pytest.mark.parametrize("form", ["yaml", "json", None])
def test_a_new_key_works_when_its_resource_is_put_in_place(make_gateway, make_upstream, form):
    upstream = make_upstream()
    gateway = make_gateway([
        yaml.upstream("raw", upstream.url()), yaml.credential("raw-main", "raw", "env:E2E_SECRET"),
        yaml.principal("billing-service"), yaml.grant("billing-service", "raw")], env={"E2E_SECRET": "fake-cli-secret-0123456789"})
    done = run("key", "new", "--principal", "billing-service", "--expires", "90d", "--cidr", "127.0.0.0/8",
               *(["-o", form] if form else []))
    assert done.returncode == 0, done.stderr
    everything = done.stdout + done.stderr
    (text,) = set(re.findall(r"clv_[0-9a-z]{8}_[0-9A-Za-z]{49}", everything))
    assert everything.count(text) == 1  # shown once

    if form == "json":
        made = json.loads(done.stdout)
        found = next(value for value in [made, *made.values()] if isinstance(value, dict) and value.get("kind") == "api_key")
        resource = yaml.one_document(found)
    else:
        resource = done.stdout
    gateway.write_resources(resource, name="new-key.yaml")
    gateway.reload()

    class Key:
        pass
    key = Key()
    key.text = text
    assert text[-6:] == checksum(text[:-6])
    assert "sha256:" + hashlib.sha256(text.encode()).hexdigest() in done.stdout
    assert gateway.get("/raw/any", key).status == 200


def test_every_new_key_is_another_one():
    keys = {re.search(r"clv_\w+", run("key", "new", "--principal", "p").stdout + "")[0] for _ in range(20)}
    assert len(keys) == 20


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BINARY, "key", "new", "--principal", "p"], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE)
    assert done.returncode == 1


def test_check_config_says_that_all_is_well(tmp_path):
    resources, config = tmp_path / "resources", tmp_path / "claviger.yaml"
    resources.mkdir()
    (resources / "all.yaml").write_text("kind: principal\nname: caller\n")
    config.write_text("drain_timeout: 1s\n")
    for arguments in (["--resources", resources], [config], ["--resources", resources, config]):
        done = run("check-config", *arguments)
        assert done.returncode == 0, done.stderr
