# SPDX-License-Identifier: Apache-2.0
"""An upstream from a preset works with the API's own SDK, and lets nobody mint a credential."""

import json
import re

import pytest

from support import resources as yaml
from support import wire
from support.gateway import run
from support.keys import make_api_key
from support.pypi import SDKS, packages, run_with
from support.raw_upstream import STAY, RawUpstream
from support.waiting import until

PRESETS = ["openai", "anthropic", "gemini", "github", "gitlab", "stripe", "aws", "technitium", "zadara-vpsa", "zadara-object", "generic"]
# What each has to be told, where it is no more than its name.
TOLD = {"aws": ["--set", "service=s3"], **{name: ["--base-url", "https://api.example.test"] for name in PRESETS[7:]}}
SECRET = "fake-preset-secret-0123456789abcdef"


def answers(connection, request):
    """What an SDK takes for an answer of its API."""
    request.body = connection.read_body(request)
    asked = json.loads(request.body) if request.body else {}
    if asked.get("stream"):
        pieces = [{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                   "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in ("hel", "lo")]
        body = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces) + b"data: [DONE]\n\n"
        connection.answer(body, fields=[("Content-Type", "text/event-stream")])
        return STAY
    known = {
        "/v1/chat/completions": {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}]},
        "/v1/models": {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "x"}]},
        "/v1/messages": {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                         "stop_sequence": None, "content": [{"type": "text", "text": "hello"}],
                         "usage": {"input_tokens": 1, "output_tokens": 1}},
    }
    connection.answer(json.dumps(known.get(request.path, {})).encode(), fields=[("Content-Type", "application/json")])
    return STAY


class Provider(RawUpstream):
    """Speaks the APIs of several providers."""

    def __init__(self, identity):
        super().__init__(identity)
        for path in ("/v1/chat/completions", "/v1/models", "/v1/messages"):
            self.on(path, answers)

    def seen(self, path):
        return [request for request in self.requests if request.path == path]


class Setting:
    """A gateway with a store, and upstreams made from presets."""

    def __init__(self, gateway, provider, authority):
        self.gateway, self.provider = gateway, provider
        self.here = ["--base-url", provider.url("localhost"), "--set", f"ca={authority.cert}",
                     "--set", "allow_private_addresses=127.0.0.0/8,::1/128"]
        gateway.apply([yaml.principal("caller")])
        self.key = gateway.create_key("caller")

    def add(self, name, *more, expected=0, **how):
        return self.gateway.cli("upstream", "add", name, *self.here, *more, expected=expected, **how)


@pytest.fixture(scope="module")
def setting(tmp_path_factory, authority, identity):
    from support.managed import ManagedGateway
    provider = Provider(identity)
    gateway = ManagedGateway(tmp_path_factory.mktemp("presets") / "gateway").start()
    yield Setting(gateway, provider, authority)
    gateway.stop()
    provider.stop()


@pytest.fixture(scope="module")
def openai(setting):
    setting.add("openai", "--preset", "openai", "--grant", "caller", "--paths", "all", "--secret-from-env", "E2E_SECRET",
                env={"E2E_SECRET": SECRET})
    return setting


# --- What a preset makes ----------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_what_every_preset_makes_is_served(preset, tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    made = run("upstream", "add", preset, "--preset", preset, *TOLD.get(preset, []), "--grant", "caller", "--from", "env:E2E_SECRET",
               "--dry-run", "-o", "yaml")
    assert made.returncode == 0, made.stderr
    (folder / "preset.yaml").write_text(made.stdout)
    (folder / "caller.yaml").write_text(yaml.dump([yaml.principal("caller"), yaml.api_key(make_api_key(), "caller")]))
    for each in (folder, *folder.iterdir()):
        each.chmod(0o700 if each.is_dir() else 0o600)
    checked = run("check-config", "--resources", folder)
    assert checked.returncode == 0, checked.stderr


def test_the_list_and_each_preset_say_what_there_is():
    listed = run("upstream", "presets")
    assert listed.returncode == 0 and [line.split()[0] for line in listed.stdout.splitlines()[1:]] == PRESETS
    assert [each["name"] for each in json.loads(run("upstream", "presets", "-o", "json").stdout)] == PRESETS
    for preset in PRESETS:
        told = run("upstream", "presets", preset)
        assert told.returncode == 0 and "{gateway}" in told.stdout and max(map(len, told.stdout.splitlines())) < 2000
        one = json.loads(run("upstream", "presets", preset, "-o", "json").stdout)
        assert one["name"] == preset and one["auth"] and one["paths"]


@pytest.mark.parametrize("arguments, said", [
    (["x"], "--preset"),
    (["x", "--preset", "opanai"], "openai, anthropic"),
    (["Not A Name", "--preset", "openai"], "1 to 64"),
    (["x", "--preset", "technitium"], "--base-url"),
    (["x", "--preset", "aws"], "service"),
    (["x", "--preset", "aws", "--set", "service=sts"], "makes credentials"),
    (["x", "--preset", "openai", "--set", "colour"], "KEY=VALUE"),
    (["x", "--preset", "openai", "--set", "colour=red"], "no setting 'colour'"),
    (["x", "--preset", "openai", "--base-url", "https://api.openai.com/v1"], "ends before /v1"),
    (["x", "--preset", "openai", "--paths", "read"], "to whom"),
    (["x", "--preset", "openai", "--grant", "p", "--paths", "reed"], "no paths 'reed'"),
    (["x", "--preset", "openai", "--from", "env:A", "--secret-from-stdin"], "exclude each other"),
    (["x", "--preset", "openai", "-o", "xml"], "text, yaml or json"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_wrong_usage_says_what_would_be_right(arguments, said):
    done = run("upstream", "add", *arguments)
    assert done.returncode == 2 and done.stdout == "", done
    assert said in done.stderr and "--help" in done.stderr


def test_a_base_url_that_is_none_is_refused_before_anybody_is_asked():
    done = run("upstream", "add", "x", "--preset", "generic", "--base-url", "ftp://example.test", "--dry-run")
    assert done.returncode == 1 and "base URL" in done.stderr


# --- In a gateway -----------------------------------------------------------------------------------


def test_adding_says_what_was_made_and_how_a_caller_gets_there(setting):
    done = setting.gateway.cli_run("upstream", "add", "ai-two", "--preset", "openai", *setting.here, "--grant", "caller",
                                   "--secret-from-stdin", stdin=SECRET + "\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "upstream/ai-two created", "credential/ai-two-main created", "grant/caller-ai-two-inference created",
        "grant/caller-ai-two-inference-2 created", "credential/ai-two-main set"]
    assert "OPENAI_BASE_URL=https://<gateway>/ai-two/v1" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert setting.gateway.get("/ai-two/v1/models", setting.key).status == 200
    assert setting.provider.last("/v1/models").get("Authorization") == f"Bearer {SECRET}"


def test_without_a_secret_it_says_how_to_set_it(setting):
    done = setting.gateway.cli_run("upstream", "add", "later", "--preset", "github", *setting.here)
    assert done.returncode == 0, done.stderr
    assert "claviger credential set later-main" in done.stderr
    setting.gateway.cli("credential", "set", "later-main", stdin=SECRET)


def test_what_is_there_is_not_made_over(openai):
    before = openai.gateway.managed("GET", "/upstreams/openai")
    done = openai.gateway.cli_run("upstream", "add", "openai", "--preset", "generic", *openai.here, "--secret-from-stdin", stdin="fake-other")
    assert done.returncode == 1 and "there already" in done.stderr
    assert openai.gateway.managed("GET", "/upstreams/openai") == before


def test_a_secret_that_cannot_be_read_changes_nothing(setting, tmp_path):
    for how in (["--secret-from-env", "E2E_NOWHERE"], ["--secret-from-file", str(tmp_path / "nowhere")]):
        done = setting.gateway.cli_run("upstream", "add", "never", "--preset", "openai", *setting.here, *how)
        assert done.returncode == 1, done
    assert setting.gateway.api("GET", "/api/v1/upstreams/never").status == 404


@pytest.mark.parametrize("path", ["/openai/v1/organization/admin_api_keys", "/openai/v1/organization/projects/p/service_accounts",
                                  "/openai/v1/Organization/admin_api_keys/", "/openai/v1/realtime/client_secrets"])
def test_nobody_mints_a_credential_whatever_a_grant_says(openai, path):
    asked = len(openai.provider.requests)
    answer = openai.gateway.call("POST", path, openai.key, [("Content-Type", "application/json")], b"{}")

    assert answer.status == 403 and answer.get("X-Claviger-Error") == "denied"
    assert "deny_paths" in answer.json["detail"]
    assert len(openai.provider.requests) == asked, "nothing may get there"
    event = until(lambda: [each for each in openai.gateway.events() if each.get("request_id") == answer.get("X-Request-Id")], "its event")[-1]
    assert (event["decision"], event["rule"]) == ("denied", "denied_path")
    said = openai.gateway.cli("explain", "--principal", "caller", "--method", "POST", "--url", path, expected=1)
    assert "refuses this path to everybody" in said


def test_what_the_operator_takes_out_of_the_list_goes_through_and_back(openai):
    target = "/openai/v1/organization/usage"
    assert openai.gateway.get(target, openai.key).status == 403
    upstream = {name: value for name, value in openai.gateway.managed("GET", "/upstreams/openai").items()
                if name not in ("status", "revision", "updated_at")}
    whole = list(upstream["deny_paths"])
    openai.gateway.apply([{**upstream, "deny_paths": [path for path in whole if path != "/v1/organization/**"]}])
    assert openai.gateway.get(target, openai.key).status == 200, "the secret is still bound: nothing of where it goes has changed"
    openai.gateway.apply([{**upstream, "deny_paths": whole}])
    assert openai.gateway.get(target, openai.key).status == 403


def test_a_call_under_way_ends_when_its_path_is_denied(openai):
    def drips(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun")
        connection.upstream.release.wait(30)
        return False

    openai.provider.on("/v1/slow", drips)
    upstream = {name: value for name, value in openai.gateway.managed("GET", "/upstreams/openai").items()
                if name not in ("status", "revision", "updated_at")}
    with openai.gateway.connect() as client:
        client.request("GET", "/openai/v1/slow", [wire.bearer(openai.key)])
        openai.provider.last("/v1/slow")
        openai.gateway.apply([{**upstream, "deny_paths": [*upstream["deny_paths"], "/v1/slow"]}])
        with pytest.raises((wire.BrokenAnswer, ConnectionError)):
            client.read_answer()
    openai.provider.release.set()
    openai.gateway.apply([upstream])


# --- With the SDKs of the APIs ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sdks():
    return packages(*SDKS)


OPENAI = """
import json, openai
client = openai.OpenAI(max_retries=0)
said = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}]).choices[0].message.content
streamed = "".join(piece.choices[0].delta.content for piece in client.chat.completions.create(
    model="m", messages=[{"role": "user", "content": "hi"}], stream=True))
models = [model.id for model in client.models.list()]
try:
    client.post("/organization/admin_api_keys", body={"name": "mine"}, cast_to=object)
    minted = "yes"
except openai.PermissionDeniedError as error:
    minted = error.body["code"]
print(json.dumps([said, streamed, models, minted]))
"""


def test_openais_own_sdk_works_and_cannot_mint(openai, sdks):
    said = json.loads(run_with(sdks, OPENAI, env={
        "OPENAI_BASE_URL": openai.gateway.url("/openai/v1"), "OPENAI_API_KEY": openai.key.text,
        "SSL_CERT_FILE": str(openai.gateway.ca)}))

    assert said == ["hello", "hello", ["m"], "denied"]
    for request in openai.provider.seen("/v1/chat/completions")[-2:]:
        assert request.get("Authorization") == f"Bearer {SECRET}"
        assert openai.key.secret.encode() not in request.raw + request.body


ANTHROPIC = """
import json, anthropic
client = anthropic.Anthropic(max_retries=0)
said = client.messages.create(model="m", max_tokens=10, messages=[{"role": "user", "content": "hi"}]).content[0].text
try:
    client.post("/v1/organizations/api_keys/mine", body={"status": "active"}, cast_to=object)
    minted = "yes"
except anthropic.PermissionDeniedError as error:
    minted = error.body["code"]
print(json.dumps([said, minted]))
"""


def test_anthropics_own_sdk_works_and_cannot_mint(setting, sdks):
    setting.add("anthropic", "--preset", "anthropic", "--grant", "caller", "--paths", "all", "--secret-from-stdin", stdin=SECRET)
    said = json.loads(run_with(sdks, ANTHROPIC, env={
        "ANTHROPIC_BASE_URL": setting.gateway.url("/anthropic"), "ANTHROPIC_API_KEY": setting.key.text,
        "SSL_CERT_FILE": str(setting.gateway.ca)}))

    assert said == ["hello", "denied"]
    request = setting.provider.last("/v1/messages")
    assert request.get("x-api-key") == SECRET and request.get("Authorization") is None
    assert setting.key.secret.encode() not in request.raw


# --- Kinds that do more than put a secret into a field ----------------------------------------------


def test_technitium_is_logged_in_to_and_again_when_it_says_so(setting):
    tokens = []

    def logs_in(connection, request):
        form = connection.read_body(request).decode()
        assert re.fullmatch(r"user=claviger&pass=fake-preset-.*", form), form
        tokens.append(f"fake-technitium-token-{len(tokens)}-0123456789abcdef")
        connection.answer(json.dumps({"status": "ok", "token": tokens[-1]}).encode(), fields=[("Content-Type", "application/json")])
        return STAY

    def zones(connection, request):
        known = tokens[1:] and request.get("Authorization") == f"Bearer {tokens[-1]}"
        connection.answer(json.dumps({"status": "ok" if known else "invalid-token"}).encode(), fields=[("Content-Type", "application/json")])
        return STAY

    setting.provider.on("/api/user/login", logs_in)
    setting.provider.on("/api/zones/list", zones)
    setting.add("dns", "--preset", "technitium", "--set", "user=claviger", "--grant", "caller", "--secret-from-stdin", stdin=SECRET)

    assert setting.gateway.get("/dns/api/zones/list", setting.key).json == {"status": "ok"}
    assert len(tokens) == 2, "the first was no good, and said so with a 200"
    assert setting.gateway.get("/dns/api/zones/list", setting.key).json == {"status": "ok"}
    assert len(tokens) == 2
    for path in ("/dns/api/user/createToken", "/dns/API/user/session/get", "/dns/api/settings/backup"):
        assert setting.gateway.get(path, setting.key).status == 403


def test_calls_of_aws_go_out_signed_for_the_service_that_was_named(setting):
    setting.add("store", "--preset", "aws", "--set", "service=s3", "--set", "region=eu-central-1", "--grant", "caller",
                "--secret-from-stdin", stdin=f"AKIAFAKEFAKEFAKEFAKE:{SECRET}")
    assert setting.gateway.call("GET", "/store/bucket/key", fields=[("X-API-Key", setting.key.text)]).status == 200
    sent = setting.provider.last("/bucket/key").get("Authorization")
    assert re.match(r"AWS4-HMAC-SHA256 Credential=AKIAFAKEFAKEFAKEFAKE/\d{8}/eu-central-1/s3/aws4_request, ", sent), sent
