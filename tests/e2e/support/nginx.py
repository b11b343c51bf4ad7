# SPDX-License-Identifier: Apache-2.0
"""A real nginx as the upstream: plain and TLS, one line of JSON in its log for each request it saw."""

import json
import os
import socket
import subprocess
from pathlib import Path

from support.waiting import until

ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")

CONFIGURATION = """
load_module {module};
{user}
daemon off;
worker_processes 2;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 2048; }}
http {{
  log_format seen escape=json '{{"tls":"$https","method":"$request_method","uri":"$request_uri",'
    '"head":"$echo_client_request_headers","body":"$request_body","status":"$status",'
    '"connection":"$connection","request_id":"$http_x_request_id"}}';
  access_log {dir}/seen.log seen;
  client_body_temp_path {dir}/bodies;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  client_max_body_size 0;
  client_body_buffer_size 64k;
  large_client_header_buffers 8 64k;
  keepalive_requests 100000;
  default_type text/plain;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  server {{
    listen 127.0.0.1:{plain};
    listen [::1]:{plain};
    listen 127.0.0.1:{tls} ssl;
    listen [::1]:{tls} ssl;
    root {dir}/www;
    location /echo {{ echo_read_request_body; echo_duplicate 1 $echo_client_request_headers; echo_request_body; }}
    location /files/ {{ alias {dir}/www/; }}
    location /zipped/ {{ alias {dir}/www/; gzip on; gzip_min_length 1; gzip_types text/plain; }}
    location /sink/ {{ alias {dir}/sink/; dav_methods PUT; }}
    location /status/200 {{ return 200 "fine"; }}
    location /status/204 {{ return 204; }}
    location /status/301 {{ return 301 https://elsewhere.example/; }}
    location /status/404 {{ return 404; }}
    location /status/500 {{ return 500; }}
    location /marks {{
      add_header Set-Cookie "session=of-the-upstream";
      add_header X-Request-Id "the-upstreams-own";
      add_header X-Claviger-Error "forged";
      return 200 "marked";
    }}
  }}
}}
"""


def free_ports(count):
    """Ports that were free a moment ago; nginx has no port 0."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Nginx:
    def __init__(self, directory, identity):
        self.directory = Path(directory)
        self.identity = identity
        for name in ("www", "sink"):
            (self.directory / name).mkdir(parents=True)

    def start(self):
        for _ in range(5):
            self.plain_port, self.tls_port = free_ports(2)
            if self._try():
                return self
        raise AssertionError("nginx does not start: " + (self.directory / "error.log").read_text())

    def _try(self):
        configuration = self.directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(
            module=ECHO_MODULE, user="user root;" if os.geteuid() == 0 else "", dir=self.directory,
            cert=self.identity.cert, key=self.identity.key, plain=self.plain_port, tls=self.tls_port))
        self.process = subprocess.Popen(
            ["nginx", "-p", str(self.directory), "-e", str(self.directory / "error.log"), "-c", str(configuration)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self._answers() or self.process.poll() is not None, "nginx to listen")
        return self.process.poll() is None

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.tls_port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    @property
    def plain_url(self):
        return f"http://127.0.0.1:{self.plain_port}"

    def tls_url(self, host="localhost"):
        return f"https://{host}:{self.tls_port}"

    def put_file(self, name, content):
        (self.directory / "www" / name).write_bytes(content)

    def sunk(self, name):
        return (self.directory / "sink" / name).read_bytes()

    def seen(self):
        """Every request so far, in the order in which they were answered."""
        text = (self.directory / "seen.log").read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def seen_with(self, request_id):
        """The one request that carried this X-Request-Id (nginx logs when it has finished answering)."""
        def look():
            return [line for line in self.seen() if line["request_id"] == request_id]
        found = until(look, f"nginx to have seen request {request_id}")
        assert len(found) == 1, f"request {request_id} was sent {len(found)} times"
        return found[0]

    @staticmethod
    def fields_of(line):
        pairs = [each.partition(":") for each in line["head"].split("\r\n")[1:] if each]
        return [(name.lower(), value.strip()) for name, _, value in pairs]
