# SPDX-License-Identifier: Apache-2.0
"""Record types as Technitium DNS Server's API takes and gives them: what a parameter may say, and what it then answers."""

import ipaddress
import re
import string
from dataclasses import dataclass


class ApiError(Exception):
    """What the API says with "status": "error"."""


def missing(parameter):
    return ApiError(f"Parameter '{parameter}' missing.")


def domain_name(text):
    """As it keeps names: in ASCII, in lower case, without the last dot."""
    text = text.removesuffix(".")
    if not text.isascii():
        try:
            text = ".".join(label.encode("idna").decode() for label in text.split("."))
        except UnicodeError as error:
            raise ApiError(f"Invalid domain name [{text}]: {error}.") from None
    if len(text) > 255:
        raise ApiError(f"Invalid domain name [{text}]: length cannot exceed 255 bytes.")
    for label in text.split(".") if text else []:
        if not label:
            raise ApiError(f"Invalid domain name [{text}]: label length cannot be 0 byte.")
        if len(label) > 63:
            raise ApiError(f"Invalid domain name [{text}]: label length cannot exceed 63 bytes.")
        for character in label if label != "*" else "":
            if character not in string.ascii_letters + string.digits + "-_/":
                raise ApiError(f"Invalid domain name [{text}]: invalid character [{ord(character)}] was found.")
        if label.startswith("-") or label.endswith("-"):
            raise ApiError(f"Invalid domain name [{text}]: label cannot start or end with hyphen.")
    return text.lower()


def host(text):
    return domain_name(text) or "."


def number(bits):
    def parse(text):
        if not re.fullmatch(r"\d+", text):
            raise ApiError("Input string was not in a correct format.")
        if int(text) >= 1 << bits:
            raise ApiError("Value was either too large or too small.")
        return int(text)
    return parse


def address(family):
    def parse(text):
        try:
            made = ipaddress.ip_address(text)
        except ValueError:
            raise ApiError("An invalid IP address was specified.") from None
        if made.version != family:
            raise ApiError(f"The IP address is not of IPv{family}.")
        return str(made)
    return parse


def boolean(text):
    if text.lower() not in ("true", "false"):
        raise ApiError(f"String '{text}' was not recognized as a valid Boolean.")
    return text.lower() == "true"


def hexadecimal(text):
    if not re.fullmatch(r"([0-9A-Fa-f]{2})+", text):
        raise ApiError("The input is not a valid hex string.")
    return text.upper()


def word(between="-", **values):
    """One of these, by name or number; answered by name, with `between` its parts."""
    def parse(text):
        for name, value in values.items():
            if text.upper().replace("-", "_") == name.upper() or text == str(value):
                return name.replace("_", between)
        raise ApiError(f"Requested value '{text}' was not found.")
    return parse


def text_of(text):
    return text


SERVICE_KEYS = ("mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath")


def service_key(text):
    """Of those that have no name, the number, which is their name then."""
    name = text.lower().replace("_", "-")
    if re.fullmatch(r"\d{1,5}", name) and int(name) < 1 << 16:
        return SERVICE_KEYS[int(name)] if int(name) < len(SERVICE_KEYS) else str(int(name))
    if name not in SERVICE_KEYS:
        raise ApiError(f"Requested value '{text}' was not found.")
    return name


def alpn(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ApiError("Missing param value for 'alpn' key.")
    return ",".join(names)


def hints(family):
    def parse(text):
        made = [ipaddress.ip_address(address(6 if ":" in each else 4)(each)) for each in text.split(",")]
        if any(each.version != family for each in made):
            raise ApiError(f"IPv{family} hints must contain only IPv{family} addresses.")
        return ",".join(map(str, made))
    return parse


def doh_path(text):
    if not text.startswith("/"):
        raise ApiError("DoH path template must be relative and start with a '/'.")
    if "{?dns}" not in text:
        raise ApiError("DoH path template must contain a 'dns' variable.")
    return text


def octets(text):
    """Of what has no form of its own: hex digits, however they are written."""
    return ":".join(re.findall("..", hexadecimal(text.replace(":", "")))) if text else ""


SERVICE_VALUES = {
    "mandatory": lambda text: ",".join(map(service_key, text.split(","))),
    "alpn": alpn,
    "no-default-alpn": lambda text: None,  # whatever it says; null in JSON
    "port": lambda text: str(number(16)(text)),
    "ipv4hint": hints(4),
    "ipv6hint": hints(6),
    "dohpath": doh_path,
}


def service_parameters(text):
    """`alpn|h2,h3|port|443`, or false for none. They are answered in the order in which they came."""
    if text.lower() == "false":
        return {}
    parts = text.split("|")
    if len(parts) % 2:
        raise ApiError("Index was outside the bounds of the array.")
    made = {}
    for key, value in zip(map(service_key, parts[::2]), parts[1::2]):
        if key in made:
            raise ApiError(f"An item with the same key has already been added. Key: {key}")
        made[key] = SERVICE_VALUES.get(key, octets)(value)
    return made


@dataclass(frozen=True)
class Field:
    parameter: str
    parse: object
    key: str = ""  # in rData, if it is another one
    default: object = None  # None: it has to be there

    @property
    def answered(self):
        return self.key or self.parameter

    @property
    def renewed(self):
        """What an update calls the new value."""
        if self.parameter.startswith("naptr"):
            return f"naptrNew{self.parameter[5:]}"
        return "newAName" if self.parameter == "aname" else f"new{self.parameter[0].upper()}{self.parameter[1:]}"


@dataclass(frozen=True)
class RecordType:
    fields: tuple
    single: bool = False  # a name has one at most, and neither update nor delete ask which
    takes: tuple = ()  # further parameters that are of no interest here


TTL_DEFAULT = 3600
DS_ALGORITHMS = {"RSAMD5": 1, "DSA": 3, "RSASHA1": 5, "DSA_NSEC3_SHA1": 6, "RSASHA1_NSEC3_SHA1": 7, "RSASHA256": 8, "RSASHA512": 10,
                 "ECC_GOST": 12, "ECDSAP256SHA256": 13, "ECDSAP384SHA384": 14, "ED25519": 15, "ED448": 16}
DS_DIGESTS = {"SHA1": 1, "SHA256": 2, "GOST_R_34_11_94": 3, "SHA384": 4}

TYPES = {
    "A": RecordType((Field("ipAddress", address(4)),), takes=("ptr", "createPtrZone", "updateSvcbHints")),
    "AAAA": RecordType((Field("ipAddress", address(6)),), takes=("ptr", "createPtrZone", "updateSvcbHints")),
    "CNAME": RecordType((Field("cname", host),), single=True),
    "DNAME": RecordType((Field("dname", host),), single=True),
    "ANAME": RecordType((Field("aname", host),)),
    "NS": RecordType((Field("nameServer", host),), takes=("glue",)),
    "PTR": RecordType((Field("ptrName", host),)),
    "MX": RecordType((Field("preference", number(16)), Field("exchange", host))),
    "TXT": RecordType((Field("text", text_of), Field("splitText", boolean, default=False))),
    "SRV": RecordType((Field("priority", number(16)), Field("weight", number(16)), Field("port", number(16)),
                       Field("target", host))),
    "NAPTR": RecordType((Field("naptrOrder", number(16), "order"), Field("naptrPreference", number(16), "preference"),
                         Field("naptrFlags", text_of, "flags", default=""), Field("naptrServices", text_of, "services", default=""),
                         Field("naptrRegexp", text_of, "regexp", default=""),
                         Field("naptrReplacement", host, "replacement", default="."))),
    "CAA": RecordType((Field("flags", number(8)), Field("tag", str.lower), Field("value", text_of))),
    "DS": RecordType((Field("keyTag", number(16)), Field("algorithm", word("_", **DS_ALGORITHMS)),
                      Field("digestType", word("_", **DS_DIGESTS)), Field("digest", hexadecimal))),
    "SSHFP": RecordType((Field("sshfpAlgorithm", word(RSA=1, DSA=2, ECDSA=3, Ed25519=4, Ed448=6), "algorithm"),
                         Field("sshfpFingerprintType", word(SHA1=1, SHA256=2), "fingerprintType"),
                         Field("sshfpFingerprint", hexadecimal, "fingerprint"))),
    "TLSA": RecordType((Field("tlsaCertificateUsage", word(PKIX_TA=0, PKIX_EE=1, DANE_TA=2, DANE_EE=3), "certificateUsage"),
                        Field("tlsaSelector", word(Cert=0, SPKI=1), "selector"),
                        Field("tlsaMatchingType", word(Full=0, SHA2_256=1, SHA2_512=2), "matchingType"),
                        Field("tlsaCertificateAssociationData", hexadecimal, "certificateAssociationData"))),
    "URI": RecordType((Field("uriPriority", number(16), "priority"), Field("uriWeight", number(16), "weight"),
                       Field("uri", text_of))),
}
SERVICE = (Field("svcPriority", number(16)), Field("svcTargetName", domain_name), Field("svcParams", service_parameters))
HINTS = ("autoIpv4Hint", "autoIpv6Hint")
for service in ("SVCB", "HTTPS"):
    TYPES[service] = RecordType(SERVICE, takes=HINTS)


def read(kind, form, renewed=False):
    """The rData that these parameters say; if `renewed`, what an update makes of it: what it does not say anew stays."""
    made = {}
    for field in TYPES[kind].fields:
        given = (renewed and form.get(field.renewed)) or form.get(field.parameter)
        if given:
            made[field.answered] = field.parse(given)
        elif field.default is not None:
            made[field.answered] = field.default
        else:
            raise missing(field.parameter)
    if kind == "TXT":
        made = text_record(**made)
    if kind == "DS":
        made |= {"algorithmNumber": DS_ALGORITHMS[made["algorithm"]], "digestTypeNumber": DS_DIGESTS[made["digestType"]]}
    if kind in ("SVCB", "HTTPS"):
        made |= {hint: boolean(form.get(hint, "false")) for hint in HINTS}
    return made


def text_record(text, splitText, **_):
    """Character strings of 255 bytes at most: cut there, or at the lines where those are what was asked for."""
    strings = text.split("\n") if splitText else cut(text.encode(), 255)
    if any(len(each.encode() if splitText else each) > 255 for each in strings):
        raise ApiError("A character string cannot exceed 255 bytes.")
    return {"text": text, "splitText": len(strings) > 1,
            "characterStrings": strings if splitText else [each.decode(errors="replace") for each in strings]}


def cut(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)] or [b""]


def identity(kind, rdata):
    """What makes two records of a set the same one."""
    if kind == "TXT":
        return rdata["characterStrings"]
    return {key: value for key, value in rdata.items() if key not in HINTS}


def reverse_name(text):
    return ipaddress.ip_address(text).reverse_pointer


def reverse_zone(text):
    """That of the network around it: of 24 bits, or 64."""
    return reverse_name(text).split(".", 1 if "." in text else 16)[-1]
