"""Programs that choose: exits, gates, patience, experts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from adaptc.runtime.hostprogram import Apply, Branch, Const, Jump, Let, Read, Ref, Switch

from .builder import INT, ProgramBuilder, edge, give, make_code, tensor
from .sample import Sample, built_once, random_tensor


@built_once
def early_exit() -> Sample:
    """A convolution, an exit head that is taken where its confidence is high, and a deeper head."""
    builder = ProgramBuilder("early_exit", {"image": tensor(1, 3, 8, 8)})
    weights = {
        "stem.weight": random_tensor(4, 3, 3, 3, seed=1) * 0.3,
        "stem.bias": random_tensor(4, seed=2) * 0.1,
        "exit.weight": random_tensor(5, 4, seed=3),
        "exit.bias": random_tensor(5, seed=4),
        "last.weight": random_tensor(5, 4 * 8 * 8, seed=5) * 0.1,
        "last.bias": random_tensor(5, seed=6),
    }
    for name, value in weights.items():
        builder.weight(name, value)

    def stem_and_exit(x: Tensor, w: Tensor, b: Tensor, we: Tensor, be: Tensor) -> tuple[Tensor, ...]:
        features = F.relu(F.conv2d(x, w, b, padding=1))
        logits = F.linear(features.mean([2, 3]), we, be)
        return features, logits, logits.softmax(-1).max() > 0.5

    def head(features: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        return (F.linear(features.flatten(1), w, b),)

    builder.block(
        "entry",
        {"image": tensor(1, 3, 8, 8)},
        Branch(Ref("confident"), edge("leave", "logits"), edge("deeper", "features"), "model.py:12"),
        code=make_code(
            "stem",
            stem_and_exit,
            [tensor(1, 3, 8, 8)],
            [tensor(4, 3, 3, 3), tensor(4), tensor(5, 4), tensor(5)],
            line=10,
        ),
        inputs=["image"],
        weights=["stem.weight", "stem.bias", "exit.weight", "exit.bias"],
        outputs=["features", "logits", "is_confident"],
        steps=[Read("confident", "is_confident", "bool", "model.py:12")],
        line=10,
    )
    builder.block("leave", {"result": tensor(1, 5)}, give(("result", tensor(1, 5)), line=13), line=13)
    builder.block(
        "deeper",
        {"features": tensor(1, 4, 8, 8)},
        give(("final", tensor(1, 5)), line=15),
        code=make_code("head", head, [tensor(1, 4, 8, 8)], [tensor(5, 256), tensor(5)], line=14),
        inputs=["features"],
        weights=["last.weight", "last.bias"],
        outputs=["final"],
        line=14,
    )

    def eager(image: Tensor) -> Tensor:
        parts = list(weights.values())
        features, logits, confident = stem_and_exit(image, *parts[:4])
        return logits if confident else head(features, *parts[4:])[0]

    cases = (random_tensor(1, 3, 8, 8, seed=7) * 4, torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), -2.0))
    return Sample(builder.build(), eager, tuple((case,) for case in cases))


@built_once
def skip_gates(count: int = 3) -> Sample:
    """`count` residual layers, each behind a gate; all gates share one code, all layers another."""
    state = tensor(1, 4)
    builder = ProgramBuilder("skip_gates", {"x": state})

    def gate(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        return ((x * w).sum() > 0,)

    def layer(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        return (x + torch.tanh(F.linear(x, w)),)

    gate_code = make_code("gate", gate, [state], [tensor(4)], line=20)
    layer_code = make_code("layer", layer, [state], [tensor(4, 4)], line=21)
    gates = [random_tensor(4, seed=index) for index in range(count)]
    layers = [random_tensor(4, 4, seed=index + 50) for index in range(count)]
    for index in range(count):
        after = f"gate{index + 1}" if index + 1 < count else "end"
        name = "entry" if index == 0 else f"gate{index}"
        builder.block(
            name,
            {"x": state},
            Branch(Ref(f"open{index}"), edge(f"layer{index}", "x"), edge(f"skip{index}", "x"), "model.py:22"),
            code=gate_code,
            inputs=["x"],
            weights=[builder.weight(f"gates.{index}.weight", gates[index])],
            outputs=["score"],
            steps=[Read(f"open{index}", "score", "bool", "model.py:22")],
            line=22,
        )
        builder.block(
            f"layer{index}",
            {"x": state},
            Jump(edge(after, "y")),
            code=layer_code,
            inputs=["x"],
            weights=[builder.weight(f"layers.{index}.weight", layers[index])],
            outputs=["y"],
            line=23,
        )
        builder.block(f"skip{index}", {"x": state}, Jump(edge(after, "x")), line=24)
    builder.block("end", {"x": state}, give(("x", state), line=25), line=25)

    def eager(x: Tensor) -> Tensor:
        for w, v in zip(gates, layers):
            if gate(x, w)[0]:
                x = layer(x, v)[0]
        return x

    return Sample(builder.build(), eager, tuple((random_tensor(1, 4, seed=seed),) for seed in range(8)))


@built_once
def patience() -> Sample:
    """Three classifiers; the network leaves when two in a row agree. The counter is a host scalar."""
    state = tensor(1, 4)
    builder = ProgramBuilder("patience", {"x": state})
    heads = [random_tensor(3, 4, seed=9) + 0.6 * random_tensor(3, 4, seed=index + 10) for index in range(3)]

    def classify(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        logits = F.linear(x, w)
        return torch.sin(x * 2), logits, logits.argmax()

    classify_code = make_code("classify", classify, [state], [tensor(3, 4)], line=30)
    for index, head in enumerate(heads):
        builder.weight(f"heads.{index}", head)
        last = index == len(heads) - 1
        next_block = "leave" if last else f"test{index}"
        given = [] if last else ["h"]
        steps: list[Let | Read] = [
            Read(f"label{index}", "best", "int", "model.py:31"),
            Let("same", Apply("eq", (Ref(f"label{index}"), Ref("previous"))), "model.py:32"),
        ]
        outputs = ("logits", f"label{index}")
        builder.block(
            f"classify{index}" if index else "first",
            {"x": state, "count": INT, "previous": INT},
            Branch(
                Ref("same"),
                edge(next_block, *given, *outputs, Apply("add", (Ref("count"), Const(1)))),
                edge(next_block, *given, *outputs, Const(0)),
                "model.py:32",
            ),
            code=classify_code,
            inputs=["x"],
            weights=[f"heads.{index}"],
            outputs=["h", "logits", "best"],
            steps=steps,
            line=31,
        )
        if not last:
            builder.block(
                f"test{index}",
                {"h": state, "logits": tensor(1, 3), "label": INT, "count": INT},
                Branch(
                    Apply("ge", (Ref("count"), Const(1))),
                    edge("leave", "logits", "label", "count"),
                    edge(f"classify{index + 1}", "h", "count", "label"),
                    "model.py:33",
                ),
                line=33,
            )
    builder.block("entry", {"x": state}, Jump(edge("first", "x", Const(0), Const(-1))), line=30)
    builder.block(
        "leave",
        {"logits": tensor(1, 3), "label": INT, "count": INT},
        give(("logits", tensor(1, 3)), ("count", INT), line=34),
        line=34,
    )

    def eager(x: Tensor) -> tuple[Tensor, int]:
        count, previous = 0, -1
        for head in heads:
            x, logits, best = classify(x, head)
            label = best.item()
            count = count + 1 if label == previous else 0
            previous = label
            if count >= 1:
                break
        return logits, count

    return Sample(builder.build(), eager, tuple((random_tensor(1, 4, seed=seed),) for seed in range(12)))


@built_once
def experts() -> Sample:
    """A router picks one of three experts by number; a number beyond them leaves the input as it is."""
    state = tensor(1, 4)
    builder = ProgramBuilder("experts", {"x": state})
    router = builder.weight("router.weight", random_tensor(4, 4, seed=20))
    weights = [random_tensor(4, 4, seed=index + 21) for index in range(3)]

    def route(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        return (F.linear(x, w).argmax(),)

    def expert(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        return (F.gelu(F.linear(x, w)),)

    expert_code = make_code("expert", expert, [state], [tensor(4, 4)], line=41)
    builder.block(
        "entry",
        {"x": state},
        Switch(
            Ref("choice"),
            (0, 1, 2),
            tuple(edge(f"expert{index}", "x") for index in range(3)),
            edge("end", "x"),
            "model.py:40",
        ),
        code=make_code("route", route, [state], [tensor(4, 4)], line=40),
        inputs=["x"],
        weights=[router],
        outputs=["best"],
        steps=[Read("choice", "best", "int", "model.py:40")],
        line=40,
    )
    for index, weight in enumerate(weights):
        builder.block(
            f"expert{index}",
            {"x": state},
            Jump(edge("end", "y")),
            code=expert_code,
            inputs=["x"],
            weights=[builder.weight(f"experts.{index}.weight", weight)],
            outputs=["y"],
            line=41,
        )
    builder.block("end", {"y": state}, give(("y", state), line=42), line=42)

    def eager(x: Tensor) -> Tensor:
        choice = int(route(x, builder.weights[router])[0])
        return expert(x, weights[choice])[0] if choice < 3 else x

    return Sample(builder.build(), eager, tuple((random_tensor(1, 4, seed=seed),) for seed in range(12)))
