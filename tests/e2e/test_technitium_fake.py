# SPDX-License-Identifier: Apache-2.0
"""The tests' own Technitium: whoever trusts what is shown with it wants to know that it is as strict as the real one."""

import json
import urllib.parse

import pytest

from support import wire
from support.technitium import FORM, PASSWORD, USER, Dns

ZONE = "example.com"


@pytest.fixture
def dns():
    with Dns(ZONE, "2.0.192.in-addr.arpa") as made:
        made.add_node("a")
        made.add_node("b")
        yield made


class Api:
    def __init__(self, node, token=None):
        self.node, self.token = node, token

    def raw(self, path, form=(), method="POST", fields=()):
        fields = [("Content-Type", FORM), *([("Authorization", f"Bearer {self.token}")] if self.token else []), *fields]
        with wire.Client((self.node.host, self.node.port)) as client:
            return client.call(method, path, fields, urllib.parse.urlencode(dict(form)).encode())

    def call(self, path, **form):
        answer = self.raw(f"/api/{path}", {name.rstrip("_"): value for name, value in form.items()})
        assert answer.status == 200
        return json.loads(answer.body)

    def login(self, user=USER, password=PASSWORD):
        answer = self.call("user/login", user=user, **{"pass": password})
        self.token = answer.get("token")
        return answer

    def record(self, verb, name, kind, **form):
        answer = self.call(f"zones/records/{verb}", zone=ZONE, domain=name, type=kind, **form)
        return answer["status"] if answer["status"] != "error" else answer["errorMessage"]

    def rows(self, zone=ZONE):
        return self.call("zones/records/get", zone=zone, domain=zone, listZone="true")["response"]["records"]


@pytest.fixture
def api(dns):
    made = Api(dns.nodes["a"])
    assert made.login()["status"] == "ok"
    yield made
    assert dns.violations == []


def test_without_a_session_there_is_nothing(dns):
    assert Api(dns.nodes["a"]).call("zones/list")["status"] == "invalid-token"
    assert Api(dns.nodes["a"], "f" * 64).call("zones/list")["status"] == "invalid-token"


def test_a_session_is_of_one_node_and_a_token_of_all(dns, api):
    assert Api(dns.nodes["b"], api.token).call("zones/list")["status"] == "invalid-token"
    token = dns.create_token()
    assert all(Api(node, token).call("zones/list")["status"] == "ok" for node in dns.nodes.values())


def test_five_wrong_passwords_lock_out_whoever_has_the_right_one(dns):
    api = Api(dns.nodes["a"])
    for _ in range(5):
        assert api.login(password="fake-and-wrong")["errorMessage"] == f"Invalid username or password for user: {USER}"
    assert "Access blocked" in api.login()["errorMessage"]
    assert dns.nodes["a"].logins == ["refused"] * 5 + ["blocked"]


def test_where_a_zone_is_secondary_nothing_is_written(dns, api):
    other = Api(dns.nodes["b"])
    other.login()
    assert {zone["type"] for zone in other.call("zones/list")["response"]["zones"]} == {"Secondary"}
    assert other.record("add", f"www.{ZONE}", "A", ipAddress="192.0.2.1") == "Cannot add record in Secondary zone."
    assert other.record("add", f"www.{ZONE}", "A", ipAddress="192.0.2.1", node="a") == "ok"
    dns.promote("b")
    assert other.record("add", f"www.{ZONE}", "A", ipAddress="192.0.2.2") == "ok"
    assert dns.at(f"www.{ZONE}", "A") == ["192.0.2.1", "192.0.2.2"]


def test_adding_what_is_there_and_deleting_what_is_not(dns, api):
    name = f"www.{ZONE}"
    assert api.record("add", name, "A", ipAddress="192.0.2.1", ttl=60) == "ok"
    assert api.record("add", name, "A", ipAddress="192.0.2.1", ttl=60) == "Cannot add record: record already exists."
    assert api.record("delete", name, "A", ipAddress="192.0.2.9") == "Cannot delete record: no such record exists."
    assert [write.changed for write in dns.writes] == [True, False, False]
    dns.before_13_5 = True
    assert api.record("add", name, "A", ipAddress="192.0.2.1", ttl=60) == "ok"
    assert api.record("delete", name, "A", ipAddress="192.0.2.9") == "ok"
    assert len(dns.redundant()) == 4


def test_a_cname_stands_alone(dns, api):
    name = f"www.{ZONE}"
    assert api.record("add", name, "CNAME", cname="a.example.net.") == "ok"
    assert "cannot exists with other record types" in api.record("add", name, "A", ipAddress="192.0.2.1")
    assert api.record("add", name, "CNAME", cname="b.example.net").startswith("Record already exists. Use overwrite")
    assert api.record("add", name, "CNAME", cname="b.example.net", overwrite="true") == "ok"
    assert dns.at(name, "CNAME") == ["b.example.net"]
    assert api.record("delete", name, "CNAME") == "ok"
    assert dns.names("CNAME", "A") == []


def test_overwriting_replaces_the_set_and_another_ttl_is_everyones(dns, api):
    name = f"www.{ZONE}"
    for last in (1, 2, 3):
        assert api.record("add", name, "A", ipAddress=f"192.0.2.{last}", ttl=60) == "ok"
    assert api.record("add", name, "A", ipAddress="192.0.2.4", ttl=120) == "ok"
    assert dns.ttl(name, "A") == {120}
    assert api.record("add", name, "A", ipAddress="192.0.2.9", ttl=60, overwrite="true") == "ok"
    assert (dns.at(name, "A"), dns.ttl(name, "A")) == (["192.0.2.9"], {60})
    assert "SOA EXPIRE" in api.record("add", name, "A", ipAddress="192.0.2.9", ttl=9999999)


def test_an_update_changes_one_record_in_its_place(dns, api):
    name = f"_sip._udp.{ZONE}"
    old = {"priority": 1, "weight": 2, "port": 3, "target": f"a.{ZONE}"}
    assert api.record("add", name, "SRV", **old) == "ok"
    assert api.record("update", name, "SRV", **old, newPort=4, ttl=60) == "ok"
    assert dns.at(name, "SRV") == [{**old, "port": 4}]
    assert api.record("update", name, "SRV", **old, newPort=5) == "Cannot update record: the record does not exists to be updated."


@pytest.mark.parametrize("kind, form, rdata", [
    ("AAAA", {"ipAddress": "2001:DB8:0::1"}, {"ipAddress": "2001:db8::1"}),
    ("MX", {"preference": 10, "exchange": "Mail.Example.com."}, {"preference": 10, "exchange": "mail.example.com"}),
    ("CNAME", {"cname": "bücher.example.net"}, {"cname": "xn--bcher-kva.example.net", "cnameIdn": "bücher.example.net"}),
    ("NAPTR", {"naptrOrder": 1, "naptrPreference": 2, "naptrFlags": "u", "naptrServices": "E2U+sip", "naptrRegexp": "!a!b!"},
     {"order": 1, "preference": 2, "flags": "u", "services": "E2U+sip", "regexp": "!a!b!", "replacement": "."}),
    ("TLSA", {"tlsaCertificateUsage": "3", "tlsaSelector": "SPKI", "tlsaMatchingType": "sha2_256",
              "tlsaCertificateAssociationData": "ab12"},
     {"certificateUsage": "DANE-EE", "selector": "SPKI", "matchingType": "SHA2-256", "certificateAssociationData": "AB12"}),
    ("SSHFP", {"sshfpAlgorithm": "4", "sshfpFingerprintType": "SHA256", "sshfpFingerprint": "ab"},
     {"algorithm": "Ed25519", "fingerprintType": "SHA256", "fingerprint": "AB"}),
    ("HTTPS", {"svcPriority": 1, "svcTargetName": ".", "svcParams": "alpn|h2,h3|port|443"},
     {"svcPriority": 1, "svcTargetName": "", "svcParams": {"alpn": "h2,h3", "port": "443"}, "autoIpv4Hint": False,
      "autoIpv6Hint": False}),
    ("SVCB", {"svcPriority": 1, "svcTargetName": "Svc.example.net.", "autoIpv4Hint": "true",
              "svcParams": "mandatory|port,ALPN|Port|0443|alpn|h3, h2|no_default_alpn|x|ech|000aFF|ipv6hint|2001:DB8:0::1|667|68:69|dohpath|/q{?dns}"},
     {"svcPriority": 1, "svcTargetName": "svc.example.net", "autoIpv4Hint": True, "autoIpv6Hint": False,
      "svcParams": {"mandatory": "port,alpn", "port": "443", "alpn": "h3,h2", "no-default-alpn": None, "ech": "00:0A:FF",
                    "ipv6hint": "2001:db8::1", "667": "68:69", "dohpath": "/q{?dns}"}}),
    ("DS", {"keyTag": 1, "algorithm": "rsasha1-nsec3-sha1", "digestType": "2", "digest": "ab"},
     {"keyTag": 1, "algorithm": "RSASHA1_NSEC3_SHA1", "algorithmNumber": 7, "digestType": "SHA256", "digestTypeNumber": 2, "digest": "AB"}),
    ("SRV", {"priority": 1, "weight": 2, "port": 3, "target": "."}, {"priority": 1, "weight": 2, "port": 3, "target": "."}),
])
def test_what_is_taken_is_answered_in_its_own_form(api, kind, form, rdata):
    assert api.record("add", f"x.{ZONE}", kind, **form) == "ok"
    assert [row["rData"] for row in api.rows() if row["name"] == f"x.{ZONE}"] == [rdata]


@pytest.mark.parametrize("parameters, error", [
    ("alpn", "Index was outside the bounds of the array."),
    ("alpn|h2|ALPN|h3", "An item with the same key has already been added. Key: alpn"),
    ("alpn| ", "Missing param value for 'alpn' key."),
    ("nothing|1", "Requested value 'nothing' was not found."),
    ("key667|68", "Requested value 'key667' was not found."),
    ("667|hi", "The input is not a valid hex string."),
    ("ech|AAEC/w==", "The input is not a valid hex string."),
    ("port|70000", "Value was either too large or too small."),
    ("ipv4hint|2001:db8::1", "IPv4 hints must contain only IPv4 addresses."),
    ("dohpath|q{?dns}", "DoH path template must be relative and start with a '/'."),
])
def test_service_parameters_that_are_none(api, parameters, error):
    assert api.record("add", f"x.{ZONE}", "SVCB", svcPriority=1, svcTargetName=".", svcParams=parameters) == error


def test_services_are_the_same_whatever_the_order_of_their_parameters_but_not_of_what_these_list(dns, api):
    name, service = f"x.{ZONE}", {"svcPriority": 1, "svcTargetName": "."}
    assert api.record("add", name, "HTTPS", **service, svcParams="alpn|h2,h3|port|443") == "ok"
    assert "already exists" in api.record("add", name, "HTTPS", **service, svcParams="port|443|alpn|h2,h3")
    assert "no such record" in api.record("delete", name, "HTTPS", **service, svcParams="port|443|alpn|h3,h2")
    assert api.record("update", name, "HTTPS", **service, svcParams="port|443|alpn|h2,h3", newSvcParams="false") == "ok"
    assert api.record("delete", name, "HTTPS", **service, svcParams="false") == "ok"


def test_long_text_is_cut_into_strings(api):
    assert api.record("add", f"x.{ZONE}", "TXT", text="a" * 300) == "ok"
    rdata = api.rows()[-1]["rData"]
    assert rdata["text"] == "a" * 300 and [len(each) for each in rdata["characterStrings"]] == [255, 45] and rdata["splitText"]
    assert api.record("update", f"x.{ZONE}", "TXT", text="a" * 300, ttl=60) == "ok"


# --- what it does of itself

POINTER = "1.2.0.192.in-addr.arpa"


def test_the_record_that_points_back_comes_only_when_asked_for_and_goes_with_the_address(dns, api):
    name = f"www.{ZONE}"
    assert api.record("add", name, "A", ipAddress="192.0.2.1") == "ok"
    assert dns.at(POINTER, "PTR") == []
    assert api.record("add", name, "A", ipAddress="192.0.2.2", ptr="true") == "ok"
    assert dns.at("2.2.0.192.in-addr.arpa", "PTR") == [name]
    assert api.record("update", name, "A", ipAddress="192.0.2.2", newIpAddress="192.0.2.3", ptr="true") == "ok"
    assert dns.names("PTR") == ["3.2.0.192.in-addr.arpa"]
    assert api.record("delete", name, "A", ipAddress="192.0.2.3") == "ok"
    assert dns.names("PTR") == [] and dns.at(name, "A") == ["192.0.2.1"]


def test_the_record_that_points_elsewhere_stays(dns, api):
    dns.put(POINTER, "PTR", {"ptrName": f"other.{ZONE}"}, {"ptrName": f"www.{ZONE}"})
    assert api.record("add", f"www.{ZONE}", "A", ipAddress="192.0.2.1") == "ok"
    assert api.record("delete", f"www.{ZONE}", "A", ipAddress="192.0.2.1") == "ok"
    assert dns.at(POINTER, "PTR") == [f"other.{ZONE}"]
    again = api.call("zones/records/delete", zone="2.0.192.in-addr.arpa", domain=POINTER, type="PTR", ptrName=f"www.{ZONE}")
    assert again["errorMessage"] == "Cannot delete record: no such record exists."
    assert dns.redundant() == []  # nobody could know that it went along


def test_a_zone_for_what_points_back_is_made_only_when_asked_for(dns, api):
    name = f"www.{ZONE}"
    assert api.record("add", name, "A", ipAddress="198.51.100.7", ptr="true") == "No reverse zone available to add PTR record."
    assert api.record("add", name, "A", ipAddress="198.51.100.7", ptr="true", createPtrZone="true") == "ok"
    assert dns.zones["100.51.198.in-addr.arpa"].sets["7.100.51.198.in-addr.arpa", "PTR"][0].rdata == {"ptrName": name}
    assert api.record("add", name, "AAAA", ipAddress="2001:db8::7", ptr="true", createPtrZone="true") == "ok"
    assert "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" in dns.zones


def test_glue_stays_only_if_an_update_says_it_again(dns, api):
    name = f"sub.{ZONE}"
    assert api.record("add", name, "NS", nameServer=f"ns1.{name}", glue="192.0.2.1, 2001:DB8::1") == "ok"
    assert api.rows()[-1]["glueRecords"] == ["192.0.2.1", "2001:db8::1"]
    assert api.record("update", name, "NS", nameServer=f"ns1.{name}", glue="192.0.2.1", ttl=60) == "ok"
    assert api.rows()[-1]["glueRecords"] == ["192.0.2.1"]
    assert api.record("update", name, "NS", nameServer=f"ns1.{name}", ttl=60) == "ok"
    assert "glueRecords" not in api.rows()[-1] and [write.changed for write in dns.writes] == [True] * 3
    assert api.record("add", ZONE, "NS", nameServer=f"ns2.{ZONE}", glue="192.0.2.1").startswith("The zone's own NS records")


def test_an_update_that_changes_nothing_is_redundant_unless_another_took_the_record_along(dns, api):
    name = f"www.{ZONE}"
    for last in (1, 2):
        assert api.record("add", name, "A", ipAddress=f"192.0.2.{last}", ttl=60) == "ok"
    for last in (1, 2):
        assert api.record("update", name, "A", ipAddress=f"192.0.2.{last}", ttl=120) == "ok"
    assert dns.redundant() == []
    assert api.record("update", name, "A", ipAddress="192.0.2.2", ttl=120) == "ok"
    assert len(dns.redundant()) == 1
    assert api.record("update", name, "A", ipAddress="192.0.2.2", ttl=120, comments="of another") == "ok"
    assert len(dns.redundant()) == 1


def test_an_alias_is_not_of_itself(api):
    name = f"www.{ZONE}"
    assert api.record("add", name, "CNAME", cname=name) == "CNAME domain name cannot be same as that of the record name."
    assert api.record("add", name, "DNAME", dname=f"a.{name}") == "DNAME domain name cannot be a sub domain of the record name."


def test_for_a_zone_that_is_missing_the_one_above_it_answers(dns, api):
    answer = api.call("zones/records/get", zone=f"sub.{ZONE}", domain=f"sub.{ZONE}", listZone="true")["response"]
    assert answer["zone"]["name"] == ZONE
    assert api.call("zones/records/get", zone="example.org", domain="example.org")["errorMessage"] == "No such zone was found: example.org"


@pytest.mark.parametrize("name", [f"a-*.{ZONE}", f"{'a' * 64}.{ZONE}", f"-a.{ZONE}", f"a..{ZONE}", f"a b.{ZONE}"])
def test_names_that_are_none(api, name):
    assert api.record("add", name, "A", ipAddress="192.0.2.1").startswith("Invalid domain name")


def test_what_is_asked_wrongly_is_said_and_noted(dns, api):
    assert api.record("add", f"x.{ZONE}", "A", ipAddress="") == "Parameter 'ipAddress' missing."
    assert api.record("add", f"x.{ZONE}", "A", ipAddress="192.0.2.1", address="192.0.2.2") == "ok"
    assert api.call("zones/records/add", zone="example.org", domain="example.org", type="A")["errorMessage"] == "No such zone was found: example.org"
    assert api.raw("/api/zones/records/nothing").status == 404
    assert len(dns.violations) == 3, dns.violations  # an empty one; an unknown one, to the call and to the type
    dns.violations.clear()


def test_rights_of_zones(dns, api):
    dns.denied.add((ZONE, "Modify"))
    assert api.record("add", f"x.{ZONE}", "A", ipAddress="192.0.2.1") == "Access was denied."
    dns.denied.add((ZONE, "View"))
    assert ZONE not in [zone["name"] for zone in api.call("zones/list")["response"]["zones"]]


def test_zones_come_in_pages(dns, api):
    answer = api.call("zones/list", pageNumber=2, zonesPerPage=1)["response"]
    assert [zone["name"] for zone in answer["zones"]] == [ZONE] and answer["totalZones"] == 2
    assert api.call("zones/create", zone=ZONE, type="Primary")["errorMessage"] == f"Zone already exists: {ZONE}"


def test_faults_come_where_and_as_often_as_they_were_asked_for(dns, api):
    node, add = dns.nodes["a"], "/api/zones/records/add"
    node.fault("status", add, skip=1, what="500 Internal Server Error")
    node.fault("drop_after", add, skip=1)
    assert api.record("add", f"a.{ZONE}", "A", ipAddress="192.0.2.1") == "ok"
    assert api.raw(add, {"zone": ZONE, "domain": f"b.{ZONE}", "type": "A", "ipAddress": "192.0.2.1"}).status == 500
    with pytest.raises(wire.BrokenAnswer):
        api.record("add", f"c.{ZONE}", "A", ipAddress="192.0.2.1")
    assert dns.names("A") == [f"a.{ZONE}", f"c.{ZONE}"]
    node.go_down()
    with pytest.raises(OSError):
        api.rows()
    node.come_up()
    assert len(api.rows()) == 4
