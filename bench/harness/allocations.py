# SPDX-License-Identifier: Apache-2.0
"""Reads the table that alloc_count.so fills, and says on whose behalf each allocation was made."""

import os
import re
import struct
import subprocess
from dataclasses import dataclass

from .processes import descendants, tool

SLOTS = 8192
_SLOT = struct.Struct("=QQQ")

# Libraries that only ever allocate because Claviger called them with its own data: C++ containers grow inside
# libstdc++, formatted text inside fmt. Their allocations are Claviger's own.
_OWN_RUNTIME = re.compile(r"lib(stdc\+\+|fmt)\.so")
# Claviger gives OpenSSL an allocator. What goes through it was asked for by OpenSSL.
_OPENSSL_HOOK = re.compile(r"openssl_memory")


@dataclass(frozen=True)
class Site:
    owner: str  # "own", or the library's name
    where: str  # function and line, or the module and offset
    calls: int
    bytes: int


def read_table(path: str) -> dict[int, tuple[int, int]]:
    with open(path, "rb") as table:
        data = table.read(SLOTS * _SLOT.size)
    return {address: (calls, size) for address, calls, size in _SLOT.iter_unpack(data) if address != 0}


def difference(before: dict[int, tuple[int, int]], after: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    changed = {}
    for address, (calls, size) in after.items():
        was_calls, was_size = before.get(address, (0, 0))
        if calls != was_calls:
            changed[address] = (calls - was_calls, size - was_size)
    return changed


def attribute(pid: int, counts: dict[int, tuple[int, int]]) -> list[Site]:
    """Most calls first. `pid` must still run: its memory map names the modules."""
    modules = _modules(descendants(pid)[-1])
    executable = os.path.realpath(f"/proc/{pid}/exe")
    sites = []
    for address, (calls, size) in counts.items():
        path, offset = _locate(modules, address)
        if path is None:
            sites.append(Site("unknown", hex(address), calls, size))
            continue
        frames = _symbolise(path, offset - 1)  # the call, not what follows it
        where = frames[0] if frames else f"{os.path.basename(path)}+{offset:#x}"
        if len(frames) > 1:
            where += f", in {frames[-1]}"  # inlined: the innermost is often only an allocator of the library
        sites.append(Site(_owner(path, executable, frames), where, calls, size))
    return sorted(sites, key=lambda site: -site.calls)


def _owner(path: str, executable: str, frames: list[str]) -> str:
    name = os.path.basename(path)
    if path == executable:
        return "OpenSSL (through its allocator hook)" if any(map(_OPENSSL_HOOK.search, frames)) else "own"
    if _OWN_RUNTIME.match(name):
        return "own"
    return re.sub(r"\.so\b.*", "", name)


def _modules(pid: int) -> list[tuple[int, int, int, str]]:
    """(start, end, load address, path) of each executable mapping."""
    first: dict[str, int] = {}
    found = []
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            if len(fields) < 6 or not fields[5].startswith("/"):
                continue
            start, end = (int(part, 16) for part in fields[0].split("-"))
            path = fields[5].strip()
            first.setdefault(path, start - int(fields[2], 16))
            if "x" in fields[1]:
                found.append((start, end, first[path], path))
    return found


def _locate(modules: list[tuple[int, int, int, str]], address: int) -> tuple[str | None, int]:
    for start, end, base, path in modules:
        if start <= address < end:
            return path, address - base
    return None, 0


def _symbolise(path: str, offset: int) -> list[str]:
    """Innermost first, inlined frames included: "function at file:line"."""
    output = subprocess.run([tool("llvm-symbolizer-19", "llvm-19"), f"--obj={path}", "--inlines", "--basenames",
                             "--output-style=LLVM", hex(offset)], capture_output=True, text=True, check=False).stdout
    lines = [line for line in output.splitlines() if line]
    frames = []
    for function, place in zip(lines[::2], lines[1::2]):
        if function != "??":
            known = not place.startswith("??")
            frames.append(f"{function} at {place}" if known else f"{function} ({os.path.basename(path)})")
    return frames
