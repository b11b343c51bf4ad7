# SPDX-License-Identifier: Apache-2.0
"""A receiver of the audit log's webhook, as strict as the manual says one should be."""

import hashlib
import hmac
import http.server
import ssl
import threading
import time


class Webhook:
    """Answers with `status` (None: hangs up). What was not signed as it should be is a complaint, and gets 401."""

    def __init__(self, identity, secret, authority=None):
        self.secret = secret
        self.status = 204
        self.lock = threading.Lock()
        self.batches = []
        self.complaints = []
        self.requests = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.cert, identity.key)
        if authority:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(authority.cert)
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.receiver, self.server.context = self, context
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/audit/events"

    def judge(self, fields, body):
        """Why a request must not be believed; nothing when all is well."""
        timestamp, signature = fields.get("X-Claviger-Timestamp", ""), fields.get("X-Claviger-Signature", "")
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > 300:
            return f"timestamp {timestamp!r}"
        expected = hmac.new(self.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, "v1=" + expected):
            return f"signature {signature!r}"
        if fields.get("Content-Type") != "application/x-ndjson" or not body.endswith(b"\n"):
            return f"no NDJSON: {fields.get('Content-Type')!r}, {body[-20:]!r}"
        return None

    def take(self, fields, body):
        """The status to answer with."""
        with self.lock:
            self.requests += 1
            complaint = self.judge(fields, body)
            if complaint:
                self.complaints.append(complaint)
                return 401
            if self.status and 200 <= self.status < 300:
                self.batches.append(body)
            return self.status

    def records(self):
        with self.lock:
            return b"".join(self.batches).decode().splitlines()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a caller that hung up

    def finish_request(self, request, client_address):
        # Shakes hands on the connection's own thread.
        with self.context.wrap_socket(request, server_side=True) as secured:
            self.RequestHandlerClass(secured, client_address, self)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.receiver.take(self.headers, body)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        if 300 <= status < 400:
            self.send_header("Location", f"https://127.0.0.1:{self.server.receiver.port}/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass
