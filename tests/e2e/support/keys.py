# SPDX-License-Identifier: Apache-2.0
"""API keys as Claviger defines them (src/identity/api_key.h), made without its help."""

import hashlib
import secrets
import zlib
from dataclasses import dataclass

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def checksum(text):
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits


@dataclass(frozen=True)
class ApiKey:
    id: str
    text: str

    @property
    def hash(self):
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def secret(self):
        """The part that nobody but the caller and the gateway may see."""
        return self.text[len("clv_") + 8 + 1:]


def make_api_key():
    key_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(8))
    front = f"clv_{key_id}_" + "".join(secrets.choice(BASE62) for _ in range(43))
    return ApiKey(key_id, front + checksum(front))


def with_wrong_checksum(key):
    last = key.text[-1]
    return key.text[:-1] + ("0" if last != "0" else "1")


def with_wrong_secret(key):
    """Well-formed, of a known id, and still not the key."""
    front = key.text[:-6]
    middle = front[:-1] + ("0" if front[-1] != "0" else "1")
    return middle + checksum(middle)
