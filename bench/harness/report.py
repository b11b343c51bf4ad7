# SPDX-License-Identifier: Apache-2.0
"""Turns a run's samples into a page: the marks first, then the tables of each part."""

import shlex
from pathlib import Path
from typing import Any

from .parts import PARTS
from .processes import BenchError
from .ratios import table

_BEGIN, _END = "<!-- bench/run.py: begin -->", "<!-- bench/run.py: end -->"


def command_line(arguments: list[str]) -> str:
    return shlex.join(["./dev", "bench", *(a for a in arguments if a not in ("--write-docs", "--keep"))])


def render(result: dict[str, Any]) -> str:
    subject, found = result["subject"], [(PARTS[name], part) for name, part in result["parts"].items()]
    marks = [mark for part, taken in found for mark in part.marks(taken["data"], subject)]
    rows = [["", "measured", "mark", ""], *(mark.row() for mark in marks)]
    pages = [f"### Marks\n\n{table(rows)}"] if marks else []
    pages += [part.text(taken["data"], subject) for part, taken in found]
    commands: dict[tuple[str, int], list[str]] = {}
    for part, taken in found:
        commands.setdefault((taken["command"], taken["data"]["rounds"]), []).append(part.name)
    pages.append("Machine: " + ", ".join(f"{name} {value}" for name, value in result["machine"].items()) + ".\n"
                 + "\n".join(f"`{command}`: {', '.join(names)} ({rounds} rounds)."
                             for (command, rounds), names in commands.items()))
    return "\n\n".join(pages)


def write_docs(path: Path, text: str) -> None:
    page = path.read_text()
    if _BEGIN not in page or _END not in page:
        raise BenchError(f"{path} has lost its markers {_BEGIN} and {_END}")
    before, rest = page.split(_BEGIN, 1)
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END, 1)[1]}")
