# SPDX-License-Identifier: Apache-2.0
"""The lines of an audit log, held to docs/formats/audit_events.schema.json."""

import functools
import json

import jsonschema

from support.gateway import REPOSITORY

SCHEMA = json.loads((REPOSITORY / "docs/formats/audit_events.schema.json").read_text())
TYPES = set(SCHEMA["properties"]["type"]["enum"])
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def lines_of(directory):
    """All of a log that lies on disk."""
    text = b"".join(path.read_bytes() for path in sorted(directory.glob("*.jsonl")))
    return [line for line in text.split(b"\n") if line]


def why(error):
    """What is wrong, as deep inside as it can be said."""
    found = [each for context in error.context or () for each in why(context)]
    return found or [f"{error.json_path}: {error.message}"]


@functools.lru_cache(maxsize=10000)
def checked(line):
    event = json.loads(line, object_pairs_hook=no_member_twice)
    wrong = [said for error in VALIDATOR.iter_errors(event) for said in why(error)]
    assert not wrong, f"{line.decode()}\n" + "\n".join(wrong)
    return event


def no_member_twice(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def check_log(directory):
    """Each event, once all of them are as the schema says."""
    return [checked(line) for line in lines_of(directory)]
