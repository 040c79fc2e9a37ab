"""Channels in blocks: graphs whose images keep the engine's layout through control flow give what the others give."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional as F

import adaptc
from adaptc.runtime.artifact import open_artifact
from adaptc.runtime.engines import EngineOptions, open_engine
from adaptc.runtime.engines import channels as detection
from adaptc.runtime.engines.channels import channels_in_a_block
from adaptc.runtime.manifest import BlockedForm, Unit, files_of

pytestmark = pytest.mark.skipif(channels_in_a_block() == 0, reason="ONNX Runtime blocks no channels on this machine")


class Residual(nn.Module):
    """A block of convolutions that may be skipped."""

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
        self.norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr]
        self.norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.norm(self.first(x)))))


class Gated(nn.Module):
    """Skips blocks by the mean of what it has."""

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(Residual(channels, groups) for _ in range(3))
        self.gates = nn.ModuleList(nn.Linear(channels, 1) for _ in range(3))
        self.head = nn.Linear(channels, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for block, gate in zip(self.blocks, self.gates):
            if gate(x.mean((2, 3))).sum() > 0:
                x = block(x)
        return self.head(x.mean((2, 3)))


class Shapes(nn.Module):
    """Pools, concatenations, strides, depthwise convolutions, and a tensor that is needed in both layouts."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.point = nn.Conv2d(16, 12, 1)
        self.mix = nn.Conv2d(28, 16, 1)
        self.out = nn.Linear(16 * 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardtanh(self.stem(x), 0.0, 6.0)
        if x.amax() > 1.5:
            y = F.silu(self.depthwise(x))
            y = torch.cat([x, self.point(y) * 0.5], 1)
            x = F.leaky_relu(self.mix(y)) - x
        elif x.mean() > 0.3:
            x = F.max_pool2d(x, 3, 1, 1) + F.avg_pool2d(x, 3, 1, 1)
        if x.flatten(1).sum() > 0:
            x = torch.sigmoid(self.depthwise(x)) + x
        return self.out(F.adaptive_avg_pool2d(x, 2).flatten(1))


class Iterated(nn.Module):
    """A loop that carries an image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 1)
        self.step = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.step.weight.mul_(0.3)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        x = self.stem(x)
        count = 0
        while x.abs().amax() > 0.5 and count < 6:
            x = torch.tanh(self.step(x)) * 0.9
            count += 1
        return x, count


class Exits(nn.Module):
    """Stages with exits, of images of any size."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        pairs = zip((3, *widths), widths)
        self.stages = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.heads = nn.ModuleList(nn.Linear(width, 4) for width in widths)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        for number, (stage, head) in enumerate(zip(self.stages, self.heads)):
            x = torch.relu(stage(x))
            logits = head(x.mean((2, 3)))
            if logits.softmax(-1).amax() > 0.27:
                return logits, number
        return logits, -1


class Meetings(nn.Module):
    """Arms that meet in two places, with images of 16 channels in one of them and of other numbers in the other: they
    leave the arms by one output."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, 16, 3, padding=1)
        self.wide = nn.Conv2d(4, channels, 1)
        self.first = nn.Conv2d(16, 16, 1)
        self.second = nn.Conv2d(channels, channels, 1)
        self.repeats = channels // 4

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.mean() > 0:
            if x.amax() > 2:
                image, at_first = torch.relu(self.stem(x)), True
            else:
                image, at_first = self.wide(x), False
        elif x.amin() < -2:
            image, at_first = torch.sigmoid(self.stem(x)), True
        else:
            image, at_first = torch.cat([x] * self.repeats, 1) * 2.5, False
        if at_first:
            while image.mean() < 0.8:
                image = torch.relu(self.first(image)) + image + 0.1
            return image.mean((2, 3)).sum(1), image
        while image.mean() < 0.8:
            image = torch.sigmoid(self.second(image)) * 0.5 + image + 0.1
        return image.sum((1, 2, 3)), image


class Unread(nn.Module):
    """An arm with a loop that decides, and whose image nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.step = nn.Conv2d(16, 16, 3, padding=1)
        self.point = nn.Conv2d(16, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        y = self.point(x)
        if x.mean() > 0.3:
            unread, count = x, 0
            while unread.mean() > 0.1 and count < 3:
                unread = self.step(unread) * 0.5
                count += 1
        return y + x if y.mean() > 0 else y


class Steps(nn.Module):
    """Makes 0 and 1 of an image by way of infinities, of which channels that are not there would make NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, padding=1)
        self.out = nn.Conv2d(12, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        y = (y * math.inf).clamp(0, 1) if x.mean() > 0 else y * 2
        return self.out(y)


SQUARE = (1, 3, 12, 10)
NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...], dict[str, dict[int, str]]]] = {
    "gates": (Gated(16), SQUARE, {}),
    "gates, channels to fill up": (Gated(12), SQUARE, {"x": {0: "batch"}}),
    "gates, few channels": (Gated(4), SQUARE, {}),
    "gates, groups": (Gated(16, groups=2), (2, 3, 9, 9), {"x": {2: "height", 3: "width"}}),
    "gates, odd channels": (Gated(6), SQUARE, {}),
    "shapes": (Shapes(), (1, 8, 16, 16), {}),
    "a loop": (Iterated(16), SQUARE, {}),
    "a loop, channels to fill up": (Iterated(20), SQUARE, {"x": {0: "batch", 2: "height"}}),
    "meetings, fewer channels": (Meetings(12), (2, 4, 8, 8), {}),
    "meetings, more channels": (Meetings(20), (2, 4, 8, 8), {}),
    "an image that nothing reads": (Unread(), SQUARE, {}),
    "infinities, channels to fill up": (Steps(), SQUARE, {}),
    "exits": (Exits((16, 24, 32)), (1, 3, 24, 24), {"x": {2: "height", 3: "width"}}),
    "exits, odd channels": (Exits((10, 15, 12)), (1, 3, 24, 24), {}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_to_eager_on_every_path(name: str, tmp_path: Path) -> None:
    """The compile compares both forms on every path; here what is loaded is compared once more."""
    torch.manual_seed(0)
    model, shape, dynamic = NETWORKS[name]
    model.eval()
    adaptc.compile(model, (torch.randn(shape),), tmp_path / "net", dynamic=dynamic, plan="graphs")
    executable = adaptc.load(tmp_path / "net")
    with torch.inference_mode():
        for scale in (0.01, 0.3, 1.0, 3.0, -2.0):
            x = torch.randn(shape) * scale
            assert_close(executable(x.numpy()), model(x))


def assert_close(found: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, Tensor):
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
    else:
        assert found == expected


def test_images_cross_branches_as_they_are(tmp_path: Path) -> None:
    """Nothing is laid out anew, a skip connection is added by the convolution, and an arm holds two convolutions."""
    torch.manual_seed(0)
    folder = tmp_path / "net"
    adaptc.compile(Gated(16).eval(), (torch.randn(SQUARE),), folder, verify=False)
    found = operators(folder)
    for operator in ("ReorderInput", "ReorderOutput", "Relu", "BatchNormalization", "Mean", "ReduceMean"):
        assert not found[operator], operator
    assert found["Conv"] == 1 + 3 * 2
    assert found["If"] == 3
    (region,) = adaptc.load(folder).report["plan"][0]["regions"]
    assert region["channels_in_a_block"] == channels_in_a_block()


def test_a_loop_carries_blocks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folder = tmp_path / "net"
    adaptc.compile(Iterated(16).eval(), (torch.randn(SQUARE),), folder, verify=False)
    (loop,) = (node for node in blocked_graph(folder).all_nodes() if node.op_type == "Loop")
    body = loop.attributes["body"].as_graph()
    assert Counter(node.op_type for node in body)["ReorderInput"] == 0


def test_a_network_without_convolutions_has_one_form(tmp_path: Path) -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 if x.sum() > 0 else x - 1

    adaptc.compile(Net(), (torch.randn(3),), tmp_path / "net")
    assert all(unit.blocked is None for unit in open_artifact(tmp_path / "net").manifest.units)


def test_the_engine_takes_the_form_of_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    channels, version = channels_in_a_block(), onnxruntime.__version__
    engine = open_engine("onnxruntime", EngineOptions())

    def file_of(form: BlockedForm | None) -> str:
        return engine.file_of(Unit("u", "onnxruntime", "u.onnx", (), (), blocked=form))

    assert file_of(None) == "u.onnx"
    assert file_of(BlockedForm("b.onnx", channels, version)) == "b.onnx"
    assert file_of(BlockedForm("b.onnx", 24 - channels, version)) == "u.onnx"
    assert file_of(BlockedForm("b.onnx", channels, "1.0.0")) == "u.onnx"
    monkeypatch.setattr(detection.platform, "machine", lambda: "aarch64")
    assert detection.channels_in_a_block.__wrapped__() == 0


def test_another_machine_runs_the_other_form(tmp_path: Path) -> None:
    """An artifact whose blocked form is for another processor is equal too."""
    torch.manual_seed(0)
    model = Gated(16).eval()
    folder = tmp_path / "net"
    adaptc.compile(model, (torch.randn(SQUARE),), folder)
    units = [unit for unit in open_artifact(folder).manifest.units if unit.blocked is not None]
    assert units
    for unit in units:
        assert all((folder / file).exists() for file in files_of(unit))
    engine = open_engine("onnxruntime", EngineOptions())
    x = torch.randn(SQUARE)
    plain, blocked = (engine.open(units[0], folder / file)(x.numpy()) for file in files_of(units[0]))
    for one, another in zip(plain, blocked, strict=True):
        np.testing.assert_allclose(one, another, rtol=1e-4, atol=1e-5)


def test_the_probe_is_what_onnx_writes() -> None:
    node = helper.make_node("ReorderInput", ["x"], ["y"], domain="com.microsoft.nchwc", channels_last=0)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16, 1, 2]) for name in "xy"]
    graph = helper.make_graph([node], "probe", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft.nchwc", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="")
    assert model.SerializeToString() == detection._PROBE
    assert channels_in_a_block() in (8, 16)


def blocked_graph(folder: Path) -> ir.Graph:
    (unit,) = (unit for unit in open_artifact(folder).manifest.units if unit.blocked is not None)
    assert unit.blocked is not None
    return ir.load(folder / unit.blocked.file).graph


def operators(folder: Path) -> Counter[str]:
    return Counter(node.op_type for node in blocked_graph(folder).all_nodes())
