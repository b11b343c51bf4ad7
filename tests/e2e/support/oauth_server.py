# SPDX-License-Identifier: Apache-2.0
"""An authorization server of somebody else's making (Authlib under Werkzeug), with the grants that the gateway uses: client_credentials,
refresh_token with rotation (RFC 6749), and JWT bearer assertions (RFC 7523)."""

import os
import secrets
import threading
import time

import pytest

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # on loopback

flask = pytest.importorskip("flask", reason="python3-flask is not installed")
pytest.importorskip("authlib", reason="python3-authlib is not installed")

from authlib.integrations.flask_oauth2 import AuthorizationServer  # noqa: E402
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants  # noqa: E402
from authlib.oauth2.rfc7523 import JWTBearerGrant  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

GRANTS = ("client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer")


class AppClient(ClientMixin):
    def __init__(self, client_id, secret, method, public_key=None):
        self.client_id, self.secret, self.method, self.public_key = client_id, secret, method, public_key

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return " ".join(word for word in (scope or "").split() if word in ("read", "write"))

    def check_client_secret(self, client_secret):
        return secrets.compare_digest(self.secret or "", client_secret)

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.method

    def check_grant_type(self, grant_type):
        return grant_type in GRANTS


class Issued(TokenMixin):
    def __init__(self, token, client):
        self.token, self.client, self.expires = token, client, time.time() + token["expires_in"]

    def check_client(self, client):
        return client.get_client_id() == self.client.get_client_id()

    def get_scope(self):
        return self.token.get("scope", "")

    def get_expires_in(self):
        return self.token["expires_in"]


class OauthServer:
    """`tokens` has what was given out, newest last; `asked` the forms that came. A refresh token is good once."""

    def __init__(self, ssl_context=None, lifetime=3600):
        self.clients = {}
        self.tokens = []
        self.refresh_tokens = {}
        self.asked = []
        self.assertions = []
        self.lock = threading.Lock()
        app = flask.Flask("oauth-server")
        app.config.update(OAUTH2_REFRESH_TOKEN_GENERATOR=True,
                          OAUTH2_TOKEN_EXPIRES_IN={name: lifetime for name in GRANTS})
        self.server = AuthorizationServer(app, query_client=self.clients.get, save_token=self._save)
        for grant in self._grants():
            self.server.register_grant(grant)

        @app.route("/oauth/token", methods=["POST"])
        def token():
            self.asked.append(dict(flask.request.form, authorization=flask.request.headers.get("Authorization")))
            return self.server.create_token_response()

        class Handler(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *_):
                pass

        self.http = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler, ssl_context=ssl_context)
        self.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{self.http.port}/oauth/token"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def add_client(self, client_id, secret=None, method="client_secret_basic", public_key=None):
        self.clients[client_id] = AppClient(client_id, secret, method, public_key)

    def add_refresh_token(self, client_id):
        """As if a person had agreed to it."""
        token = {"access_token": secrets.token_hex(20), "refresh_token": f"fake-refresh-{secrets.token_hex(20)}",
                 "expires_in": 3600, "scope": "read"}
        self.refresh_tokens[token["refresh_token"]] = Issued(token, self.clients[client_id])
        return token["refresh_token"]

    def knows(self, access_token):
        with self.lock:
            return any(each.token["access_token"] == access_token and each.expires > time.time() for each in self.tokens)

    def forget_all(self):
        """Every session ends, and whoever shows one is told 401."""
        with self.lock:
            self.tokens.clear()

    def _save(self, token, request):
        issued = Issued(token, request.client)
        with self.lock:
            self.tokens.append(issued)
            if token.get("refresh_token"):
                self.refresh_tokens[token["refresh_token"]] = issued

    def _grants(self):
        server = self

        class ClientCredentials(grants.ClientCredentialsGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

        class Refresh(grants.RefreshTokenGrant):
            INCLUDE_NEW_REFRESH_TOKEN = True
            TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

            def authenticate_refresh_token(self, refresh_token):
                return server.refresh_tokens.get(refresh_token)

            def authenticate_user(self, credential):
                return "a person"

            def revoke_old_credential(self, credential):
                with server.lock:
                    server.refresh_tokens.pop(credential.token["refresh_token"], None)

        class Assertion(JWTBearerGrant):
            CLAIMS_OPTIONS = {"iss": {"essential": True}, "aud": {"essential": True}, "exp": {"essential": True}}

            def process_assertion_claims(self, assertion):
                claims = super().process_assertion_claims(assertion)
                server.assertions.append((dict(claims.header), dict(claims)))
                assert claims["aud"] == server.url
                return claims

            def resolve_issuer_client(self, issuer):
                return server.clients.get(issuer)

            def resolve_client_key(self, client, headers, payload):
                return client.public_key

            def authenticate_user(self, subject):
                return "a person"

            def has_granted_permission(self, client, user):
                return True

        return ClientCredentials, Refresh, Assertion
