"""Exported programs given as they are: their dimensions, inputs and results stay what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._higher_order_ops.map import map as map_rows
from torch._higher_order_ops.while_loop import while_loop

import adaptc


class Everything(nn.Module):
    """cond, while_loop and map."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, extra: dict[str, Any]) -> dict[str, Any]:
        y = torch.cond(x.sum() > 0, lambda x: self.first(x), lambda x: self.second(x), (x,))

        def going(count: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            return (count < 10) & (z.sum() < 50)

        def step(count: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return count + 1, z * 1.5

        count, grown = while_loop(going, step, (torch.tensor(0), x.abs() + 0.1))
        rows = map_rows(lambda row, scale: row.sum() * scale, x, extra["scale"][0])
        return {"y": y, "grown": (grown, count), "rows": rows}


@pytest.mark.long
@pytest.mark.parametrize("dynamic", [False, True])
def test_operators_with_control_flow(dynamic: bool, tmp_path: Path) -> None:
    model = Everything().eval()
    example = (torch.randn(3, 4), {"scale": [torch.randn(4)]})
    shapes = ({0: torch.export.Dim("rows")}, {"scale": [None]}) if dynamic else None
    exported = torch.export.export(model, example, dynamic_shapes=shapes)
    report = adaptc.compile(exported, None, tmp_path / "artifact", random_inputs=4)
    assert report.name == "exported"
    executable = adaptc.load(tmp_path / "artifact")
    for rows in (1, 2, 5) if dynamic else (3, 3):
        x, scale = torch.randn(rows, 4), torch.randn(4)
        with torch.no_grad():
            expected = model(x, {"scale": [scale]})
        made = executable(x.numpy(), {"scale": [scale.numpy()]})
        assert list(made) == ["y", "grown", "rows"]
        np.testing.assert_allclose(made["y"], expected["y"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(made["rows"], expected["rows"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(made["grown"][0], expected["grown"][0], rtol=1e-5)
        assert made["grown"][1] == expected["grown"][1]


class Twice(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x]) + y


def test_a_dimension_that_is_computed(tmp_path: Path) -> None:
    rows = torch.export.Dim("rows", min=2, max=50)
    exported = torch.export.export(
        Twice(), (torch.randn(3, 4), torch.randn(6, 4)), dynamic_shapes=({0: rows}, {0: 2 * rows})
    )
    with pytest.raises(adaptc.AdaptcError, match=r"axis 0 of input 'y' .* computed from"):
        adaptc.compile(exported, None, tmp_path / "artifact")


def test_the_program_is_left_as_it_was(tmp_path: Path) -> None:
    exported = torch.export.export(nn.Linear(3, 2).eval(), (torch.randn(1, 3),))
    before = exported.module().code
    adaptc.compile(exported, None, tmp_path / "artifact")
    adaptc.compile(exported, torch.randn(1, 3), tmp_path / "artifact")
    assert exported.module().code == before
