"""Property tests draw the same examples in every run, so that a run tells what the change did; what costs each test
time and is no part of what it tests is done once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# A capture makes so many objects that Python looks for garbage among them some hundred times; a fifth of the time of
# the tests went into that.
gc.set_threshold(50_000, 20, 20)


_LONGEST = ("examples/test_networks", "frontend/test_language_models", "benchmarks/test_suite", "frontend/fuzz")
"""Where the tests are that take half a minute and more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first: one that is left to the end keeps one process busy while the other waits."""
    items.sort(key=lambda item: not any(part in item.path.as_posix() for part in _LONGEST))


@pytest.fixture(autouse=True, scope="session")
def _prepared() -> Iterator[None]:
    """Captures share what torch prepares for decompositions."""
    from adaptc.compiler.frontend import export

    from .preparation import decompositions

    with mock.patch.object(export.decompositions, "current", decompositions):
        yield
