# SPDX-License-Identifier: Apache-2.0
"""An audit log that cannot be opened, or is not what it was: the gateway says so instead of starting beside it."""

import os
import shutil
import subprocess

import pytest

from support.gateway import BINARY
from support.waiting import PATIENCE, until
from support.world import fake_secret


@pytest.fixture
def gateway(make_managed, make_upstream):
    made = make_managed(config={"audit": {"lane_timeout": "300ms"}})
    made.key = made.serve_simple("raw", make_upstream().url(), fake_secret("audit"))
    for _ in range(20):
        assert made.get("/raw/any", made.key).status == 200
    assert made.stop() == 0
    return made


def test_a_file_in_the_place_of_the_directory(gateway):
    for path in gateway.audit_log.iterdir():
        path.unlink()
    gateway.audit_log.rmdir()
    gateway.audit_log.write_text("")

    assert str(gateway.audit_log) in gateway.start_refused()


# Nothing is unwritable to root; it is without these capabilities.
BOUND_BY_MODES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.fixture
def read_only(gateway):
    def make(is_so):
        gateway.audit_log.chmod(0o500 if is_so else 0o700)
    yield make
    make(False)


def test_a_directory_without_the_right_to_write(gateway, read_only):
    read_only(True)
    command = [*BOUND_BY_MODES, str(BINARY), "serve", "--config", gateway.config_file, "--data-dir", gateway.data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, str(gateway.audit_log) in done.stderr) == (1, True), done.stderr


def test_a_directory_that_loses_the_right_to_write_stops_calls_until_it_has_it_again(gateway, read_only):
    gateway.wrapper = BOUND_BY_MODES
    gateway.start()
    read_only(True)

    def status():
        return gateway.get("/raw/any", gateway.key).status
    until(lambda: status() == 503, "calls to be refused")  # after lane_timeout, each

    with gateway.connect("admin") as client:
        assert client.call("GET", "/readyz").status == 503
    audit = gateway.status()["audit"]
    assert audit["failing"] is True and "denied" in audit["failure"].lower(), audit
    gateway.cli("principal", "disable", "caller")  # management goes on: its event waits in the store
    read_only(False)

    gateway.cli("principal", "enable", "caller")
    until(lambda: status() == 200, "calls to go on by themselves")
    assert gateway.stop() == 0
    assert "VERIFIED" in gateway.verify_log()


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def text(gateway):
    return gateway.audit_log / f"{0:020}.jsonl"


@pytest.fixture
def checkpoints(gateway):
    return gateway.audit_log / "00000000000000000000.checkpoints"


def cut_short(text, checkpoints):
    text.write_bytes(b"".join(lines_of(text)[:-3]))


def cut_in_the_last_line(text, checkpoints):
    text.write_bytes(text.read_bytes()[:-1])


def empty(text, checkpoints):
    text.write_bytes(b"")


def checkpoint_altered(text, checkpoints):
    notes = bytearray(checkpoints.read_bytes())
    notes[-20] ^= 1
    checkpoints.write_bytes(notes)


def checkpoint_of_another_size(text, checkpoints):
    notes = checkpoints.read_bytes().split(b"\n")
    size = max(i for i, line in enumerate(notes) if line.isdigit())
    notes[size] = b"%d" % (int(notes[size]) - 1)
    checkpoints.write_bytes(b"\n".join(notes))


def checkpoints_removed(text, checkpoints):
    checkpoints.unlink()


@pytest.mark.parametrize("damage", [cut_short, cut_in_the_last_line, empty, checkpoint_altered, checkpoint_of_another_size,
                                    checkpoints_removed])
def test_a_log_that_contradicts_its_checkpoint_is_not_gone_on_with(gateway, text, checkpoints, damage):
    """And is left as it is, for whoever looks into it."""
    damage(text, checkpoints)
    before = {path: path.read_bytes() for path in gateway.audit_log.iterdir()}

    said = gateway.start_refused()

    assert str(gateway.audit_log) in said, said
    assert {path: path.read_bytes() for path in before} == before
    gateway.verify_log(expected=1)


def test_what_is_no_event_behind_the_last_checkpoint_is_not_gone_on_with(gateway, text):
    gateway.start()
    assert gateway.get("/raw/any", gateway.key).status == 200
    gateway.kill()
    with text.open("ab") as file:
        file.write(b"not an event\n")

    assert str(gateway.audit_log) in gateway.start_refused()
    gateway.verify_log(expected=1)


def test_a_line_that_was_torn_by_a_crash_is_cut_off_and_the_log_goes_on(gateway, text):
    gateway.start()
    gateway.kill()
    with text.open("ab") as file:
        file.write(b'{"v":1,"time":"20')

    gateway.start()

    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.stop() == 0
    gateway.verify_log()


@pytest.mark.parametrize("removed", ["the directory", "what is in it"])
def test_a_log_that_was_removed_is_missed(gateway, removed):
    """The store remembers how far the log was: it is begun anew, and both logs say so. Its events are not those of the old one by name."""
    old_key = (gateway.audit_log / "key.pub").read_text()
    (shutil.rmtree if removed == "the directory" else remove_content)(gateway.audit_log)

    gateway.start()

    event = gateway.event("audit_log_begun_anew")
    assert event["level"] == "warning"
    (recorded,) = until(lambda: [each for each in gateway.events() if each["type"] == "audit.begun_anew"], "the event of it")
    assert recorded["store_at"] == event["store_at"] > 0
    assert (gateway.audit_log / "key.pub").read_text().split("+")[0] != old_key.split("+")[0]
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.stop() == 0
    gateway.verify_log()
    gateway.start()
    gateway.stop()
    assert "audit_log_begun_anew" not in gateway.log.text()  # once


def remove_content(directory):
    for path in directory.iterdir():
        path.unlink()
