# SPDX-License-Identifier: Apache-2.0
"""The parts of a run. Another one is a file here and a line in PARTS."""

from . import attacks, audit, calls, events, handshakes, idle, mask, opening, workers
from .part import Part

# In the order in which they run and are printed.
PARTS: dict[str, Part] = {part.name: part for part in (
    calls.Calls(), handshakes.Handshakes(), events.Events(), idle.Idle(), attacks.Attacks(), workers.Workers(),
    audit.Audit(), mask.Mask(), opening.Opening())}
