# SPDX-License-Identifier: Apache-2.0
"""Ratios of paired rounds, and the marks they are held against."""

import random
from dataclasses import dataclass
from statistics import median, quantiles

Values = list[float]


@dataclass(frozen=True)
class Ratio:
    middle: float
    low: float  # quartiles
    high: float

    def __str__(self) -> str:
        return f"**{self.middle:.2f}** ({self.low:.2f} to {self.high:.2f})"


def of_pairs(ours: Values, theirs: Values) -> Ratio | None:
    """Median and quartiles of the ratios of paired rounds. None when one of them is nothing."""
    if not ours or min(theirs) <= 0 or min(ours) <= 0:
        return None
    ratios = [a / b for a, b in zip(ours, theirs)]
    low, _, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else (ratios[0],) * 3
    return Ratio(median(ratios), low, high)


def of_medians(ours: Values, theirs: Values) -> Ratio | None:
    """The ratio of the medians, for differences: one of a single round may come out at nothing or below.

    The quartiles are those of 2,000 draws of as many rounds, with replacement, both sides from the same rounds.
    """
    if not ours or median(theirs) <= 0:
        return None
    draw, found = random.Random(len(ours)), []
    for _ in range(2000):
        rounds = draw.choices(range(len(ours)), k=len(ours))
        below = median(theirs[i] for i in rounds)
        if below > 0:
            found.append(median(ours[i] for i in rounds) / below)
    low, _, high = quantiles(found, n=4, method="inclusive")
    return Ratio(median(ours) / median(theirs), low, high)


@dataclass(frozen=True)
class Mark:
    """One thing that must hold. `measured` None: this run could not tell."""

    what: str
    measured: Ratio | float | None
    limit: float
    at_least: bool = False
    form: str = "{:.2f}"
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        value = self.measured.middle if isinstance(self.measured, Ratio) else self.measured
        # As printed, with as many decimals as the mark has: 0.954 is not told from 0.95 by any run.
        value = float(self.form.format(value))
        return "held" if (value >= self.limit if self.at_least else value <= self.limit) else "**missed**"

    def row(self) -> list[str]:
        value = "" if self.measured is None else (
            str(self.measured) if isinstance(self.measured, Ratio) else self.form.format(self.measured))
        limit = f"at {'least' if self.at_least else 'most'} {self.limit:g}"
        return [self.what, value, limit + (f" ({self.note})" if self.note else ""), self.verdict]


def table(rows: list[list[str]]) -> str:
    """Markdown; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


class RatioTable:
    """A row for each figure: the subject, its peers, and ratios to each of them."""

    def __init__(self, subject: str, names: list[str]) -> None:
        self._subject = subject
        self._peers = [name for name in names if name != subject]
        self._names = [subject, *self._peers]
        self._rows = [["", *self._names, *(f"{subject} / {peer}" for peer in self._peers)]]

    def paired(self, label: str, values: dict[str, Values], form: str, ratio=of_pairs) -> None:
        """Medians over rounds, with ratios. Who is not in `values` did not take part."""
        ours = values[self._subject]
        ratios = [str(ratio(ours, values[peer]) or "") if peer in values else "" for peer in self._peers]
        cells = [form.format(median(values[name])) if name in values else "" for name in self._names]
        self._rows.append([label, *cells, *ratios])

    def single(self, label: str, values: dict[str, float | None], form: str) -> None:
        """Values that were taken once; no ratio of small counts."""
        ours = values.get(self._subject)
        ratios = [f"{ours / values[peer]:.2f}" if ours and (values.get(peer) or 0) >= 0.01 else ""
                  for peer in self._peers]
        cells = [("not counted" if values[name] is None else form.format(values[name])) if name in values else ""
                 for name in self._names]
        self._rows.append([label, *cells, *ratios])

    def text(self) -> str:
        return table(self._rows)
