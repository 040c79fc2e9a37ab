"""The units of a network that is compiled, with the arrays that its calls give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adaptc.compiler.costmodel_units import UnitBuilder
from adaptc.costmodel.data.errors import SampleError
from adaptc.costmodel.data.timing import open_unit

NETWORK = """
import torch
from torch import nn

class Exits(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = torch.relu(self.first(x))
        if x.sum() > 1000000:
            return self.third(x)
        x = self.second(x) * 2.0
        kept = x[x[:, 0] > -1e9]
        return kept + 1.0

model = Exits().eval()
example_inputs = (torch.ones(3, 4),)
dynamic = {"x": {0: "rows"}}
samples = [(torch.ones(6, 4),), (torch.ones(9, 4),), (torch.ones(12, 4),)]
"""


def test_units_come_with_what_calls_give_them(tmp_path: Path) -> None:
    file = tmp_path / "exits.py"
    file.write_text(NETWORK)
    units, dropped = UnitBuilder().real_units(str(file), tmp_path / "units")
    assert dropped == {"no call reaches it": 1}
    first = [unit for unit in units if "x" in unit.inputs]
    assert [unit.sizes["rows"] for unit in first] == [1, 5, 12]  # the smallest, one between and the largest
    assert {unit.mlir for unit in first} == {first[0].mlir}
    assert '{adaptc.shape = ["rows", 4]}' in first[0].mlir
    for unit in units:
        assert all(array.flags.c_contiguous for array in unit.inputs.values())
        assert open_unit(unit)()
    np.testing.assert_array_equal(first[2].inputs["x"], np.ones((12, 4), np.float32))
    counted = [unit for unit in units if len(unit.sizes) > 1]
    assert all(len(set(unit.sizes.values())) == 1 for unit in counted)  # every row is kept


def test_a_network_that_cannot_be_compiled_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "exits.py"
    file.write_text(NETWORK.replace("self.second(x) * 2.0", "torch.special.bessel_j0(x)"))
    with pytest.raises(SampleError, match="not compiled: "):
        UnitBuilder().real_units(str(file), tmp_path / "units")
