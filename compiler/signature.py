"""How a network is called: its arguments bound to example inputs, and the named dimensions of those."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import torch

from adaptc.compiler.structure import flatten, leaf_paths
from adaptc.runtime.errors import AdaptcError
from adaptc.runtime.manifest import Argument
from adaptc.runtime.tree import Leaf, Static, Tree

ExampleInputs = torch.Tensor | tuple[Any, ...] | list[Any] | dict[str, Any]
"""One tensor, a tuple or list of positional arguments, a dict of keyword arguments, or a (tuple, dict)."""


class SignatureError(AdaptcError):
    """Example inputs, or the dimensions named for them, do not fit the network's forward."""


@dataclass(frozen=True)
class Bound:
    """A call of a network: `arguments` describe it, `inputs` are its tensors by name, in the order of the
    leaves of `arguments`; `args` and `kwargs` make the call."""

    arguments: tuple[Argument, ...]
    inputs: list[tuple[str, torch.Tensor]]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def bind(forward: Callable[..., Any], example_inputs: ExampleInputs) -> Bound:
    """Bind example inputs to the signature of `forward` (a bound method).

    Defaults that are left out are no part of the call. Raises SignatureError where the inputs do not bind or
    hold no tensor, StructureError where an argument cannot be taken apart.
    """
    signature = inspect.signature(forward)
    bound = _bound(signature, example_inputs)
    arguments: list[Argument] = []
    inputs: list[tuple[str, torch.Tensor]] = []
    for name, kind, value in _arguments(signature, bound):
        tree, leaves = flatten(value, "static", root=name)
        for path, index in leaf_paths(tree, root=name, dotted=True):
            leaf = leaves[index]
            if not isinstance(leaf, torch.Tensor):
                raise SignatureError(f"argument {name!r} holds a symbolic number; give a plain one")
            inputs.append((_unused(path, inputs), leaf))
        arguments.append(Argument(name, kind, _shift(tree, len(inputs) - len(leaves))))
    if not inputs:
        raise SignatureError("the example inputs hold no tensor; give the tensors that forward takes")
    return Bound(tuple(arguments), inputs, bound.args, bound.kwargs)


def parse_dims(specs: Sequence[str]) -> dict[str, dict[int, str]]:
    """Read specifications such as ``x:0=batch,1=seq``: input name -> axis -> dimension name.

    Raises SignatureError listing every specification that is malformed or contradicts an earlier one.
    """
    dims: dict[str, dict[int, str]] = {}
    problems: list[str] = []
    for spec in specs:
        name, colon, rest = spec.rpartition(":")
        for part in rest.split(",") if colon and name else [""]:
            found = re.fullmatch(r"\s*(-?\d+)\s*=\s*([A-Za-z_]\w*)\s*", part)
            if found is None:
                problems.append(f"{spec!r} is not of the form input:axis=name[,axis=name], as in x:0=batch")
                break
            axis, dim = int(found[1]), found[2]
            if dims.setdefault(name, {}).setdefault(axis, dim) != dim:
                problems.append(f"{spec!r} names axis {axis} of {name!r} again, after {dims[name][axis]!r}")
    if problems:
        raise SignatureError("; ".join(problems))
    return dims


def apply_dims(
    inputs: Sequence[tuple[str, torch.Tensor]], dims: Mapping[str, Mapping[int, str]]
) -> dict[str, tuple[int | str, ...]]:
    """The shape of every input, with the names of `dims` in place of sizes; negative axes count from the end.

    Raises SignatureError listing every name, axis or size that does not fit.
    """
    shapes: dict[str, list[int | str]] = {name: list(tensor.shape) for name, tensor in inputs}
    sizes: dict[str, tuple[int, str]] = {}
    problems: list[str] = []
    for name, axes in dims.items():
        if name not in shapes:
            problems.append(f"there is no input {name!r}; the inputs are {', '.join(map(repr, shapes))}")
            continue
        sizes_here = list(dict(inputs)[name].shape)
        for axis, dim in axes.items():
            if not isinstance(dim, str):
                problems.append(f"axis {axis} of {name!r} is called {dim!r}, which is no name, as 'batch' is one")
                continue
            if not -len(sizes_here) <= axis < len(sizes_here):
                problems.append(f"{name!r} has no axis {axis}: its shape is {tuple(sizes_here)}")
                continue
            where = f"axis {axis} of {name!r}"
            size, first = sizes.setdefault(dim, (sizes_here[axis], where))
            if size != sizes_here[axis]:
                problems.append(f"{dim!r} is {size} in {first} and {sizes_here[axis]} in {where}")
                continue
            earlier = shapes[name][axis]
            if isinstance(earlier, str) and earlier != dim:
                problems.append(f"{where} is named both {earlier!r} and {dim!r}")
            shapes[name][axis] = dim
    if problems:
        raise SignatureError("the named dimensions do not fit: " + "; ".join(problems))
    return {name: tuple(shape) for name, shape in shapes.items()}


def check_samples(
    forward: Callable[..., Any], samples: Sequence[ExampleInputs], shapes: Mapping[str, Sequence[int | str]]
) -> None:
    """Raise `SignatureError` where a sample's sizes are not those of `shapes`, which are the network's by input."""
    for number, sample in enumerate(samples, 1):
        for name, tensor in bind(forward, sample).inputs:
            wanted = shapes.get(name)
            if wanted is None:
                continue
            fits = len(wanted) == tensor.dim() and all(
                isinstance(dim, str) or dim == size for dim, size in zip(wanted, tensor.shape)
            )
            if not fits:
                text = ", ".join(map(str, wanted))
                raise SignatureError(
                    f"sample {number} does not fit: {name!r} has the shape {tuple(tensor.shape)}, and the network is "
                    f"compiled for [{text}]; name the dimensions that vary (dynamic), or leave the sample out"
                )


def _bound(signature: inspect.Signature, example_inputs: ExampleInputs) -> inspect.BoundArguments:
    calls = [_call(example_inputs)]
    if type(example_inputs) is tuple and calls[0][1]:
        # A tuple and a dict may also be two positional arguments.
        calls.append((example_inputs, {}))
    reasons: list[TypeError] = []
    for args, kwargs in calls:
        try:
            return signature.bind(*args, **kwargs)
        except TypeError as error:
            reasons.append(error)
    raise SignatureError(
        f"the example inputs do not fit forward{_shown(signature)}: {reasons[0]}; "
        "give a tuple of positional arguments, a dict of keyword arguments, or a (tuple, dict) of both"
    )


def _call(example_inputs: ExampleInputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example_inputs, torch.Tensor):
        return (example_inputs,), {}
    if isinstance(example_inputs, dict):
        return (), _keywords(example_inputs)
    if type(example_inputs) not in (tuple, list):
        raise SignatureError(
            f"the example inputs are of class {type(example_inputs).__name__}; "
            "give a tensor, a tuple, a dict, or a (tuple, dict)"
        )
    if len(example_inputs) == 2 and type(example_inputs[0]) is tuple and _is_keywords(example_inputs[1]):
        return example_inputs[0], _keywords(example_inputs[1])
    return tuple(example_inputs), {}


def _is_keywords(value: object) -> bool:
    return type(value) is dict and all(isinstance(key, str) for key in value)


def _keywords(value: dict[Any, Any]) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise SignatureError(f"the keyword arguments have a key {key!r}; use the names of forward's arguments")
    return value


def _arguments(signature: inspect.Signature, bound: inspect.BoundArguments) -> list[tuple[str, Any, Any]]:
    """Name, `Argument.kind` and value of each argument that the call passes."""
    result: list[tuple[str, Any, Any]] = []
    skipped = False
    for name, parameter in signature.parameters.items():
        if name not in bound.arguments:
            skipped = skipped or parameter.kind in (
                parameter.POSITIONAL_ONLY,
                parameter.POSITIONAL_OR_KEYWORD,
            )
            continue
        value = bound.arguments[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            result += [(f"{name}[{i}]", "positional_only", item) for i, item in enumerate(value)]
        elif parameter.kind is parameter.VAR_KEYWORD:
            result += [(key, "keyword", item) for key, item in value.items()]
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            result.append((name, "positional_only", value))
        else:
            # Behind an argument that was left out, a position would mean another argument than in forward.
            by_name = skipped or parameter.kind is parameter.KEYWORD_ONLY
            result.append((name, "keyword" if by_name else "positional", value))
    return result


def _shift(tree: Tree, by: int) -> Tree:
    """`tree` with `by` added to the index of every leaf."""
    match tree:
        case Leaf(index=index):
            return Leaf(index + by)
        case Static():
            return tree
        case _:
            return msgspec.structs.replace(tree, items=tuple(_shift(item, by) for item in tree.items))


def _unused(name: str, inputs: Sequence[tuple[str, torch.Tensor]]) -> str:
    """`name`, with a number where a dict key with a dot in it has made the same name already."""
    taken = {other for other, _ in inputs}
    candidates = [name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def _shown(signature: inspect.Signature) -> str:
    """The signature without annotations, which would drown the names."""
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))
