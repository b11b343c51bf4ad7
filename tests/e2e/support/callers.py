# SPDX-License-Identifier: Apache-2.0
"""Callers that call all the time, and remember everything that was not a whole, good answer."""

import threading

from support import wire
from support.waiting import PATIENCE


class Callers:
    """Use as a context; `failures` is what went wrong, `calls` how many went well."""

    def __init__(self, gateway, key):
        self.gateway = gateway
        self.key = key
        self.calls = 0
        self.failures = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = []

    def add(self, loop, count=1):
        self.threads += [threading.Thread(target=self._run, args=(loop,), daemon=True) for _ in range(count)]
        return self

    def _run(self, loop):
        try:
            loop()
        except Exception as error:  # noqa: BLE001 (whatever it is, a test has to see it)
            with self.lock:
                self.failures.append(f"{loop.__name__}: {type(error).__name__}: {error}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a caller waits for ever"

    def judge(self, answer, wanted=b""):
        with self.lock:
            if answer.status == 200 and wanted in answer.body:
                self.calls += 1
            else:
                self.failures.append(f"{answer.status} {answer.problem_code} {answer.body[:200]!r}")

    # -- ways to call

    def keep_alive(self):
        """One connection as long as the gateway keeps it, which says so when it does not."""
        client = self.gateway.connect()
        while not self.stopping.is_set():
            answer = client.call("GET", "/raw/any", [wire.bearer(self.key)])
            self.judge(answer)
            if answer.get("Connection") == "close":
                client.close()
                client = self.gateway.connect()
        client.close()

    def afresh(self):
        """A connection for each call."""
        while not self.stopping.is_set():
            with self.gateway.connect() as client:
                self.judge(client.call("GET", "/raw/any", [wire.bearer(self.key)]))

    def upload(self):
        body = b"0123456789abcdef" * 4096
        while not self.stopping.is_set():
            with self.gateway.connect() as client:
                self.judge(client.call("POST", "/raw/any", [wire.bearer(self.key)], body), body)
