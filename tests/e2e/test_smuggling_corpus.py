# SPDX-License-Identifier: Apache-2.0
"""Every case of tests/corpus/smuggling, sent as it stands: refused and the connection closed, or passed on in the one plain form."""

import socket

import pytest

from support import wire
from support.corpus import read_cases
from support.stand import Stand
from support.waiting import until

SECRET = "fake-smuggling-secret-0123456789abcdef"
CASES = read_cases("smuggling")


class CorpusStand(Stand):
    probes = 0

    def bytes_of(self, case, title, request_id="?"):
        return case.bytes_of(title, key=self.key.text, secret=self.secret, id=request_id, upstream=f"127.0.0.1:{self.upstream.port}")

    def probe(self, client):
        """A request that nobody meddled with is what reaches the upstream next, and is answered."""
        self.probes += 1
        path = f"/any/probe/{self.probes}"
        before = len(self.upstream.whole)
        answer = client.call("GET", f"/raw{path}", [wire.bearer(self.key)])
        assert (answer.status, answer.body) == (200, b"ok"), answer
        assert [head.split(b" ", 2)[1].decode() for head in self.upstream.whole[before:]] == [path]


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = CorpusStand(tmp_path_factory.mktemp("smuggling"), SECRET, paths=["/any", "/any/**"],
                       answers={"mask": False}, unauthenticated="60000/min")
    yield made
    made.stop()


def send(client, data):
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it had seen enough, and may close with the rest unread


def method_of(head):
    return head.split(b" ", 1)[0].decode()


@pytest.mark.parametrize("name", CASES)
def test_a_public_case_is_refused_or_passed_on_in_the_plain_form(stand, name):
    case = CASES[name]
    [sent] = stand.bytes_of(case, "caller sends")
    gets = iter(case.bytes_of("upstream gets", key="?", secret="?", id="?", upstream="?"))
    before, ids = len(stand.upstream.whole), []

    with stand.gateway.connect() as client:
        send(client, sent)
        if case.one("then") == "waits":
            client.sock.shutdown(socket.SHUT_WR)
        for expected in case.all("expect"):
            if expected == "passed":
                answer = client.read_answer(method_of(next(gets)))
                assert answer.status == 200 and answer.problem_code is None, (str(case), answer)
                ids.append(answer.get("X-Request-Id"))
                continue
            answer = client.read_answer()
            assert answer.status == int(expected.split()[0]) and answer.problem_code, (str(case), answer)
        if case.one("then") == "open":
            assert answer.get("Connection") is None, str(case)
            stand.probe(client)
        else:
            assert client.at_end(), (str(case), client.buffer)

    with stand.gateway.connect() as client:
        stand.probe(client)
    wanted = [stand.bytes_of(case, "upstream gets", request_id)[turn] for turn, request_id in enumerate(ids)]
    probes = 2 if case.one("then") == "open" else 1
    came = stand.upstream.whole[before:]
    assert came[:-probes] == wanted, str(case)
    assert stand.upstream.strays == [], str(case)


def test_none_of_it_was_broken_off_without_a_word(stand):
    """Whatever was refused was refused with an answer, and the gateway is as it was."""
    assert stand.gateway.process.poll() is None
    until(lambda: stand.gateway.metric("claviger_requests_active") == 0, "nothing to be under way")
