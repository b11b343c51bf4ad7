# SPDX-License-Identifier: Apache-2.0
"""Without its master key a gateway does not start, and says which one the store wants."""

import re

import pytest

from support.world import fake_secret


@pytest.fixture
def gateway(make_managed, make_upstream):
    made = make_managed()
    made.key = made.serve_simple("raw", make_upstream().url(), fake_secret("master"))
    made.wanted = made.status()["master_key_id"]
    assert made.stop() == 0
    return made


def test_another_key_is_refused_by_id(gateway, make_managed):
    other = make_managed(start=False)
    gateway.master_key.write_text(other.master_key.read_text())

    said = gateway.start_refused()

    assert gateway.wanted in said
    assert len(set(re.findall(r"\b[0-9a-f]{16}\b", said))) == 2, said
    for line in (gateway.master_key, other.master_key):
        assert line.read_text().strip().rpartition(":")[2] not in said


def test_with_the_right_one_back_all_is_well(gateway, make_managed):
    right = gateway.master_key.read_text()
    gateway.master_key.write_text(make_managed(start=False).master_key.read_text())
    gateway.start_refused()
    gateway.master_key.write_text(right)

    gateway.start()

    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.notices() == {}


@pytest.mark.parametrize("spoil, says", [
    (lambda path: path.unlink(), "claviger init"),
    (lambda path: path.write_text(""), "is empty"),
    (lambda path: path.write_text("clv-master-key-1:AAAA\n"), "master.key"),
    (lambda path: path.write_text(path.read_text()[:-3] + "!!\n"), "master.key"),
    (lambda path: path.write_text(path.read_text() * 2), "master.key"),
    (lambda path: path.chmod(0o644), "chmod"),
], ids=["missing", "empty", "short", "no base64", "two of them", "open to others"])
def test_a_key_file_that_is_none_is_said_to_be_so(gateway, spoil, says):
    key = gateway.master_key.read_text().strip().rpartition(":")[2]
    spoil(gateway.master_key)

    said = gateway.start_refused()

    assert says in said, said
    assert key[:12] not in said
