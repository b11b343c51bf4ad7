# SPDX-License-Identifier: Apache-2.0
"""One data directory is used by one gateway."""

import pytest

from support.gateway import run
from support.waiting import until_stable
from support.world import fake_secret


@pytest.fixture
def gateway(make_managed):
    return make_managed()


def test_a_second_gateway_is_refused_and_told_by_whom(gateway, make_upstream):
    said = gateway.start_refused()

    assert f"another gateway (pid {gateway.pid}) is using {gateway.data}" in said and "data_dir" in said
    key = gateway.serve_simple("raw", make_upstream().url(), fake_secret("two"))
    assert gateway.get("/raw/any", key).status == 200


def test_the_second_starts_when_the_first_was_killed(gateway):
    gateway.kill()

    gateway.start()

    assert gateway.status()["ready"] is True


def test_init_leaves_a_gateway_that_runs_alone(gateway):
    def contents():
        return {path: path.read_bytes() for path in gateway.files() if path.name != "lock" and gateway.audit_log not in path.parents}

    before = until_stable(contents)  # it has begun only just, and has something to write down

    done = run("init", "--config", gateway.config_file, "--data-dir", gateway.data)

    assert done.returncode == 1
    assert contents() == before


def test_the_lock_is_the_directorys_and_not_the_names(gateway, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(gateway.data)

    done = run("serve", "--config", gateway.config_file, "--data-dir", link)

    assert done.returncode == 1 and f"pid {gateway.pid}" in done.stderr


def test_a_side_car_is_refused_as_well(gateway, tmp_path):
    resources = tmp_path / "resources"
    resources.mkdir()
    (resources / "all.yaml").write_text("kind: principal\nname: nobody\n")

    done = run("serve", "--resources", resources, "--config", gateway.config_file, "--data-dir", gateway.data)

    assert done.returncode == 1 and f"pid {gateway.pid}" in done.stderr


def test_of_many_that_start_at_once_one_runs_and_the_others_say_why(make_managed):
    first = make_managed(start=False)
    others = [make_managed(start=False, init=False) for _ in range(5)]
    for each in (first, *others):
        each.data = first.data
        each.spawn()
    running = []
    for each in (first, *others):
        if each.event("ready"):
            running.append(each)
        else:
            assert each.wait() == 1 and "another gateway" in each.log.text()

    assert len(running) == 1
    assert running[0].stop() == 0
    first.verify_log()
