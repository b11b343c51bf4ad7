# SPDX-License-Identifier: Apache-2.0
"""Somebody who can write the database, and has no key: whatever they change is detected, named, refused, and the rest works."""

import secrets

import pytest

from support import resources as yaml
from support.keys import make_api_key
from support.managed import ManagedGateway, copy_of, managed_resources
from support.raw_upstream import RawUpstream
from support.waiting import until
from support.world import fake_secret


class Setting:
    """Three upstreams; alice may use all of them. mallory's key, hash known, is nowhere in the store."""

    def __init__(self, make_managed, make_upstream):
        self.upstream, self.evil = make_upstream(), make_upstream()
        self.gateway = make_managed()
        self.secrets = {name: fake_secret(name) for name in ("one", "two", "three")}
        for name, secret in self.secrets.items():
            self.gateway.apply(managed_resources(name, self.upstream.url(), principal="alice"))
            self.gateway.set_secret(f"{name}-main", secret)
        self.gateway.apply([yaml.principal("bob"), yaml.grant("bob", "three", name="bob-three")])
        self.alice, self.bob, self.revoked = (self.gateway.create_key(who) for who in ("alice", "bob", "alice"))
        self.gateway.cli("key", "revoke", self.revoked.id)
        self.mallory = make_api_key()

    def tamper(self, *statements):
        """Stops the gateway, changes the database, starts it again."""
        assert self.gateway.stop() == 0
        assert self.gateway.sql(*statements, "SELECT changes()")[0][0] > 0, "nothing was tampered with"
        self.gateway.start()

    def call(self, name="three", key=None):
        return self.gateway.get(f"/{name}/any", key or self.alice)

    def assert_noticed(self, kind, name, says=""):
        """By `status`, in the operator's log, in the audit log, and by the command line."""
        notices = self.gateway.notices()
        assert (kind, name) in notices, notices
        assert says in notices[kind, name], notices
        assert self.gateway.event("record_refused")["name"] in {each for _, each in notices}
        # What is not a call's is synced by and by.
        until(lambda: (kind, name) in {(each["kind"], each.get("name", "")) for each in self.gateway.events()
                                       if each["type"] == "record.refused"}, "the audit log to have it")
        assert f"{kind}/{name}" in self.gateway.cli("status")

    def assert_only_that(self, *expected):
        """And the rest works, unnoticed."""
        assert set(self.gateway.notices()) == set(expected)
        answer = self.call("three")
        assert answer.status == 200
        assert self.upstream.requests[-1].get("Authorization") == f"Bearer {self.secrets['three']}"
        assert self.evil.requests == []
        self.gateway.apply([yaml.principal("somebody-new")])  # and management goes on


@pytest.fixture
def setting(make_managed, make_upstream):
    return Setting(make_managed, make_upstream)


def test_nothing_is_noticed_where_nothing_was_done(setting):
    setting.gateway.restart()

    setting.assert_only_that()
    assert [setting.call(name).status for name in setting.secrets] == [200, 200, 200]


def test_a_base_url_that_was_edited(setting):
    setting.tamper(("UPDATE records SET body = replace(body, ?, ?) WHERE kind = 'upstream' AND name = 'one'",
                    (setting.upstream.url(), setting.evil.url())))

    setting.assert_noticed("upstream", "one", "altered")
    assert setting.call("one").status == 404
    assert ("upstream", "one") in setting.gateway.notices()
    assert setting.call("two").status == 200
    assert setting.evil.requests == []


def test_ciphertexts_that_were_swapped(setting):
    setting.tamper("CREATE TEMP TABLE kept AS SELECT name, sealed FROM records WHERE kind = 'credential'",
                   """UPDATE records SET sealed = (SELECT sealed FROM kept WHERE kept.name =
                      CASE records.name WHEN 'one-main' THEN 'two-main' ELSE 'one-main' END)
                      WHERE kind = 'credential' AND name IN ('one-main', 'two-main')""")

    setting.assert_noticed("credential", "one-main", "altered")
    setting.assert_noticed("credential", "two-main", "altered")
    assert [setting.call(name).status for name in ("one", "two")] == [503, 503]
    setting.assert_only_that(("credential", "one-main"), ("credential", "two-main"))


def test_rows_that_were_swapped_whole_but_for_their_names(setting):
    setting.tamper("UPDATE records SET name = 'x' WHERE kind = 'credential' AND name = 'one-main'",
                   "UPDATE records SET name = 'one-main' WHERE kind = 'credential' AND name = 'two-main'",
                   "UPDATE records SET name = 'two-main' WHERE kind = 'credential' AND name = 'x'")

    setting.assert_noticed("credential", "one-main")
    assert [setting.call(name).status for name in ("one", "two")] == [503, 503]


def test_an_old_row_that_was_put_back(setting):
    """The row of before the principal was disabled, MAC and all."""
    gateway = setting.gateway
    assert gateway.stop() == 0
    old = gateway.sql("SELECT * FROM records WHERE kind = 'principal' AND name = 'bob'")[0]
    gateway.start()
    gateway.cli("principal", "disable", "bob")

    setting.tamper("DELETE FROM records WHERE kind = 'principal' AND name = 'bob'",
                   (f"INSERT INTO records VALUES ({','.join('?' * len(old))})", old))

    setting.assert_noticed("principal", "bob", "older")
    assert setting.call("three", setting.bob).status == 401


@pytest.mark.parametrize("columns, says", [("sealed", "altered"), ("sealed, mac", "altered"), ("*", "older")])
def test_an_old_secret_that_was_put_back(setting, columns, says):
    """Its bytes, or the row of before it was rotated, MAC and all."""
    gateway = setting.gateway
    assert gateway.stop() == 0
    old = gateway.sql(f"SELECT {columns} FROM records WHERE name = 'one-main'")[0]
    gateway.start()
    gateway.set_secret("one-main", fake_secret("rotated"))

    if columns == "*":
        setting.tamper("DELETE FROM records WHERE name = 'one-main'",
                       (f"INSERT INTO records VALUES ({','.join('?' * len(old))})", old))
    else:
        setting.tamper((f"UPDATE records SET ({columns}) = ({','.join('?' * len(old))}) WHERE name = 'one-main'", old))

    setting.assert_noticed("credential", "one-main", says)
    assert setting.call("one").status == 503
    setting.assert_only_that(("credential", "one-main"))


def insert_key(setting, name, mac="randomblob(32)"):
    body = '{"spec":{"hash":"%s","principal":"alice"},"status":{}}' % setting.mallory.hash
    return (f"""INSERT INTO records SELECT max(id) + 1, 'api_key', ?, (SELECT revision FROM head), 0, max(updated_at), ?, x'',
                {mac} FROM records""", (name, body))


@pytest.mark.parametrize("mac", ["randomblob(32)", "x''", "(SELECT mac FROM records WHERE kind = 'api_key' LIMIT 1)"],
                         ids=["random mac", "no mac", "borrowed mac"])
def test_a_key_hash_that_was_inserted(setting, mac):
    setting.tamper(insert_key(setting, setting.mallory.id, mac))

    setting.assert_noticed("api_key", setting.mallory.id)
    assert setting.call("three", setting.mallory).status == 401
    setting.assert_only_that(("api_key", setting.mallory.id))


def test_a_key_hash_that_was_exchanged(setting):
    setting.tamper(("UPDATE records SET body = replace(body, ?, ?) WHERE kind = 'api_key'",
                    (setting.bob.hash.removeprefix("sha256:"), setting.mallory.hash.removeprefix("sha256:"))))

    setting.assert_noticed("api_key", setting.bob.id, "altered")
    assert setting.call("three", setting.bob).status == 401
    assert setting.call("three", setting.mallory).status == 401
    setting.assert_only_that(("api_key", setting.bob.id))


def test_a_grant_that_was_inserted(setting):
    body = '{"spec":{"principal":"bob","upstream":"one"},"status":{}}'
    setting.tamper(("""INSERT INTO records SELECT max(id) + 1, 'grant', 'mine', (SELECT revision FROM head), 0,
                       max(updated_at), ?, x'', randomblob(32) FROM records""", (body,)))

    setting.assert_noticed("grant", "mine")
    assert setting.call("one", setting.bob).status == 403
    setting.assert_only_that(("grant", "mine"))


@pytest.mark.parametrize("statement", [
    "DELETE FROM records WHERE kind = 'api_key' AND name = ?",
    "UPDATE records SET body = replace(body, '\"revoked\":true', '\"revoked\":false') WHERE kind = 'api_key' AND name = ?",
    "UPDATE records SET deleted = 1, body = '' WHERE kind = 'api_key' AND name = ?",
], ids=["the row", "the word", "the row, decently"])
def test_a_revocation_that_was_deleted(setting, statement):
    setting.tamper((statement, (setting.revoked.id,)))

    setting.assert_noticed("api_key", setting.revoked.id)
    assert setting.call("three", setting.revoked).status == 401
    setting.assert_only_that(("api_key", setting.revoked.id))


def test_a_deleted_grant_that_was_brought_back(setting):
    gateway = setting.gateway
    assert gateway.stop() == 0
    old = gateway.sql("SELECT * FROM records WHERE name = 'bob-three'")[0]
    gateway.start()
    gateway.managed("DELETE", "/grants/bob-three")
    assert setting.call("three", setting.bob).status == 403

    setting.tamper("DELETE FROM records WHERE name = 'bob-three'",
                   (f"INSERT INTO records VALUES ({','.join('?' * len(old))})", old))

    setting.assert_noticed("grant", "bob-three")
    assert setting.call("three", setting.bob).status == 403


def test_what_was_tampered_with_is_good_again_once_it_is_written_again(setting):
    setting.tamper(("UPDATE records SET body = replace(body, ?, ?) WHERE kind = 'upstream' AND name = 'one'",
                    (setting.upstream.url(), setting.evil.url())))
    assert setting.call("one").status == 404

    setting.gateway.managed("PUT", "/upstreams/one", yaml.upstream("one", setting.upstream.url()))
    if setting.call("one").status == 503:
        setting.gateway.set_secret("one-main", setting.secrets["one"])

    assert setting.call("one").status == 200
    assert setting.gateway.notices() == {}
    setting.gateway.restart()
    assert setting.gateway.notices() == {} and setting.call("one").status == 200


def test_management_shows_nothing_of_what_a_tampered_record_says(setting):
    setting.tamper(("UPDATE records SET body = replace(body, ?, ?) WHERE kind = 'upstream' AND name = 'one'",
                    (setting.upstream.url(), setting.evil.url())))

    answer = setting.gateway.api("GET", "/api/v1/upstreams/one")
    assert setting.evil.url() not in answer.text
    assert setting.evil.url() not in setting.gateway.cli("get", "upstreams", "-o", "json")


@pytest.mark.parametrize("statements", [
    ["DELETE FROM meta WHERE name LIKE 'register%'"],
    ["UPDATE meta SET value = randomblob(length(value)) WHERE name LIKE 'register%'"],
    ["DELETE FROM meta"],
    ["UPDATE meta SET value = randomblob(length(value)) WHERE name LIKE 'keyring%'"],
], ids=["register removed", "register altered", "meta removed", "keyring altered"])
def test_without_the_register_nothing_is_believed(setting, statements):
    assert setting.gateway.stop() == 0
    setting.gateway.sql(*statements)

    said = setting.gateway.start_refused()

    assert "store" in said or "keyring" in said or "register" in said
    assert setting.evil.requests == []


@pytest.mark.parametrize("forged", [None, "UPDATE head SET last_outbox = last_outbox + 1000", "UPDATE head SET revision = revision + 1000"],
                         ids=["as it was", "its last change forged", "its revision forged"])
def test_a_whole_database_that_was_rolled_back(setting, tmp_path, forged):
    """What a register cannot show, the audit log does: it knows of changes that the store has not."""
    gateway = setting.gateway
    assert gateway.stop() == 0
    old = copy_of(gateway.database, tmp_path / "old.db")
    gateway.start()
    gateway.cli("principal", "disable", "bob")
    assert gateway.stop() == 0

    for name in ("claviger.db", "claviger.db-wal", "claviger.db-shm"):
        (gateway.data / name).unlink(missing_ok=True)
    copy_of(old, gateway.database)
    if forged:
        gateway.sql(forged)

    said = gateway.start_refused()
    assert "claviger restore" in said or "restore all of it from one backup" in said, said
    assert forged or "older than the audit log" in said


def test_a_forged_quota_costs_no_more_than_that_quota(setting):
    """Counters carry no MAC."""
    setting.tamper("INSERT INTO counters VALUES ('bob-three/bob', 9000000000000000000, 9000000000000000000)",
                   "INSERT INTO counters VALUES ('nonsense', 0, 7)")

    setting.assert_only_that()
    assert setting.gateway.stop() == 0
    setting.gateway.sql("INSERT INTO counters VALUES ('x', -1, -1)")
    assert "damaged" in setting.gateway.start_refused()


FORGED = '{"v":1,"time":"2026-01-01T00:00:00.000Z","type":"principal.created","actor":"mallory","kind":"principal","name":"forged"}'


@pytest.mark.parametrize("number", ["(SELECT last_outbox + 1 FROM head)", "9000000000000", "9223372036854775807"])
@pytest.mark.parametrize("event", [FORGED, FORGED[:-1] + ',"outbox":7}', "not json", "", "x" * 100_000, FORGED + "\n" + FORGED],
                         ids=["an event", "one with a number", "no event", "nothing", "much", "two events"])
def test_a_forged_outbox_entry_is_not_taken_for_an_event(forgery_setting, number, event):
    setting, gateway = forgery_setting, forgery_setting.gateway
    refused = len([each for each in gateway.events() if each["type"] == "outbox.refused"])
    setting.tamper("DELETE FROM outbox", (f"INSERT OR REPLACE INTO outbox VALUES ({number}, ?)", (event,)))

    def events():
        found = gateway.events()
        return found if len([each for each in found if each["type"] == "outbox.refused"]) > refused else None

    # Whatever is changed while it is dealt with must not go with it.
    assert_events_go_on(gateway)
    found = until(events, "the forgery to be in the log")
    assert "forged" not in {each.get("name") for each in found}
    assert gateway.event("outbox_tampered")["level"] == "error"
    assert setting.call("three").status == 200
    assert_events_go_on(gateway)
    gateway.restart()
    assert_events_go_on(gateway)


def assert_events_go_on(gateway):
    """Changes are possible, and none of them is left out of the log for what was forged."""
    name = f"after-{secrets.token_hex(6)}"
    until(lambda: gateway.api("PUT", f"/api/v1/principals/{name}", yaml.principal(name)).status == 201, "changes to be possible")
    gateway.managed("DELETE", f"/principals/{name}")
    until(lambda: {"principal.created", "principal.deleted"} == {each["type"] for each in gateway.events() if each.get("name") == name},
          "events of changes to go on")


@pytest.mark.parametrize("number", ["(SELECT last_outbox FROM head)", "-1", "0", "-9223372036854775808"])
def test_a_forged_outbox_entry_below_what_the_log_has_is_not_taken_for_an_event_either(forgery_setting, number):
    setting, gateway = forgery_setting, forgery_setting.gateway
    setting.tamper("DELETE FROM outbox", (f"INSERT OR REPLACE INTO outbox VALUES ({number}, ?)", (FORGED,)))

    assert_events_go_on(gateway)

    assert "forged" not in {each.get("name") for each in gateway.events()}
    assert setting.call("three").status == 200


@pytest.fixture(scope="module")
def forgery_setting(tmp_path_factory):
    """One for all of them."""
    upstreams, numbers = [], iter(range(9))

    def make_upstream():
        upstreams.append(RawUpstream())
        return upstreams[-1]

    made = Setting(lambda: ManagedGateway(tmp_path_factory.mktemp("forgery") / str(next(numbers))).start(), make_upstream)
    yield made
    if made.gateway.process.poll() is None:
        made.gateway.stop()
    for upstream in upstreams:
        upstream.stop()
