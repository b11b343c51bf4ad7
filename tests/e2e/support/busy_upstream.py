# SPDX-License-Identifier: Apache-2.0
"""An upstream that keeps up with full load and writes down each request that it saw; and the load."""

import os
import socket
import subprocess
from pathlib import Path

from support.nginx import free_ports
from support.waiting import until, until_stable

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  log_format seen '$msec $http_x_request_id';
  access_log {dir}/seen.log seen;
  client_body_temp_path {dir}/bodies;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "fine"; }} }}
}}
"""


class BusyUpstream:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.log = self.directory / "seen.log"
        self.port, = free_ports(1)
        configuration = self.directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(user="user root;" if os.geteuid() == 0 else "", dir=self.directory, port=self.port))
        self.process = subprocess.Popen(["nginx", "-p", self.directory, "-e", self.directory / "error.log", "-c", configuration],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers, "nginx to listen")
        self.at = 0

    def _answers(self):
        assert self.process.poll() is None, (self.directory / "error.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def bytes_seen(self):
        return self.log.stat().st_size

    def seen(self):
        """(when it was answered, request id) of every request since the last time this was asked, once no more come."""
        until_stable(self.bytes_seen, quiet=0.05)
        with open(self.log, "rb") as file:
            file.seek(self.at)
            text = file.read()
            self.at = file.tell()
        return [(float(line[0]), line[1]) for line in map(bytes.split, text.splitlines())]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Load:
    """wrk, from when it is made until stop(); its answers are nobody's."""

    def __init__(self, gateway, target, key, connections=32):
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", "-d600s", "-H", f"Authorization: Bearer {key.text}", gateway.url(target)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()
