# SPDX-License-Identifier: Apache-2.0
"""The AWS SDK calls through the gateway with an API key for its access key id; what arrives is signed with the real keys, and the
other side checks every signature with the SDK's own code."""

import hashlib
import json
import secrets
import time

import pytest

boto3 = pytest.importorskip("boto3", reason="python3-boto3 is not there; `./dev install test` installs it")

from boto3.s3.transfer import TransferConfig  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

from support import aws  # noqa: E402
from support import resources as yaml  # noqa: E402
from support.clock import WallClock  # noqa: E402
from support.gateway import IS_SANITIZED, Gateway  # noqa: E402
from support.keys import make_api_key  # noqa: E402
from support.moto import Moto  # noqa: E402
from support.pypi import packages, run_with  # noqa: E402

REGION = "eu-central-1"
BIG = 5 * 1024 * 1024 + 4321
ODD_KEYS = ["plain.txt", "with space", "ünïcødé/日本語", "plus+sign", "a&b=c?d#e", "tilde~dash-dot._", "percent%done", "100%", "(round) [square] {curly}",
            "quote'\"back`tick", "semi;colon:at@comma,dollar$excl!star*", "very/deep/path/to/it"]
PLAIN_KEYS = ["plain.txt", "with space", "tilde~dash-dot._", "very/deep/path/to/it"]  # of others moto reads what nobody has signed, an SDK neither


def fake_keys():
    return "AKIAFAKE" + secrets.token_hex(6).upper(), "fake/secret+" + secrets.token_hex(14)


class Stand:
    """For each way to sign: an upstream that is something like AWS, with keys of its own."""

    WAYS = {  # name: (service, over TLS, auth settings, temporary keys)
        "s3": ("s3", True, {}, False),
        "s3-plain": ("s3", False, {}, False),
        "s3-signed": ("s3", True, {"payload": "signed"}, True),
        "s3-chunked": ("s3", True, {"payload": "chunked", "copies": True}, False),
        "sts": ("sts", True, {}, True),
        "dynamodb": ("dynamodb", False, {}, False),
    }

    def __init__(self, directory, identity, authority):
        self.key = make_api_key()
        self.upstreams, self.secrets, env = {}, {}, {}
        resources = [yaml.principal("caller"), yaml.api_key(self.key, "caller")]
        for name, (service, tls, auth, temporary) in self.WAYS.items():
            id_, secret = fake_keys()
            token = "fake//token+" + secrets.token_hex(200) + "==" if temporary else None
            upstream = aws.Aws(service, id_, secret, token, REGION, identity if tls else None)
            self.upstreams[name] = upstream
            self.secrets[name] = (secret, token)
            variable = "E2E_" + name.upper().replace("-", "_")
            keys = {"access_key_id": id_, "secret_access_key": secret} | ({"session_token": token} if token else {})
            env[variable] = json.dumps(keys) if name != "dynamodb" else f"{id_}:{secret}"
            resources += [
                yaml.upstream(name, upstream.url, {"kind": "aws_sigv4", "region": REGION, "service": service, **auth},
                              **({"tls": {"ca": str(authority.cert)}} if tls else {})),
                yaml.credential(f"{name}-main", name, f"env:{variable}"), yaml.grant("caller", name)]
        self.gateway = Gateway(directory, resources, env=env, tls=True, config={"limits": {"body": "64MiB"}}).start()

    def client(self, name, key=None, **config):
        return boto3.client(
            self.WAYS[name][0], endpoint_url=self.gateway.url(f"/{name}"), region_name=REGION, verify=str(self.gateway.ca),
            aws_access_key_id=key or self.key.text, aws_secret_access_key="fake-and-of-no-use", aws_session_token="fake-and-of-no-use-either",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30,
                          s3={"addressing_style": "path", **config.pop("s3", {})}, **config))

    def last(self, name):
        seen = self.upstreams[name].seen[-1]
        assert seen.error == "", seen.error
        return seen

    def stop(self):
        self.gateway.stop()
        for upstream in self.upstreams.values():
            upstream.stop()


@pytest.fixture(scope="module")
def stand(tmp_path_factory, identity, authority):
    made = Stand(tmp_path_factory.mktemp("sigv4"), identity, authority)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def s3(stand):
    return {name: stand.client(name) for name in ("s3", "s3-plain", "s3-signed", "s3-chunked")}


def is_nowhere(stand, seen):
    """Of what the caller has signed with, nothing came along."""
    text = repr(seen.fields) + seen.target
    assert stand.key.text not in text and "fake-and-of-no-use" not in text


@pytest.mark.parametrize("name, said", [
    ("s3", aws.UNSIGNED), ("s3-plain", aws.SIGNED_CHUNKS), ("s3-signed", None), ("s3-chunked", aws.SIGNED_CHUNKS)])
def test_objects_are_put_and_got_whatever_is_signed_of_them(stand, s3, name, said):
    body = secrets.token_bytes(100_000)
    s3[name].put_object(Bucket="bucket", Key="dir/one.bin", Body=body, ContentType="application/x-fake", Metadata={"who": "  a   b "})
    seen = stand.last(name)
    assert seen.body == body
    assert seen.get("x-amz-content-sha256") == (said or hashlib.sha256(body).hexdigest())
    assert seen.get("host") == stand.upstreams[name].url.partition("//")[2]
    is_nowhere(stand, seen)
    assert s3[name].get_object(Bucket="bucket", Key="dir/one.bin")["Body"].read() == body
    assert stand.last(name).get("x-amz-content-sha256") == aws.EMPTY


def test_a_digest_that_the_sdk_gives_is_the_one_that_is_signed(stand):
    client = stand.client("s3", s3={"payload_signing_enabled": True})
    client.put_object(Bucket="bucket", Key="digest", Body=b"fake body")
    assert stand.last("s3").get("x-amz-content-sha256") == hashlib.sha256(b"fake body").hexdigest()


NEWEST_SDK = """
import boto3, os, sys
from botocore.config import Config
url, ca, key = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=url, verify=ca, region_name="eu-central-1", aws_access_key_id=key, aws_secret_access_key="fake-and-of-no-use",
                  config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))
body = os.urandom(300_000)
s3.put_object(Bucket="bucket", Key="newest", Body=body)
assert s3.get_object(Bucket="bucket", Key="newest")["Body"].read() == body
s3.put_object(Bucket="bucket", Key="newest", Body=b"")
s3.delete_object(Bucket="bucket", Key="newest")
"""


def test_the_newest_sdk_is_served_as_it_comes(stand):
    """It codes bodies in chunks with a checksum behind them, where an older one sends them plain."""
    run_with(packages("boto3==1.43.11"), NEWEST_SDK, stand.gateway.url("/s3"), str(stand.gateway.ca), stand.key.text)
    assert all(seen.error == "" for seen in stand.upstreams["s3"].seen)
    said = {seen.get("x-amz-content-sha256") for seen in stand.upstreams["s3"].seen}
    assert "STREAMING-UNSIGNED-PAYLOAD-TRAILER" in said


@pytest.mark.parametrize("name", ["s3", "s3-plain"])
def test_odd_keys_are_signed_as_they_are_read(stand, s3, name):
    for key in ODD_KEYS:
        s3[name].put_object(Bucket="bucket", Key=key, Body=key.encode())
        assert stand.last(name).error == "", key
        assert s3[name].get_object(Bucket="bucket", Key=key)["Body"].read() == key.encode(), key
        assert f"/bucket/{key}" in stand.upstreams[name].objects


def test_odd_queries_are_signed_as_they_are_read(stand, s3):
    for prefix in ["", "a b", "a+b", "ü/日本", "x=y&z", "%41", "~-._"]:
        s3["s3"].list_objects_v2(Bucket="bucket", Prefix=prefix, Delimiter="/", MaxKeys=7)
        assert stand.last("s3").error == ""
    for query in ["acl", "acl=", "z=1&a=2&a=1&A=3", "a=b+c", "a-=1&a=2", "a=%2B%20%C3%A9&b", "&&a=1", "x=/?:@!$'()*,;", "q=a%3Db"]:
        answer = stand.gateway.call("GET", f"/s3/bucket/dir/one.bin?{query}", stand.key)
        assert stand.last("s3").error == "" and answer.status in (200, 404), query
        assert stand.last("s3").target.partition("?")[2] == query


@pytest.mark.parametrize("name", ["s3", "s3-plain", "s3-chunked"])
def test_big_bodies_are_sent_as_they_come(stand, s3, name):
    body = secrets.token_bytes(BIG)
    s3[name].put_object(Bucket="bucket", Key="big", Body=body)
    assert stand.last(name).body == body


def test_a_body_whose_digest_has_to_be_signed_is_held_up_to_a_limit(stand, s3):
    s3["s3-signed"].put_object(Bucket="bucket", Key="held", Body=b"x" * 1_000_000)
    assert stand.last("s3-signed").body == b"x" * 1_000_000
    with pytest.raises(ClientError) as refused:
        s3["s3-signed"].put_object(Bucket="bucket", Key="held", Body=b"x" * BIG)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_parts_of_an_upload_are_signed_each(stand, s3):
    s3["s3-plain"].upload_part(Bucket="bucket", Key="parts", PartNumber=1, UploadId="fake-upload", Body=b"y" * 70_000)
    seen = stand.last("s3-plain")
    assert seen.body == b"y" * 70_000 and "partNumber=1" in seen.target


def test_temporary_keys_go_with_their_token(stand):
    arn = stand.client("sts").get_caller_identity()["Arn"]
    assert arn == "arn:aws:iam::123456789012:user/fake"
    seen = stand.last("sts")
    assert seen.get("x-amz-security-token") == stand.secrets["sts"][1]
    is_nowhere(stand, seen)


def test_other_services_sign_the_digest_of_the_body(stand):
    assert stand.client("dynamodb").list_tables()["TableNames"] == ["fake-table"]
    seen = stand.last("dynamodb")
    assert "x-amz-target" in seen.signed and "content-type" in seen.signed
    is_nowhere(stand, seen)


def test_a_presigned_url_is_signed_anew(stand, s3):
    """By some key of AWS's: one of the gateway's has no place in a URL."""
    s3["s3"].put_object(Bucket="bucket", Key="presigned", Body=b"fake")
    url = stand.client("s3", key="AKIAFAKEFAKEFAKE").generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "presigned", "ResponseContentType": "text/x"})
    target = url.partition("//")[2].partition("/")[2]
    answer = stand.gateway.call("GET", "/" + target, stand.key)
    assert (answer.status, answer.body) == (200, b"fake"), answer.text
    seen = stand.last("s3")
    assert seen.target == "/bucket/presigned?response-content-type=text%2Fx"
    is_nowhere(stand, seen)


def put(stand, name, fields, body):
    return stand.gateway.call("PUT", f"/{name}/bucket/raw", stand.key, fields, body)


@pytest.mark.parametrize("name", ["s3", "s3-plain", "s3-signed"])
def test_what_a_caller_has_signed_in_chunks_is_signed_anew(stand, name):
    data = secrets.token_bytes(150_001)
    answer = put(stand, name, [("x-amz-content-sha256", aws.SIGNED_CHUNKS), ("x-amz-decoded-content-length", str(len(data))),
                               ("Content-Encoding", "gzip,aws-chunked")], aws.chunked_by_an_sdk(data))
    assert answer.status == 200
    seen = stand.last(name)
    assert seen.body == data and seen.get("content-encoding") == "gzip,aws-chunked"
    assert b"f" * 64 not in seen.raw_body


@pytest.mark.parametrize("body, length", [
    (aws.chunked_by_an_sdk(b"x" * 100), 99), (aws.chunked_by_an_sdk(b"x" * 100), 101), (b"not chunked at all", 5),
    (aws.chunked_by_an_sdk(b"x" * 100) + b"GET / HTTP/1.1\r\n\r\n", 100), (aws.chunked_by_an_sdk(b"x" * 100)[:-2], 100)],
    ids=["longer", "shorter", "not-chunked", "more-behind", "cut"])
def test_chunks_that_are_none_are_refused_and_nothing_behind_them_is_read(stand, body, length):
    before = len(stand.upstreams["s3-plain"].seen)
    answer = put(stand, "s3-plain", [("x-amz-content-sha256", aws.SIGNED_CHUNKS), ("x-amz-decoded-content-length", str(length))], body)
    assert answer.status == 400
    assert all(each.error for each in stand.upstreams["s3-plain"].seen[before:])


def test_an_unsigned_trailer_goes_as_it_is(stand):
    data = b"fake data"
    body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n" % (len(data), data)
    fields = [("x-amz-content-sha256", aws.UNSIGNED_TRAILER), ("x-amz-decoded-content-length", str(len(data))),
              ("Content-Encoding", "aws-chunked"), ("x-amz-trailer", "x-amz-checksum-crc32")]
    assert put(stand, "s3", fields, body).status == 200
    seen = stand.last("s3")
    assert seen.body == data and "x-amz-trailer" in seen.signed
    for name in ("s3-signed", "s3-chunked", "s3-plain"):  # where bodies have to be signed, and where nothing else would protect it
        answer = put(stand, name, fields, body)
        assert answer.status == 400 and "when required" in answer.text


def test_fields_that_stand_twice_and_have_room_to_spare_are_signed_in_one_form(stand):
    fields = [("x-amz-meta-list", "one"), ("Content-Type", "text/x;   charset=utf-8"), ("X-Amz-Meta-List", " two\t three  "), ("x-amz-meta-empty", "")]
    assert put(stand, "s3", fields, b"fake").status == 200
    seen = stand.last("s3")
    assert len(seen.all("x-amz-meta-list")) == 2 and "x-amz-meta-empty" in seen.signed
    before = len(stand.upstreams["s3"].seen)
    assert put(stand, "s3", [("x-amz-meta-list", "one\r\n two")], b"fake").status == 400  # continued on the next line
    assert len(stand.upstreams["s3"].seen) == before


@pytest.mark.parametrize("fields, what", [
    ([("x-amz-content-sha256", aws.SIGNED_CHUNKS + "-TRAILER"), ("x-amz-decoded-content-length", "1")], "signed trailer"),
    ([("x-amz-content-sha256", aws.SIGNED_CHUNKS)], "x-amz-decoded-content-length"),
    ([("x-amz-content-sha256", aws.SIGNED_CHUNKS), ("x-amz-decoded-content-length", "99999999999999999999")], "x-amz-decoded-content-length"),
])
def test_what_cannot_be_signed_anew_is_refused_with_what_to_do(stand, fields, what):
    answer = put(stand, "s3", fields, b"fake")
    assert answer.status == 400 and what in answer.text


def test_a_copy_reads_what_no_grant_was_asked_about_and_has_to_be_allowed(stand):
    fields = [("x-amz-copy-source", "/other/secret")]
    for refused in (put(stand, "s3", fields, b""), put(stand, "s3", [("X-Amz-Rename-Source", "/other/secret")], b"")):
        assert refused.status == 403 and "auth.copies" in refused.text
    assert put(stand, "s3-chunked", fields, b"").status == 200
    assert "x-amz-copy-source" in stand.last("s3-chunked").signed


def test_what_the_caller_says_of_its_own_signature_is_taken_off(stand):
    fields = [("X-Amz-Date", "20000101T000000Z"), ("x_amz_date", "20000101T000000Z"), ("X-Amz-Security-Token", "fake-callers-token"),
              ("x-amz-content-sha256", "0" * 63)]
    assert stand.gateway.call("GET", "/sts/?Action=GetCallerIdentity&X-Amz-Signature=00&x%2Damz-credential=me", stand.key, fields).status == 200
    seen = stand.last("sts")
    assert "fake-callers-token" not in repr(seen.fields) and seen.target == "/?Action=GetCallerIdentity"


def test_a_path_that_has_two_readings_never_gets_there(stand):
    before = len(stand.upstreams["s3"].seen)
    for path in ("/s3/bucket/a//b", "/s3/bucket/../other", "/s3/bucket/%2e%2e/other", "/s3/bucket/a%2fb", "/s3/bucket/%2541"):
        assert stand.gateway.call("GET", path, stand.key).status in (400, 403), path
    assert len(stand.upstreams["s3"].seen) == before


def test_without_a_key_of_the_gateway_an_sdk_gets_nowhere(stand):
    before = len(stand.upstreams["s3"].seen)
    for credential in ("AKIAFAKEFAKEFAKE", make_api_key().text):
        with stand.gateway.connect() as client:
            answer = client.call("GET", "/s3/bucket/x", [("Authorization", f"AWS4-HMAC-SHA256 Credential={credential}/20260101/{REGION}/s3/aws4_request, "
                                                                          "SignedHeaders=host, Signature=" + "0" * 64)])
        assert answer.status == 401
    assert len(stand.upstreams["s3"].seen) == before


def test_no_secret_is_in_any_log(stand):
    for secret, token in stand.secrets.values():
        for text in (stand.gateway.log.text(), stand.gateway.access.text()):
            assert secret not in text and (token is None or token not in text)


@pytest.mark.parametrize("secret, what", [
    ("fake-without-a-colon", "there is no secret access key"), ('{"access_key_id": "AKIAFAKE"}', "there is no secret access key"),
    ('{"access_key_id": "AKIAFAKE", ', "its secret"), ("AKIA/FAKE:fake", "there is no access key id")])
def test_a_secret_that_is_no_pair_of_keys_is_refused_and_not_quoted(make_gateway, secret, what):
    resources = [yaml.upstream("s3", "https://localhost:1", {"kind": "aws_sigv4", "region": REGION, "service": "s3"}),
                 yaml.credential("s3-main", "s3", "env:E2E_SECRET")]
    gateway = make_gateway(resources, env={"E2E_SECRET": secret}, start=False)
    gateway.spawn()
    assert gateway.wait() != 0
    assert what in gateway.log.text() and secret not in gateway.log.text()


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's runtime has to be the first library that is loaded")
def test_signatures_go_by_the_clock_and_a_wrong_one_costs_no_credential(make_gateway, tmp_path, key):
    id_, secret = fake_keys()
    upstream = aws.Aws("sts", id_, secret, region=REGION)
    clock = WallClock(tmp_path)
    gateway = make_gateway([yaml.principal("caller"), yaml.api_key(key, "caller"), yaml.grant("caller", "sts"),
                            yaml.upstream("sts", upstream.url, {"kind": "aws_sigv4", "region": REGION, "service": "sts"}),
                            yaml.credential("sts-main", "sts", "env:E2E_SECRET")],
                           env={"E2E_SECRET": f"{id_}:{secret}", **clock.environment()})
    for step, status in ((0, 200), (240, 200), (-240, 200), (600, 403), (-600, 403), (0, 200)):
        clock.set(step)
        for _ in range(5):
            assert gateway.get("/sts/?Action=GetCallerIdentity", key).status == status, step
        assert upstream.seen[-1].error == ("" if status == 200 else "RequestTimeTooSkewed")
        signed = time.strptime(upstream.seen[-1].get("x-amz-date"), "%Y%m%dT%H%M%SZ")
        assert abs(time.mktime(signed) - time.timezone - step - time.time()) < 20
    upstream.stop()


@pytest.fixture(scope="module")
def moto():
    made = Moto()
    yield made
    made.stop()


@pytest.mark.parametrize("payload", ["auto", "signed", "chunked"])
def test_somebody_elses_s3_takes_what_is_signed(make_gateway, moto, payload, tmp_path, key):
    resources = [yaml.principal("caller"), yaml.api_key(key, "caller"), yaml.grant("caller", "s3"),
                 yaml.upstream("s3", moto.url, {"kind": "aws_sigv4", "region": moto.REGION, "service": "s3", "payload": payload}),
                 yaml.credential("s3-main", "s3", "env:E2E_SECRET")]
    gateway = make_gateway(resources, env={"E2E_SECRET": ":".join(moto.keys)}, config={"limits": {"body": "64MiB"}})
    s3 = boto3.client("s3", endpoint_url=gateway.url("/s3"), region_name=moto.REGION, aws_access_key_id=key.text,
                      aws_secret_access_key="fake-and-of-no-use", config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))
    bucket = f"bucket-{payload}"
    s3.create_bucket(Bucket=bucket)
    for name in PLAIN_KEYS:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == name.encode()
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="", MaxKeys=100)["Contents"]} == set(PLAIN_KEYS)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="not there")
    if payload == "signed":
        return  # parts have 5 MiB at least, more than is held
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(secrets.token_bytes(13 * 1024 * 1024))
    in_parts = TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 1024 * 1024)
    s3.upload_file(str(sent), bucket, "big", Config=in_parts)
    s3.download_file(bucket, "big", str(got), Config=in_parts)  # in ranges
    assert got.read_bytes() == sent.read_bytes()


def test_somebody_elses_s3_refuses_what_other_keys_have_signed(make_gateway, moto, key):
    resources = [yaml.principal("caller"), yaml.api_key(key, "caller"), yaml.grant("caller", "s3"),
                 yaml.upstream("s3", moto.url, {"kind": "aws_sigv4", "region": moto.REGION, "service": "s3"}),
                 yaml.credential("s3-main", "s3", "env:E2E_SECRET")]
    gateway = make_gateway(resources, env={"E2E_SECRET": f"{moto.keys[0]}:fake-and-not-its-own"})
    answer = gateway.call("PUT", "/s3/bucket-of-nobody", key)
    assert answer.status == 403 and "SignatureDoesNotMatch" in answer.text


def test_a_body_that_nothing_protects_is_not_sent(make_gateway):
    resources = [yaml.upstream("s3", "http://127.0.0.1:1", {"kind": "aws_sigv4", "region": REGION, "service": "s3", "payload": "unsigned"}),
                 yaml.credential("s3-main", "s3", "env:E2E_SECRET")]
    gateway = make_gateway(resources, env={"E2E_SECRET": "AKIAFAKE:fake-secret"}, start=False)
    gateway.spawn()
    assert gateway.wait() != 0
    assert "its upstream has to be https" in gateway.log.text()
