# SPDX-License-Identifier: Apache-2.0
"""One gateway with everything that most tests need behind it: started once, shared, never reloaded."""

import base64
import secrets

from support import resources as yaml
from support.gateway import Gateway
from support.keys import make_api_key
from support.raw_upstream import RawUpstream

def fake_secret(label):
    """No real secret; with reserved characters, since what they do to an encoder is part of what is tested."""
    return f"fake-{label}-+/=&-{secrets.token_hex(16)}"


KINDS = {
    "bearer": {"kind": "bearer"},
    "header": {"kind": "header", "name": "X-API-Key"},
    "basic": {"kind": "basic"},
    "query": {"kind": "query", "name": "api_key"},
}


def expected_on_the_wire(kind, secret):
    """(header, value) that the upstream must see; for `query`, the parameter that its URI must hold."""
    if kind == "bearer":
        return "authorization", f"Bearer {secret}"
    if kind == "header":
        return "x-api-key", secret
    if kind == "basic":
        return "authorization", "Basic " + base64.b64encode(secret.encode()).decode()
    raise AssertionError(kind)


class World:
    def __init__(self, directory, nginx, authority, identity):
        self.nginx = nginx
        self.raw = RawUpstream()
        self.raw_tls = RawUpstream(identity)
        self.caller, self.limited, self.expired, self.elsewhere, self.disabled, self.stranger = (
            make_api_key() for _ in range(6))
        self.secrets = {kind: fake_secret(kind) for kind in (*KINDS, "raw", "impatient", "raw_tls", "plain", "prefix")}
        self.secrets["basic"] = "user:" + self.secrets["basic"]
        env = {"E2E_" + name.upper(): value for name, value in self.secrets.items()}
        self.gateway = Gateway(directory, self._resources(authority), env=env, config={
            "gateway": {"workers": 2}, "limits": {"head": "16KiB", "body": "128MiB", "unauthenticated": "60000/min"}},
            tls=True)

    def _resources(self, authority):
        tls = {"ca": str(authority.cert)}
        nginx, raw = self.nginx.tls_url(), self.raw.url()
        made = [yaml.upstream(kind, nginx, auth, tls=tls) for kind, auth in KINDS.items()]
        made += [
            yaml.upstream("plain", self.nginx.plain_url, answers={"mask": False}),
            yaml.upstream("prefix", nginx + "/echo/v1", tls=tls),
            yaml.upstream("raw", raw),
            yaml.upstream("impatient", raw, timeouts={"first_byte": "500ms", "idle": "500ms", "connect": "500ms"}),
            yaml.upstream("raw_tls", self.raw_tls.url("localhost"), mount="/raw-tls", tls=tls),
            yaml.upstream("no_credential", raw, mount="/no-credential"),
            yaml.upstream("narrow", raw, mount="/narrow"),
            yaml.credential("narrow-main", "narrow", "env:E2E_RAW"),
        ]
        made += [yaml.credential(f"{name}-main", name, f"env:E2E_{name.upper()}") for name in self.secrets]
        made += [
            yaml.principal("caller"),
            yaml.principal("narrow"),
            yaml.principal("disabled", disabled=True),
            yaml.api_key(self.caller, "caller"),
            yaml.api_key(self.limited, "narrow"),
            yaml.api_key(self.expired, "caller", expires="2020-01-01T00:00:00Z"),
            yaml.api_key(self.elsewhere, "caller", cidrs=["192.0.2.0/24"]),
            yaml.api_key(self.disabled, "disabled"),
        ]
        made += [yaml.grant(of, name) for of in ("caller", "disabled") for name in (*self.secrets, "no_credential")]
        made += [
            yaml.grant("narrow", "narrow", methods=["GET"], paths=["/allowed/*", "/deep/**"]),
            yaml.grant("narrow", "narrow", methods=["POST"], paths=["/late"], expires="2020-01-01T00:00:00Z"),
        ]
        return made

    def stop(self):
        self.gateway.stop()
        self.raw.stop()
        self.raw_tls.stop()
