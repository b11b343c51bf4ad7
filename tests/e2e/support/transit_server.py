# SPDX-License-Identifier: Apache-2.0
"""The transit engine of a Vault or OpenBao, by its HTTP API documentation, as strict as the rest of it (vault_server.py)."""

import base64
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from support.vault_server import VaultServer


class TransitServer(VaultServer):
    def __init__(self, mount="transit", key="claviger", **how):
        super().__init__(**how)
        self.transit, self.name = mount, key
        self.versions = [AESGCM.generate_key(256)]
        self.least_version = 1  # min_decryption_version
        self.lie = {}  # what is another in the data of an answer than it should be; None: it is missing

    def rotate(self):
        self.versions.append(AESGCM.generate_key(256))

    def route(self, method, path, fields, body):
        if not path.startswith(self.transit + "/"):
            known = path.startswith("auth/")
            return super().route(method, path, fields, body) if known else (404, {}, {"errors": [f"no handler for route {path!r}"]})
        token = self.tokens.get({name.lower(): value for name, value in fields}.get("x-vault-token"))
        operation, _, name = path[len(self.transit) + 1:].rpartition("/")
        if token is None or not any(path.startswith(each) for each in token.paths):
            return 403, {}, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        if method != "POST" or operation not in ("datakey/plaintext", "decrypt"):
            return self.complain(f"{method} {path} is no operation")
        if name != self.name:
            return 400, {}, {"errors": ["encryption key not found"]}
        status, fields, answer = self.draw(body) if operation == "datakey/plaintext" else self.decrypt(body)
        if status == 200:
            told = {**answer["data"], **self.lie}
            answer["data"] = {name: value for name, value in told.items() if value is not None}
        return status, fields, answer

    def draw(self, body):
        if body != {"bits": 256}:
            return self.complain(f"a data key with {sorted(body)}")
        key, nonce = os.urandom(32), os.urandom(12)
        sealed = nonce + AESGCM(self.versions[-1]).encrypt(nonce, key, None)
        text = f"vault:v{len(self.versions)}:{base64.b64encode(sealed).decode()}"
        return 200, {}, {"request_id": "fake", "data": {
            "plaintext": base64.b64encode(key).decode(), "ciphertext": text, "key_version": len(self.versions)}}

    def decrypt(self, body):
        found = re.fullmatch(r"vault:v([1-9]\d*):([A-Za-z0-9+/=]+)", body.get("ciphertext", ""))
        if set(body) != {"ciphertext"} or not found:
            return self.complain(f"decrypt with {sorted(body)}")
        version, sealed = int(found[1]), base64.b64decode(found[2])
        if version < self.least_version:
            return 400, {}, {"errors": ["ciphertext or signature version is disallowed by policy (too old)"]}
        try:
            key = AESGCM(self.versions[version - 1]).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, IndexError):
            return 400, {}, {"errors": ["invalid ciphertext: cipher: message authentication failed"]}
        return 200, {}, {"request_id": "fake", "data": {"plaintext": base64.b64encode(key).decode()}}
