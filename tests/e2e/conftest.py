# SPDX-License-Identifier: Apache-2.0
"""Drives the built binary from outside, in a caller's shoes. CLAVIGER_BIN names another one than build/release's."""

import itertools

import pytest

from support.certs import Authority
from support.gateway import BINARY, Gateway
from support.keys import make_api_key
from support.managed import ManagedGateway
from support.memory import Scanner
from support.nginx import Nginx
from support.raw_upstream import RawUpstream
from support.world import World


def pytest_configure():
    if not BINARY.exists():
        raise pytest.UsageError(f"{BINARY} does not exist: build it, or name another one in CLAVIGER_BIN")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def identity(authority):
    """What an upstream on loopback shows, if it is who it says."""
    return authority.issue("upstream")


@pytest.fixture(scope="session")
def scanner(tmp_path_factory):
    return Scanner(tmp_path_factory.mktemp("scanner"))


@pytest.fixture(scope="session")
def nginx(tmp_path_factory, identity):
    server = Nginx(tmp_path_factory.mktemp("nginx"), identity)
    server.put_file("small.txt", b"small\n" * 100)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def world(tmp_path_factory, nginx, authority, identity):
    made = World(tmp_path_factory.mktemp("world"), nginx, authority, identity)
    made.gateway.start()
    yield made
    made.stop()


@pytest.fixture
def key():
    return make_api_key()


@pytest.fixture
def make_gateway(tmp_path):
    """Starts gateways that end with the test."""
    made, numbers = [], itertools.count()

    def make(resources=({"kind": "principal", "name": "nobody"},), start=True, **how):
        gateway = Gateway(tmp_path / f"gateway{next(numbers)}", list(resources), **how)
        made.append(gateway)
        return gateway.start() if start else gateway

    yield make
    for gateway in made:
        if gateway.process and gateway.process.poll() is None:
            gateway.stop()


@pytest.fixture
def make_managed(tmp_path):
    """Makes gateways with a store of their own, and starts them."""
    made, numbers = [], itertools.count()

    def make(start=True, **how):
        gateway = ManagedGateway(tmp_path / f"managed{next(numbers)}", **how)
        made.append(gateway)
        return gateway.start() if start else gateway

    yield make
    for gateway in made:
        if gateway.process and gateway.process.poll() is None:
            gateway.stop()


@pytest.fixture
def make_upstream():
    made = []

    def make(*arguments, **how):
        made.append(RawUpstream(*arguments, **how))
        return made[-1]

    yield make
    for upstream in made:
        upstream.stop()


@pytest.fixture
def upstream(make_upstream):
    return make_upstream()
