# SPDX-License-Identifier: Apache-2.0
"""What a part of a run is."""

from typing import Any, Protocol

from ..bench import Bench
from ..ratios import Mark


class Part(Protocol):
    name: str  # for --only

    def run(self, bench: Bench) -> dict[str, Any]:
        """Every sample; what json.dumps() takes. The others get nothing but this, so that a saved run can be printed again."""

    def text(self, data: dict[str, Any], subject: str) -> str:
        """Markdown: a heading and tables."""

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        """Against which figures the subject is held. None of peers that did not take part."""
