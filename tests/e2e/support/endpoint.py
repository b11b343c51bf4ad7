# SPDX-License-Identifier: Apache-2.0
"""An upstream that is also its own identity provider: hands out tokens for every kind of credential that fetches one, and keeps
what it handed out and what was shown to it."""

import json
import secrets
import threading
import urllib.parse

from support.raw_upstream import LEAVE, STAY, RawUpstream, chunk


class Endpoint(RawUpstream):
    """Tokens come from /token (RFC 6749) and /login; `made` has each with a label, and `shown` assertions. What /token and /login do
    is as `mood` says, and whatever path is asked with a token in `gone` answers 401."""

    def __init__(self, identity=None, lifetime=600):
        super().__init__(identity)
        self.lifetime = lifetime
        self.made = {}
        self.shown = {}
        self.gone = set()
        self.mood = "fine"
        self.lock = threading.Lock()
        self.refresh = None  # the refresh token that is good now
        for path, behaviour in (("/token", self._token), ("/login", self._login), ("/any", self._any), ("/echoes", self._echoes),
                                ("/resets", self._resets), ("/breaks-off", self._breaks_off)):
            self.on(path, behaviour)

    def mint(self, label):
        with self.lock:
            name = f"{label}.{len(self.made)}"
            self.made[name] = f"fake-{label}-token-{secrets.token_hex(20)}"
            return self.made[name]

    def forget_all(self):
        """As if every session had ended: 401 to what was handed out so far."""
        self.gone.update(self.made.values())

    def _refuse(self, connection, request):
        """In the mood that it is in, with what it was shown in its answer."""
        said = request.body + b" " + (request.get("Authorization") or "").encode()
        moods = {
            "error": ("500 Internal Server Error", said),
            "refusal": ("400 Bad Request", json.dumps({"error": "invalid_grant", "error_description": said.decode("latin-1")}).encode()),
            "nonsense": ("200 OK", b'{"access_token": "' + said),
            "redirect": ("302 Found", said),
            "too much": ("200 OK", said * 4000),
        }
        if self.mood == "hangs up":
            return LEAVE
        if self.mood == "breaks off":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nContent-Type: application/json\r\n\r\n" + said)
            return LEAVE
        status, body = moods[self.mood]
        connection.answer(body, status, [("Content-Type", "application/json"), ("Location", "/elsewhere")])
        return STAY

    def _token(self, connection, request):
        request.body = connection.read_body(request)
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        if "assertion" in form:
            self.shown[f"assertion.{len(self.shown)}"] = form["assertion"].rpartition(".")[2]  # what is signed is no secret
        if self.mood != "fine":
            return self._refuse(connection, request)
        label = {"client_credentials": "client", "refresh_token": "refresh"}.get(form.get("grant_type"), "jwt")
        answer = {"access_token": self.mint(label), "token_type": "Bearer", "expires_in": self.lifetime}
        if label == "refresh":
            if form["refresh_token"] != self.refresh:
                connection.answer(b'{"error":"invalid_grant"}', "400 Bad Request", [("Content-Type", "application/json")])
                return STAY
            self.refresh = answer["refresh_token"] = self.mint("rotated")
        connection.answer(json.dumps(answer).encode(), fields=[("Content-Type", "application/json")])
        return STAY

    def _login(self, connection, request):
        request.body = connection.read_body(request)
        if self.mood != "fine":
            return self._refuse(connection, request)
        fields = [("Content-Type", "application/json"), ("Set-Cookie", f"SID={self.mint('cookie')}; Path=/; HttpOnly")]
        connection.answer(json.dumps({"data": {"token": self.mint("session")}, "expires_in": self.lifetime}).encode(), fields=fields)
        return STAY

    def _any(self, connection, request):
        request.body = connection.read_body(request)
        is_gone = any(token.encode() in request.raw for token in self.gone)
        connection.answer(b"gone" if is_gone else b"fine", "401 Unauthorized" if is_gone else "200 OK")
        return STAY

    def _echoes(self, connection, request):
        """All that was said, in the head, and in the body in pieces of every size."""
        request.body = connection.read_body(request)
        words = "|".join(value for _, value in request.fields).encode("latin-1") + b"|" + request.target.encode()
        connection.send(b"HTTP/1.1 200 OK\r\nX-Echo: " + words[:4000] + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(words) +
                        b"".join(chunk(words[at:at + 7]) for at in range(0, len(words), 7)) + b"0\r\n\r\n")
        return STAY

    def _resets(self, connection, request):
        connection.abort()
        return LEAVE

    def _breaks_off(self, connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + request.raw)
        return LEAVE
