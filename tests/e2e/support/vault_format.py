# SPDX-License-Identifier: Apache-2.0
"""The vault as docs/formats/vault.md has it, read without a line of Claviger's: what a given master key opens in a store."""

import base64
import json
import sqlite3
import struct
from contextlib import closing

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

WRAPPED = 60


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">I", len(data)) + data


def unseal(key, sealed, bound):
    """The plaintext, or None."""
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], bound)
    except InvalidTag:
        return None


class MasterKey:
    def __init__(self, raw):
        self.raw = raw
        self.id = self.derive("claviger master key id 1", 8)

    @classmethod
    def of_file(cls, path):
        form, encoded = path.read_text().strip().split(":")
        assert form == "clv-master-key-1"
        return cls(base64.b64decode(encoded, validate=True))

    def derive(self, label, size):
        return HKDF(SHA256(), size, None, label.encode()).derive(self.raw)

    def open_keyring(self, keyring):
        """Whatever id stands in it."""
        bound = text("claviger keyring") + keyring[:9]
        return unseal(self.derive("claviger keyring wrapping 1", 32), keyring[9:], bound)

    def open_envelope(self, record):
        """A credential's secret. Whatever id stands in it."""
        sealed, status = record["sealed"], record["status"]
        form, epoch = sealed[:1], sealed[1:5]
        about = struct.pack(">Q", record["id"]) + struct.pack(">I", status["version"])
        key = unseal(self.derive("claviger data key wrapping 1", 32), sealed[13:13 + WRAPPED],
                     text("claviger data key") + form + epoch + text("credential") + about)
        if key is None:
            return None
        return unseal(key, sealed[13 + WRAPPED:], text("claviger secret") + form + epoch + text("credential") +
                      text(record["name"]) + about + text(status["bound_to"]))


class StoreFile:
    """A store's keyring and its credentials' envelopes, as they are committed now."""

    def __init__(self, path):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            self.meta = dict(database.execute("SELECT name, value FROM meta"))
            rows = database.execute("SELECT id, name, body, sealed FROM records "
                                    "WHERE kind = 'credential' AND length(sealed) > 0").fetchall()
        self.keyring = self.meta["keyring"]
        self.credentials = [{"id": number, "name": name, "status": json.loads(body)["status"], "sealed": sealed}
                            for number, name, body, sealed in rows]

    def key_ids(self):
        return {record["sealed"][5:13].hex() for record in self.credentials} | {self.keyring[1:9].hex()}

    def opened_by(self, key):
        """How many envelopes, and whether the keyring."""
        return (sum(key.open_envelope(record) is not None for record in self.credentials),
                key.open_keyring(self.keyring) is not None)
