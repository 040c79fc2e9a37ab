"""What torch prepares for a decomposition is prepared once for all tests of a process, not for every small program.

It takes a quarter of a second, most of what a test of one small program takes. tests/frontend/test_decompositions.py
holds what is kept against torch's own preparation.
"""

from __future__ import annotations

import functools

import torch

from adaptc.compiler.frontend.decompositions import Decompositions


def decompositions() -> Decompositions:
    """Those of all programs, as long as torch has the same composite operators."""
    return _of(tuple(torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")))


@functools.cache
def _of(operators: tuple[str, ...]) -> Decompositions:
    return Decompositions()
