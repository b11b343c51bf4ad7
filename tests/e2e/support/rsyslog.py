# SPDX-License-Identifier: Apache-2.0
"""A real rsyslog that takes syslog over TLS on loopback and writes down what it understood of each message."""

import socket
import subprocess
from pathlib import Path

from support.nginx import free_ports
from support.waiting import until

CONFIGURATION = """
global(workDirectory="{dir}" maxMessageSize="64k"
       defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{cert}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="{auth}")
template(name="seen" type="list") {{
  property(name="pri") constant(value="\\t") property(name="timereported" dateFormat="rfc3339") constant(value="\\t")
  property(name="hostname") constant(value="\\t") property(name="app-name") constant(value="\\t")
  property(name="msgid") constant(value="\\t") property(name="structured-data") constant(value="\\t")
  property(name="msg") constant(value="\\n")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
ruleset(name="all") {{ action(type="omfile" file="{dir}/seen" template="seen") }}
"""


class Rsyslog:
    """`asks_for_certificate`: callers have to show one of `authority`."""

    def __init__(self, directory, authority, identity, asks_for_certificate=False):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        (self.port,) = free_ports(1)
        self.seen = self.directory / "seen"
        self.process = None
        (self.directory / "rsyslog.conf").write_text(CONFIGURATION.format(
            dir=self.directory, ca=authority.cert, cert=identity.cert, key=identity.key, port=self.port,
            auth="x509/certvalid" if asks_for_certificate else "anon"))

    def start(self):
        self.process = subprocess.Popen(
            ["rsyslogd", "-n", "-f", str(self.directory / "rsyslog.conf"), "-i", str(self.directory / "pid")],
            stdin=subprocess.DEVNULL, stdout=(self.directory / "out").open("ab"), stderr=subprocess.STDOUT)
        until(self._listens, "rsyslog to listen")
        return self

    def _listens(self):
        assert self.process.poll() is None, (self.directory / "out").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def messages(self):
        """(priority, time, host, application, message id, structured data, message) of each."""
        if not self.seen.exists():
            return []
        text = self.seen.read_bytes().decode()
        return [tuple(line.split("\t", 6)) for line in text[:text.rfind("\n") + 1].splitlines()]

    def records(self):
        return [message[6].lstrip() for message in self.messages()]
