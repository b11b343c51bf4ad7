# SPDX-License-Identifier: Apache-2.0
"""Go's gob encoding, as much of it as external-dns' connector source reads: a list of endpoints."""

# Of the format itself; what a stream defines for itself begins at 65.
INT, STRING = 2, 6
ENDPOINTS, ENDPOINT, STRINGS, LABELS, PROPERTIES, PROPERTY = range(65, 71)

# Field of an endpoint in Go, key in JSON, type.
FIELDS = (("DNSName", "dnsName", STRING), ("Targets", "targets", STRINGS), ("RecordType", "recordType", STRING),
          ("SetIdentifier", "setIdentifier", STRING), ("RecordTTL", "recordTTL", INT), ("Labels", "labels", LABELS),
          ("ProviderSpecific", "providerSpecific", PROPERTIES))


def unsigned(number):
    if number < 128:
        return bytes([number])
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([256 - len(data)]) + data


def signed(number):
    return unsigned(~number << 1 | 1 if number < 0 else number << 1)


def string(text):
    data = text.encode()
    return unsigned(len(data)) + data


def struct(*fields):
    """`fields` in order, encoded; what is None, as whatever has its zero value, is left out."""
    out, last = b"", -1
    for number, field in enumerate(fields):
        if field is not None:
            out += unsigned(number - last) + field
            last = number
    return out + b"\0"


def sequence(items):
    return unsigned(len(items)) + b"".join(items)


def message(kind, value):
    data = signed(kind) + value
    return unsigned(len(data)) + data


def defined(kind, place, *description):
    """One message that says what `kind` is: at `place` among the kinds of kinds, with what that wants to know."""
    common = struct(None, signed(kind))
    return message(-kind, struct(*[None] * place, struct(common, *description)))


def list_of(kind, of):
    return defined(kind, 1, signed(of))


def struct_of(kind, *fields):
    return defined(kind, 2, sequence([struct(string(name), signed(of)) for name, of in fields]))


def map_of(kind, key, value):
    return defined(kind, 3, signed(key), signed(value))


DEFINITIONS = b"".join([
    list_of(ENDPOINTS, ENDPOINT), struct_of(ENDPOINT, *((name, of) for name, _, of in FIELDS)), list_of(STRINGS, STRING),
    map_of(LABELS, STRING, STRING), list_of(PROPERTIES, PROPERTY), struct_of(PROPERTY, ("Name", STRING), ("Value", STRING)),
])

ENCODERS = {
    STRING: string,
    INT: signed,
    STRINGS: lambda texts: sequence([string(text) for text in texts]),
    LABELS: lambda labels: sequence([string(key) + string(value) for key, value in labels.items()]),
    PROPERTIES: lambda properties: sequence([struct(string(each["name"]), string(each["value"])) for each in properties]),
}


def endpoint(value):
    return struct(*(ENCODERS[of](value[key]) if value.get(key) else None for _, key, of in FIELDS))


def endpoints(values):
    """A stream of one value: `values` as external-dns has them in JSON."""
    return DEFINITIONS + message(ENDPOINTS, b"\0" + sequence([endpoint(value) for value in values]))
