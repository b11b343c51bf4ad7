# SPDX-License-Identifier: Apache-2.0
"""Something like AWS: S3, STS and DynamoDB, as far as a few calls go, behind signatures that are checked as strictly as AWS does,
with botocore's own code on what came over the wire."""

import hashlib
import hmac
import re
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
EMPTY = hashlib.sha256(b"").hexdigest()
SKEW = 300


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


@dataclass
class Seen:
    """One request, as it came."""
    method: str
    target: str
    fields: list
    raw_body: bytes
    body: bytes = b""  # without the coding of its chunks
    signed: list = field(default_factory=list)
    error: str = ""

    def all(self, name):
        return [value for known, value in self.fields if known.lower() == name]

    def get(self, name):
        values = self.all(name)
        need(len(values) < 2, f"{name} stands {len(values)} times")
        return values[0] if values else None


class Aws:
    """One pair of keys, one region, one service."""

    def __init__(self, service, access_key_id, secret_access_key, session_token=None, region="eu-central-1", identity=None):
        self.service, self.region, self.token = service, region, session_token
        self.keys = Credentials(access_key_id, secret_access_key, session_token)
        self.is_s3 = service == "s3"
        self.seen = []
        self.objects = {}
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self):
                outer.serve(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a caller that is refused hangs up
        self.scheme = "http"
        if identity is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity.cert, identity.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    # -- one request

    def serve(self, handler):
        seen = Seen(handler.command, handler.path, list(handler.headers.items()), read_body(handler))
        try:
            self.check(seen)
            status, body, more = self.answer(seen)
        except Refused as why:
            seen.error = str(why)
            status, more = 403, {}
            body = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{why}</Message></Error>".encode()
        with self.lock:
            self.seen.append(seen)
        handler.send_response(status)
        for name, value in more.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    # -- who signed it

    def check(self, seen):
        authorization = seen.get("authorization")
        need(authorization, "there is no Authorization")
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})", authorization)
        need(match, "Authorization is not in its form")
        need(match[1] == self.keys.access_key, "another access key")
        date = seen.get("x-amz-date")
        need(date and re.fullmatch(r"\d{8}T\d{6}Z", date), "x-amz-date")
        need(abs(time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.timezone - time.time()) < SKEW, "RequestTimeTooSkewed")
        need(match[2] == f"{date[:8]}/{self.region}/{self.service}/aws4_request", "another scope")
        need(seen.get("x-amz-security-token") == self.token, "the session token")
        seen.signed = match[3].split(";")
        need(seen.signed == sorted(set(seen.signed)), "SignedHeaders is not in order")
        for name in {name.lower() for name, _ in seen.fields}:
            if name == "host" or name == "content-type" or name.startswith("x-amz-"):
                need(name in seen.signed, f"{name} is not signed")
        query = parse_qsl(seen.target.partition("?")[2], keep_blank_values=True)
        need(not any(name.lower().startswith("x-amz-s") for name, _ in query), "signed twice")
        need(self.signature(seen, query, date) == match[4], "the signature")
        self.check_body(seen, date, match[2], match[4])

    def signature(self, seen, query, date):
        """By botocore's code, of what the request line and fields say to who reads them as AWS does."""
        path = seen.target.partition("?")[0]
        if self.is_s3:
            path = quote(unquote_to_bytes(path), safe="/-_.~")
        request = AWSRequest(method=seen.method, url=f"{self.scheme}://{seen.get('host')}{path}", params=query, data=seen.raw_body)
        for name, value in seen.fields:
            if name.lower() in seen.signed and name.lower() != "host":
                request.headers.add_header(name, value)
        request.context["timestamp"] = date
        auth = (S3SigV4Auth if self.is_s3 else SigV4Auth)(self.keys, self.service, self.region)
        return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

    # -- what it signed

    def check_body(self, seen, date, scope, seed):
        said = seen.get("x-amz-content-sha256")
        seen.body = seen.raw_body
        digest = hashlib.sha256(seen.raw_body).hexdigest()
        if said is None:
            need(not self.is_s3, "x-amz-content-sha256 is missing")  # botocore has signed the digest, then
        elif said == UNSIGNED:
            need(self.scheme == "https", "UNSIGNED-PAYLOAD without TLS")
        elif said == SIGNED_CHUNKS:
            need("aws-chunked" in (seen.get("content-encoding") or ""), "Content-Encoding")
            seen.body = self.unchunk(seen.raw_body, date, scope, seed)
            need(seen.get("x-amz-decoded-content-length") == str(len(seen.body)), "x-amz-decoded-content-length")
        elif said == UNSIGNED_TRAILER:
            seen.body = unchunk_trailer(seen.raw_body)
            need(seen.get("x-amz-decoded-content-length") == str(len(seen.body)), "x-amz-decoded-content-length")
        else:
            need(said == digest, "XAmzContentSHA256Mismatch")

    def unchunk(self, raw, date, scope, signature):
        key = ("AWS4" + self.keys.secret_key).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        body, sizes = b"", []
        while True:
            match = re.match(rb"([0-9a-f]+);chunk-signature=([0-9a-f]{64})\r\n", raw)
            need(match, "a chunk's head")
            size = int(match[1], 16)
            data = raw[match.end():match.end() + size]
            need(len(data) == size and raw[match.end() + size:match.end() + size + 2] == b"\r\n", "a chunk's end")
            to_sign = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", date, scope, signature, EMPTY, hashlib.sha256(data).hexdigest()))
            signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
            need(signature == match[2].decode(), "a chunk's signature")
            raw = raw[match.end() + size + 2:]
            body += data
            if size == 0:
                need(not raw, "something behind the last chunk")
                need(all(each >= 8192 for each in sizes[:-1]), "a chunk of less than 8 KiB")
                return body
            sizes.append(size)

    # -- what comes of it

    def answer(self, seen):
        if not self.is_s3:
            if self.service == "sts":
                return 200, STS_ANSWER, {"Content-Type": "text/xml"}
            return 200, b'{"TableNames": ["fake-table"]}', {"Content-Type": "application/x-amz-json-1.0"}
        path, _, query = seen.target.partition("?")
        key = unquote_to_bytes(path).decode()
        with self.lock:
            if seen.method == "PUT":
                self.objects[key] = seen.body
                return 200, b"", {"ETag": f'"{hashlib.md5(seen.body).hexdigest()}"'}
            if "list-type=" in query:
                return 200, LIST_ANSWER, {"Content-Type": "application/xml"}
            if key not in self.objects:
                return 404, b"<Error><Code>NoSuchKey</Code></Error>", {}
            return 200, self.objects[key], {"ETag": f'"{hashlib.md5(self.objects[key]).hexdigest()}"'}


STS_ANSWER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/fake</Arn><UserId>FAKE</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
LIST_ANSWER = b"""<ListBucketResult><Name>bucket</Name><KeyCount>1</KeyCount><Contents><Key>fake-key</Key></Contents></ListBucketResult>"""


def read_body(handler):
    if handler.headers.get("Expect", "").lower() == "100-continue":
        pass  # http.server has answered that
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = b""
        while size := int(handler.rfile.readline().split(b";")[0], 16):
            body += handler.rfile.read(size)
            handler.rfile.readline()
        handler.rfile.readline()
        return body
    return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))


def unchunk_trailer(raw):
    body = b""
    while True:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line, 16)
        if size == 0:
            need(re.fullmatch(rb"x-amz-checksum-crc32:[A-Za-z0-9+/=]+\r\n\r\n", raw), "the trailer")
            return body
        body, raw = body + raw[:size], raw[size + 2:]


def chunked_by_an_sdk(data, step=20_000):
    """A body as an SDK sends it that signs chunks, with keys that are not those of the upstream."""
    pieces = [data[at:at + step] for at in range(0, len(data), step)] + [b""]
    return b"".join(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), b"f" * 64, piece) for piece in pieces)
