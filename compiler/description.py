"""What a single model says about itself to people: how the network's own call and result are made of its values."""

from __future__ import annotations

from collections.abc import Mapping

from adaptc.compiler.ir.program import Param, ScalarType
from adaptc.compiler.plan.results import FORM, RESULT, WithResults
from adaptc.runtime.hostprogram import Raise, ValueSpec
from adaptc.runtime.manifest import Signature
from adaptc.runtime.signature import CallSignature, tree_text
from adaptc.runtime.structure import leaf_paths


def description(network: WithResults, signature: Signature) -> str:
    """The call as Python would write it, the result over the names of the outputs, and what is raised."""
    specs = [ValueSpec(name) for name in network.names]  # written as the name that stands for a dtype
    results = [tree_text(form, specs) for form in network.forms]
    call = network.program.name + str(CallSignature(signature.arguments, signature.inputs, tuple(results[:1])))
    if len(results) == 1:
        lines = [call]
    else:
        lines = [call.removesuffix(f" -> {results[0]}")]
        lines += [f"-> {result}  where {FORM} is {number}" for number, result in enumerate(results)]
    plain = {FORM, *(path for form in network.forms for path in leaf_paths(form, "result").values())}
    lines += [f"{name}: {text}" for name, text in output_texts(network).items() if not {name, text} & plain]
    ends = (block.terminator for block in network.program.blocks.values())
    raised = {f"raises {end.exception}: {end.message}".strip(": "): None for end in ends if isinstance(end, Raise)}
    return "\n".join([*lines, *raised])


def input_texts(signature: Signature) -> dict[str, str]:
    """By input its place among the arguments."""
    texts: dict[str, str] = {}
    for argument in signature.arguments:
        for index, path in leaf_paths(argument.tree, argument.name).items():
            texts[signature.inputs[index].name] = f"argument {path}"
    return texts


def output_texts(network: WithResults) -> dict[str, str]:
    """By output its place in the result."""
    params = network.program.blocks[RESULT].params
    changed = {place: name for name, place in network.changed.items()}
    paths = [leaf_paths(form, "result") for form in network.forms]
    texts: dict[str, str] = {}
    for place, (name, param) in enumerate(zip(network.names, params, strict=True)):
        if name == FORM:
            texts[name] = "which of its structures the result has"
        elif place in changed:
            texts[name] = f"argument {changed[place]} after the call, which changes it in place"
        else:
            found = {number: each[place] for number, each in enumerate(paths) if place in each}
            texts[name] = _places(found, len(paths)) + _number(param)
    return texts


def _places(found: Mapping[int, str], forms: int) -> str:
    """The paths of one value, by the number of the structure."""
    by_path: dict[str, list[int]] = {}
    for number, path in found.items():
        by_path.setdefault(path, []).append(number)
    if len(found) == forms and len(by_path) == 1:
        return next(iter(by_path))
    parts = [f"{path} where {FORM} is {' or '.join(map(str, numbers))}" for path, numbers in by_path.items()]
    return ", ".join(parts) + (", else empty" if len(found) < forms else "")


def _number(param: Param) -> str:
    return f", a Python {param.type.kind}" if isinstance(param.type, ScalarType) else ""
