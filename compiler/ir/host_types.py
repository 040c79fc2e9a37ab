"""The types of host expressions: which are tensors, which are scalars of which kind, and what fits where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from adaptc.compiler.ir.errors import ExpressionError
from adaptc.compiler.ir.program import Block, Dim, ScalarType, TensorType, Type
from adaptc.runtime.hostprogram import OPERATORS, Apply, Const, Draw, Expr, Let, Read, Ref, Scalar, Size, ValueSpec

SCALAR_DTYPES: Mapping[Scalar, torch.dtype] = {
    "bool": torch.bool,
    "int": torch.int64,
    "float": torch.float64,
}
"""The dtype of the 0-d tensor as which a host scalar enters code."""

PYTHON_TYPES: Mapping[Scalar, type[bool] | type[int] | type[float]] = {
    "bool": bool,
    "int": int,
    "float": float,
}

# Where kinds mix, the wider one holds every value of the narrower.
_ORDER: tuple[Scalar, ...] = ("bool", "int", "float")


def show(type_: Type) -> str:
    """A type as text: "float32[batch, 3]" or "int"."""
    if isinstance(type_, ScalarType):
        return type_.kind
    return f"{dtype_name(type_.dtype)}[{', '.join(map(str, type_.shape))}]"


def dtype_name(dtype: torch.dtype) -> str:
    """The numpy name of a dtype; "bfloat16", which numpy lacks, keeps torch's."""
    return str(dtype).removeprefix("torch.")


def value_spec(type_: Type) -> ValueSpec:
    """What a value of a type is for the runtime, in which bfloat16 travels as float32."""
    if isinstance(type_, ScalarType):
        return ValueSpec(type_.kind)
    dtype = torch.float32 if type_.dtype == torch.bfloat16 else type_.dtype
    return ValueSpec(dtype_name(dtype), type_.shape)


def element_kind(dtype: torch.dtype) -> Scalar | None:
    """The kind of host scalar that an element of a tensor is; None for complex numbers."""
    if dtype == torch.bool:
        return "bool"
    if dtype.is_floating_point:
        return "float"
    return None if dtype.is_complex else "int"


def dim_fits(found: Dim, declared: Dim) -> bool:
    """Whether an extent may stand where `declared` does: a symbol takes any, a number only itself."""
    return isinstance(declared, str) or found == declared


def fits(found: Type, declared: Type) -> bool:
    """Whether a value of type `found` may stand where `declared` is asked for."""
    if isinstance(found, TensorType) and isinstance(declared, TensorType):
        return (
            found.dtype == declared.dtype
            and len(found.shape) == len(declared.shape)
            and all(map(dim_fits, found.shape, declared.shape))
        )
    return found == declared


def fits_spec(found: Type, spec: ValueSpec) -> bool:
    """Whether a value of type `found` is what an output's spec says.

    A scalar's spec has no shape and the kind as its dtype. A bfloat16 tensor may leave the program as
    float32, which holds each of its values, because numpy lacks bfloat16.
    """
    if isinstance(found, ScalarType):
        return spec.shape is None and spec.dtype == found.kind
    names = {dtype_name(found.dtype)} | ({"float32"} if found.dtype == torch.bfloat16 else set())
    return (
        spec.shape is not None
        and spec.dtype in names
        and len(spec.shape) == len(found.shape)
        and all(map(dim_fits, found.shape, spec.shape))
    )


def infer(expr: Expr, environment: Mapping[str, Type]) -> Type:
    """The type of `expr`, given the types of the names that it may read.

    Raises ExpressionError where a name is undefined, an operand has the wrong type or a literal is no scalar.
    """
    match expr:
        case Const(value=value, kind=kind):
            return ScalarType(_literal_kind(value, kind))
        case Ref(name=name):
            return _lookup(name, environment)
        case Size(name=name, dim=dim):
            type_ = _lookup(name, environment)
            if not isinstance(type_, TensorType):
                raise ExpressionError(f"size of '{name}', which is no tensor but {show(type_)}")
            if not 0 <= dim < len(type_.shape):
                raise ExpressionError(f"size {dim} of '{name}', which is {show(type_)}")
            return ScalarType("int")
        case Apply(function=function, args=args):
            return ScalarType(_apply_kind(function, [_scalar(arg, environment) for arg in args], args))


def infer_scalar(expr: Expr, environment: Mapping[str, Type]) -> Scalar:
    """The kind of a scalar expression; raises ExpressionError where it has no type or is a tensor."""
    return _scalar(expr, environment)


def environment(block: Block) -> dict[str, Type]:
    """The types of the names that `block` defines, in order; raises ExpressionError where a step has none."""
    types: dict[str, Type] = {param.name: param.type for param in block.params}
    types |= {output.name: output.type for output in block.outputs}
    for step in block.steps:
        types[step.name] = step_type(step, types)
    return types


def step_type(step: Let | Read | Draw, types: Mapping[str, Type]) -> Type:
    """The type of what a step defines; raises ExpressionError where it has none."""
    if isinstance(step, Read):
        return ScalarType(step.kind)
    if isinstance(step, Let):
        return ScalarType(infer_scalar(step.expr, types))
    for expr in (*step.shape, *step.args):
        if infer_scalar(expr, types) != "int":
            raise ExpressionError("a draw takes integers")
    extents = [expr.value if isinstance(expr, Const) else None for expr in step.shape]
    shape = (extent if isinstance(extent, int) else f"{step.name}_{dim}" for dim, extent in enumerate(extents))
    return TensorType(getattr(torch, step.dtype), tuple(shape))


def _lookup(name: str, environment: Mapping[str, Type]) -> Type:
    if name not in environment:
        raise ExpressionError(f"'{name}' is read but not defined in the block")
    return environment[name]


def _scalar(expr: Expr, environment: Mapping[str, Type]) -> Scalar:
    type_ = infer(expr, environment)
    if isinstance(type_, TensorType):
        name = expr.name if isinstance(expr, Ref) else expr
        raise ExpressionError(f"'{name}' is a tensor, {show(type_)}, where a host scalar is asked for")
    return type_.kind


def _literal_kind(value: object, kind: str) -> Scalar:
    if kind == "float":
        if value in ("inf", "-inf", "nan") or type(value) is float:
            return "float"
    else:
        for name, type_ in PYTHON_TYPES.items():
            if type(value) is type_:
                return name
    raise ExpressionError(f"the literal {value!r} is no bool, int or float")


def _join(kinds: Sequence[Scalar]) -> Scalar:
    return max(kinds, key=_ORDER.index)


def _arithmetic(kinds: Sequence[Scalar]) -> Scalar:
    return _join([*kinds, "int"])


def _bitwise(kinds: Sequence[Scalar]) -> Scalar:
    if "float" in kinds:
        raise ExpressionError("a bit operation on a float")
    return _join(kinds)


def _shift(kinds: Sequence[Scalar]) -> Scalar:
    _bitwise(kinds)
    return "int"


def _always(kind: Scalar) -> Callable[[Sequence[Scalar]], Scalar]:
    return lambda kinds: kind


_RULES: Mapping[str, Callable[[Sequence[Scalar]], Scalar]] = {
    **dict.fromkeys(("add", "sub", "mul", "floordiv", "mod", "neg", "abs"), _arithmetic),
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne", "not", "bool"), _always("bool")),
    **dict.fromkeys(("and", "or", "min", "max"), _join),
    **dict.fromkeys(("bitand", "bitor", "bitxor"), _bitwise),
    **dict.fromkeys(("lshift", "rshift"), _shift),
    **dict.fromkeys(("int", "round", "floor", "ceil", "trunc"), _always("int")),
    **dict.fromkeys(("truediv", "float", "sqrt", "exp", "log", "log2", "sin", "cos", "tanh"), _always("float")),
    "select": lambda kinds: _join(kinds[1:]),
}


def arity(function: str) -> int:
    """The number of operands that a host function takes; raises ExpressionError where it is unknown."""
    if function not in OPERATORS:
        raise ExpressionError(f"'{function}' is no host function")
    text = OPERATORS[function]
    return sum(f"{{{index}}}" in text for index in range(3))


def _apply_kind(function: str, kinds: Sequence[Scalar], args: Sequence[Expr]) -> Scalar:
    expected = arity(function)
    if len(kinds) != expected:
        raise ExpressionError(f"'{function}' takes {expected} operands, not {len(kinds)}")
    if function == "pow":
        # Python's int ** int is a float for a negative exponent; like torch's symbolic ints, an exponent that
        # is not known here counts as natural.
        exponent = args[1]
        negative = isinstance(exponent, Const) and isinstance(exponent.value, int) and exponent.value < 0
        return "float" if negative else _arithmetic(kinds)
    if function not in _RULES:
        raise ExpressionError(f"the host function '{function}' has no type rule")
    return _RULES[function](kinds)
