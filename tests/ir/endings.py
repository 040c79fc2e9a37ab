"""Programs that raise, loop, return structures, or decide on constants."""

from __future__ import annotations

from collections import namedtuple

import torch
from torch import Tensor
from torch.nn import functional as F

from adaptc.runtime.hostprogram import Apply, Branch, Const, Jump, Let, Raise, Read, Ref, Size
from adaptc.runtime.tree import DictNode, Leaf, NamedTupleNode, Static, TupleNode

from .builder import BOOL, FLOAT, INT, ProgramBuilder, edge, give, make_code, tensor
from .sample import Sample, built_once, random_tensor


class Rejected(Exception):
    """What `rejects` raises."""


@built_once
def rejects() -> Sample:
    """Raises where the mean of the batch is negative. The batch size is a named dimension."""
    state = tensor("batch", 4)
    builder = ProgramBuilder("rejects", {"x": state})

    def check(x: Tensor) -> tuple[Tensor, ...]:
        return x * 2, x.mean() < 0, x.mean()

    builder.block(
        "entry",
        {"x": state},
        Branch(Ref("negative"), edge("fail"), edge("end", "y", "level"), "model.py:51"),
        code=make_code("check", check, [state], line=50),
        inputs=["x"],
        outputs=["y", "is_negative", "mean"],
        steps=[
            Read("negative", "is_negative", "bool", "model.py:51"),
            Read("level", "mean", "float", "model.py:53"),
        ],
        line=50,
    )
    builder.block("fail", {}, Raise("Rejected", "the mean is negative", "model.py:52"), line=52)
    builder.block(
        "end",
        {"y": state, "level": FLOAT},
        give(("y", state), ("percent", FLOAT), (Size("y", 0), INT), line=54),
        steps=[Let("percent", Apply("mul", (Ref("level"), Const(100.0))), "model.py:54")],
        line=54,
    )

    def eager(x: Tensor) -> tuple[Tensor, float, int]:
        if x.mean() < 0:
            raise Rejected("the mean is negative")
        return x * 2, x.mean().item() * 100, x.shape[0]

    return Sample(builder.build(), eager, ((torch.ones(2, 4),), (-torch.ones(3, 4),), (random_tensor(5, 4).abs(),)))


@built_once
def growing() -> Sample:
    """A loop that appends a row to its state until the rows' sum is large or there are six of them."""
    first, state = tensor(1, 4), tensor("rows", 4)
    builder = ProgramBuilder("growing", {"x": first})
    weight = builder.weight("step.weight", random_tensor(4, 4, seed=30) * 0.5)

    def total(rows: Tensor) -> tuple[Tensor, ...]:
        return (rows.sum() > 4,)

    def grow(rows: Tensor, index: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([rows, F.linear(rows[-1:], w) + index * 0.1]),)

    builder.block("entry", {"x": first}, Jump(edge("header", "x", Const(0))), line=60)
    builder.block(
        "header",
        {"rows": state, "index": INT},
        Branch(
            Apply("and", (Apply("not", (Ref("large"),)), Apply("lt", (Size("rows", 0), Const(6))))),
            edge("body", "rows", "index"),
            edge("end", "rows", "index"),
            "model.py:61",
        ),
        code=make_code("total", total, [state], line=61),
        inputs=["rows"],
        outputs=["is_large"],
        steps=[Read("large", "is_large", "bool", "model.py:61")],
        line=61,
    )
    grown = make_code("grow", grow, [state, INT], [tensor(4, 4)], line=62)
    builder.block(
        "body",
        {"rows": state, "index": INT},
        Jump(edge("header", "longer", Apply("add", (Ref("index"), Const(1))))),
        code=grown,
        inputs=["rows", "index"],
        weights=[weight],
        outputs=["longer"],
        line=62,
    )
    builder.block("end", {"rows": state, "index": INT}, give(("rows", state), ("index", INT), line=63), line=63)

    def eager(x: Tensor) -> tuple[Tensor, int]:
        index = 0
        while not total(x)[0] and x.shape[0] < 6:
            x = grow(x, torch.tensor(index), builder.weights[weight])[0]
            index += 1
        return x, index

    cases = (
        torch.full((1, 4), 3.0),
        torch.full((1, 4), 0.1),
        torch.full((1, 4), -9.0),
        random_tensor(1, 4, seed=31),
    )
    return Sample(builder.build(), eager, tuple((case,) for case in cases))


Boxes = namedtuple("Boxes", ["boxes", "scores"])


@built_once
def structured_outputs() -> Sample:
    """A dict on one path, a named tuple on the other."""
    state = tensor(2, 3)
    builder = ProgramBuilder("structured_outputs", {"x": state, "y": state})

    def compare(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return x + y, (x > y).all()

    builder.block(
        "entry",
        {"x": state, "y": state},
        Branch(Ref("greater"), edge("as_dict", "sum"), edge("as_boxes", "sum", "y"), "model.py:71"),
        code=make_code("compare", compare, [state, state], line=70),
        inputs=["x", "y"],
        outputs=["sum", "is_greater"],
        steps=[Read("greater", "is_greater", "bool", "model.py:71")],
        line=70,
    )
    builder.block(
        "as_dict",
        {"sum": state},
        give(
            ("sum", state),
            (Const(1), INT),
            tree=DictNode(("total", "exit", "note"), (Leaf(0), Leaf(1), Static("early"))),
            line=72,
        ),
        line=72,
    )
    builder.block(
        "as_boxes",
        {"sum": state, "y": state},
        give(
            ("y", state),
            ("sum", state),
            tree=TupleNode((NamedTupleNode("Boxes", ("boxes", "scores"), (Leaf(0), Leaf(1))), Static(None))),
            line=73,
        ),
        line=73,
    )

    def eager(x: Tensor, y: Tensor) -> object:
        if (x > y).all():
            return {"total": x + y, "exit": 1, "note": "early"}
        return Boxes(y, x + y), None

    ones = torch.ones(2, 3)
    return Sample(builder.build(), eager, ((ones * 2, ones), (ones, ones)))


@built_once
def constants() -> Sample:
    """An initial state made without inputs, a test of a parameter, a flag that is the same on every path."""
    state = tensor(1, 4)
    builder = ProgramBuilder("constants", {"x": state})
    scale = builder.weight("scale", torch.tensor(2.0))
    shift = builder.weight("shift", torch.full((1, 4), 0.5))

    def start() -> tuple[Tensor, ...]:
        return (torch.zeros(1, 4),)

    def is_large(w: Tensor) -> tuple[Tensor, ...]:
        return (w > 1,)

    def mix(x: Tensor, h: Tensor, gain: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        return ((x - h) * gain + w,)

    def positive(x: Tensor) -> tuple[Tensor, ...]:
        return x, x.sum() > 0

    builder.block(
        "entry",
        {"x": state},
        Jump(edge("scaled", "x", "h")),
        code=make_code("start", start, [], line=80),
        outputs=["h"],
        line=80,
    )
    builder.block(
        "scaled",
        {"x": state, "h": state},
        Branch(Ref("large"), edge("test", "x", "h"), edge("small", "x"), "model.py:81"),
        code=make_code("is_large", is_large, [], [tensor()], line=81),
        weights=[scale],
        outputs=["flag"],
        steps=[Read("large", "flag", "bool", "model.py:81")],
        line=81,
    )
    builder.block("small", {"x": state}, give(("x", state), line=82), line=82)
    builder.block(
        "test",
        {"x": state, "h": state},
        Branch(
            Ref("positive"),
            edge("mix", "same", "h", Const(3)),
            edge("mix", "same", "h", Const(3)),
            "model.py:83",
        ),
        code=make_code("positive", positive, [state], line=83),
        inputs=["x"],
        outputs=["same", "is_positive"],
        steps=[Read("positive", "is_positive", "bool", "model.py:83")],
        line=83,
    )
    builder.block(
        "mix",
        {"x": state, "h": state, "gain": INT},
        Branch(
            Apply("gt", (Ref("gain"), Const(2))),
            edge("end", "y", Const(True)),
            edge("small", "x"),
            "model.py:85",
        ),
        code=make_code("mix", mix, [state, state, INT], [state], line=84),
        inputs=["x", "h", "gain"],
        weights=[shift],
        outputs=["y"],
        line=84,
    )
    builder.block("end", {"y": state, "flag": BOOL}, give(("y", state), ("flag", BOOL), line=86), line=86)

    def eager(x: Tensor) -> tuple[Tensor, bool]:
        return mix(x, torch.zeros(1, 4), torch.tensor(3), builder.weights[shift])[0], True

    return Sample(builder.build(), eager, ((torch.ones(1, 4),), (-torch.ones(1, 4),)))
