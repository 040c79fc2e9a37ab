"""Checks the arguments of a call and turns them into the flat list of arrays that the host takes.

Nothing is cast: another dtype, rank or size is an `InputError` that says what was expected and what was given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptc.runtime.errors import InputError
from adaptc.runtime.foreign import as_array, is_plain
from adaptc.runtime.manifest import Argument, Signature, TensorSpec
from adaptc.runtime.structure import flattener, leaf_paths
from adaptc.runtime.tree import Leaf
from adaptc.runtime.treecheck import leaf_indices

Bind = Callable[[tuple[Any, ...], dict[str, Any]], Sequence[Any]]
"""The arguments of a call to the flat arrays. Raises `InputError`."""

Check = Callable[[Any, dict[str, int]], Any]
"""One argument to its array; the dict holds the sizes of the named dimensions that the call has had so far."""

Changed = Callable[[tuple[Any, ...], dict[str, Any]], Sequence[Any]]
"""The arguments of a call to the arrays that the network changes in place. Raises `InputError`."""

ALIGNED_C_ORDER = 0x101
"""The bits of ``ndarray.flags.num`` for C-contiguous and aligned."""


def binder(signature: Signature) -> Bind:
    """A function that takes the positional and keyword arguments of a call and returns the flat arrays."""
    checks = input_checks(signature)
    bind_any = _general(signature, checks)
    simple = [
        argument.tree.index
        for argument in signature.arguments
        if argument.kind != "keyword" and isinstance(argument.tree, Leaf)
    ]
    if simple != list(range(len(signature.arguments))):
        return bind_any
    if len(checks) == 1:
        (check,) = checks
        (spec,) = signature.inputs
        if not any(isinstance(extent, str) for extent in spec.shape):
            return _binder_of_one(spec, check, bind_any)

        def bind_one(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
            return (check(args[0], {}),) if len(args) == 1 and not kwargs else bind_any(args, kwargs)

        return bind_one

    def bind_positional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        if len(args) != len(checks) or kwargs:
            return bind_any(args, kwargs)
        sizes: dict[str, int] = {}
        return [check(arg, sizes) for check, arg in zip(checks, args)]

    return bind_positional


def _binder_of_one(spec: TensorSpec, check: Check, bind_any: Bind) -> Bind:
    """The binder of one tensor of fixed sizes. It asks what `check` asks by itself: behind an engine's call each
    function is cold, and a call of a small network takes 20 µs."""
    dtype, shape, array_type = np.dtype(spec.dtype), spec.shape, np.ndarray

    def bind_fixed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        if len(args) != 1 or kwargs:
            return bind_any(args, kwargs)
        (value,) = args
        if (
            type(value) is array_type
            and value.dtype is dtype
            and value.shape == shape
            and value.flags.num & ALIGNED_C_ORDER == ALIGNED_C_ORDER
        ):
            return args
        return (check(value, {}),)

    return bind_fixed


def changed_arrays(signature: Signature, changes: Sequence[int]) -> Changed:
    """A function that finds the caller's own arrays for the inputs `changes`, which must be writeable."""
    bind = _general(signature, [lambda value, sizes: value] * len(signature.inputs))
    paths: dict[int, str] = {}
    for argument in signature.arguments:
        paths.update(leaf_paths(argument.tree, argument.name))

    def find(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        flat = bind(args, kwargs)
        found = []
        for number in changes:
            spec, path = signature.inputs[number], paths[number]
            array = as_array(flat[number], spec, np.dtype(spec.dtype), path)
            if not isinstance(flat[number], np.ndarray) and not hasattr(flat[number], "__dlpack__"):
                raise InputError(f"argument {path!r} is a number, but the network changes it in place; pass an array")
            if not array.flags.writeable:
                raise InputError(
                    f"argument {path!r} cannot be written, but the network changes it in place; pass a NumPy array "
                    f"that can be, such as a copy"
                )
            found.append(array)
        return found

    return find


def input_checks(signature: Signature) -> list[Check]:
    """For each flat input the function that checks it."""
    paths: dict[int, str] = {}
    for argument in signature.arguments:
        paths.update(leaf_paths(argument.tree, argument.name))
    owners: dict[str, str] = {}
    for index, spec in enumerate(signature.inputs):
        for extent in spec.shape:
            if isinstance(extent, str):
                owners.setdefault(extent, paths[index])
    return [_input_check(spec, paths[index], owners) for index, spec in enumerate(signature.inputs)]


def describe(spec: TensorSpec) -> str:
    """A tensor in short: "float32[batch, 3, 32, 32]"."""
    return f"{spec.dtype}[{', '.join(map(str, spec.shape))}]"


def _general(signature: Signature, checks: Sequence[Check]) -> Bind:
    """Binds any call: by position, by name, nested arguments, arguments that are fixed."""
    arguments = signature.arguments
    by_position = [argument for argument in arguments if argument.kind != "keyword"]
    by_name = {argument.name: argument for argument in arguments if argument.kind != "positional_only"}
    flatten = {argument.name: flattener(argument.tree, argument.name) for argument in arguments}
    fixed = {argument.name for argument in arguments if not leaf_indices(argument.tree)}
    names = ", ".join(argument.name for argument in arguments) or "none"

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        if len(args) > len(by_position):
            raise InputError(
                f"{len(args)} arguments are given by position, at most {len(by_position)} can be; "
                f"the arguments are: {names}"
            )
        given = {argument.name: value for argument, value in zip(by_position, args)}
        for name, value in kwargs.items():
            if name not in by_name:
                raise InputError(f"there is no argument {name!r}; the arguments are: {names}")
            if name in given:
                raise InputError(f"argument {name!r} is given by position and by name")
            given[name] = value
        flat: list[Any] = [None] * len(checks)
        for argument in arguments:
            if argument.name in given:
                flatten[argument.name](given[argument.name], flat)
            elif argument.name not in fixed:
                raise InputError(f"argument {argument.name!r} is missing: {_expected(argument, signature)}")
        sizes: dict[str, int] = {}
        return [check(value, sizes) for check, value in zip(checks, flat)]

    return bind


def _expected(argument: Argument, signature: Signature) -> str:
    specs = [describe(signature.inputs[index]) for index in leaf_indices(argument.tree)]
    return f"expected {specs[0]}" if len(specs) == 1 else f"it carries {', '.join(specs)}"


def _input_check(spec: TensorSpec, path: str, owners: dict[str, str]) -> Check:
    """The fast way for an array that fits; all else goes the slow way, which converts or explains."""
    dtype = np.dtype(spec.dtype)
    slow = _slow_check(spec, dtype, path, owners)
    array_type = np.ndarray
    if not any(isinstance(extent, str) for extent in spec.shape):
        shape = spec.shape

        def check_fixed(value: Any, sizes: dict[str, int]) -> Any:
            if (
                type(value) is array_type
                and value.dtype is dtype
                and value.shape == shape
                and value.flags.num & ALIGNED_C_ORDER == ALIGNED_C_ORDER
            ):
                return value
            return slow(value, sizes)

        return check_fixed

    rank = len(spec.shape)
    numbers = [(axis, extent) for axis, extent in enumerate(spec.shape) if isinstance(extent, int)]
    named = [(axis, extent) for axis, extent in enumerate(spec.shape) if isinstance(extent, str)]

    def check_named(value: Any, sizes: dict[str, int]) -> Any:
        if (
            type(value) is not array_type
            or value.dtype is not dtype
            or value.flags.num & ALIGNED_C_ORDER != ALIGNED_C_ORDER
        ):
            return slow(value, sizes)
        shape = value.shape
        if len(shape) != rank:
            return slow(value, sizes)
        for axis, extent in numbers:
            if shape[axis] != extent:
                return slow(value, sizes)
        for axis, name in named:
            size = shape[axis]
            if size < 1 or sizes.setdefault(name, size) != size:
                return slow(value, sizes)
        return value

    return check_named


def _slow_check(spec: TensorSpec, dtype: np.dtype[Any], path: str, owners: dict[str, str]) -> Check:
    def check(value: Any, sizes: dict[str, int]) -> Any:
        array = as_array(value, spec, dtype, path)
        expected = f"expected {describe(spec)}"
        if array.dtype.newbyteorder("=") != dtype:
            raise InputError(
                f"argument {path!r} has dtype {array.dtype.name}, {expected}; convert it, nothing is cast here"
            )
        if array.ndim != len(spec.shape):
            raise InputError(f"argument {path!r} has shape {array.shape}, {expected}")
        for axis, (size, extent) in enumerate(zip(array.shape, spec.shape)):
            if isinstance(extent, int):
                if size != extent:
                    raise InputError(f"argument {path!r} has size {size} in dimension {axis} {array.shape}, {expected}")
            elif size < 1:
                raise InputError(f"argument {path!r} has size 0 in dimension {axis}, {expected} with {extent} >= 1")
            elif sizes.setdefault(extent, size) != size:
                raise InputError(
                    f"argument {path!r} has size {size} in dimension {axis}, but {extent!r} is "
                    f"{sizes[extent]} in argument {owners[extent]!r}; {expected}"
                )
        if array.flags.num & ALIGNED_C_ORDER == ALIGNED_C_ORDER and is_plain(array, dtype):
            return array
        return np.require(array, dtype, ("C", "A", "E"))

    return check
