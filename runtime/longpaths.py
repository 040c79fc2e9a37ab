"""Paths as artifacts list them: one of very many blocks by its first ones and what tells the rest apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

MOST_BLOCKS = 200
"""A path of more blocks, as loops make them, is not listed in full: an artifact's size must not depend on it."""


def listed(path: Sequence[str]) -> tuple[str, ...]:
    """`path`, or of a longer one its first blocks, then one text with the number of the others and their hash."""
    if len(path) <= MOST_BLOCKS:
        return tuple(path)
    rest = path[MOST_BLOCKS:]
    digest = hashlib.sha256("\n".join(rest).encode()).hexdigest()
    return (*path[:MOST_BLOCKS], f"and {len(rest)} more, SHA-256 {digest[:16]}")
