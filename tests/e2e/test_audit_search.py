# SPDX-License-Identifier: Apache-2.0
"""Finding events: through a running gateway and in a copy of its log, in both orders, over segments, with an index and without;
and following the log with a filter while it is rotated."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.gateway import BINARY, Lines, run
from support.managed import ManagedGateway, copy_of
from support.raw_upstream import RawUpstream
from support.waiting import PATIENCE, until
from support.world import fake_secret

CALLS = 4500  # more than two segments full
SEGMENT = 576 << 10


class Searched:
    """A gateway whose log has several segments, and every line of it."""

    def __init__(self, directory):
        self.upstream = RawUpstream()
        self.gateway = ManagedGateway(directory / "gateway", tls=False, config={
            "gateway": {"workers": 1}, "audit": {"segment": SEGMENT}}).start()
        self.key = self.gateway.serve_simple("raw", self.upstream.url(), fake_secret("search"))
        self.stranger = self.gateway.create_key("caller")
        self.gateway.managed("POST", f"/api_keys/{self.stranger.id}/revoke")
        with self.gateway.connect("gateway") as client:
            for number in range(CALLS):
                key = self.stranger if number % 100 == 99 else self.key
                target = "/elsewhere" if number % 50 == 7 else f"/raw/{number}"
                client.call("GET", target, [("Authorization", f"Bearer {key.text}")])
        self.gateway.checkpointed()
        self.directory = self.gateway.audit_log

    def lines(self, directory=None):
        return [line for path in sorted(Path(directory or self.directory).glob("*.jsonl"))
                for line in path.read_text().splitlines()]

    def meant(self, is_meant, newest_first=False, directory=None):
        found = [line for line in self.lines(directory) if is_meant(json.loads(line))]
        return found[::-1] if newest_first else found

    def search(self, *arguments, log=None, limit="all"):
        arguments = ["audit", "search", "-o", "json", "--limit", str(limit), *map(str, arguments)]
        if log is None:
            return self.gateway.cli(*arguments).splitlines()
        done = run(*arguments, "--log", log)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def stop(self):
        self.gateway.stop()
        self.upstream.stop()


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    made = Searched(tmp_path_factory.mktemp("searched"))
    yield made
    made.stop()


@pytest.fixture
def copy(searched, tmp_path):
    return copy_of(searched.directory, tmp_path / "copy")


def indexes(directory):
    return sorted(path.name for path in Path(directory).glob("*.index"))


QUERIES = {
    "key": (lambda s: ["--key-id", s.stranger.id],
            lambda s: lambda e: e.get("key_id") == s.stranger.id or (e.get("kind") == "api_key" and e["name"] == s.stranger.id)),
    "status": (lambda s: ["--status", "4xx", "--type", "call.finished"],
               lambda s: lambda e: e["type"] == "call.finished" and 400 <= e["status"] < 500),
    "decision": (lambda s: ["--decision", "unauthenticated,refused"], lambda s: lambda e: e.get("decision") in ("unauthenticated", "refused")),
    "changes": (lambda s: ["--type", "credential.*"], lambda s: lambda e: e["type"].startswith("credential.")),
    "upstream": (lambda s: ["--upstream", "raw", "--status", "200-299"],
                 lambda s: lambda e: e.get("upstream") == "raw" and 200 <= e.get("status", 0) < 300),
    "nothing": (lambda s: ["--principal", "nobody"], lambda s: lambda e: False),
    "everything until now": (lambda s: ["--to", "0s"], lambda s: lambda e: True),
    "an hour ago": (lambda s: ["--to", "1h"], lambda s: lambda e: False),
}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_search_finds_what_is_there_online_and_offline(searched, copy, query, order):
    flags, is_meant = (each(searched) for each in QUERIES[query])
    flags = [*flags, *(["--oldest-first"] if order == "oldest" else [])]
    wanted = searched.meant(is_meant, order == "newest", copy)

    assert searched.search(*flags, log=copy) == wanted
    assert searched.search(*flags, "--no-index", log=copy) == wanted
    found = searched.search(*flags)
    # The gateway's own log has grown meanwhile, if at all by what came after the copy.
    assert [line for line in found if line in set(wanted)] == wanted


def test_a_search_makes_indexes_of_what_has_ended_and_no_search_needs_them(searched, copy):
    segments = sorted(path.stem for path in copy.glob("*.jsonl"))
    assert len(segments) >= 3, "several segments"
    for path in copy.glob("*.index"):
        path.unlink()
    request = json.loads(searched.meant(lambda e: e["type"] == "call.finished", directory=copy)[5])["request_id"]

    wanted = searched.search("--request-id", request, "--no-index", log=copy)
    assert wanted == searched.meant(lambda e: e.get("request_id") == request, True, copy) and indexes(copy) == []

    assert searched.search("--request-id", request, log=copy) == wanted
    assert indexes(copy) == [f"{name}.index" for name in segments[:-1]]
    assert all(path.stat().st_mode & 0o7777 == 0o600 for path in copy.glob("*.index"))

    for path in copy.glob("*.index"):  # torn, empty, of something else, forged badly: it is found all the same
        path.write_bytes(path.read_bytes()[:500])
    assert searched.search("--request-id", request, log=copy) == wanted
    for path in copy.glob("*.index"):
        path.write_bytes(b"")
    assert searched.search("--request-id", request, log=copy) == wanted
    names = sorted(copy.glob("*.index"))
    names[0].write_bytes(names[-1].read_bytes())
    assert searched.search("--request-id", request, log=copy) == wanted


def test_indexes_are_made_beforehand_and_anew(searched, copy):
    for path in copy.glob("*.index"):
        path.unlink()
    ended = len(list(copy.glob("*.jsonl"))) - 1
    made = run("audit", "index", "--log", copy)
    assert made.returncode == 0 and made.stdout.startswith(f"{ended} made"), made.stdout + made.stderr
    assert f"0 made, of 0 MiB of log; {ended} were there" in run("audit", "index", "--log", copy).stdout
    assert run("audit", "index", "--log", copy, "--rebuild").stdout.startswith(f"{ended} made")
    done = run("audit", "verify", "--log", copy)
    assert done.returncode == 0, "verifiers do not mind them: " + done.stderr


def test_a_gateway_makes_indexes_and_keeps_working_with_them(searched):
    searched.search("--request-id", "none")
    assert indexes(searched.directory), "made by the gateway"
    searched.gateway.restart()
    searched.gateway.verify_log()


def test_the_api_gives_pages_that_go_on(searched):
    gateway = searched.gateway
    wanted = searched.meant(lambda e: e.get("key_id") == searched.stranger.id, newest_first=True)
    found, at, pages = [], "", 0
    while True:
        answer = gateway.api("GET", f"/api/v1/audit/search?key_id={searched.stranger.id}&limit=7{at}")
        assert answer.status == 200, answer.text
        assert len(answer.text.splitlines()) <= 7
        found += answer.text.splitlines()
        at, pages = "&at=" + answer.get("X-Claviger-Next"), pages + 1
        if answer.get("X-Claviger-Remaining") == "0":
            break
    assert [line for line in found if '"api_key.' not in line] == wanted
    assert pages > len(wanted) // 7


@pytest.mark.parametrize("query, says", [
    ("status=teapot", "status"), ("from=yesterday", "from"), ("principal=", "empty"), ("limit=0", "1 to 1000"), ("limit=1001", "1 to 1000"),
    ("order=random", "newest or oldest"), ("at=5", "X-Claviger-Next"), ("at=1:0:3", "begins"), ("index=maybe", "true or false"), ("path=/x", "path"),
    ("principal=a%20b", "spaces")])
def test_the_api_refuses_what_it_cannot_mean(searched, query, says):
    answer = searched.gateway.api("GET", "/api/v1/audit/search?" + query)
    assert answer.status == 400 and says in answer.text, answer.text


def test_what_is_found_reads_well(searched):
    text = searched.gateway.cli("audit", "search", "--key-id", searched.key.id, "--limit", "3")
    assert len(text.splitlines()) == 3 and all("call.finished  caller GET /" in line for line in text.splitlines()), text


class Tail:
    def __init__(self, *arguments, env=None):
        self.process = subprocess.Popen([BINARY, "audit", "tail", "-f", "-o", "json", *map(str, arguments)], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self.out = Lines(self.process.stdout)

    def requests(self):
        return [json.loads(line)["request_id"] for line in list(self.out.lines)]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.process.stderr.read()


@pytest.mark.parametrize("where", ["gateway", "files"])
def test_tail_follows_with_a_filter_over_rotation(make_managed, where):
    gateway = make_managed(tls=False, config={"gateway": {"workers": 1}, "audit": {"segment": "64KiB"}})
    with RawUpstream() as upstream:
        key = gateway.serve_simple("raw", upstream.url(), fake_secret("tail"))
        other = gateway.create_key("caller")

        def call(number, whose):
            with gateway.connect("gateway") as client:
                return [client.call("GET", "/raw/x", [("Authorization", f"Bearer {whose.text}")]).get("X-Request-Id") for _ in range(number)]

        call(3, other)
        before = call(5, key)
        call(2, other)
        gateway.checkpointed()
        arguments = [] if where == "gateway" else ["--data-dir", gateway.data]
        tail = Tail("--last", 4, "--key-id", key.id, "--type", "call.finished", *arguments,
                    env=gateway.cli_env() if where == "gateway" else None)
        until(lambda: len(tail.out.lines) == 4, "the last ones")
        wanted = before[-4:]
        for _ in range(4):
            call(100, other)
            wanted += call(100, key)
            gateway.checkpointed()  # the writer goes over to the next segment between what it writes
        assert len(list(gateway.audit_log.glob("*.jsonl"))) > 2, "it was rotated"
        until(lambda: len(tail.out.lines) >= len(wanted), "what came")
        assert tail.requests() == wanted
        tail.stop()
