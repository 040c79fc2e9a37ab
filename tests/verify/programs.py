"""The networks of `networks` as programs, written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from adaptc.compiler.ir.program import Code, Program, TensorType, Type
from adaptc.runtime.hostprogram import Apply, Branch, Const, Edge, Jump, Let, Raise, Read, Ref, Size, Switch
from adaptc.runtime.tree import DictNode, Leaf, NamedTupleNode

from ..ir.builder import FLOAT, INT, ProgramBuilder, edge, give, make_code, tensor
from .networks import EarlyExit, Experts, Patience, at

ROW = tensor(1, 4)

_codes: dict[str, Code] = {}


def cached(
    name: str,
    function: Callable[..., tuple[Tensor, ...]],
    inputs: Sequence[Type],
    weights: Sequence[TensorType] = (),
) -> Code:
    """`make_code`, once for each name."""
    if name not in _codes:
        _codes[name] = make_code(name, function, inputs, weights)
    return _codes[name]


def early_exit(model: EarlyExit, threshold: float = 0.5, swapped: bool = False, gate: float = 1.0) -> Program:
    """`EarlyExit`; the parameters after the model make wrong programs."""
    builder = ProgramBuilder("early_exit", {"x": ROW})
    names = [builder.weight(name, value.detach()) for name, value in model.named_parameters()]
    limit = builder.weight("limit", torch.tensor(threshold))

    def stem(x: Tensor, w: Tensor, b: Tensor, wh: Tensor, bh: Tensor, limit: Tensor) -> tuple[Tensor, ...]:
        h = torch.tanh(F.linear(x, w, b))
        logits = F.linear(h, wh, bh)
        return h, logits, (logits * gate).softmax(-1).max() > limit

    def tail(h: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        return (F.linear(h, w, b) * 2,)

    ways = (edge("leave", "logits"), edge("deeper", "h"))
    builder.block(
        "entry",
        {"x": ROW},
        Branch(Apply("not", (Ref("confident"),)) if swapped else Ref("confident"), *ways, at("confident")),
        code=cached(f"stem {gate}", stem, [ROW], [tensor(6, 4), tensor(6), tensor(3, 6), tensor(3), tensor()]),
        inputs=["x"],
        weights=[*names[:4], limit],
        outputs=["h", "logits", "is_confident"],
        steps=[Read("confident", "is_confident", "bool", at("confident"))],
    )
    tree = DictNode(("logits", "exit"), (Leaf(0), Leaf(1)))
    out = tensor(1, 3)
    builder.block("leave", {"logits": out}, give(("logits", out), (Const(0), INT), tree=tree))
    builder.block(
        "deeper",
        {"h": tensor(1, 6)},
        give(("last", out), (Const(1), INT), tree=tree),
        code=cached("tail", tail, [tensor(1, 6)], [tensor(3, 6), tensor(3)]),
        inputs=["h"],
        weights=names[4:],
        outputs=["last"],
    )
    return builder.build()


def scored(high: float = 0.25, test: str = "gt", offset: float = 0.0) -> Program:
    """`Scored`; another threshold or comparison makes it wrong, an offset stands for rounding."""
    builder = ProgramBuilder("scored", {"x": ROW})

    def scale(x: Tensor, score: Tensor) -> tuple[Tensor, ...]:
        return (x * score.float(),)

    builder.block(
        "entry",
        {"x": ROW},
        Branch(
            Apply(test, (Ref("score"), Const(high))),
            edge("high", "x", "score"),
            edge("rest", "x", "score"),
            at("high"),
        ),
        code=cached(f"mean {offset}", lambda x: (x.mean() + offset,), [ROW]),
        inputs=["x"],
        outputs=["mean"],
        steps=[Read("score", "mean", "float", at("score"))],
    )
    builder.block(
        "rest",
        {"x": ROW, "score": FLOAT},
        Branch(
            Apply("gt", (Ref("score"), Const(-0.25))),
            edge("middle", "x", "score"),
            edge("low", "x", "score"),
            at("middle"),
        ),
    )
    codes = {
        "high": cached("scale", scale, [ROW, FLOAT]),
        "middle": cached("minus", lambda x, score: (x - 1,), [ROW, FLOAT]),
        "low": cached("times", lambda x, score: (x * 3,), [ROW, FLOAT]),
    }
    for name, code in codes.items():
        builder.block(
            name,
            {"x": ROW, "score": FLOAT},
            Jump(edge("end", "y", "score")),
            code=code,
            inputs=["x", "score"],
            outputs=["y"],
        )
    builder.block(
        "end",
        {"y": ROW, "score": FLOAT},
        give(("y", ROW), ("double", FLOAT)),
        steps=[Let("double", Apply("mul", (Ref("score"), Const(2))))],
    )
    return builder.build()


def patience(model: Patience, enough: int = 2) -> Program:
    """`Patience`, unrolled."""
    builder = ProgramBuilder("patience", {"x": ROW})

    def classify(x: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        h = torch.sin(x * 2)
        logits = F.linear(h, w, b)
        return h, logits, logits.argmax()

    classifier = cached("classify", classify, [ROW], [tensor(3, 4), tensor(3)])
    out = tensor(1, 3)
    builder.block("entry", {"x": ROW}, Jump(edge("layer0", "x", Const(0), Const(-1))))
    last = len(model.heads) - 1
    for i, head in enumerate(model.heads):
        given = ("h", "logits", f"label{i}")
        builder.block(
            f"layer{i}",
            {"x": ROW, "count": INT, "previous": INT},
            Branch(
                Apply("eq", (Ref(f"label{i}"), Ref("previous"))),
                edge(f"test{i}", *given, Apply("add", (Ref("count"), Const(1)))),
                edge(f"test{i}", *given, Const(0)),
                at("agree"),
            ),
            code=classifier,
            inputs=["x"],
            weights=[builder.weight(f"heads.{i}.{n}", p.detach()) for n, p in head.named_parameters()],
            outputs=["h", "logits", "best"],
            steps=[Read(f"label{i}", "best", "int", at("label"))],
        )
        builder.block(
            f"test{i}",
            {"h": ROW, "logits": out, "label": INT, "count": INT},
            Branch(
                Apply("ge", (Ref("count"), Const(enough))),
                edge("end", "logits", "count"),
                edge("end", "logits", "count") if i == last else edge(f"layer{i + 1}", "h", "count", "label"),
                at("enough"),
            ),
        )
    builder.block("end", {"logits": out, "count": INT}, give(("logits", out), ("count", INT)))
    return builder.build()


def branching(
    name: str,
    state: Type,
    test: Code,
    mark: str,
    then: Code | Raise,
    orelse: Code,
    outputs: tuple[Type, Type],
) -> Program:
    """One branch on a bool: `then` and `orelse` compute what is returned."""
    builder = ProgramBuilder(name, {"x": state})  # type: ignore[dict-item]
    fails = isinstance(then, Raise)
    builder.block(
        "entry",
        {"x": state},
        Branch(Ref("flag"), Edge("then") if fails else edge("then", "x"), edge("orelse", "x"), at(mark)),
        code=test,
        inputs=["x"],
        outputs=["is_so"],
        steps=[Read("flag", "is_so", "bool", at(mark))],
    )
    for block, code, type_ in zip(("then", "orelse"), (then, orelse), outputs):
        if isinstance(code, Raise):
            builder.block(block, {}, code)
        else:
            builder.block(block, {"x": state}, give(("y", type_)), code=code, inputs=["x"], outputs=["y"])
    return builder.build()


def rejects(exception: str = "Rejected") -> Program:
    """`Rejects` on its first call."""
    return branching(
        "rejects",
        ROW,
        cached("negative", lambda x: (x.mean() < 0,), [ROW]),
        "negative",
        Raise(exception, "the mean is negative", at("negative")),
        cached("double", lambda x: (x * 2 + 1,), [ROW]),
        (ROW, ROW),
    )


def in_place(effect: bool = True) -> Program:
    """`InPlace`, with the effect of the branch or without."""

    def then(x: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([x[:, :1] + 1, x[:, 1:]], 1) * 2,) if effect else (x * 2,)

    test = cached("positive row", lambda x: (x.sum() > 0,), [ROW])
    arms = cached(f"add {effect}", then, [ROW]), cached("twice", lambda x: (x * 2,), [ROW])
    return branching("in_place", ROW, test, "positive", *arms, (ROW, ROW))


def rows(baked: bool = False) -> Program:
    """`Rows`; with `baked`, one arm is wrong for any number of rows but two."""
    state, flat = tensor("rows", 4), tensor("4*rows")

    def orelse(x: Tensor) -> tuple[Tensor, ...]:
        return (x.roll(1, 0).reshape(-1),) if baked else (x.flip(0).reshape(-1),)

    test = cached("positive rows", lambda x: (x.sum() > 0,), [state])
    arms = cached("flat", lambda x: (x.reshape(-1) * 2,), [state]), cached(f"flip {baked}", orelse, [state])
    return branching("rows", state, test, "any rows", *arms, (flat, flat))


def experts(model: Experts, order: tuple[int, ...] = (0, 1, 2)) -> Program:
    """`Experts`; another order is wrong."""
    builder = ProgramBuilder("experts", {"x": ROW})
    router = [builder.weight(f"router.{n}", p.detach()) for n, p in model.router.named_parameters()]
    weights = [tensor(4, 4), tensor(4)]
    builder.block(
        "entry",
        {"x": ROW},
        Switch(
            Ref("choice"),
            (0, 1, 2),
            tuple(edge(f"expert{i}", "x") for i in order),
            Edge("beyond"),
            at("choice"),
        ),
        code=cached("route", lambda x, w, b: (F.linear(x, w, b).argmax(),), [ROW], [tensor(3, 4), tensor(3)]),
        inputs=["x"],
        weights=router,
        outputs=["best"],
        steps=[Read("choice", "best", "int", at("choice"))],
    )
    layer_code = cached("expert", lambda x, w, b: (F.linear(x, w, b),), [ROW], weights)
    for i, layer in enumerate(model.layers):
        builder.block(
            f"expert{i}",
            {"x": ROW},
            give(("y", ROW)),
            code=layer_code,
            inputs=["x"],
            weights=[builder.weight(f"layers.{i}.{n}", p.detach()) for n, p in layer.named_parameters()],
            outputs=["y"],
        )
    builder.block("beyond", {}, Raise("IndexError", "index out of range", at("choice")))
    return builder.build()


def detector() -> Program:
    """`Detector`."""
    state, kept = tensor(5, 4), tensor("kept", 4)
    builder = ProgramBuilder("detector", {"x": state})
    tree = NamedTupleNode("Boxes", ("boxes", "count"), (Leaf(0), Leaf(1)))
    builder.block(
        "entry",
        {"x": state},
        Branch(Apply("eq", (Size("kept", 0), Const(0))), edge("none", "x"), edge("some", "kept"), at("none kept")),
        code=cached("keep", lambda x: (x[x[:, 0] > 0],), [state]),
        inputs=["x"],
        outputs=["kept"],
    )
    builder.block(
        "none",
        {"x": state},
        give(("empty", tensor(1, 4)), (Const(0), INT), tree=tree),
        code=cached("empty", lambda x: (x[:1] * 0,), [state]),
        inputs=["x"],
        outputs=["empty"],
    )
    builder.block("some", {"kept": kept}, give(("kept", kept), (Size("kept", 0), INT), tree=tree))
    return builder.build()
