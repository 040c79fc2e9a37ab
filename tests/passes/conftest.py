"""The option that rewrites the golden texts, and their comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).with_name("golden")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden texts instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the file ``golden/<name>.mlir``, or writes it with ``--update-golden``."""

    def compare(name: str, text: str) -> None:
        file = GOLDEN / f"{name}.mlir"
        # The option is unknown where this file was not named on the command line.
        if request.config.getoption("--update-golden", default=False):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        assert file.exists(), f"{file} is missing; run the test with --update-golden"
        assert text == file.read_text()

    return compare
