# SPDX-License-Identifier: Apache-2.0
"""What Vault and OpenBao say on the wire, and strictly so: whatever a request does that they would not take, or that a careful
client would not do, is a complaint. Paths, fields and statuses are those of their HTTP API documentation."""

import http.server
import json
import re
import threading
import time
from dataclasses import dataclass, field

FIELDS = {"host", "user-agent", "connection", "accept-encoding", "content-length", "content-type", "x-vault-token", "x-vault-request",
          "x-vault-namespace"}


@dataclass
class Token:
    ttl: float = 0  # as it is given and renewed; 0: it never ends
    renewable: bool = True
    paths: tuple = ("",)  # what begins so may be read
    ends: float = float("inf")
    renewals: int = 0
    most_renewals: int = 1 << 30  # after that it gets no more time

    def left(self):
        return 0 if self.ends == float("inf") else max(0, int(self.ends - time.monotonic() + 0.5))


@dataclass
class Mount:
    kind: str = "kv"
    version: int = 2
    secrets: dict = field(default_factory=dict)  # path below the mount to data; None: deleted


class VaultServer:
    def __init__(self, name_space=None):
        self.name_space = name_space
        self.lock = threading.RLock()
        self.tokens, self.mounts, self.roles, self.leases = {}, {}, {}, {}
        self.complaints, self.requests = [], []
        self.mode = None  # "sealed", "standby", "redirect", "slow", "busy", or bytes: answered to everything
        self.made = 0
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.vault = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # -- what it holds

    def add_token(self, text, ttl=0, **more):
        with self.lock:
            ends = time.monotonic() + ttl if ttl else float("inf")
            self.tokens[text] = Token(ttl=ttl, ends=ends, **more)
        return text

    def add_role(self, role_id, secret_id, ttl=3600, **token):
        with self.lock:
            self.roles[role_id] = {"secret_id": secret_id, "ttl": ttl, "token": token}

    def mount(self, path, version=2, kind="kv"):
        with self.lock:
            return self.mounts.setdefault(path, Mount(kind, version))

    def put(self, mount, path, **data):
        with self.lock:
            self.mounts[mount].secrets[path] = data

    def delete(self, mount, path):
        with self.lock:
            self.mounts[mount].secrets[path] = None

    def count(self, pattern):
        with self.lock:
            return sum(bool(re.fullmatch(pattern, each)) for each in self.requests)

    # -- what it answers: status, fields, JSON (None: no body)

    def complain(self, what):
        self.complaints.append(what)
        return 400, {}, {"errors": [what]}

    def answer(self, method, target, fields, body):
        with self.lock:
            self.requests.append(f"{method} {target}")
            wrong = self.judge(method, target, fields, body)
            if wrong:
                return self.complain(f"{method} {target}: {wrong}")
            if self.mode == "sealed":
                return 503, {}, {"errors": ["Vault is sealed"]}
            if self.mode == "standby":
                return 473, {}, None
            if self.mode == "redirect":
                return 307, {"Location": f"{self.url}/v1/elsewhere"}, None
            if self.mode == "busy":
                return 429, {"Retry-After": "1"}, {"errors": ["request path: rate limit quota exceeded"]}
            return self.route(method, target[len("/v1/"):], fields, json.loads(body) if body else None)

    def judge(self, method, target, fields, body):
        names = [name.lower() for name, _ in fields]
        if len(set(names)) != len(names):
            return f"a field is there twice: {names}"
        if set(names) - FIELDS:
            return f"fields that nobody asked for: {set(names) - FIELDS}"
        has = {name.lower(): value for name, value in fields}
        if has["host"] != f"127.0.0.1:{self.port}" or has.get("x-vault-request") != "true" or has.get("accept-encoding") != "identity":
            return f"host, request mark or coding: {has}"
        if has.get("x-vault-namespace") != self.name_space:
            return f"namespace {has.get('x-vault-namespace')!r}"
        if not target.startswith("/v1/") or re.search(r"//|/\.\.?(/|$)|[?#]", target):
            return "no path of the API"
        if method == "GET" and (body or "content-length" in has):
            return "a GET with a body"
        if method in ("POST", "PUT"):
            if has.get("content-type") != "application/json":
                return f"content type {has.get('content-type')!r}"
            try:
                if not isinstance(json.loads(body), dict):
                    return "no JSON object"
            except ValueError:
                return "no JSON"
        if target.endswith("/login") and "x-vault-token" in has:
            return "a token where none belongs"
        return None

    def route(self, method, path, fields, body):
        token = {name.lower(): value for name, value in fields}.get("x-vault-token")
        if method == "POST" and path == "auth/approle/login":
            return self.log_in(body)
        known = self.tokens.get(token)
        if known is None or known.ends < time.monotonic():
            return 403, {}, {"errors": ["permission denied"]}
        if (method, path) == ("GET", "auth/token/lookup-self"):
            return 200, {}, {"data": {"ttl": known.left(), "renewable": known.renewable and bool(known.ttl), "id": token, "orphan": True}}
        if (method, path) == ("POST", "auth/token/renew-self"):
            return self.renew_token(known, token, body)
        if (method, path) == ("PUT", "sys/leases/renew"):
            return self.renew_lease(body)
        if method == "GET" and path.startswith("sys/internal/ui/mounts/"):
            return self.tell_mount(known, path[len("sys/internal/ui/mounts/"):])
        if method == "GET":
            return self.read(known, path)
        return self.complain(f"{method} {path} is no operation")

    def log_in(self, body):
        if set(body) - {"role_id", "secret_id"} or not all(isinstance(each, str) for each in body.values()):
            return self.complain(f"log in with {sorted(body)}")
        role = self.roles.get(body.get("role_id"))
        if role is None or role["secret_id"] != body.get("secret_id"):
            return 400, {}, {"errors": ["invalid role or secret ID"]}
        self.made += 1
        text = self.add_token(f"hvs.fake-token-{self.made}-0123456789abcdef", role["ttl"], **role["token"])
        return 200, {}, {"auth": {"client_token": text, "accessor": "fake-accessor", "lease_duration": role["ttl"], "renewable": True,
                                  "policies": ["default"]}, "data": None, "lease_id": ""}

    def renew_token(self, known, text, body):
        if set(body) - {"increment"}:
            return self.complain(f"renew with {sorted(body)}")
        if not known.renewable:
            return 400, {}, {"errors": ["lease is not renewable"]}
        known.renewals += 1
        if known.renewals <= known.most_renewals:
            known.ends = time.monotonic() + known.ttl
        return 200, {}, {"auth": {"client_token": text, "lease_duration": known.left(), "renewable": True}}

    def renew_lease(self, body):
        if set(body) - {"lease_id", "increment"} or not isinstance(body.get("increment", 0), int):
            return self.complain(f"renew a lease with {body}")
        lease = self.leases.get(body.get("lease_id"))
        if lease is None or lease["left"] == 0:
            return 400, {}, {"errors": ["lease not found"]}
        lease["left"] -= 1
        return 200, {}, {"lease_id": body["lease_id"], "lease_duration": lease["time"], "renewable": True}

    def at(self, path):
        """The mount that a path lies in."""
        found = [mount for mount in self.mounts if path.startswith(mount)]
        return max(found, key=len) if found else None

    def tell_mount(self, known, path):
        mount = self.at(path)
        if mount is None or not any(path.startswith(each) for each in known.paths):
            return 403, {}, {"errors": ["preflight capability check returned 403"]}
        made = self.mounts[mount]
        options = {"version": str(made.version)} if made.kind == "kv" else None
        return 200, {}, {"data": {"path": mount, "type": made.kind, "options": options, "description": ""}}

    def read(self, known, path):
        mount = self.at(path)
        if mount is None:
            return 404, {}, {"errors": [f"no handler for route {path!r}"]}
        made, below = self.mounts[mount], path[len(mount):]
        if made.kind == "kv" and made.version == 2:
            if not below.startswith("data/"):
                return 404, {}, {"errors": [], "warnings": ["Invalid path for a versioned K/V secrets engine."]}
            below = below[len("data/"):]
        if not any((mount + below).startswith(each) for each in known.paths):
            return 403, {}, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        data = made.secrets.get(below)
        if below not in made.secrets or (data is None and made.version == 1):
            return 404, {}, {"errors": []}
        if made.kind != "kv":
            return self.lease(mount + below, data)
        if made.version == 1:
            return 200, {}, {"request_id": "fake", "lease_id": "", "renewable": False, "lease_duration": 2764800, "data": data}
        metadata = {"version": 1, "destroyed": False, "deletion_time": "" if data else "2026-01-01T00:00:00Z"}
        return 200 if data else 404, {}, {"request_id": "fake", "lease_id": "", "renewable": False, "lease_duration": 0,
                                          "data": {"data": data, "metadata": metadata}}

    def lease(self, path, data):
        """A secret that is made when it is read. `data` says how: {"time": seconds, "renewals": how many, "made": values}."""
        made = next(iter(data["made"])) if len(data["made"]) == 1 else data["made"].pop(0)
        self.made += 1
        lease = f"{path}/fake-lease-{self.made}"
        self.leases[lease] = {"time": data["time"], "left": data["renewals"]}
        return 200, {}, {"lease_id": lease, "lease_duration": data["time"], "renewable": data["renewals"] > 0, "data": {"key": made}}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that hung up


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        vault = self.server.vault
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mode = vault.mode
        if mode == "slow":
            time.sleep(30)
        status, fields, answer = vault.answer(self.command, self.path, self.headers.items(), body)
        if isinstance(mode, bytes):
            self.wfile.write(mode)
            self.close_connection = True
            return
        text = json.dumps(answer).encode() if answer is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = handle_any

    def log_message(self, *_):
        pass
