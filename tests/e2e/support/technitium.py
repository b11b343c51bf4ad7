# SPDX-License-Identifier: Apache-2.0
"""Technitium DNS Server's HTTP API as ExternalDNS' records need it, strictly: several nodes may share zones as a cluster does.
Everything comes with status 200 and says in its body how it went; what no decent client sends is noted in `violations`."""

import collections
import json
import secrets
import socket
import threading
import time
import urllib.parse
from dataclasses import dataclass, field, replace

from support import technitium_records as records
from support.raw_upstream import LEAVE, STAY, RawUpstream, Request, hang_up
from support.technitium_records import TTL_DEFAULT, TYPES, ApiError, boolean, domain_name, missing

USER, PASSWORD = "external-dns", "fake-password-of-the-external-dns-user"
FORM = "application/x-www-form-urlencoded"
SOA_EXPIRE = 604800
NEVER = "0001-01-01T00:00:00"

Write = collections.namedtuple("Write", "node call zone name type form outcome changed taken_along")


@dataclass
class Record:
    ttl: int
    rdata: dict
    disabled: bool = False
    comments: str = ""
    expiry_ttl: int = 0
    glue: tuple = ()
    taken_along: bool = False  # by another of its set, which got a new TTL: whoever tells it the same now cannot know


@dataclass
class Zone:
    name: str
    type: str = "Primary"
    internal: bool = False
    disabled: bool = False
    catalog: str = ""
    dnssec: bool = False
    serial: int = 1
    sets: dict = field(default_factory=dict)  # (name, type) to a list of Record
    listing: tuple = (0, b"")  # the serial it was made for, and the rows

    @property
    def may_point_back(self):
        return not self.internal and self.type in ("Primary", "Forwarder")

    def owns(self, name):
        return name == self.name or name.endswith(f".{self.name}")

    def types_at(self, name):
        return [kind for kind in TYPES if (name, kind) in self.sets]


class Dns:
    """What the nodes have in common. `zones` are those of `primary`, its first node until promote(); on the others they are Secondary."""

    def __init__(self, *zones, before_13_5=False):
        self.lock = threading.RLock()
        self.zones = {}
        self.nodes = {}
        self.primary = None
        self.users = {USER: PASSWORD}
        self.api_tokens = set()
        self.denied = set()  # (zone, "View" or "Modify" or "Delete"), or ("", "Zones:Modify")
        self.before_13_5 = before_13_5  # adding what is there and deleting what is not was fine then
        self.pointers_gone = set()  # (name, whose) of PTR records that went with an address
        self.writes = []
        self.violations = []
        for zone in zones:
            self.add_zone(zone)

    def add_zone(self, name, **more):
        zone = self.zones[name] = Zone(name, **more)
        zone.sets[name, "NS"] = [Record(3600, {"nameServer": f"ns1.{name}"})]
        return zone

    def add_node(self, name, **how):
        node = self.nodes[name] = Node(self, name, **how)
        self.primary = self.primary or name
        return node

    def promote(self, name):
        self.primary = name

    def stop(self):
        for node in self.nodes.values():
            node.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def create_token(self):
        """As `createToken` makes one for an operator: it lasts, and every node knows it."""
        token = secrets.token_hex(32)
        self.api_tokens.add(token)
        return token

    # -- for tests to look at

    def put(self, name, kind, *rdatas, ttl=3600, **more):
        """Behind the API's back."""
        with self.lock:
            zone = self.zone_of(name)
            zone.sets[name, kind] = [Record(ttl, rdata, **more) for rdata in rdatas]
            zone.serial += 1

    def drop(self, name, kind):
        with self.lock:
            zone = self.zone_of(name)
            del zone.sets[name, kind]
            zone.serial += 1

    def zone_of(self, name):
        return max((zone for zone in self.zones.values() if zone.owns(name)), key=lambda zone: len(zone.name))

    def at(self, name, kind):
        """The rData of that set, in order of their texts; of one field, its values alone."""
        with self.lock:
            zone = self.zone_of(name)
            found = [record.rdata for record in zone.sets.get((name, kind), [])]
        if kind == "TXT":
            return sorted(rdata["text"] for rdata in found)
        if len(TYPES[kind].fields) == 1:
            return sorted(rdata[TYPES[kind].fields[0].answered] for rdata in found)
        return sorted((dict(rdata) for rdata in found), key=repr)

    def ttl(self, name, kind):
        with self.lock:
            return {record.ttl for record in self.zone_of(name).sets[name, kind]}

    def names(self, *kinds):
        """The names that have a set of one of these types, but for what came with the zones."""
        with self.lock:
            return sorted(name for zone in self.zones.values() for name, kind in zone.sets
                          if kind in kinds and (name, kind) != (zone.name, "NS"))

    def state(self):
        """All of it, to compare."""
        with self.lock:
            return {(name, kind): sorted((record.ttl, repr(sorted(record.rdata.items()))) for record in found)
                    for zone in self.zones.values() for (name, kind), found in zone.sets.items()}

    def changes(self, start=0):
        """Writes that did something."""
        return [write for write in self.writes[start:] if write.changed]

    def redundant(self, start=0):
        """Writes that found everything as they wanted it, but for what the server had done of itself with another, and what came
        to a node just when it was primary no more."""
        return [write for write in self.writes[start:]
                if not write.changed and not write.taken_along and "in Secondary zone" not in write.outcome]


@dataclass
class Fault:
    """What befalls the calls for `path`, or all but log-ins, after `skip` of them, `times` times."""
    kind: str  # status, say, hang, late, drop, drop_after, half, forget
    path: str = ""
    skip: int = 0
    times: int = 1
    what: object = None
    met: int = 0

    def befalls(self, path):
        if self.path != path if self.path else path == "/api/user/login":
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.met == self.times:
            return False
        self.met += 1
        return True


class Node(RawUpstream):
    def __init__(self, dns, name, delay=0, session=1800, bad_login=0.05, **how):
        super().__init__(**how)
        self.dns, self.name = dns, name
        self.delay = delay  # seconds that every call takes
        self.session = session
        self.bad_login = bad_login  # seconds that a wrong password costs; a second in earnest
        self.sessions = {}
        self.logins = []  # how each went
        self.failures = 0
        self.blocked_until = 0
        self.faults = []
        self.calls = collections.Counter()
        self.under_way = self.most_under_way = 0

    # -- faults

    def fault(self, kind, path="", **how):
        self.faults.append(Fault(kind, path, **how))
        return self.faults[-1]

    def forget_sessions(self):
        self.sessions.clear()

    def go_down(self):
        hang_up(self.listener)
        for connection in list(self.connections):
            hang_up(connection.sock)
        self.connections.clear()

    def come_up(self):
        self.listener = socket.create_server((self.host, self.port), backlog=512)
        threading.Thread(target=self._accept, daemon=True).start()

    def _suffer(self, fault, connection, call):
        kind, what = fault.kind, fault.what
        if kind == "hang":  # until the other side goes away, or the test lets go
            self.release.wait(what)
            return LEAVE
        if kind == "late":  # it is done, and only then that long
            body = call()
            self.release.wait(what)
            return self._answer(connection, body)
        if kind == "drop":
            return LEAVE
        if kind == "status":
            connection.answer(b"<html>It did not work out</html>", what, [("Content-Type", "text/html")])
        elif kind == "say":
            connection.answer(what if isinstance(what, bytes) else json.dumps(what).encode())
        elif kind == "forget":
            self.forget_sessions()
            return self._answer(connection, call())
        else:
            body = call()
            if kind == "half":
                connection.answer(body[:len(body) // 2], length=len(body))
            else:
                assert kind == "drop_after", kind
            return LEAVE
        return STAY

    # -- the wire

    def _accept(self):
        listener = self.listener
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(sock, self.accepted), daemon=True).start()

    def _exchange(self, connection):
        request = self._read(connection)
        with self.dns.lock:
            self.calls[request.path] += 1
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            fault = next((fault for fault in self.faults if fault.befalls(request.path)), None)
        try:
            if self.delay:
                time.sleep(self.delay)
            if request.path not in CALLS:
                connection.answer(b"", "404 Not Found")
                return STAY
            def call():
                return self._call(request)
            return self._suffer(fault, connection, call) if fault else self._answer(connection, call())
        finally:
            with self.dns.lock:
                self.under_way -= 1

    def _read(self, connection):
        head = connection.read_until(b"\r\n\r\n")
        request = Request(head, connection=connection.number)
        request.body = connection.read_body(request)
        return request

    def _answer(self, connection, body):
        connection.answer(body, fields=[("Content-Type", "application/json; charset=utf-8"), ("Server", "Kestrel")])
        return STAY

    def _violation(self, request, what):
        self.dns.violations.append(f"{self.name} {request.method} {request.path}: {what}")

    def _form(self, request, known):
        pairs = urllib.parse.parse_qsl(request.target.partition("?")[2], keep_blank_values=True)
        if request.method == "POST":
            if request.body and (request.get("Content-Type") or "").partition(";")[0] != FORM:
                self._violation(request, f"a body of type {request.get('Content-Type')}")
            pairs += urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict")
        form = dict(pairs)
        if len(form) != len(pairs):
            self._violation(request, f"a parameter twice in {sorted(name for name, _ in pairs)}")
        for name in form.keys() - known - {"token", "node"}:
            self._violation(request, f"no parameter is called {name}")
        for name in (name for name, value in pairs if value == ""):
            self._violation(request, f"{name} is empty, which says nothing")
        return {name: value for name, value in form.items() if value}

    # -- a call

    def _call(self, request):
        method, known = CALLS[request.path]
        try:
            form = self._form(request, known)
            with self.dns.lock:
                if request.path == "/api/user/login":
                    return self._say(method(self, form))
                if not self._is_known(request, form):
                    return self._say({"status": "invalid-token", "errorMessage": "Invalid token or session expired."})
                if request.method == "GET" and request.path in WRITES:
                    self._violation(request, "GET for what changes something")
                node = self._node(form)
                return self._say({"response": method(node, form)})
        except ApiError as error:
            return self._say({"status": "error", "errorMessage": str(error), "stackTrace": "   at DnsServerCore.WebServiceApi"})

    def _say(self, answer):
        if isinstance(answer.get("response"), bytes):
            return b'{"response":%s,"server":"%s","status":"ok"}' % (answer["response"], self.name.encode())
        return json.dumps({**answer, "server": self.name, "status": answer.get("status", "ok")}, ensure_ascii=False).encode()

    def _is_known(self, request, form):
        scheme, _, token = (request.get("Authorization") or "").partition(" ")
        token = token if scheme == "Bearer" else form.get("token", "")
        if token in self.dns.api_tokens:
            return True
        if self.sessions.get(token, 0) < time.monotonic():
            self.sessions.pop(token, None)
            return False
        self.sessions[token] = time.monotonic() + self.session
        return True

    def _node(self, form):
        """Whom the call is for: a node of a cluster passes it on."""
        name = form.pop("node", "")
        if not name:
            return self
        if name not in self.dns.nodes:
            raise ApiError(f"The specified node does not exist in the Cluster: {name}")
        node = self.dns.nodes[name]
        if node.listener.fileno() < 0:
            raise ApiError(f"Unable to reach the node '{name}'.")
        return node

    def _login(self, form):
        for parameter in ("user", "pass"):
            if parameter not in form:
                raise missing(parameter)
        if time.monotonic() < self.blocked_until:
            self.logins.append("blocked")
            raise ApiError("Max limit of 5 attempts exceeded. Access blocked for 300 seconds.")
        if self.dns.users.get(form["user"]) != form["pass"]:
            self.logins.append("refused")
            self.failures += 1
            if self.failures >= 5:
                self.blocked_until, self.failures = time.monotonic() + 300, 0
            time.sleep(self.bad_login)
            raise ApiError(f"Invalid username or password for user: {form['user']}")
        self.logins.append("fine")
        self.failures = 0
        token = secrets.token_hex(32)
        self.sessions[token] = time.monotonic() + self.session
        return {"displayName": form["user"], "username": form["user"], "totpEnabled": False, "token": token}

    def _session(self, form):
        return {"username": USER}

    # -- zones

    def _type(self, zone):
        return "Secondary" if zone.type == "Primary" and not zone.internal and self.name != self.dns.primary else zone.type

    def _closest(self, name):
        return max((each for each in self.dns.zones.values() if each.owns(name)), key=lambda each: len(each.name), default=None)

    def _zone(self, form, permission):
        """Where there is none of that name, the next above it."""
        name = domain_name(form.get("zone") or form.get("domain") or "")
        zone = self._closest(name)
        if zone is None:
            raise ApiError(f"No such zone was found: {domain_name(form.get('domain') or name)}")
        if (zone.name, permission) in self.dns.denied:
            raise ApiError("Access was denied.")
        return zone

    def _zones(self, form):
        zones = sorted(self.dns.zones.values(), key=lambda zone: zone.name)
        zones = [zone for zone in zones if (zone.name, "View") not in self.dns.denied]
        answer = {}
        if "pageNumber" in form:
            size = int(form.get("zonesPerPage", 10))
            pages = max(1, -(-len(zones) // size))
            page = min(int(form["pageNumber"]), pages)
            answer = {"pageNumber": page, "totalPages": pages, "totalZones": len(zones)}
            zones = zones[(page - 1) * size:page * size]
        return answer | {"zones": [self._described(zone) for zone in zones]}

    def _described(self, zone):
        made = {"name": zone.name, "type": self._type(zone)}
        if made["type"] == "Primary":
            made["internal"] = zone.internal
        else:
            made |= {"expiry": "2036-01-01T00:00:00Z", "isExpired": False, "syncFailed": False}
        made |= {"dnssecStatus": "SignedWithNSEC" if zone.dnssec else "Unsigned", "soaSerial": zone.serial,
                 "lastModified": "2026-01-01T00:00:00Z", "disabled": zone.disabled}
        return made | ({"catalog": zone.catalog} if zone.catalog else {})

    def _zone_itself(self, form, permission):
        zone = self._zone(form, permission)
        if zone.name != domain_name(form.get("zone", "")):
            raise ApiError(f"No such zone was found: {form.get('zone', '')}")
        return zone

    def _may_change_zones(self):
        if ("", "Zones:Modify") in self.dns.denied:
            raise ApiError("Access was denied.")

    def _create_zone(self, form):
        self._may_change_zones()
        if "zone" not in form:
            raise missing("zone")
        name, catalog = domain_name(form["zone"]), form.get("catalog", "")
        outcome = "ok"
        if name in self.dns.zones:
            outcome = f"Zone already exists: {name}"
        elif form.get("type", "Primary") != "Primary":
            outcome = f"Requested value '{form['type']}' was not found."
        elif catalog and getattr(self.dns.zones.get(catalog), "type", "") != "Catalog":
            outcome = f"No such Catalog zone was found: {catalog}"
        self._note("/api/zones/create", name, name, "SOA", form, outcome)
        self.dns.add_zone(name, catalog=catalog)
        return {"domain": name}

    def _options(self, form):
        zone = self._zone_itself(form, "View")
        self._may_change_zones()
        return {"name": zone.name, "type": self._type(zone), "internal": zone.internal, "disabled": zone.disabled,
                "catalog": zone.catalog or None,
                "availableCatalogZoneNames": [each.name for each in self.dns.zones.values() if each.type == "Catalog"]}

    def _set_options(self, form):
        zone = self._zone_itself(form, "Modify")
        self._may_change_zones()
        catalog = form.get("catalog", "")
        known = not catalog or getattr(self.dns.zones.get(catalog), "type", "") == "Catalog"
        self._note("/api/zones/options/set", zone.name, zone.name, "SOA", form,
                   "ok" if known else f"No such Catalog zone was found: {catalog}", zone.catalog != catalog)
        zone.catalog = catalog
        return {}

    # -- records

    def _get(self, form):
        if "domain" not in form:
            raise missing("domain")
        zone = self._zone(form, "View")
        if boolean(form.get("listZone", "false")):
            if zone.listing[0] != zone.serial:
                zone.listing = (zone.serial, json.dumps(self._rows(zone), ensure_ascii=False).encode())
            rows = zone.listing[1]
        else:
            rows = json.dumps([row for row in self._rows(zone) if row["name"] == domain_name(form["domain"])]).encode()
        return b'{"zone":%s,"records":%s}' % (json.dumps(self._described(zone)).encode(), rows)

    def _rows(self, zone):
        soa = {"primaryNameServer": f"ns1.{zone.name}", "responsiblePerson": f"hostadmin.{zone.name}", "serial": zone.serial,
               "refresh": 900, "retry": 300, "expire": SOA_EXPIRE, "minimum": 900, "useSerialDateScheme": False}
        rows = [self._row(zone, zone.name, "SOA", Record(900, soa))]
        if zone.dnssec:
            rows.append(self._row(zone, zone.name, "DNSKEY", Record(3600, {"flags": "ZoneKey", "protocol": 3})))
        for (name, kind), found in zone.sets.items():
            rows += [self._row(zone, name, kind, record) for record in found]
            if zone.dnssec:
                rows.append(self._row(zone, name, "RRSIG", Record(found[0].ttl, {"typeCovered": kind})))
        return rows

    @staticmethod
    def _row(zone, name, kind, record):
        return {"disabled": record.disabled, **with_unicode({"name": name or "."}), "type": kind, "ttl": record.ttl,
                "ttlString": f"{record.ttl} sec", "rData": with_unicode(record.rdata),
                **({"comments": record.comments} if record.comments else {}), "dnssecStatus": "Disabled",
                **({"glueRecords": list(record.glue)} if record.glue else {}),
                "lastUsedOn": NEVER, "lastModified": NEVER, "expiryTtl": record.expiry_ttl}

    def _target(self, form, permission, verb):
        """The zone, name and type that a write is about, where one may write."""
        for parameter in ("domain", "type"):
            if parameter not in form:
                raise missing(parameter)
        zone, name, kind = self._zone(form, permission), domain_name(form["domain"]), form["type"].upper()
        if kind not in TYPES:
            raise ApiError(f"Type not supported for {verb}: {form['type']}")
        if not zone.owns(name):
            raise ApiError(f"The domain name '{name}' does not belong to the zone: {zone.name}")
        if zone.internal:
            raise ApiError("Access was denied to manage internal DNS Server zone.")
        if self._type(zone) != "Primary":
            self._note(f"/api/zones/records/{verb}", zone.name, name, kind, form, f"Cannot {verb} record in {self._type(zone)} zone.")
        allowed = {"domain", "zone", "type"} | COMMON[verb] | set(TYPES[kind].takes)
        allowed |= {each for field in TYPES[kind].fields for each in (field.parameter, *([field.renewed] if verb == "update" else []))}
        for parameter in form.keys() - allowed - {"token"}:
            self.dns.violations.append(f"{self.name} {verb} {name} {kind}: no parameter is called {parameter}")
        return zone, name, kind

    def _ttl(self, form):
        ttl = records.number(32)(form["ttl"]) if "ttl" in form else TTL_DEFAULT
        if ttl > SOA_EXPIRE:
            raise ApiError("Failed to add record: TTL cannot be greater than SOA EXPIRE.")
        return ttl

    def _note(self, call, zone, name, kind, form, outcome, changed=True, taken_along=False):
        self.dns.writes.append(Write(self.name, call, zone, name, kind, dict(form), outcome, changed and outcome == "ok", taken_along))
        if outcome != "ok":
            raise ApiError(outcome)

    def _record(self, form, rdata, zone, name):
        glue = tuple(records.address(6 if ":" in each else 4)(each.strip()) for each in form.get("glue", "").split(",") if each)
        if glue and name == zone.name and zone.owns(rdata["nameServer"]):
            raise ApiError("The zone's own NS records cannot have glue addresses. Please add separate A/AAAA records in the zone instead.")
        return Record(self._ttl(form), rdata, boolean(form.get("disable", "false")), form.get("comments", ""),
                      int(form.get("expiryTtl", 0)), glue)

    def _alone(self, kind, name, rdata):
        """What an alias cannot say."""
        target = rdata.get(kind.lower(), "")
        if kind in ("CNAME", "DNAME") and target == name:
            raise ApiError(f"{kind} domain name cannot be same as that of the record name.")
        if kind == "DNAME" and target.endswith(f".{name}"):
            raise ApiError("DNAME domain name cannot be a sub domain of the record name.")

    # -- the records that point back from an address

    def _point_back(self, form, name, rdata, old=None):
        """As `ptr` asks for: it takes the place of whatever is there, before anything else is done."""
        if not boolean(form.get("ptr", "false")):
            return
        pointer = records.reverse_name(rdata["ipAddress"])
        zone = self._closest(pointer)
        if zone is None and not boolean(form.get("createPtrZone", "false")):
            raise ApiError("No reverse zone available to add PTR record.")
        zone = zone or self.dns.add_zone(records.reverse_zone(rdata["ipAddress"]))
        if zone.internal:
            raise ApiError(f"Reverse zone '{zone.name}' is an internal zone.")
        if not zone.may_point_back or self._type(zone) == "Secondary":
            raise ApiError(f"Reverse zone '{zone.name}' is not a primary or forwarder zone.")
        if old:
            before = records.reverse_name(old["ipAddress"])
            if self._closest(before):
                self._store(self._closest(before), before, "PTR", [])
        self._store(zone, pointer, "PTR", [Record(self._ttl(form), {"ptrName": name})])

    def _forget_pointer(self, name, rdata):
        pointer = records.reverse_name(rdata["ipAddress"])
        zone = self._closest(pointer)
        if zone is None or not zone.may_point_back or self._type(zone) == "Secondary":
            return
        there = zone.sets.get((pointer, "PTR"), [])
        rest = [record for record in there if record.rdata["ptrName"] != name]
        if len(rest) < len(there):
            self.dns.pointers_gone.add((pointer, name))
            self._store(zone, pointer, "PTR", rest)

    # -- the calls

    def _add(self, form):
        zone, name, kind = self._target(form, "Modify", "add")
        made, there = self._record(form, records.read(kind, form), zone, name), zone.sets.get((name, kind), [])
        self._alone(kind, name, made.rdata)
        if kind in ADDRESSES:
            self._point_back(form, name, made.rdata)
        overwrite, same = boolean(form.get("overwrite", "false")), self._same(kind, there, made.rdata)
        outcome, changed = self._conflict(zone, name, kind), True
        if outcome:
            pass
        elif overwrite:
            changed = there != [made]
            there = [made]
        elif TYPES[kind].single and there:
            outcome = "Record already exists. Use overwrite option if you wish to overwrite existing record."
        elif same:
            changed, outcome = False, "" if self.dns.before_13_5 else "Cannot add record: record already exists."
        else:
            self._take_along(there, made.ttl)
            there = [*there, made]
        self._note("/api/zones/records/add", zone.name, name, kind, form, outcome or "ok", changed)
        self._store(zone, name, kind, there)
        return {"zone": self._described(zone), "addedRecord": self._row(zone, name, kind, made)}

    @staticmethod
    def _take_along(others, ttl):
        for record in others:
            if record.ttl != ttl:
                record.ttl, record.comments, record.taken_along = ttl, "", True

    @staticmethod
    def _same(kind, there, rdata):
        wanted = records.identity(kind, rdata)
        return next((record for record in there if records.identity(kind, record.rdata) == wanted), None)

    def _conflict(self, zone, name, kind):
        others = [other for other in zone.types_at(name) if other != kind]
        if kind == "CNAME" and name == zone.name:
            return "Cannot set CNAME record at zone apex."
        if (kind == "CNAME" and others) or "CNAME" in others:
            return "Cannot add record: a CNAME record cannot exists with other record types for the same name."
        return ""

    def _store(self, zone, name, kind, found):
        if found:
            zone.sets[name, kind] = found
        else:
            zone.sets.pop((name, kind), None)
        zone.serial += 1

    def _update(self, form):
        zone, name, kind = self._target(form, "Modify", "update")
        there = zone.sets.get((name, kind), [])
        if TYPES[kind].single:
            old, rdata = (there or [None])[0], records.read(kind, form)
        else:
            wanted = records.read(kind, form)
            old, rdata = self._same(kind, there, wanted), records.read(kind, form, renewed=True)
        new_name = domain_name(form.get("newDomain", name))
        made = self._record(form, rdata, zone, new_name)
        self._alone(kind, new_name, rdata)
        if kind in ADDRESSES:
            self._point_back(form, name, rdata, wanted)
        taken_along = bool(old) and old.taken_along
        self._note("/api/zones/records/update", zone.name, name, kind, form,
                   "ok" if old else "Cannot update record: the record does not exists to be updated.",
                   bool(old) and (new_name != name or replace(old, taken_along=False) != made), taken_along)
        rest = [record for record in there if record is not old]
        self._take_along(rest, made.ttl)
        self._store(zone, name, kind, rest if new_name != name else [*rest, made])
        if new_name != name:
            self._store(zone, new_name, kind, [*zone.sets.get((new_name, kind), []), made])
        return {"zone": self._described(zone), "updatedRecord": self._row(zone, new_name, kind, made)}

    def _delete(self, form):
        zone, name, kind = self._target(form, "Delete", "delete")
        there = zone.sets.get((name, kind), [])
        told = {} if TYPES[kind].single else records.read(kind, form)
        gone = (there or [None])[0] if TYPES[kind].single else self._same(kind, there, told)
        outcome = "ok" if gone or self.dns.before_13_5 else "Cannot delete record: no such record exists."
        self._note("/api/zones/records/delete", zone.name, name, kind, form, outcome, gone is not None,
                   kind == "PTR" and (name, told["ptrName"]) in self.dns.pointers_gone)
        self._store(zone, name, kind, [record for record in there if record is not gone])
        if kind in ADDRESSES:
            self._forget_pointer(name, told)
        return {}


ADDRESSES = ("A", "AAAA")


NAMES = {"name", "cname", "dname", "aname", "nameServer", "ptrName", "exchange", "target", "replacement"}


def with_unicode(named):
    """Names in punycode it says twice."""
    made = {}
    for key, value in named.items():
        made[key] = value
        if key in NAMES and any(label.startswith("xn--") for label in value.split(".")):
            made[f"{key}Idn"] = ".".join(label.encode().decode("idna") for label in value.split("."))
    return made


COMMON = {
    "add": {"ttl", "overwrite", "comments", "expiryTtl"},
    "update": {"ttl", "comments", "disable", "expiryTtl", "newDomain"},
    "delete": set(),
}
RECORD = {"domain", "zone", "type"} | {each for kind in TYPES.values() for field in kind.fields for each in (field.parameter, field.renewed)}
RECORD |= {each for kind in TYPES.values() for each in kind.takes}.union(*COMMON.values())
CALLS = {
    "/api/user/login": (Node._login, {"user", "pass", "totp", "includeInfo"}),
    "/api/user/session/get": (Node._session, set()),
    "/api/zones/list": (Node._zones, {"pageNumber", "zonesPerPage"}),
    "/api/zones/create": (Node._create_zone, {"zone", "type", "catalog"}),
    "/api/zones/options/get": (Node._options, {"zone", "includeAvailableCatalogZoneNames"}),
    "/api/zones/options/set": (Node._set_options, {"zone", "catalog"}),
    "/api/zones/records/get": (Node._get, {"domain", "zone", "listZone"}),
    "/api/zones/records/add": (Node._add, RECORD),
    "/api/zones/records/update": (Node._update, RECORD),
    "/api/zones/records/delete": (Node._delete, RECORD),
}
WRITES = {"/api/user/login", "/api/zones/create", "/api/zones/options/set", "/api/zones/records/add",
          "/api/zones/records/update", "/api/zones/records/delete"}
