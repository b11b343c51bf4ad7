# SPDX-License-Identifier: Apache-2.0
"""A gateway with the ExternalDNS door in front of a Technitium, as it runs beside ExternalDNS: with resource files."""

import contextlib
import itertools

from support import resources as yaml
from support import technitium
from support.external_dns import ExternalDns, Source
from support.gateway import Gateway, merged

DOOR, PRINCIPAL = "cluster-dns", "external-dns"
MEDIA_TYPE = "application/external.dns.webhook+json;version=1"
AUTH = {
    "kind": "session_login",
    "login": {"path": "/api/user/login", "form": {"user": "$user", "pass": "$password"}},
    "token": {"json": "token"},
    "lifetime": "25m",
    "lost": {"json": "status", "is": ["invalid-token"]},
    "send": {"kind": "bearer"},
}


def resources(dns, auth=None, source="env:E2E_SECRET", **more):
    made = [yaml.principal(PRINCIPAL)]
    for name, node in dns.nodes.items():
        made += [yaml.upstream(name, node.url("localhost" if node.identity else None), auth=auth or AUTH, **more), yaml.credential(f"{name}-main", name, source),
                 yaml.grant(PRINCIPAL, name, name=f"dns-{name}")]
    return made


def door(dns, **more):
    return {"name": DOOR, "kind": "externaldns", "listen": "127.0.0.1:0", "health": "127.0.0.1:0", "principal": PRINCIPAL,
            "upstreams": list(dns.nodes), "allow_mass_delete": True, **more}


class DnsDoor:
    """A Technitium of one node or several, the gateway, and what ExternalDNS is to bring about in `source`."""

    def __init__(self, directory, *zones, nodes=("technitium-a",), doors=None, config=None, secret=None, auth=None, identity=None,
                 ca=None, **options):
        self.dns = technitium.Dns(*zones)
        for name in nodes:
            self.dns.add_node(name, identity=identity)
        self.node = self.dns.nodes[nodes[0]]
        self.source = Source()
        self.gateway = Gateway(directory, resources(self.dns, auth, tls={"ca": str(ca)} if ca else None),
                               config=merged({"gateway": {"workers": 2}, "audit": "off", "doors": doors or [door(self.dns, **options)]},
                                             config or {}),
                               env={"E2E_SECRET": secret or f"{technitium.USER}:{technitium.PASSWORD}"})

    def __enter__(self):
        self.gateway.start()
        return self

    def __exit__(self, *_):
        try:
            if self.gateway.process and self.gateway.process.poll() is None:
                self.gateway.stop()
        finally:
            self.source.stop()
            self.dns.stop()

    # -- towards the door

    def url(self, name=DOOR):
        host, port = self.gateway.addresses[name]
        return f"http://{host}:{port}"

    def call(self, method, path, body=None, name=DOOR, fields=()):
        """As ExternalDNS calls: with its media type in the fields where it has it."""
        known = [("Accept", MEDIA_TYPE)] if method == "GET" or path != "/records" else []
        known += [("Content-Type", MEDIA_TYPE)] if method == "POST" else []
        with self.gateway.connect(name) as client:
            return client.call(method, path, [*known, *fields], body or b"", host="localhost")

    def records(self):
        answer = self.call("GET", "/records")
        assert answer.status == 200, answer
        return answer.json

    def health(self, path, name=f"{DOOR}.health"):
        with self.gateway.connect(name) as client:
            return client.call("GET", path, host="localhost")

    def external_dns(self, name=DOOR, **flags):
        return ExternalDns(self.url(name), self.source, **flags)

    # -- cycles

    def bring(self, *endpoints, **flags):
        """Wants `endpoints` and nothing else, runs one cycle, and one more that has to find nothing to do."""
        self.source.endpoints = list(endpoints)
        return self.settle(**flags)

    def settle(self, cycles=1, **flags):
        peer = self.external_dns(**flags)
        for _ in range(cycles):
            cycle = peer.once()
            assert cycle.status == 0, self.why(cycle)
        written = len(self.dns.writes)
        second = peer.once()
        assert second.status == 0 and second.unchanged, f"it wants more still:\n{self.why(second)}"
        assert self.dns.writes[written:] == []
        self.check()
        return cycle

    def why(self, cycle):
        said = [line for line in self.gateway.log.lines if '"dns_' in line]
        return "\n".join([*cycle.log.splitlines()[1:][-12:], *said[-12:]])

    def check(self, redundant=0):
        """Nothing was asked that no decent client asks, and nothing twice."""
        assert self.dns.violations == []
        assert len(self.dns.redundant()) == redundant, self.dns.redundant()


@contextlib.contextmanager
def stands(directory, *zones):
    """Starts as many as one asks for, with these zones where others are not given; they end with it."""
    with contextlib.ExitStack() as made:
        numbers = itertools.count()
        yield lambda *others, **how: made.enter_context(DnsDoor(directory / f"door{next(numbers)}", *(others or zones), **how))
