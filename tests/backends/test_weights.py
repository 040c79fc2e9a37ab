"""The weights file: every distinct tensor once, bytes as declared, next to no padding."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from adaptc.compiler.backends.onnx.weights import write_weights
from adaptc.runtime.errors import AdaptcError


def test_rows_give_the_bytes_back(tmp_path: Path) -> None:
    weights = {
        "half": torch.randn(3, 5).half(),
        "flag": torch.tensor([True, False, True]),
        "table": torch.randn(100, 100),
        "count": torch.tensor(7),
        "double": torch.randn(3, dtype=torch.float64),
        "transposed": torch.randn(4, 6).t(),
        "byte": torch.arange(5, dtype=torch.uint8),
        "wave": torch.randn(3, dtype=torch.complex64),
        "nothing": torch.zeros(0, 4),
        "expanded": torch.tensor(3).expand(1),
        "one of many": torch.arange(6).reshape(2, 3)[1:, 1:2],
    }
    table = write_weights(weights, weights, tmp_path / "weights.bin")
    data = (tmp_path / "weights.bin").read_bytes()
    for name, tensor in weights.items():
        row = table.row(name)
        stored = np.frombuffer(data, np.dtype(row.dtype), tensor.numel(), row.offset).reshape(row.shape)
        np.testing.assert_array_equal(stored, tensor.numpy())
        assert row.size == tensor.nbytes
        assert row.offset % max(1, stored.itemsize // (2 if stored.dtype.kind == "c" else 1)) == 0


def test_bfloat16_is_stored_as_it_is(tmp_path: Path) -> None:
    tensor = torch.randn(7).bfloat16()
    table = write_weights({"w": tensor}, ["w"], tmp_path / "weights.bin")
    assert table.row("w").dtype == "bfloat16"
    assert (tmp_path / "weights.bin").read_bytes() == tensor.view(torch.uint8).numpy().tobytes()


def test_equal_tensors_share_a_row_and_unused_ones_are_left_out(tmp_path: Path) -> None:
    one = torch.randn(10, 10)
    weights = {"a": one, "b": one.clone(), "reshaped": one.reshape(100), "unused": torch.randn(1000), "c": one + 1}
    table = write_weights(weights, ["a", "b", "reshaped", "c", "a"], tmp_path / "weights.bin")
    assert sorted(row.names for row in table.rows) == [("a", "b"), ("c",), ("reshaped",)]
    assert table.row("a") is table.row("b")
    assert (tmp_path / "weights.bin").stat().st_size == 1200


def test_padding_is_below_two_percent(tmp_path: Path) -> None:
    network = nn.TransformerEncoder(nn.TransformerEncoderLayer(34, 2, 70), 12)
    weights = {name: value.detach() for name, value in network.named_parameters()}
    with torch.no_grad():
        for value in weights.values():
            value.normal_()  # no two are equal
    weights |= {f"flag{index}": torch.tensor(bool(index % 2)) for index in range(2)}
    weights |= {f"odd{index}": torch.full((4099 + index,), index, dtype=torch.int8) for index in range(5)}
    write_weights(weights, weights, tmp_path / "weights.bin")
    total = sum(value.nbytes for value in weights.values())
    assert total <= (tmp_path / "weights.bin").stat().st_size <= 1.02 * total


def test_large_tensors_start_on_a_cache_line(tmp_path: Path) -> None:
    weights = {f"w{index}": torch.randn(5000 + index) for index in range(4)} | {"small": torch.randn(3)}
    table = write_weights(weights, weights, tmp_path / "weights.bin")
    assert all(row.offset % 64 == 0 for row in table.rows if row.size > 16384)
    assert [row.size for row in table.rows] == sorted((row.size for row in table.rows), reverse=True)


def test_tensors_that_cannot_be_stored_are_named(tmp_path: Path) -> None:
    with pytest.raises(AdaptcError, match=r"'mask'.*sparse"):
        write_weights({"mask": torch.eye(3).to_sparse()}, ["mask"], tmp_path / "weights.bin")
    with pytest.raises(AdaptcError, match="float8"):
        write_weights({"w": torch.ones(3).to(torch.float8_e4m3fn)}, ["w"], tmp_path / "weights.bin")


def test_the_file_is_little_endian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "byteorder", "big")
    write_weights({"w": torch.tensor([1, 2], dtype=torch.int16)}, ["w"], tmp_path / "weights.bin")
    # On a machine that is in truth little-endian, the swap for big-endian ones shows.
    assert (tmp_path / "weights.bin").read_bytes() == b"\x00\x01\x00\x02"
