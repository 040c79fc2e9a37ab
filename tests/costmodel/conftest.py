"""A unit that needs no capture."""

from __future__ import annotations

from pathlib import Path

import pytest

from adaptc.costmodel.data.units import BuiltUnit

from .hand import gemm_unit


@pytest.fixture
def unit(tmp_path: Path) -> BuiltUnit:
    return gemm_unit(tmp_path / "unit")
