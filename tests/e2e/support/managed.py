# SPDX-License-Identifier: Apache-2.0
"""A gateway that keeps its resources in a store: made with `claviger init`, operated over its API and command line."""

import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

from support import audit_events
from support import resources as yaml
from support import wire
from support.gateway import BINARY, Gateway, merged, run
from support.keys import ApiKey
from support.waiting import PATIENCE, until

# What a second process of the test asks in a minute is no subject but of the tests of it.
DEFAULTS = {"admin": {"rate": "1000000/min"}}


class Refused(AssertionError):
    """The management API said no where yes was expected."""

    def __init__(self, what, answer):
        super().__init__(f"{what}: {answer.status} {answer.text}")
        self.answer = answer


def key_of(text):
    return ApiKey(text[4:12], text)


class ManagedGateway(Gateway):
    """`how` as with Gateway. Resources come later: apply(), or the command line."""

    def __init__(self, directory, config=None, tls=True, init=True, **how):
        super().__init__(directory, [], config=merged(DEFAULTS, config or {}), tls=tls, **how)
        self.data.rmdir()
        self.initialised = self.init() if init else None

    # -- files

    database = property(lambda self: self.data / "claviger.db")
    master_key = property(lambda self: self.data / "master.key")
    admin_key_file = property(lambda self: self.data / "admin.key")
    audit_log = property(lambda self: self.data / "audit")

    @property
    def admin_key(self):
        return key_of(self.admin_key_file.read_text().strip())

    def files(self):
        """Everything in the data directory."""
        return sorted(path for path in self.data.rglob("*") if path.is_file())

    def sql(self, *statements):
        """By hand in the database, as somebody would who has got at the file. The gateway must be down."""
        assert self.process is None or self.process.poll() is not None
        with sqlite3.connect(self.database) as database:
            rows = [database.execute(*(each if isinstance(each, tuple) else (each,))).fetchall() for each in statements]
        database.close()
        return rows[-1]

    # -- process

    def init(self):
        done = run("init", "--config", self.config_file, "--data-dir", self.data, env=self.env)
        assert done.returncode == 0, done.stderr
        return done

    def spawn(self):
        command = [*self.wrapper, str(BINARY), "serve", "--config", str(self.config_file), "--data-dir", str(self.data),
                   *self.arguments]
        return self.spawn_command(command)

    def start(self):
        super().start()
        until(self.is_ready, "/readyz to say yes")
        return self

    def is_ready(self):
        with self.connect("admin") as client:
            return client.call("GET", "/readyz").status == 200

    def start_refused(self):
        """Starts where it must not: what it said of it."""
        done = run("serve", "--config", self.config_file, "--data-dir", self.data, env=self.env)
        assert done.returncode == 1, (done.returncode, done.stderr)
        return done.stderr

    def kill(self):
        """kill -9."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def restart(self):
        if self.process.poll() is None:
            assert self.stop() == 0
        return self.start()

    # -- management API

    def api(self, method, path, body=None, key=None, fields=(), client=None):
        """One management call, as whoever has the key; the first admin by default. `body`: bytes, or what JSON is made of."""
        fields = [("X-API-Key", (key or self.admin_key).text), *fields]
        if isinstance(body, bytes):
            fields.append(("Content-Type", "application/octet-stream"))
        elif body is not None:
            body = json.dumps(body).encode()
            fields.append(("Content-Type", "application/json"))
        if client:
            return client.call(method, path, fields, body or b"")
        with self.connect("admin") as own:
            return own.call(method, path, fields, body or b"")

    def managed(self, method, path, body=None, expected=(200, 201, 204), **how):
        """The same where it must work: what came back, parsed."""
        answer = self.api(method, "/api/v1" + path, body, **how)
        if answer.status not in expected:
            raise Refused(f"{method} {path}", answer)
        return answer.json if answer.body and "json" in answer.get("Content-Type") else answer.text

    def apply(self, resources, **how):
        return self.managed("POST", "/apply", {"resources": resources}, **how)["results"]

    def set_secret(self, credential, secret, **how):
        return self.managed("PUT", f"/credentials/{credential}/secret", secret.encode(), **how)

    def create_key(self, principal, **more):
        return key_of(self.managed("POST", "/api_keys", {"principal": principal, **more})["key"])

    def status(self):
        return self.managed("GET", "/status")

    def checkpointed(self):
        """Waits until a checkpoint vouches for everything that was done by now; how many events that are."""
        def covered():
            audit = self.status()["audit"]
            return audit["queued"] == 0 and audit["checkpointed"] == audit["size"] and audit["size"]
        return until(covered, "a checkpoint")

    def notices(self):
        return {(each["kind"], each["name"]): each["what"] for each in self.status()["notices"]}

    def events(self, last=1000):
        answer = self.api("GET", f"/api/v1/audit/events?last={last}")
        assert answer.status == 200, answer
        return [dict(audit_events.checked(line.encode())) for line in answer.text.splitlines()]

    def serve_simple(self, name, url, secret, principal="caller", **more):
        """An upstream with its secret set, and a key of a caller who may use it."""
        self.apply(managed_resources(name, url, principal, **more))
        self.set_secret(f"{name}-main", secret)
        return self.create_key(principal)

    # -- command line

    def cli_env(self, key=None):
        host, port = self.addresses["admin"]
        made = {"CLAVIGER_ADDR": f"{'https' if self.tls else 'http'}://{host}:{port}",
                "CLAVIGER_TOKEN": (key or self.admin_key).text}
        return {**made, "CLAVIGER_CACERT": str(self.ca)} if self.tls else made

    def cli(self, *arguments, key=None, env=None, stdin=None, expected=0):
        """One run of a command against this gateway: what it wrote on standard output."""
        done = self.cli_run(*arguments, key=key, env=env, stdin=stdin)
        assert done.returncode == expected, f"claviger {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def cli_run(self, *arguments, key=None, env=None, stdin=None):
        return run(*arguments, env={**self.cli_env(key), **(env or {})}, stdin=stdin)

    def verify_log(self, *more, expected=0):
        """`claviger audit verify`, offline."""
        done = subprocess.run([BINARY, "audit", "verify", "--data-dir", self.data, *map(str, more)],
                              capture_output=True, text=True, timeout=PATIENCE * 4, env=dict(os.environ))
        assert done.returncode == expected, f"{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def managed_resources(name, url, principal="caller", **more):
    """Without a source for the secret: in a gateway with a store it is set."""
    return [yaml.upstream(name, url, **more), {"kind": "credential", "name": f"{name}-main", "upstream": name},
            yaml.principal(principal), yaml.grant(principal, name, name=f"{principal}-{name}")]


def status_on(client, target, key):
    """A call on a connection that is open already: its status."""
    return client.call("GET", target, [wire.bearer(key)]).status


def copy_of(path, to):
    """A data directory, or a part of it, as it is now."""
    subprocess.run(["cp", "-a", "--sparse=never", path, to], check=True)
    return Path(to)
