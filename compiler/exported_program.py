"""Networks given as exported programs of torch, in memory or as .pt2 files."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any, cast

import sympy
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.utils._sympy.numbers import int_oo

from adaptc.compiler.errors import ModelFileError
from adaptc.compiler.signature import ExampleInputs, bind
from adaptc.runtime.errors import AdaptcError


def load_exported(file: Path) -> ExportedProgram:
    """The exported program of a .pt2 file. Raises `ModelFileError` where it is none."""
    if not file.is_file():
        raise ModelFileError(f"there is no file {file}")
    try:
        return torch.export.load(str(file))
    except Exception as error:  # torch raises whatever its readers of archives and of JSON raise
        raise ModelFileError(
            f"{file} cannot be read as an exported program: {type(error).__name__}: {error}; write it with "
            f"torch.export.save, in the version of torch that reads it"
        ) from error


def module_of(program: ExportedProgram, file: str = "exported.pt2") -> nn.Module:
    """The network of an exported program, in which operators with control flow are followed.

    The lines of its code are those of `file`, and of others beside it for the functions of such operators.
    Where the program holds for some sizes of its dimensions only, the network raises `ValueError` for others.
    """
    fakes = _inputs(program)
    bounds: dict[Any, tuple[int, int, Any, Any]] = {}
    for place, fake in enumerate(fakes):
        for axis, size in enumerate(fake.shape if isinstance(fake, torch.Tensor) else ()):
            if isinstance(size, torch.SymInt) and isinstance(size.node.expr, sympy.Symbol):
                allowed = program.range_constraints.get(size.node.expr)
                if allowed is not None and (allowed.lower > 1 or allowed.upper != int_oo):
                    bounds.setdefault(size.node.expr, (place, axis, allowed.lower, allowed.upper))
    module: Any = program.module()
    module.range_constraints = {}  # what torch itself checks them by is replaced
    if hasattr(module, "_guards_fn"):
        module._guards_fn = _bounds_check(f"{file}.sizes", len(fakes), list(bounds.values()))
    for name, part in module.named_modules():
        if isinstance(part, torch.fx.GraphModule):
            _place(part, f"{file}.{name}" if name else file)
    return cast(nn.Module, module)


def _place(module: torch.fx.GraphModule, file: str) -> None:
    """Give the code of a module a file of its own: torch's name for it differs from process to process."""
    code = module.graph.python_code("self")
    _remember(file, code.src)
    namespace = dict(code.globals)
    exec(compile(code.src, file, "exec"), namespace)
    cls: Any = type(module)
    cls.forward = namespace["forward"]


def _remember(file: str, text: str) -> None:
    """Let Python find the lines of a file that is none on disk; without a time of change they are kept."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


def _inputs(program: ExportedProgram) -> list[Any]:
    """What stands for the inputs in an exported program: tensors, and constants."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    return [values.get(name) if isinstance(name, str) else name for name in program.graph_signature.user_inputs]


def _bounds_check(file: str, count: int, bounds: list[tuple[int, int, Any, Any]]) -> nn.Module:
    """A module that raises `ValueError` where a size is not what the program holds for."""
    names = ", ".join(f"x{place}" for place in range(count))
    lines = ["class SizeCheck(nn.Module):", f"    def forward(self, {names}):"]
    lines += [] if bounds else ["        pass"]
    for place, axis, low, high in bounds:
        size = f"x{place}.shape[{axis}]"
        test = f"{size} < {low}" + ("" if high == int_oo else f" or {size} > {high}")
        lines += [f"        if {test}:", f'            raise ValueError("exported for sizes from {low} to {high}")']
    text = "\n".join([*lines, ""])
    _remember(file, text)
    namespace: dict[str, Any] = {"nn": nn, "__name__": "exported_program"}
    exec(compile(text, file, "exec"), namespace)
    check: nn.Module = namespace["SizeCheck"]()
    return check.eval()


def example_inputs_of(program: ExportedProgram) -> object:
    """The arguments that the program was exported with. Raises `AdaptcError` where it does not hold them."""
    if program.example_inputs is None:
        raise AdaptcError("the exported program holds no example inputs: give them, as for the network itself")
    return program.example_inputs


def dims_of(program: ExportedProgram, example_inputs: object) -> dict[str, dict[int, str]]:
    """The dynamic dimensions of an exported program: input -> axis -> name.

    A program keeps no names for them, so each is called after the first input that has it: "x_0". Raises
    `AdaptcError` for a dimension that is computed from others.
    """
    bound = bind(module_of(program).forward, cast(ExampleInputs, example_inputs))
    fakes = [fake for fake in _inputs(program) if isinstance(fake, torch.Tensor)]
    names: dict[Any, str] = {}
    dims: dict[str, dict[int, str]] = {}
    for (name, _), fake in zip(bound.inputs, fakes, strict=True):
        for axis, size in enumerate(fake.shape):
            if isinstance(size, int):
                continue
            expression = size.node.expr
            if not isinstance(expression, sympy.Symbol):
                raise AdaptcError(
                    f"axis {axis} of input {name!r} of the exported program has the size {expression}, computed from "
                    f"another: adaptc takes dimensions that vary by themselves; export with a Dim of its own for it"
                )
            called = f"{name.replace('.', '_')}_{axis}"
            dims.setdefault(name, {})[axis] = names.setdefault(expression, called)
    return dims
