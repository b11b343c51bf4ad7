# SPDX-License-Identifier: Apache-2.0
"""What all parts of a run share: what was asked for, the setting, how rounds go."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .peers import GATEWAYS, EventSource, Gateway, Shape, Upstream
from .processes import Processes
from .setting import Setting


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Bench:
    setting: Setting
    subject: str
    peers: list[str]
    modes: list[bool]  # TLS or not
    rounds: int
    seconds: float  # of a window
    connections: int
    one: bool  # also one connection
    heavy_rounds: int  # of what takes long and varies little, or is many seconds by itself
    idle: int  # connections of that part
    attackers: int  # connections of that part
    alloc_count: Path = field(default_factory=Path)

    @property
    def names(self) -> list[str]:
        """The first peer, the subject, the other peers."""
        return list(dict.fromkeys([*self.peers[:1], self.subject, *self.peers[1:]]))

    @property
    def full_peers(self) -> list[str]:
        """As names, without those that leave a part of the job out."""
        return [name for name in self.names if name != "nginx_no_log"]

    def start(self, name: str, upstream: Upstream | EventSource, processes: Processes, tls: bool,
              shape: Shape = Shape(), preload: Path | None = None) -> Gateway:
        """Started, and checked to do the job."""
        gateway = GATEWAYS[name](self.setting, upstream, tls, preload, shape)
        gateway.start(processes)
        gateway.check()
        return gateway


def mode_text(tls: bool) -> str:
    return "TLS" if tls else "plain"


def alternating(rounds: int, names: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Rounds from 1, with the order turned round every time."""
    for number in range(rounds):
        yield number + 1, names if number % 2 == 0 else names[::-1]
