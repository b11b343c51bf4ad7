# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the tests' own, by way of the openssl command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    cert: Path
    key: Path


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr}"


class Authority:
    def __init__(self, directory, name="Test upstream CA"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.cert = self.directory / "ca.pem"
        self.key = self.directory / "ca.key"
        self._serial = 1
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert,
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, label, names=("DNS:localhost", "IP:127.0.0.1", "IP:::1"), days=1, usage="serverAuth"):
        """A server's certificate, or of another `usage`. `days` below zero makes one that has expired."""
        key, request, cert = (self.directory / f"{label}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.directory / f"{label}.ext"
        alternative = f"subjectAltName={','.join(names)}\n" if names else ""
        extensions.write_text(f"{alternative}extendedKeyUsage={usage}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={label}", "-keyout", key, "-out", request)
        self._serial += 1
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-days", days,
                "-set_serial", self._serial, "-extfile", extensions, "-out", cert)
        return Identity(cert, key)

    def revocations(self, *revoked):
        """A list of what was revoked, as PEM text."""
        index, settings, crl = (self.directory / name for name in ("index.txt", "ca.cnf", "ca.crl"))
        serials = [subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", str(each.cert)], check=True, text=True,
                                  capture_output=True).stdout.strip().partition("=")[2] for each in revoked]
        index.write_text("".join(f"R\t491231235959Z\t240101000000Z\t{serial}\tunknown\t/CN=revoked\n" for serial in serials))
        settings.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {index}\ndefault_md = sha256\n")
        openssl("ca", "-gencrl", "-config", settings, "-cert", self.cert, "-keyfile", self.key, "-crldays", "1", "-out", crl)
        return crl.read_text()
