"""The networks of the suite: every example, with inputs that take a realistic mix of its paths.

The examples' thresholds are calibrated so that each path is taken; the trained ones see held-out digits, the others
inputs of the kind that they were calibrated on. All inputs have batch 1 and come from fixed seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adaptc.compiler.model_file import ModelFile, load_model_file
from adaptc.compiler.signature import ExampleInputs, bind
from adaptc.compiler.verify.inputs import random_inputs

EXAMPLES = Path(__file__).parents[2] / "examples"

Dims = Mapping[str, Mapping[int, str]]
Calls = Callable[[int], Sequence[ExampleInputs]]
"""From a number to so many calls of a network."""


@dataclass(frozen=True)
class Network:
    """`model` of the model file `file`, and `count` calls of it. `dynamic` replaces the model file's, and then the
    last call stands for its example inputs."""

    file: Path
    calls: Calls
    count: int
    model: str = "model"
    dynamic: Dims | None = None

    def load(self) -> ModelFile:
        """Run the model file; raises what it raises."""
        return load_model_file(self.file, model=self.model)


def of_file(text: str, count: int) -> tuple[str, Network]:
    """The network that FILE.py or FILE.py:NAME names: its example inputs, its samples, and random inputs like them."""
    path, colon, model = text.partition(":")
    model = model if colon else "model"
    found = load_model_file(Path(path), model=model)

    def calls(number: int) -> list[ExampleInputs]:
        example: Any = found.example_inputs
        given: list[Any] = [example, *found.samples]
        drawn = random_inputs(bind(found.model.forward, example), found.dynamic, number, seed=0)
        return [*given, *((one.args, one.kwargs) for one in drawn)][:number]

    return found.name, Network(Path(path), calls, count, model)


def _digits(name: str) -> Calls:
    def calls(count: int) -> list[ExampleInputs]:
        images = torch.from_numpy(import_module("digits").load().test_images)
        return [{name: image[None]} for image in images[:count]]

    return calls


def _images(name: str, size: int) -> Calls:
    def calls(count: int) -> list[ExampleInputs]:
        return [{name: image} for image in import_module("calibration").images(count, size)]

    return calls


def _normal(name: str, *shape: int) -> Calls:
    def calls(count: int) -> list[ExampleInputs]:
        generator = torch.Generator().manual_seed(0)
        return [{name: torch.randn(1, *shape, generator=generator)} for _ in range(count)]

    return calls


def _sequences(count: int) -> list[ExampleInputs]:
    """Token ids for BERT, of three lengths."""
    generator = torch.Generator().manual_seed(0)
    lengths = [(8, 24, 64)[index % 3] for index in range(count)]
    drawn = [torch.randint(0, 1000, (1, length), generator=generator) for length in lengths]
    return [{"input_ids": ids, "attention_mask": torch.ones_like(ids)} for ids in drawn]


def _captions(count: int) -> list[ExampleInputs]:
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(1, 3, 32, 32, generator=generator) * 3 for _ in range(count)]
    return [{"image": image, "limit": torch.tensor(20)} for image in images]


def _of(module: str, function: str, names: Sequence[str]) -> Calls:
    """Those calls of an example's own function that have batch 1."""

    def calls(count: int) -> list[ExampleInputs]:
        found: list[ExampleInputs] = []
        for given in getattr(import_module(module), function)(2 * count):
            tensors: Sequence[Tensor] = given if isinstance(given, tuple) else (given,)
            call: dict[str, Any] = dict(given) if isinstance(given, dict) else dict(zip(names, tensors))
            if all(tensor.dim() == 0 or tensor.size(0) == 1 for tensor in call.values()):
                found.append(call)
        return found[:count]

    return calls


@dataclass
class _Table:
    rows: dict[str, Network] = field(default_factory=dict)

    def folder(self, name: str, calls: Calls, count: int = 32) -> None:
        self.rows[name] = Network(EXAMPLES / name / "model.py", calls, count)

    def file(
        self, name: str, file: str, calls: Calls, count: int, model: str = "model", dims: Dims | None = None
    ) -> None:
        self.rows[name] = Network(EXAMPLES / f"{file}.py", calls, count, model, dims)


def networks() -> dict[str, Network]:
    """All networks by name, small ones first."""
    table = _Table()
    table.folder("early_exit_cnn", _digits("x"))
    table.folder("skip_gate_cnn", _digits("x"))
    table.folder("blockdrop", _digits("x"))
    table.folder("exception_exit", _digits("image"))
    table.folder("patience_transformer", _digits("images"))
    table.file("bert_early_exit", "bert_early_exit", _sequences, 18)
    table.file("captioner", "captioner", _captions, 8)
    table.file("pointer_network", "pointer_network", _of("pointer_network", "point_sets", ["points"]), 6)
    table.file("act_transformer", "act_transformer", _of("act_transformer", "prompts", ["ids"]), 6)
    table.file("self_speculative", "self_speculative", _of("self_speculative", "calls", ["prompt", "most"]), 6)
    table.file("mixtral", "experts", _of("experts", "prompts", []), 6, "mixtral")
    words: Dims = {"input_ids": {1: "length"}, "decoder_input_ids": {1: "words"}}
    table.file("switch", "experts", _of("experts", "pairs", []), 6, "switch", words)
    table.file("anderson", "deep_equilibrium", _images("image", 16), 8, "anderson_model")
    table.file("broyden", "deep_equilibrium", _images("image", 16), 8, "broyden_model")
    for gates, model in ((18, "model"), (36, "skipnet_36"), (54, "skipnet_54")):
        table.file(f"skipnet_{gates}", "skipnet", _normal("x", 3, 32, 32), 8, model)
    table.file("skipnet_38_recurrent", "skipnet_38", _images("x", 32), 8, "recurrent_38")
    table.file("skipnet_38_feedforward", "skipnet_38", _images("x", 32), 8, "feedforward_38")
    table.file("blockdrop_110", "blockdrop_110", _images("x", 32), 8)
    table.file("ranet", "ranet", _images("image", 32), 9)
    for model, count in (("mobilenet", 7), ("vgg16", 8), ("resnet56", 8), ("wide_resnet32", 8)):
        table.file(f"shallow_deep_{model}", "shallow_deep", _images("x", 256), count, model)
    for model in ("resnext50", "resnet101"):
        table.file(f"captioner_{model}", "attention_captioner", _images("image", 256), 6, model)
    return table.rows
