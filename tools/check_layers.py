#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the sources to the module dependencies that src/CMakeLists.txt declares.

A module may include its own headers, those of the modules it USES, and of those that these use. Files that
only tests see (*_test.cc and whatever lies in a testing/ folder) may include testing/ headers of the same
modules besides. Some libraries are for one module alone (OWNERS). Exits 1 when anything is out of line.
"""

import argparse
import re
import sys
from pathlib import Path

KEYWORDS = {"USES", "PRIVATE_LIBS", "PUBLIC_LIBS"}

# The first pattern that matches an include in angle brackets says which modules may have it.
LIBSSL_SIDE = r"openssl/(ssl|ssl3|tls1|dtls1|bio|err|pem|x509|x509v3|x509_vfy)\.h"
OWNERS = [
    (LIBSSL_SIDE, {"net"}),
    # Keys and certificates are held as EVP_PKEY; net sets them on its contexts.
    (r"openssl/evp\.h", {"crypto", "net"}),
    (r"openssl/.*", {"crypto"}),
    (r"(sys/epoll|ares(_.*)?)\.h", {"net"}),
    (r"yaml-cpp/.*", {"server"}),
    (r"CLI/.*", {"cli"}),
    (r"spdlog/.*", {"telemetry"}),
    (r"sqlite3\.h", {"store"}),
    (r"argon2\.h", {"crypto"}),
    (r"(idn2|re2/re2)\.h", {"doors"}),
    (r"boost/json(/.*|\.hpp)", {"base"}),
]
EXTRA = {
    # The error queue is shared with libssl.
    "crypto": {"openssl/err.h"},
    # Serial numbers of the local CA's certificates; crypto has no face for them.
    "net": {"openssl/bn.h", "openssl/rand.h"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


class DeclarationError(Exception):
    """src/CMakeLists.txt cannot be understood, or declares a cycle."""


def read_declarations(text):
    """The USES of every claviger_module(...), in order."""
    text = re.sub(r"#[^\n]*", "", text)
    uses = {}
    for call in re.finditer(r"claviger_module\s*\(([^)]*)\)", text):
        words = call.group(1).split()
        if not words:
            raise DeclarationError("claviger_module() without a name")
        name, keyword, mine = words[0], None, []
        for word in words[1:]:
            if word in KEYWORDS:
                keyword = word
            elif keyword == "USES":
                mine.append(word)
            elif keyword is None:
                raise DeclarationError(f"claviger_module({name}): '{word}' stands before any keyword")
        if name in uses:
            raise DeclarationError(f"module {name} is declared twice")
        uses[name] = mine
    for name, mine in uses.items():
        for used in mine:
            if used not in uses:
                raise DeclarationError(f"module {name} uses {used}, which is not declared")
    return uses


def close(uses):
    """For each module everything it may include, itself too. A cycle is a DeclarationError."""
    closed = {}

    def visit(name, path):
        if name in path:
            raise DeclarationError("modules use each other in a circle: " + " -> ".join([*path, name]))
        if name not in closed:
            closed[name] = {name}.union(*(visit(used, [*path, name]) for used in uses[name]))
        return closed[name]

    for name in uses:
        visit(name, [])
    return closed


def is_test_file(relative):
    return relative.name.endswith("_test.cc") or "testing" in relative.parts[:-1]


def library_complaint(module, header):
    if header in EXTRA.get(module, ()):
        return None
    for pattern, owners in OWNERS:
        if re.fullmatch(pattern, header):
            if module in owners:
                return None
            return f"<{header}> in module {module}; allowed: only in {', '.join(sorted(owners))}"
    return None


def own_header_complaint(relative, header, closed):
    module, target = relative.parts[0], Path(header)
    allowed = closed[module]
    if len(target.parts) < 2 or target.parts[0] not in closed:
        return f'"{header}" is not written as "<module>/<file>"; allowed: {", ".join(sorted(closed))}'
    if target.parts[0] not in allowed:
        return f'"{header}" in module {module}; allowed: {", ".join(sorted(allowed))}'
    if "testing" in target.parts[1:-1] and not is_test_file(relative):
        return f'"{header}" in production code; allowed: only in *_test.cc and testing/'
    return None


def check_file(path, relative, closed):
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, angled = match.groups()
        if angled:
            complaint = library_complaint(relative.parts[0], angled)
        else:
            # A library's header in quotes is still a library's.
            complaint = library_complaint(relative.parts[0], quoted) or own_header_complaint(relative, quoted, closed)
        if complaint:
            found.append(f"{path}:{number}: {complaint}")
    return found


def check_tree(source):
    """All complaints about the tree below `source` (the folder with the CMakeLists.txt of modules)."""
    listing = source / "CMakeLists.txt"
    try:
        closed = close(read_declarations(listing.read_text(encoding="utf-8")))
    except DeclarationError as error:
        return [f"{listing}:1: {error}"]
    found = []
    for path in sorted([*source.rglob("*.h"), *source.rglob("*.cc")]):
        relative = path.relative_to(source)
        if relative.parts[0] not in closed:
            found.append(f"{path}:1: belongs to no module; allowed: {', '.join(closed)}")
            continue
        found += check_file(path, relative, closed)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent / "src")
    found = check_tree(parser.parse_args().source)
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} includes out of line with src/CMakeLists.txt", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
