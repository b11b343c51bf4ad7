# SPDX-License-Identifier: Apache-2.0
"""One strict reading: what could be read two ways is refused, and what must not go on does not."""

import pytest

from support import resources as yaml
from support import wire
from support.keys import make_api_key


def raw_head(key, *lines, first="POST /raw/any HTTP/1.1", host="Host: gateway.test"):
    made = [first, host, f"Authorization: Bearer {key.text}", *lines]
    return "\r\n".join(line for line in made if line is not None).encode("latin-1") + b"\r\n\r\n"


MALFORMED = {
    "content-length-and-chunked": lambda key: raw_head(key, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked-and-content-length": lambda key: raw_head(key, "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n",
    "two-different-lengths": lambda key: raw_head(key, "Content-Length: 1", "Content-Length: 2") + b"ab",
    "two-equal-lengths": lambda key: raw_head(key, "Content-Length: 1", "Content-Length: 1") + b"a",
    "a-list-of-lengths": lambda key: raw_head(key, "Content-Length: 1, 1") + b"a",
    "a-signed-length": lambda key: raw_head(key, "Content-Length: +1") + b"a",
    "a-negative-length": lambda key: raw_head(key, "Content-Length: -1"),
    "a-hexadecimal-length": lambda key: raw_head(key, "Content-Length: 0x1") + b"a",
    "an-empty-length": lambda key: raw_head(key, "Content-Length:"),
    "an-overflowing-length": lambda key: raw_head(key, "Content-Length: 18446744073709551617") + b"a",
    "a-space-before-the-colon": lambda key: raw_head(key, "Content-Length : 1") + b"a",
    "an-unknown-transfer-coding": lambda key: raw_head(key, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "two-transfer-codings": lambda key: raw_head(key, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunked-twice": lambda key: raw_head(key, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "identity": lambda key: raw_head(key, "Transfer-Encoding: identity", "Content-Length: 1") + b"a",
    "chunked-after-a-vertical-tab": lambda key: raw_head(key, "Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "chunked-in-http-1.0": lambda key: raw_head(key, "Transfer-Encoding: chunked", first="POST /raw/any HTTP/1.0") + b"0\r\n\r\n",
    "a-folded-field": lambda key: raw_head(key, "X-Folded: a", " b"),
    "a-folded-coding": lambda key: raw_head(key, "Transfer-Encoding:", " chunked") + b"0\r\n\r\n",
    "a-bare-lf": lambda key: raw_head(key).replace(b"\r\n", b"\n"),
    "a-bare-lf-within": lambda key: raw_head(key, "X-A: b\nX-B: c"),
    "a-bare-cr-within": lambda key: raw_head(key, "X-A: b\rX-B: c"),
    "a-nul-in-a-value": lambda key: raw_head(key, "X-A: b\0c"),
    "a-control-byte-in-a-value": lambda key: raw_head(key, "X-A: b\x01c"),
    "an-empty-name": lambda key: raw_head(key, ": value"),
    "a-name-with-a-space": lambda key: raw_head(key, "X A: b"),
    "a-name-with-a-bracket": lambda key: raw_head(key, "X(A): b"),
    "a-line-without-colon": lambda key: raw_head(key, "nonsense"),
    "two-hosts": lambda key: raw_head(key, "Host: elsewhere.test"),
    "no-host": lambda key: raw_head(key, host=None),
    "a-host-that-is-none": lambda key: raw_head(key, host="Host: a b/c@d"),
    "a-target-at-another-host": lambda key: raw_head(key, first="GET http://elsewhere.test/raw/any HTTP/1.1"),
    "a-target-with-userinfo": lambda key: raw_head(key, first="GET http://u@gateway.test/raw/any HTTP/1.1"),
    "two-spaces-in-the-request-line": lambda key: raw_head(key, first="GET  /raw/any HTTP/1.1"),
    "a-space-in-the-target": lambda key: raw_head(key, first="GET /raw/any x HTTP/1.1"),
    "a-tab-in-the-request-line": lambda key: raw_head(key, first="GET\t/raw/any HTTP/1.1"),
    "http-1.2": lambda key: raw_head(key, first="GET /raw/any HTTP/1.2"),
    "http-2.0": lambda key: raw_head(key, first="GET /raw/any HTTP/2.0"),
    "lower-case-version": lambda key: raw_head(key, first="GET /raw/any http/1.1"),
    "no-version": lambda key: raw_head(key, first="GET /raw/any"),
    "a-fragment": lambda key: raw_head(key, first="GET /raw/any#x HTTP/1.1"),
    "bytes-beyond-ascii-in-the-target": lambda key: raw_head(key, first="GET /raw/\xe9 HTTP/1.1"),
    "connect": lambda key: raw_head(key, first="CONNECT gateway.test:443 HTTP/1.1"),
    "asterisk": lambda key: raw_head(key, first="OPTIONS * HTTP/1.1"),
    "a-method-that-is-no-token": lambda key: raw_head(key, first="G@T /raw/any HTTP/1.1"),
    "http2-preface": lambda key: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "leading-space": lambda key: b" " + raw_head(key),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_head_gets_400_and_the_end_of_the_connection(world, name):
    before = len(world.raw.requests)
    with world.gateway.connect() as client:
        client.send(MALFORMED[name](world.caller) + wire.head("GET", "/raw/any?next", [wire.bearer(world.caller)]))
        answer = client.read_answer()
        assert (answer.status, answer.problem_code) == (400, "bad_request"), answer
        assert answer.get("Connection") == "close"
        assert client.at_end()
    assert world.gateway.get("/raw/any?after", world.caller).status == 200
    assert [request.target for request in world.raw.requests[before:]] == ["/any?after"]


@pytest.mark.parametrize("body", [
    b"g\r\nx\r\n0\r\n\r\n", b"-1\r\nx\r\n0\r\n\r\n", b"0x1\r\nx\r\n0\r\n\r\n", b"1 \r\nx\r\n0\r\n\r\n", b"1\nx\n0\n\n",
    b"1\r\nxy\r\n0\r\n\r\n", b"\r\nx\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nx\r\n0\r\n\r\n", b"1;" + b"e" * 10_000 + b"\r\nx\r\n0\r\n\r\n",
    b"1\r\nx\r\n0\r\n" + b"T: " + b"t" * 20_000 + b"\r\n\r\n",
], ids=["no-digit", "negative", "prefix", "trailing-space", "bare-lf", "longer-than-said", "empty", "overflowing",
        "endless-extension", "endless-trailer"])
def test_a_malformed_chunk_ends_the_connection_and_is_never_a_whole_request_upstream(world, body):
    whole = []
    world.raw.on("/chunk-sink", lambda connection, request: whole.append(connection.read_body(request)) or
                 connection.answer(b"whole") or True)
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/chunk-sink", [wire.bearer(world.caller), ("Transfer-Encoding", "chunked")]) + body)
        try:
            answer = client.read_answer()
            assert (answer.status, answer.problem_code) == (400, "bad_request"), answer
            assert client.at_end()
        except wire.BrokenAnswer as broken:
            assert broken.head is None  # a plain hang-up will do as well
    assert whole == []


@pytest.mark.parametrize("path", [
    "/echo/../raw/any", "/raw/..", "/raw/../raw/any", "/raw/./any", "/raw/%2e%2e/any", "/raw/%2E%2E/any", "/raw/.%2E/any",
    "/raw//any", "//raw/any", "/raw/any//", "/raw/a%2Fb", "/raw/..%2Fany", "/raw/a\\b", "/raw/a%5Cb", "/raw/..\\any",
    "/raw/%252e%252e/any", "/raw/%252Fany", "/raw/..;/any", "/raw/..;x=1/any", "/raw/%2e%2e;/any", "/raw/.;/any",
    "/raw/%61ny", "/raw/a%2fb", "/raw/%c3%a9", "/raw/%", "/raw/%4", "/raw/%zz", "/raw/%00", "/raw/%0D%0A", "/raw/%7F",
    "/raw/%FF", "/raw/%C0%AE", '/raw/"quoted"', "/raw/<x>", "/raw/{x}", "/raw/^", "/raw/`", "/raw/|",
])
def test_a_path_with_two_readings_gets_400(world, path):
    answer = world.gateway.get(path, world.caller)

    assert (answer.status, answer.problem_code) == (400, "bad_request"), answer
    assert not world.raw.saw(answer)


def test_an_encoded_slash_is_opaque_where_the_upstream_says_so(world, make_gateway):
    key = make_api_key()
    gateway = make_gateway(yaml.simple("raw", world.raw.url(), key, encoded_slash="opaque"),
                           env={"E2E_SECRET": "fake-slash-secret-0123456789"})
    assert gateway.get("/raw/group%2Fproject", key).json["target"] == "/group%2Fproject"
    assert gateway.get("/raw/..%2Fproject", key).status == 400


@pytest.mark.parametrize("target", [
    lambda key: f"/raw/any?key={key}", lambda key: f"/raw/any?a=b&api_key={key}", lambda key: f"/raw/{key}/any",
    lambda key: f"/{key}", lambda key: f"/raw/any?key=clv%5F{key[4:]}", lambda key: f"/raw/any?{key}=x",
    lambda key: "/raw/any?key=" + "".join(f"%{ord(c):02X}" for c in key),
], ids=["query", "second-parameter", "path", "mount", "encoded-underscore", "parameter-name", "encoded-wholly"])
@pytest.mark.parametrize("beside", [True, False], ids=["beside-a-good-one", "alone"])
def test_a_callers_key_in_the_url_gets_400_and_does_not_go_on(world, target, beside):
    key = make_api_key()
    answer = world.gateway.get(target(key.text), world.caller if beside else None)

    assert (answer.status, answer.problem_code) == (400, "bad_request")
    assert not world.raw.saw(answer)


def test_a_callers_key_in_the_url_stays_out_of_the_log(world):
    key = make_api_key()
    answers = [world.gateway.get(target, world.caller) for target in
               (f"/raw/any?key={key.text}", f"/raw/{key.text}/any", f"/{key.text}", f"/nowhere/{key.text}")]

    lines = [world.gateway.access_line(answer.get("X-Request-Id")) for answer in answers]
    assert [line["status"] for line in lines] == [400] * 4
    assert key.secret[:12] not in world.gateway.access.text() + world.gateway.log.text()


@pytest.mark.parametrize("fields", [
    lambda a, b: [wire.bearer(a), ("X-API-Key", b.text)],
    lambda a, b: [("x-goog-api-key", a.text), ("X-API-Key", b.text)],
    lambda a, b: [wire.bearer(a), wire.bearer(b)],
    lambda a, b: [wire.bearer(a), wire.bearer(a)],
    lambda a, b: [("X-API-Key", a.text), ("X-API-Key", b.text)],
    lambda a, b: [wire.bearer(a), ("X-API-Key", "sk-another-kind-of-key")],
    lambda a, b: [wire.bearer(a), wire.basic(b)],
    lambda a, b: [("Authorization", f"Bearer {a.text}, Bearer {b.text}")],
    lambda a, b: [("Authorization", f"Bearer {a.text} {b.text}")],
], ids=["bearer-and-x-api-key", "goog-and-x-api-key", "two-bearers", "the-same-field-twice", "two-x-api-keys",
        "a-foreign-key-beside", "bearer-and-basic", "a-list", "two-words"])
def test_two_credentials_of_a_caller_get_400(world, fields):
    answer = world.gateway.get("/raw/any", fields=fields(world.caller, world.limited))

    assert answer.status == 400 and answer.problem_code == "bad_request", answer
    assert not world.raw.saw(answer)


def fields_upstream(world, mount, sent, method="GET", **how):
    answer = world.gateway.call(method, f"/{mount}/echo/it", world.caller, fields=sent, **how)
    assert answer.status == 200, answer
    seen = world.nginx.seen_with(answer.get("X-Request-Id"))
    return seen, world.nginx.fields_of(seen)


@pytest.mark.parametrize("name", ["X_API_Key", "x_api_key", "X-Api_Key", "X_API-KEY"])
def test_a_callers_look_alike_of_the_attached_field_is_taken_off(world, name):
    seen, fields = fields_upstream(world, "header", [(name, "fake-of-the-callers-own")])

    assert "fake-of-the-callers-own" not in seen["head"]
    assert [value for known, value in fields if known.replace("_", "-") == "x-api-key"] == [world.secrets["header"]]


@pytest.mark.parametrize("parameter", ["api_key=mine", "API_KEY=mine", "api%5Fkey=mine", "a=b&api_key=mine", "api_key",
                                       "%61pi_key=mine", "api_key=mine&api_key=mine2"])
def test_a_callers_own_value_for_the_attached_parameter_does_not_go_on(world, parameter):
    answer = world.gateway.get(f"/query/echo/it?{parameter}", world.caller)

    if answer.status == 400:  # refusing is as good as taking it off
        return
    seen = world.nginx.seen_with(answer.get("X-Request-Id"))
    assert "mine" not in seen["uri"]
    assert seen["uri"].lower().replace("%5f", "_").replace("%61", "a").count("api_key") == 1


@pytest.mark.parametrize("mount", ["bearer", "header", "basic", "query"])
def test_fields_between_caller_and_gateway_alone_do_not_go_on(world, mount):
    seen, fields = fields_upstream(world, mount, [
        ("Connection", "keep-alive, X-Foo"), ("X-Foo", "nominated"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
        ("Trailer", "X-T"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__"), ("Proxy-Authorization", "Basic eDp5"),
        ("Proxy-Connection", "keep-alive"), ("Cookie", "session=of-the-caller"), ("Forwarded", "for=192.0.2.1"),
        ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "http"), ("X-Real-IP", "192.0.2.1"),
    ])

    gone = {"x-foo", "keep-alive", "te", "trailer", "upgrade", "http2-settings", "proxy-authorization", "proxy-connection",
            "cookie", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
    assert not [name for name, _ in fields if name in gone]
    assert "x-foo" not in seen["head"].lower()


@pytest.mark.parametrize("nominated", ["Authorization", "Host", "X-API-Key", "Content-Length", "X-Request-Id"])
def test_nominating_a_field_that_matters_does_not_make_the_gateway_lose_it(world, nominated):
    answer = world.gateway.call("POST", "/bearer/echo/it", world.caller, [("Connection", f"close, {nominated}")], b"body")

    if answer.status == 400:
        return
    seen = world.nginx.seen_with(answer.get("X-Request-Id"))
    fields = world.nginx.fields_of(seen)
    assert [value for name, value in fields if name == "authorization"] == [f"Bearer {world.secrets['bearer']}"]
    assert len([name for name, _ in fields if name == "host"]) == 1
    assert seen["body"] == "body"


def test_a_key_in_a_field_of_no_meaning_does_not_go_on(world):
    other = make_api_key()
    seen, fields = fields_upstream(world, "bearer", [("X-Other-Key", other.text), ("X-Clean", "stays")])

    assert other.secret not in seen["head"] and ("x-clean", "stays") in fields


def test_trailers_of_a_request_do_not_go_on(world):
    answer = world.gateway.call("POST", "/raw/any", world.caller, [("Transfer-Encoding", "chunked")],
                                b"1\r\nx\r\n0\r\nAuthorization: Bearer fake-trailer\r\nX-API-Key: fake-trailer\r\n\r\n")
    assert answer.status == 200
    assert b"fake-trailer" not in world.raw.last("/any").raw
    assert "trailer" not in [name for name, _ in answer.json["fields"]]


@pytest.mark.parametrize("offer", ["websocket", "h2c", "TLS/1.0"])
def test_no_upgrade_is_offered_to_the_upstream_and_none_is_accepted_from_it(world, offer):
    world.raw.on("/switches", lambda connection, request: connection.read_body(request) or connection.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n") or True)
    answer = world.gateway.get("/raw/switches", world.caller, fields=[("Connection", "Upgrade"), ("Upgrade", offer)])

    assert (answer.status, answer.problem_code) == (502, "upstream_failed")
    assert world.raw.last("/switches").get("Upgrade") is None
