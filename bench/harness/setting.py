# SPDX-License-Identifier: Apache-2.0
"""What all peers share: cores, keys, certificates, directories."""

import hashlib
import os
import re
import secrets
import subprocess
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from .processes import BenchError, tool

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
OTHER_KEYS = 1000
CREDENTIAL = "fake-credential-for-the-benchmark"
PATH = "/v1/items"  # below the gateways' mount /api
LARGE_PATH = "/v1/large"  # the same: 1 MiB


@dataclass
class Key:
    id: str
    text: str

    @property
    def hash(self) -> str:
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()


def make_key() -> Key:
    """An API key of Claviger's form: clv_<id>_<43 of base 62><CRC-32 of all that, in base 62>."""
    identity = "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(8))
    text = f"clv_{identity}_" + "".join(secrets.choice(_BASE62) for _ in range(43))
    checksum, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        checksum, digit = divmod(checksum, 62)
        digits = _BASE62[digit] + digits
    return Key(identity, text + digits)


@dataclass(frozen=True)
class Cores:
    gateway: list[int]
    upstream: list[int]
    load: list[int]
    spare: list[int]  # nobody's: for a second worker, or attackers


def choose_cores() -> Cores:
    """The gateway has a core to itself; with only two, upstream and load share the other."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise BenchError("at least two cores are needed: one for the gateway alone")
    if len(usable) == 2:
        return Cores([usable[1]], [usable[0]], [usable[0]], [])
    if len(usable) == 3:
        return Cores([usable[1]], [usable[2]], [usable[0]], [])
    return Cores([usable[1]], [usable[2]], [usable[3]], [usable[0], *usable[4:]])


@dataclass
class Setting:
    root: Path  # the project's tree
    directory: Path  # build/bench
    cores: Cores
    key: Key = field(default_factory=make_key)
    others: list[Key] = field(default_factory=lambda: [make_key() for _ in range(OTHER_KEYS)])

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.directory / "server.pem"

    @property
    def private_key(self) -> Path:
        return self.directory / "server.key"

    def make_directory(self, name: str) -> Path:
        path = self.directory / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def make_certificates(self) -> None:
        """A CA and a P-256 certificate for localhost, anew for each run."""
        openssl = [tool("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                   "-noenc", "-days", "7"]
        ca_key = self.directory / "ca.key"
        _run(openssl + ["-subj", "/CN=Claviger benchmark CA", "-keyout", str(ca_key), "-out", str(self.ca),
                        "-addext", "keyUsage=critical,keyCertSign"])
        _run(openssl + ["-subj", "/CN=localhost", "-CA", str(self.ca), "-CAkey", str(ca_key),
                        "-keyout", str(self.private_key), "-out", str(self.certificate),
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-addext", "basicConstraints=critical,CA:FALSE"])
        self.private_key.chmod(0o600)

    def fill(self, template: str, target: Path, values: dict[str, object]) -> None:
        """bench/<template> with every @NAME@ replaced. What is not known is an error, not left standing."""
        text = (self.root / "bench" / template).read_text()

        def value(match: re.Match[str]) -> str:
            if match.group(1) not in values:
                raise BenchError(f"bench/{template}: nothing known for @{match.group(1)}@")
            return str(values[match.group(1)])

        target.write_text(re.sub(r"@([A-Z_]+)@", value, text))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command[:3])}... failed:\n{done.stderr}")
