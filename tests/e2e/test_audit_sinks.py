# SPDX-License-Identifier: Apache-2.0
"""The audit log's sinks against real peers: whatever happens to them, every event gets there, and no call waits."""

import json
import os
import threading
import time

import pytest

from support import resources as yaml
from support.certs import Authority
from support.gateway import run, wait_for_metric
from support.managed import status_on
from support.rsyslog import Rsyslog
from support.waiting import PATIENCE, until
from support.webhook import Webhook
from support.wire import BrokenAnswer
from support.world import fake_secret

SECRET = "fake-webhook-secret-of-tests"
# How long a peer is away under load; minutes in the long tier.
DOWN = float(os.environ.get("CLAVIGER_SINK_DOWN", "2"))
LONGEST_PAUSE = 60  # between two attempts at a sink that has been failing for minutes
ENV = {"E2E_WEBHOOK": SECRET}


@pytest.fixture
def webhook(identity):
    made = Webhook(identity, SECRET)
    yield made
    made.stop()


@pytest.fixture
def make_rsyslog(tmp_path, authority, identity):
    made = []

    def make(shows=identity, **how):
        made.append(Rsyslog(tmp_path / f"rsyslog{len(made)}", authority, shows, **how))
        return made[-1].start()

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def make_sinks_gateway(make_managed, make_upstream):
    """A gateway with these sinks, and somebody who may call."""
    def make(*sinks, audit=None):
        gateway = make_managed(env=ENV, config={
            "audit": {"checkpoint_interval": "200ms", **(audit or {}), "sinks": list(sinks)},
            "gateway": {"workers": 2}})
        gateway.key = gateway.serve_simple("raw", make_upstream().url(), fake_secret("sinks"))
        return gateway
    return make


def webhook_sink(webhook, authority, **more):
    return {"name": "siem", "type": "webhook", "url": webhook.url, "hmac": "env:E2E_WEBHOOK", "ca": str(authority.cert), **more}


def syslog_sink(rsyslog, authority, **more):
    return {"name": "log", "type": "syslog", "address": f"127.0.0.1:{rsyslog.port}", "ca": str(authority.cert), **more}


def file_sink(path):
    return {"name": "copy", "type": "file", "path": str(path)}


def lines_of_log(gateway):
    """Of all that is kept, in order."""
    paths = sorted(gateway.audit_log.glob("*.jsonl"))
    return b"".join(path.read_bytes() for path in paths).decode().splitlines()


def first_appearances(records):
    """The records without those that came again."""
    seen = {}
    for record in records:
        identity = json.loads(record)["id"]
        assert seen.setdefault(identity, record) == record, "an id stands for one record, for ever"
    return list(seen.values())


def check_stream(records, gateway):
    """All events of the log, as they were hashed, and all its checkpoints, each behind what it covers."""
    origin = (gateway.audit_log / "key.pub").read_text().split("+")[0]
    lines, events, notes = lines_of_log(gateway), 0, []
    for record in first_appearances(records):
        parsed = json.loads(record)
        if parsed["type"] == "checkpoint":
            assert parsed["id"] == f"{origin}/checkpoint/{parsed['size']}" and parsed["size"] == events, parsed["id"]
            notes.append(parsed["note"])
            continue
        beginning = f'{{"id":"{origin}/{events}",'
        assert record.startswith(beginning), (record[:80], beginning)
        assert "{" + record[len(beginning):] == lines[events]
        events += 1
    assert events == len(lines)
    text = "".join(path.read_text() for path in sorted(gateway.audit_log.glob("*.checkpoints")))
    assert "".join(note + "\n" for note in notes) == text


def has_all(read, gateway):
    """Waits until a peer has all that the log holds by now."""
    wanted = len(lines_of_log(gateway))
    until(lambda: len([record for record in first_appearances(read()) if '"type":"checkpoint"' not in record]) >= wanted,
          f"{wanted} events", patience=PATIENCE * 3)


def sink_state(gateway, name):
    return next(each for each in gateway.status()["sinks"] if each["name"] == name)


class Load:
    """Callers that go on calling, and know the slowest answer and what was no 200."""

    def __init__(self, gateway, callers=4):
        self.gateway, self.going, self.bad, self.slowest, self.calls = gateway, True, [], 0.0, 0
        self.threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def _call(self):
        with self.gateway.connect() as client:
            while self.going:
                began = time.monotonic()
                status = status_on(client, "/raw/any", self.gateway.key)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.calls += 1
                if status != 200:
                    self.bad.append(status)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join()


def call_some(gateway, count=20):
    with gateway.connect() as client:
        for _ in range(count):
            assert status_on(client, "/raw/any", gateway.key) == 200


def test_every_sink_gets_every_event_and_checkpoint_as_they_were_hashed(make_sinks_gateway, make_rsyslog, webhook, authority,
                                                                        tmp_path):
    rsyslog, copy = make_rsyslog(), tmp_path / "copy.jsonl"
    gateway = make_sinks_gateway(webhook_sink(webhook, authority), syslog_sink(rsyslog, authority), file_sink(copy),
                                 {"name": "out", "type": "stdout"})
    with Load(gateway) as load:
        until(lambda: gateway.status()["audit"]["checkpointed"] > 500 and load.calls > 400, "a few checkpoints")
    assert load.bad == []
    assert gateway.stop() == 0

    gateway.verify_log()
    check_stream(webhook.records(), gateway)  # to the very last: what is written at the end is sent before the process goes
    check_stream(copy.read_text().splitlines(), gateway)
    check_stream([line for line in gateway.access.lines if line.startswith('{"id":')], gateway)
    has_all(rsyslog.records, gateway)
    check_stream(rsyslog.records(), gateway)
    assert webhook.complaints == []
    assert '"type":"gateway.stopped"' in webhook.records()[-2] and '"type":"checkpoint"' in webhook.records()[-1]


def test_syslog_messages_are_what_rfc_5424_says(make_sinks_gateway, make_rsyslog, authority):
    rsyslog = make_rsyslog()
    gateway = make_sinks_gateway(syslog_sink(rsyslog, authority))
    call_some(gateway, 1)
    until(lambda: any("call.finished" in message[4] for message in rsyslog.messages()), "the call")
    for priority, reported, host, application, message_id, data, message in rsyslog.messages():
        record = json.loads(message)
        assert (priority, application, message_id) == ("110", "claviger", record["type"]), message
        assert data == f'[claviger@32473 id="{record["id"]}"]'
        assert host not in ("", "-")
        if record["type"] != "checkpoint":
            assert reported.replace("+00:00", "Z") in (record["time"], record["time"].replace("000Z", "Z"))


def test_a_receiver_that_is_down_under_load_gets_every_event_once_it_is_back(make_sinks_gateway, webhook, authority):
    gateway = make_sinks_gateway(webhook_sink(webhook, authority, batch="256KiB"))
    call_some(gateway)
    has_all(webhook.records, gateway)
    webhook.status = 503
    with Load(gateway) as load:
        until(lambda: sink_state(gateway, "siem")["failing"], "the sink to fail")
        time.sleep(DOWN)
        state = sink_state(gateway, "siem")
    assert load.bad == [] and load.calls > 100, "a dead sink is no concern of callers"
    assert load.slowest < 2, f"the slowest call took {load.slowest:.2f} s"
    assert state["failing"] and "503" in state["failure"] and state["behind_events"] > 0, state
    assert gateway.metric("claviger_sink_lag_events", sink="siem") > 0
    assert gateway.metric("claviger_sink_failing", sink="siem") == 1
    assert "the receiver answers 503" in gateway.cli("status")

    webhook.status = 200
    until(lambda: not sink_state(gateway, "siem")["failing"], "the sink to be well", patience=PATIENCE + LONGEST_PAUSE)
    has_all(webhook.records, gateway)
    assert gateway.stop() == 0
    check_stream(webhook.records(), gateway)


@pytest.mark.parametrize("status", [302, 400, None])
def test_a_receiver_that_refuses_is_asked_again_loudly_and_nothing_is_left_out(make_sinks_gateway, webhook, authority, status):
    webhook.status = status
    gateway = make_sinks_gateway(webhook_sink(webhook, authority))
    event = gateway.event("sink_failing")
    assert event["level"] == ("warning" if status is None else "error"), event
    until(lambda: webhook.requests >= 2, "another attempt")
    webhook.status = 204
    gateway.event("sink_recovered")
    assert gateway.stop() == 0
    check_stream(webhook.records(), gateway)


def test_killed_under_load_it_sends_again_rather_than_leave_out(make_sinks_gateway, webhook, authority, tmp_path):
    copy = tmp_path / "copy.jsonl"
    gateway = make_sinks_gateway(webhook_sink(webhook, authority), file_sink(copy))
    for _ in range(2):
        threads = [threading.Thread(target=call_until_it_fails, args=(gateway,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: sink_state(gateway, "siem")["sent"] > 300, "the calls to be sent")
        gateway.kill()
        for thread in threads:
            thread.join()
        gateway.start()
    call_some(gateway)
    assert gateway.stop() == 0
    check_stream(webhook.records(), gateway)
    check_stream(copy.read_text().splitlines(), gateway)


def call_until_it_fails(gateway):
    try:
        call_some(gateway, 1_000_000)
    except (OSError, AssertionError, BrokenAnswer):
        pass


def test_a_syslog_server_that_is_restarted_under_load_gets_every_event(make_sinks_gateway, make_rsyslog, authority):
    rsyslog = make_rsyslog()
    gateway = make_sinks_gateway(syslog_sink(rsyslog, authority))
    with Load(gateway) as load:
        for _ in range(2):
            before = sink_state(gateway, "log")
            until(lambda: sink_state(gateway, "log")["sent"] > before["sent"] + 300, "the calls to be sent")
            rsyslog.stop()
            until(lambda: sink_state(gateway, "log")["failed"] > before["failed"], "it to be missed")
            rsyslog.start()
    assert load.bad == []
    has_all(rsyslog.records, gateway)
    assert gateway.stop() == 0
    has_all(rsyslog.records, gateway)
    check_stream(rsyslog.records(), gateway)


def test_a_syslog_server_that_is_not_who_it_should_be_gets_nothing(make_sinks_gateway, make_rsyslog, authority, tmp_path):
    rsyslog, named = make_rsyslog(), make_rsyslog(shows=authority.issue("elsewhere", names=["DNS:elsewhere.example"]))
    other = Authority(tmp_path / "other", "Another CA")
    gateway = make_sinks_gateway(syslog_sink(rsyslog, other), {**syslog_sink(named, authority), "name": "named"})
    for name in ("log", "named"):
        until(lambda: sink_state(gateway, name)["failed"] >= 2, "another attempt")
        state = sink_state(gateway, name)
        assert state["sent"] == 0 and state["failing"] and "TLS" in state["failure"], state
    assert rsyslog.messages() == named.messages() == []


def test_a_server_that_wants_a_certificate_gets_ours(make_sinks_gateway, make_rsyslog, authority, identity):
    rsyslog = make_rsyslog(asks_for_certificate=True)
    ours = authority.issue("gateway", usage="clientAuth")
    webhook = Webhook(identity, SECRET, authority)
    shown = {"cert": str(ours.cert), "key": str(ours.key)}
    gateway = make_sinks_gateway(syslog_sink(rsyslog, authority, **shown), webhook_sink(webhook, authority, **shown),
                                 {**syslog_sink(rsyslog, authority), "name": "nobody"})
    call_some(gateway, 5)
    has_all(rsyslog.records, gateway)
    has_all(webhook.records, gateway)
    until(lambda: sink_state(gateway, "nobody")["failing"], "the one without a certificate to fail")
    webhook.stop()


def test_a_standard_output_that_nobody_reads_makes_nobody_else_wait(make_sinks_gateway, webhook, authority):
    gateway = make_sinks_gateway(webhook_sink(webhook, authority), {"name": "out", "type": "stdout"})
    gateway.access.stall()
    with Load(gateway) as load:
        until(lambda: sink_state(gateway, "out")["behind_events"] > 500, "the pipe to fill")
    assert load.bad == [] and load.slowest < 2
    has_all(webhook.records, gateway)
    assert sink_state(gateway, "siem")["behind_seconds"] < 2
    gateway.access.go_on()
    until(lambda: sink_state(gateway, "out")["behind_events"] == 0, "the rest of it")
    assert gateway.stop() == 0
    check_stream([line for line in gateway.access.lines if line.startswith('{"id":')], gateway)


def test_a_file_is_followed_when_it_is_rotated(make_sinks_gateway, tmp_path):
    copy, older = tmp_path / "copy.jsonl", tmp_path / "copy.jsonl.1"
    gateway = make_sinks_gateway(file_sink(copy))
    call_some(gateway)
    until(copy.exists, "the file")
    copy.rename(older)
    gateway.reload()
    until(copy.exists, "the new one")
    call_some(gateway)
    assert gateway.stop() == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    check_stream((older.read_text() + copy.read_text()).splitlines(), gateway)


def test_what_was_pruned_before_a_sink_had_it_is_told(make_sinks_gateway, webhook, authority):
    webhook.status = 503
    gateway = make_sinks_gateway(webhook_sink(webhook, authority, batch="16KiB"),
                                 audit={"segment": "64KiB", "retention_size": "128KiB"})
    with Load(gateway):
        wait_for_metric(gateway, "claviger_audit_first_event", 200)
    webhook.status = 200
    told = gateway.event("sink_gap", patience=PATIENCE * 4)
    assert told["level"] == "error" and told["sink"] == "siem" and told["first"] < told["end"], told
    assert sink_state(gateway, "siem")["lost"] >= told["end"] - told["first"]

    def of_the_gap():
        return [json.loads(each) for each in webhook.records() if '"type":"audit.sink_gap"' in each]
    until(of_the_gap, "the event of it", patience=PATIENCE * 2)
    assert (of_the_gap()[0]["first"], of_the_gap()[0]["end"]) == (told["first"], told["end"])


def test_sinks_are_taken_over_at_a_restart_alone_and_go_on_where_they_were(make_sinks_gateway, tmp_path):
    copy, second = tmp_path / "copy.jsonl", tmp_path / "second.jsonl"
    gateway = make_sinks_gateway(file_sink(copy))
    both = {"audit": {"sinks": [file_sink(copy), {**file_sink(second), "name": "second"}]}}
    gateway.write_config(both)
    assert "audit.sinks" in gateway.reload(expected="reload_failed")["reason"]
    gateway.restart()
    call_some(gateway)
    assert gateway.stop() == 0
    check_stream(copy.read_text().splitlines(), gateway)
    assert len(copy.read_text().splitlines()) == len(set(copy.read_text().splitlines())), "nothing was sent twice"
    check_stream(second.read_text().splitlines(), gateway)  # from the first event that is kept on


@pytest.mark.parametrize("sink, said", [
    ({"name": "a", "type": "syslog", "address": "logs.example.com:514", "tls": "off"}, "loopback"),
    ({"name": "a", "type": "webhook", "url": "http://example.com/", "hmac": "env:X"}, "loopback"),
    ({"name": "a", "type": "webhook", "url": "https://example.com/?token=fake", "hmac": "env:X"}, "query"),
    ({"name": "a", "type": "webhook", "url": "https://example.com/"}, "hmac"),
    ({"name": "a", "type": "webhook", "url": "https://example.com/", "hmac": "fake-secret"}, "hmac"),
    ({"name": "../a", "type": "stdout"}, "name"),
    ({"name": "a", "type": "carrier-pigeon"}, "type"),
    ({"name": "a", "type": "file", "path": "relative"}, "absolute"),
    ({"name": "a", "type": "stdout", "path": "/x"}, "path"),
    ({"name": "a", "type": "syslog", "address": "localhost:1", "ca": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
])
def test_a_wrong_sink_is_found_with_its_line(tmp_path, sink, said):
    path = tmp_path / "claviger.yaml"
    path.write_text(yaml.one_document({"audit": {"sinks": [sink]}}))
    path.chmod(0o600)
    done = run("check-config", path)
    assert done.returncode == 1 and said in done.stderr and "claviger.yaml:" in done.stderr, done.stderr
