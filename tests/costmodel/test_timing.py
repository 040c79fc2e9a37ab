"""How units are timed, and what is read of the kernels that ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adaptc.costmodel.data.memory import peak_bytes
from adaptc.costmodel.data.timing import TimingSettings, open_unit, time_units
from adaptc.costmodel.data.units import BuiltUnit

from .hand import gemm_unit

QUICK = TimingSettings(passes=3, seconds=0.0)


def scripted(durations: list[int]) -> Callable[[], int]:
    """A clock under which the calls between its readings take `durations` ns, the last one from then on."""
    now, left, reading = 0, list(durations), 0

    def clock() -> int:
        nonlocal now, reading
        if reading % 2:
            now += left.pop(0) if len(left) > 1 else left[0]
        reading += 1
        return now

    return clock


def test_a_pass_is_the_mean_of_the_fastest_tenth(unit: BuiltUnit, tmp_path: Path) -> None:
    # the first reading is of the call that tells how many calls there are: 1000 ns -> 20 of 20 µs
    slow = [9000] * 18
    clock = scripted([1000, 3000, *slow, 5000, 7000])
    (timed,) = time_units([unit], TimingSettings(passes=1, seconds=20e-6), tmp_path, clock)
    assert not isinstance(timed, str)
    assert timed.passes == (4.0,)


def test_passes_go_on_until_the_two_best_agree(unit: BuiltUnit, tmp_path: Path) -> None:
    # a pass is a call that tells how many calls there are, and one that counts
    passes = [9000, 5000, 8000, 5050, 4000]
    durations = [each for duration in passes for each in (1000, duration)]
    settings = TimingSettings(passes=2, seconds=0.0, calls=1, more=9, settled=0.02, apart=0.0)
    (timed,) = time_units([unit], settings, tmp_path, scripted(durations))
    assert not isinstance(timed, str)
    assert timed.passes == (9.0, 5.0, 8.0, 5.05)
    (timed,) = time_units([unit], replace(settings, more=1), tmp_path, scripted(durations))
    assert not isinstance(timed, str)
    assert timed.passes == (9.0, 5.0, 8.0)


def test_kernels_are_those_that_run(unit: BuiltUnit, tmp_path: Path) -> None:
    (timed,) = time_units([unit], QUICK, tmp_path)
    assert not isinstance(timed, str)
    assert [kernel.name for kernel in timed.kernels] == ["com.microsoft::FusedGemm"]
    assert timed.kernels[0].shapes == "f32[2,4],f32[4,3],f32[3]->f32[2,3]"
    assert len(timed.passes) == 3
    assert (timed.outputs, timed.output_bytes) == (1, 24)


def test_what_fails_is_told_and_the_others_are_timed(unit: BuiltUnit, tmp_path: Path) -> None:
    broken = gemm_unit(tmp_path / "broken", broken=True)
    first, second = time_units([broken, unit], QUICK, tmp_path)
    assert isinstance(first, str)
    assert first.startswith("not run: InvalidArgument: ")
    assert not isinstance(second, str)


def test_a_unit_runs_on_its_arrays(unit: BuiltUnit) -> None:
    (result,) = open_unit(unit)()
    np.testing.assert_array_equal(result, np.full((2, 3), 2.0, np.float32))


def test_the_peak_of_a_large_unit_is_about_its_tensors(unit: BuiltUnit, tmp_path: Path) -> None:
    large = gemm_unit(tmp_path / "large", rows=1_000_000)
    most = peak_bytes(large)
    if most is None:
        pytest.skip("the system does not tell")
    assert 11_900_000 <= most < 26_000_000  # the product of 12 MB, perhaps rectified in place
    assert peak_bytes(unit) is None
