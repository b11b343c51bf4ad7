# SPDX-License-Identifier: Apache-2.0
"""Upstreams that show what they got: the caller sees the answer, and never the credential."""

import base64
import json
import threading
import time
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import pytest

from support import resources as yaml
from support import wire
from support.audit_events import check_log
from support.gateway import Gateway
from support.keys import make_api_key
from support.raw_upstream import LEAVE, STAY, RawUpstream, chunk, says
from support.waiting import PATIENCE, until

SECRET = "fake-/masked+secret=0123456789"
TOKEN = "fake-masked-token.0123456789_abcdef"  # may stand in a field's name
PASSWORD = "fake password of 24 bytes"
SHORT = "fake-short"

KINDS = {
    "bearer": (SECRET, {"kind": "bearer"}),
    "token": (TOKEN, {"kind": "bearer"}),
    "header": (SECRET, {"kind": "header", "name": "X-API-Key", "prefix": "Key "}),
    "basic": (PASSWORD, {"kind": "basic", "username": "somebody"}),
    "query": (SECRET, {"kind": "query", "name": "key"}),
}
OPEN = "unmasked"  # an upstream whose answers are not masked
# The gateway waits 50 ms for the rest of an echo. Where an upstream of ours stood still for about as long, on a busy machine, what it
# sent before may have been shown, as documented.
STOOD_STILL = 0.03


def forms_of(secret):
    """What an upstream may make of a secret when it shows it, as a test can say it without the code under test."""
    raw = secret.encode()
    forms = {"raw": secret, "json": json.dumps(secret)[1:-1], "json-slash": json.dumps(secret)[1:-1].replace("/", "\\/"),
             "percent": quote(secret, safe=""), "percent-lower": quote(secret, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
             "path": quote(secret), "form": quote_plus(secret), "every-byte": "".join(f"%{byte:02X}" for byte in raw)}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        bits, skipped = 8 * (before + len(raw)), (0, 2, 3)[before]
        forms[f"base64-{before}"] = encoded[skipped:bits // 6]
        forms[f"base64url-{before}"] = forms[f"base64-{before}"].replace("+", "-").replace("/", "_")
    return forms


def shown(text, secret):
    """Which forms of the secret are in a text."""
    return [name for name, form in forms_of(secret).items() if form in text]


class Stand:
    def __init__(self, directory):
        self.upstream = RawUpstream()
        self.key = make_api_key()
        made = [yaml.principal("caller"), yaml.api_key(self.key, "caller")]
        env = {}
        for name, (secret, auth) in KINDS.items():
            env[f"E2E_{name.upper()}"] = secret
            made += [yaml.upstream(name, self.upstream.url(), auth), yaml.credential(f"{name}-main", name, f"env:E2E_{name.upper()}"),
                     yaml.grant("caller", name)]
        env["E2E_SHORT"] = SHORT
        made += [yaml.upstream(OPEN, self.upstream.url(), answers={"mask": False, "cookies": "pass"}),
                 yaml.credential("unmasked-main", OPEN, "env:E2E_SHORT"), yaml.grant("caller", OPEN)]
        self.gateway = Gateway(directory, made, env=env, config={"gateway": {"workers": 1}})

    def get(self, target, **how):
        return self.gateway.get(target, self.key, **how)

    def masked(self):
        return self.gateway.metric("claviger_credential_echoes_masked_total")


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("masking"))
    made.gateway.start()
    yield made
    made.gateway.stop()
    made.upstream.stop()


def everything(answer):
    heads = [answer, *answer.interim]
    return "".join(f"{head.reason}\r\n{head.fields}" for head in heads) + answer.body.decode("latin-1")


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_shows_the_whole_request_shows_no_credential(stand, kind):
    secret, before = KINDS[kind][0], stand.masked()

    answer = stand.get(f"/{kind}/any?page=2")

    assert answer.status == 200
    assert stand.upstream.last("/any").method == "GET"
    assert not shown(everything(answer), secret) and "page=2" in answer.text and "***" in answer.text
    if kind == "basic":
        assert base64.b64encode(f"somebody:{secret}".encode()).decode().rstrip("=") not in answer.text
    assert stand.masked() == before + 1


def test_what_reaches_the_upstream_is_the_credential_itself(stand):
    stand.get("/bearer/any")
    assert stand.upstream.last("/any").get("Authorization") == f"Bearer {SECRET}"


@pytest.mark.parametrize("form", forms_of(SECRET))
def test_every_form_is_masked_wherever_the_answer_is_cut(stand, form):
    """The body in two pieces, at each place, and byte by byte."""
    echo = f'{{"you": "{forms_of(SECRET)[form]}"}}'.encode()
    pauses = []

    def cut(connection, request):
        at = int(parse_qs(urlsplit(request.target).query)["at"][0])
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        pieces = [echo[:at], echo[at:]] if at else [echo[i:i + 1] for i in range(len(echo))]
        for piece in pieces:
            if piece:
                connection.send(chunk(piece))
                since = time.monotonic()
                time.sleep(0.0015)  # so that they are read apart
                pauses.append(time.monotonic() - since)
        connection.send(b"0\r\n\r\n")
        return STAY

    stand.upstream.on(f"/cut-{form}", cut)
    step = 1 if form in ("raw", "base64-0", "percent") else 5
    with stand.gateway.connect() as client:
        def is_masked(at):
            pauses.clear()
            answer = client.call("GET", f"/bearer/cut-{form}?at={at}", [wire.bearer(stand.key)])
            masked = answer.body == b'{"you": "' + b"*" * (len(echo) - 11) + b'"}'
            assert masked or max(pauses) > STOOD_STILL, (at, answer.body)
            return masked

        for at in range(0, len(echo) + 1, step):
            until(lambda at=at: is_masked(at), "an upstream that does not stand still")


def test_heads_are_masked_interim_ones_too(stand):
    def shows(connection, request):
        connection.send(f"HTTP/1.1 103 {TOKEN}\r\nLink: </{TOKEN}>; rel=preload\r\n\r\n".encode())
        connection.send(f"HTTP/1.1 200 {TOKEN}\r\nX-You-Sent: Bearer {TOKEN}\r\nX-{TOKEN}: 1\r\n"
                        f"Location: /?key={TOKEN}\r\nContent-Length: 2\r\n\r\nok".encode())
        return STAY

    stand.upstream.on("/head", shows)
    before = stand.masked()
    answer = stand.get("/token/head")

    stars = "*" * len(TOKEN)
    assert (answer.status, answer.reason, answer.body) == (200, stars, b"ok")
    assert answer.get("X-You-Sent") == f"Bearer {stars}" and answer.get(f"X-{stars}") == "1"
    assert (answer.interim[0].reason, answer.interim[0].get("Link")) == (stars, f"</{stars}>; rel=preload")
    assert stand.masked() == before + 6


def test_trailers_do_not_come_through(stand):
    stand.upstream.on("/trailers", says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                                        b"X-Echo: " + SECRET.encode() + b"\r\n\r\n"))
    assert stand.get("/bearer/trailers").body == b"ok"  # the client takes no trailers


@pytest.mark.parametrize("length", [True, False], ids=["with-a-length", "to-the-close"])
def test_a_length_stays_right_and_what_only_begins_like_an_echo_comes_through(stand, length):
    body = b"x" * 40000 + SECRET.encode() + b"y" * 40000 + SECRET[:20].encode()
    said = b"Content-Length: %d\r\n" % len(body) if length else b""
    stand.upstream.on("/long", says(b"HTTP/1.1 200 OK\r\n" + said + b"\r\n" + body, STAY if length else LEAVE))

    answer = stand.get("/bearer/long")

    assert answer.body == body.replace(SECRET.encode(), b"*" * len(SECRET))


def test_events_are_not_held_back_and_echoes_in_them_are_masked(stand):
    go_on, pauses = threading.Semaphore(0), []

    def streams(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        event = b'data: {"delta": "' + SECRET.encode() + b'", "fake-": 1}\n\n'
        for at in range(len(event)):
            connection.send(chunk(b"data: fake-/masked\n\n"))
            go_on.acquire()  # until the caller has it
            connection.send(chunk(event[:at]) if at else b"")
            since = time.monotonic()
            time.sleep(0.002)
            pauses.append(time.monotonic() - since)
            connection.send(chunk(event[at:]))
            go_on.acquire()
        connection.send(b"0\r\n\r\n")
        return STAY

    stand.upstream.on("/events", streams)
    with stand.gateway.connect(timeout=PATIENCE) as client:
        client.request("GET", "/bearer/events", [wire.bearer(stand.key)])
        assert client.read_head().status == 200
        body = b""

        def next_event():
            nonlocal body
            while b"\n\n" not in body:
                size = int(client.read_until(b"\r\n")[:-2], 16)
                pieces = []
                client.read_exactly(size + 2, pieces.append)
                body += b"".join(pieces)[:-2]
            event, _, body = body.partition(b"\n\n")
            return event

        masked = b'data: {"delta": "' + b"*" * len(SECRET) + b'", "fake-": 1}'
        for at in range(len(masked) + 2):
            assert next_event() == b"data: fake-/masked", at
            go_on.release()
            event = next_event()
            assert event == masked or pauses[-1] > STOOD_STILL, (at, event)
            go_on.release()
        assert client.read_until(b"\r\n") == b"0\r\n"


def test_a_last_word_waits_for_a_moment_and_the_beginning_of_an_echo_for_the_rest(stand):
    go_on = threading.Event()

    def stops(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"say: hello"))
        go_on.wait(PATIENCE)
        connection.send(chunk(b" you: " + SECRET[:12].encode()))
        time.sleep(0.3)
        connection.send(chunk(SECRET[12:].encode()) + b"0\r\n\r\n")
        return STAY

    stand.upstream.on("/stops", stops)
    with stand.gateway.connect(timeout=PATIENCE) as client:
        client.request("GET", "/bearer/stops", [wire.bearer(stand.key)])
        assert client.read_head().status == 200
        pieces = []
        while b"".join(pieces) != b"say: hello":
            size = int(client.read_until(b"\r\n")[:-2], 16)
            client.read_exactly(size, pieces.append)
            client.read_until(b"\r\n")
        go_on.set()
        rest = client.read_until(b"0\r\n\r\n")
    assert SECRET[:9].encode() not in rest and rest.count(b"*") == len(SECRET), rest


CODED = {
    "gzip": (b"200 OK", b"Content-Encoding: gzip\r\n", "Content-Encoding"),
    "br-in-a-list": (b"200 OK", b"Content-Encoding: identity, br\r\n", "Content-Encoding"),
    "an-unknown-one": (b"404 Not Found", b"Content-Encoding: x-reversed\r\n", "Content-Encoding"),
    "a-part": (b"206 Partial Content", b"Content-Range: bytes 0-4/50\r\n", "206"),
    "parts": (b"200 OK", b"Content-Type: Multipart/ByteRanges; boundary=x\r\n", "byteranges"),
    "a-difference": (b"226 IM Used", b"IM: vcdiff\r\n", "226"),
}


@pytest.mark.parametrize("case", CODED)
def test_what_cannot_be_searched_is_refused_and_counts_against_nobody(stand, case):
    status, field, why = CODED[case]
    stand.upstream.on(f"/{case}", says(b"HTTP/1.1 " + status + b"\r\n" + field + b"Content-Length: 5\r\n\r\nabcde"))

    for _ in range(5):  # and is no failure that keeps others from the upstream
        answer = stand.get(f"/bearer/{case}")
        assert (answer.status, answer.problem_code) == (502, "upstream_failed"), answer
        assert why in answer.json["detail"] and "abcde" not in answer.text
    assert stand.get("/bearer/any").status == 200
    assert stand.get(f"/{OPEN}/{case}").body == b"abcde"


@pytest.mark.parametrize("case, answer", {
    "identity": b"HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\nok",
    "no-body": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
    "not-modified": b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n",
    "beyond-the-end": b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n",
}.items())
def test_what_holds_nothing_coded_passes(stand, case, answer):
    stand.upstream.on(f"/fine-{case}", says(answer))
    assert stand.get(f"/bearer/fine-{case}").status == int(answer.split()[1])


ASKING = [("Accept-Encoding", "gzip, br"), ("accept_encoding", "gzip"), ("Range", "bytes=0-4"), ("If-Range", '"x"'), ("A-IM", "vcdiff"),
          ("Accept-Charset", "utf-16")]


def test_upstreams_are_asked_for_whole_answers_as_they_are(stand):
    stand.get("/bearer/any", fields=ASKING)
    got = stand.upstream.last("/any")
    assert got.get("Accept-Encoding") == "identity"
    assert not {name for name, _ in got.fields} & {"accept_encoding", "range", "if-range", "a-im", "accept-charset"}
    stand.get("/bearer/any")
    assert stand.upstream.last("/any").get("Accept-Encoding") == "identity"


def test_an_upstream_may_be_left_unmasked(stand):
    stand.upstream.on("/cookie", says(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"))
    answer = stand.get(f"/{OPEN}/any", fields=ASKING)
    assert ["authorization", f"Bearer {SHORT}"] in answer.json["fields"]
    assert {name.lower(): value for name, value in ASKING}.items() <= dict(map(tuple, answer.json["fields"])).items()
    assert stand.get(f"/{OPEN}/cookie").get("Set-Cookie") == "a=1"
    assert stand.get("/bearer/cookie").get("Set-Cookie") is None


@pytest.mark.parametrize("method", ["TRACE", "trace", "Track"])
def test_a_trace_carries_no_credential(stand, method):
    before = len(stand.upstream.requests)
    assert stand.gateway.call(method, "/bearer/any", stand.key).problem_code == "denied"
    assert len(stand.upstream.requests) == before


def test_an_echo_has_one_event_for_its_call(tmp_path):
    stand = Stand(tmp_path / "gateway")
    with stand.gateway, stand.upstream:
        stand.upstream.on("/thrice", lambda connection, request: connection.answer(
            f"{SECRET} {SECRET}".encode(), fields=[("X-Echo", SECRET)]) or STAY)
        quiet = stand.get("/bearer/nothing-shown", fields=[]) and stand.get(f"/{OPEN}/any")
        answer = stand.get("/bearer/thrice")
    events = check_log(stand.gateway.data / "audit")
    of_call = [event for event in events if event.get("request_id") == answer.get("X-Request-Id")]
    assert [event["type"] for event in of_call] == ["credential.echo_masked", "call.finished"]
    told = {name: of_call[0][name] for name in ("principal", "upstream", "credential", "in_head", "in_body")}
    assert told == {"principal": "caller", "upstream": "bearer", "credential": "bearer-main", "in_head": 1, "in_body": 2}
    assert of_call[1]["credential_opened"] > 1
    assert not [event for event in events if event.get("request_id") == quiet.get("X-Request-Id") and "echo" in event["type"]]
    assert SECRET not in json.dumps(events)


LOGIN = {
    "kind": "session_login", "username": "somebody", "login": {"path": "/login", "form": {"u": "$user", "p": "$password"}},
    "token": {"json": "token"}, "lifetime": "30m"}
OAUTH = {"kind": "oauth2_client_credentials", "client_id": "fake-client"}


@pytest.mark.parametrize("kind", ["session_login", "oauth2_client_credentials"])
def test_a_fetched_token_and_what_it_was_fetched_with_are_masked(make_gateway, kind):
    upstream, key = RawUpstream(), make_api_key()
    answered = json.dumps({"token": TOKEN, "access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}).encode()

    def gives(connection, request):
        connection.read_body(request)
        connection.answer(answered, fields=[("Content-Type", "application/json")])
        return STAY

    def shows(connection, request):
        assert request.get("Authorization") == f"Bearer {TOKEN}"
        connection.answer(f"{TOKEN} {base64.b64encode(TOKEN.encode()).decode()} {SECRET}".encode(), fields=[("X-Echo", TOKEN), ("X-Other", SECRET)])
        return STAY

    auth = LOGIN if kind == "session_login" else {**OAUTH, "token_url": upstream.url() + "/login", "allow_plaintext": True, "allow_private_addresses": True}
    with upstream.on("/login", gives).on("/shows", shows):
        gateway = make_gateway(yaml.simple("api", upstream.url(), key, auth=auth), env={"E2E_SECRET": SECRET})
        answer = gateway.get("/api/shows", key)
    assert answer.status == 200, answer
    assert not shown(everything(answer), TOKEN) and not shown(everything(answer), SECRET)
    assert answer.text.endswith(" " + "*" * len(SECRET)) and answer.get("X-Echo") == "*" * len(TOKEN)


def test_a_secret_that_is_too_short_is_refused_where_answers_are_masked(make_gateway):
    key = make_api_key()
    gateway = make_gateway(yaml.simple("raw", "https://upstream.test", key), env={"E2E_SECRET": SHORT}, start=False)
    assert gateway.spawn().wait() != 0
    said = gateway.log.text()
    assert "raw-main" in said and "16 bytes" in said and "answers: { mask: false }" in said and SHORT not in said


def test_a_secret_that_is_too_short_cannot_be_set(make_managed, upstream):
    gateway = make_managed()
    key = gateway.serve_simple("raw", upstream.url(), SECRET)
    refused = gateway.api("PUT", "/api/v1/credentials/raw-main/secret", SHORT.encode())
    assert refused.status in (400, 422) and "16 bytes" in refused.text and SHORT not in refused.text, refused
    assert gateway.get("/raw/any", key).status == 200
