"""Inputs as they are written on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adaptc.compiler.input_specs import RandomSpec, parse_random, read_input
from adaptc.runtime.errors import InputError


def test_floats_are_standard_normal() -> None:
    name, array = read_input("x=float32[100,200]", np.random.default_rng(0))
    assert (name, array.shape, array.dtype) == ("x", (100, 200), np.float32)
    assert abs(array.mean()) < 0.05
    assert abs(array.std() - 1) < 0.05


def test_ranges_hold_for_ints_and_floats() -> None:
    generator = np.random.default_rng(0)
    _, ids = read_input("ids=int64[5000]:-2..3", generator)
    assert ids.dtype == np.int64
    assert set(ids.tolist()) == {-2, -1, 0, 1, 2}
    _, floats = read_input("x=float64[5000]:0.5..0.75", generator)
    assert floats.dtype == np.float64
    assert floats.min() >= 0.5
    assert floats.max() < 0.75


def test_scalars_and_bools() -> None:
    generator = np.random.default_rng(0)
    assert read_input("x=float32[]", generator)[1].shape == ()
    assert set(read_input("mask=bool[64]", generator)[1].tolist()) == {False, True}


def test_the_same_seed_gives_the_same_array() -> None:
    first, second = (read_input("x=float32[8]", np.random.default_rng(3))[1] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_npy_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.arange(6, dtype=np.int32).reshape(2, 3))
    name, array = read_input(f"x={file}", np.random.default_rng(0))
    assert name == "x"
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])


def test_what_is_not_written_as_random_is_left_to_others() -> None:
    assert parse_random("x", "image.png") is None
    assert parse_random("x", "uint8[2]:0..256") == RandomSpec("uint8", (2,), 0, 256)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("float32[1]", r"'float32\[1\]' has no name and value"),
        ("x=", "has no name and value"),
        ("x=float31[1,2]", "unknown dtype 'float31'; known are bool, float16"),
        ("ids=int64[1,16]", r"random int64 values need a range, for example ids=int64\[1,16\]:0..1000"),
        ("ids=int8[4]:0..1000", "the range 0..1000 does not fit int8"),
        ("ids=int64[4]:0..0.5", "the range 0..0.5 does not fit int64"),
        ("x=float32[4]:2..1", "the range 2..1 is empty"),
        ("x=float32[4]:1.2.3..4", "is not a range of numbers"),
        ("x=float32(1,2)", "cannot be read: write"),
        ("x=missing.npy", "there is no file missing.npy"),
    ],
)
def test_wrong_specs_are_told_apart(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_input(spec, np.random.default_rng(0))


def test_a_file_that_is_not_npy_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    file.write_bytes(b"not an array")
    with pytest.raises(InputError, match=r"x\.npy cannot be read as a \.npy file"):
        read_input(f"x={file}", np.random.default_rng(0))
