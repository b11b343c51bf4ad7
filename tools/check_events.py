#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the audit log's event types together: every type that src/ writes stands in docs/formats/audit_events.schema.json and
in docs/formats/audit_events.md, and each of those is written somewhere. Exits 1 when they differ.

In the sources a type is a literal in the arguments of an Event(...) or in an event's text; a constant whose name stands in an
Event(...); the name that Refusals are made with; or, of management, put together of a kind and a word (plan.cc).
"""

import json
import re
import sys
from pathlib import Path

TYPE = r"[a-z_]+\.[a-z_]+"
SCHEMA = Path("docs/formats/audit_events.schema.json")
PAGE = Path("docs/formats/audit_events.md")
# Where a type is put together, and of what; the value of the variable is what these literals say.
MANAGEMENT = Path("src/registry/plan.cc")
KINDS = Path("src/policy/kind.cc")
MARKS = re.compile(rf'\bmark\(\s*"({TYPE})"')  # registry/outbox_drain.cc


def arguments(text, start):
    """What stands between the parenthesis at `start` and the one that closes it."""
    depth, quoted = 0, False
    for at in range(start, len(text)):
        if quoted:
            quoted = text[at] != '"' or text[at - 1] == "\\"
        elif text[at] == '"':
            quoted = True
        elif text[at] == "(":
            depth += 1
        elif text[at] == ")":
            depth -= 1
            if depth == 0:
                return text[start + 1:at]
    return text[start + 1:]


def types_in(text):
    """The types that one source file writes."""
    found = set(MARKS.findall(text))
    found.update(re.findall(rf'"type":"({TYPE})"', text))
    found.update(re.findall(rf'\b(?:Refusals|refusals|failed_logins)\s*[({{]\s*"({TYPE})"', text))
    constants = dict(re.findall(rf'\b(k\w+)\s*=\s*R?"\(?"?({TYPE})"', text))
    for event in re.finditer(r"\bEvent\s*(?:\w+\s*)?\(", text):
        inside = arguments(text, event.end() - 1)
        found.update(re.findall(rf'"({TYPE})"', inside))
        found.update(value for name, value in constants.items() if re.search(rf"\b{name}\b", inside))
    return found


def management_types(root):
    """Of which kinds there are and which words; the schema says which go together."""
    kinds = set(re.findall(r'return "([a-z_]+)"|\{"([a-z_]+)",', (root / KINDS).read_text(encoding="utf-8")))
    kinds = {one or other for one, other in kinds}
    text = (root / MANAGEMENT).read_text(encoding="utf-8")
    words = set(re.findall(r'write\.event = "(\w+)"', text))
    for one, other in re.findall(r'write\.event = \w+ \? "(\w+)" : "(\w+)"', text):
        words |= {one, other}
    past = re.search(r"past_of\(Verb verb\) noexcept \{(.*?)\n\}", text, re.S)
    words |= set(re.findall(r'return "(\w+)"', past[1] if past else ""))
    return kinds, words


def written(root):
    found = set()
    for path in sorted((root / "src").rglob("*.cc")) + sorted((root / "src").rglob("*.h")):
        if path.name.endswith("_test.cc") or "testing" in path.parts:
            continue
        text = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
        found |= types_in(text)
    return found


def complaints(root):
    schema = json.loads((root / SCHEMA).read_text(encoding="utf-8"))
    described = set(schema["properties"]["type"]["enum"])
    defined = {each["properties"]["type"]["const"] for each in schema["$defs"].values()
               if "const" in each.get("properties", {}).get("type", {})}
    listed = set(re.findall(rf"^\| `({TYPE})` \|", (root / PAGE).read_text(encoding="utf-8"), re.M))
    sources = written(root)
    kinds, words = management_types(root)
    of_management = {each for each in described if each.split(".")[0] in kinds and each.split(".")[1] in words}
    for each in sorted(sources - described):
        yield f"{each} is written, and does not stand in {SCHEMA}"
    for each in sorted(described - sources - of_management):
        yield f"{each} stands in {SCHEMA}, and is written nowhere"
    for word in sorted(words):
        if not any(each.endswith("." + word) for each in of_management):
            yield f"<kind>.{word} is written, and does not stand in {SCHEMA}"
    for each in sorted(described ^ defined):
        yield f"{each} stands in the list of types or in $defs of {SCHEMA}, and not in both"
    for each in sorted(described ^ listed):
        yield f"{each} stands in {SCHEMA} or in {PAGE}, and not in both"


def main():
    root = Path(__file__).resolve().parent.parent
    found = list(complaints(root))
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
