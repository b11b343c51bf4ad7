# SPDX-License-Identifier: Apache-2.0
"""A quota is kept over restarts and crashes: never one call more than it says, however the process ended."""

import pytest

from support import resources as yaml
from support.managed import managed_resources, status_on
from support.world import fake_secret

CALLS = 40


@pytest.fixture
def gateway(make_managed, make_upstream):
    made = make_managed(config={"gateway": {"workers": 2}})
    # Days of UTC: the test is not run across midnight more often than others.
    resources = [each for each in managed_resources("raw", make_upstream().url()) if each["kind"] != "grant"]
    made.apply([*resources, yaml.grant("caller", "raw", name="counted", quota=f"{CALLS}/d")])
    made.set_secret("raw-main", fake_secret("quota"))
    return made


def let_through(gateway, key, calls):
    with gateway.connect() as client:
        return [status_on(client, "/raw/any", key) for _ in range(calls)].count(200)


def test_a_quota_is_spent_to_the_last_call_and_then_limited(gateway):
    key = gateway.create_key("caller")
    assert let_through(gateway, key, CALLS) == CALLS
    with gateway.connect() as client:
        answer = client.call("GET", "/raw/any", [("Authorization", "Bearer " + key.text)])
    assert answer.status == 429 and int(answer.get("Retry-After")) > 0


def test_a_restart_gives_nothing_back(gateway):
    key = gateway.create_key("caller")
    assert let_through(gateway, key, CALLS // 2) == CALLS // 2
    gateway.restart()
    assert let_through(gateway, key, CALLS) <= CALLS // 2


@pytest.mark.parametrize("kills", [3])
def test_kills_forfeit_a_remainder_and_never_exceed_the_quota(gateway, kills):
    key = gateway.create_key("caller")
    passed = 0
    for _ in range(kills):
        passed += let_through(gateway, key, CALLS // 4)
        gateway.kill()
        gateway.start()
    passed += let_through(gateway, key, CALLS)
    assert CALLS // 2 <= passed <= CALLS
