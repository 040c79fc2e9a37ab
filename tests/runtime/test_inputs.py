"""What a call may pass: the right things pass unchanged, everything else is an `InputError` that says why."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from adaptc.runtime import InputError
from adaptc.runtime.inputs import binder
from adaptc.runtime.manifest import Argument, Signature, TensorSpec
from adaptc.runtime.tree import DictNode, Leaf, ListNode, RecordNode, Static, TupleNode

FIXED = Signature((Argument("x", "positional", Leaf(0)),), (TensorSpec("x", "float32", (2, 3)),))
NAMED = Signature(
    (Argument("ids", "positional", Leaf(0)), Argument("mask", "positional", Leaf(1))),
    (TensorSpec("ids", "int64", ("batch", "seq")), TensorSpec("mask", "bool", ("batch", 1, "seq"))),
)
MANY = Signature(
    (
        Argument("x", "positional", Leaf(1)),
        Argument("flag", "positional", Static(True)),
        Argument("rest[0]", "positional_only", Leaf(0)),
        Argument("state", "keyword", DictNode(("h", "c"), (ListNode((Leaf(2), Leaf(3))), TupleNode((Static(None),))))),
    ),
    tuple(TensorSpec(name, "float32", ("n",)) for name in ("rest.0", "x", "h0", "h1")),
)


def bind(signature: Signature, *args: Any, **kwargs: Any) -> list[Any]:
    return list(binder(signature)(args, kwargs))


def scalar(dtype: str) -> Signature:
    return Signature((Argument("t", "positional", Leaf(0)),), (TensorSpec("t", dtype, ()),))


X = np.arange(6, dtype=np.float32).reshape(2, 3)


class TestWhatFits:
    def test_arrays_pass_as_they_are(self) -> None:
        assert bind(FIXED, X)[0] is X
        assert bind(FIXED, x=X)[0] is X
        ids, mask = np.zeros((4, 7), np.int64), np.zeros((4, 1, 7), bool)
        assert [a is b for a, b in zip(bind(NAMED, ids, mask=mask), (ids, mask), strict=True)] == [True, True]

    def test_nested_arguments(self) -> None:
        x, rest, h0, h1 = (np.full(2, i, np.float32) for i in range(4))
        found = bind(MANY, x, True, rest, state={"h": [h0, h1], "c": (None,)})
        assert [a is b for a, b in zip(found, (rest, x, h0, h1), strict=True)] == [True] * 4

    def test_fixed_arguments_may_be_left_out(self) -> None:
        signature = Signature((*FIXED.arguments, Argument("mode", "keyword", Static("fast"))), FIXED.inputs)
        assert bind(signature, X)[0] is X
        assert bind(signature, X, mode="fast")[0] is X

    @pytest.mark.parametrize(
        "given",
        [
            X.T.copy().T,
            np.asfortranarray(X),
            np.repeat(X, 2, axis=1)[:, ::2],
            X[::-1][::-1],
            X.astype(">f4"),
            X.astype(X.dtype.newbyteorder()),
            np.frombuffer(b"?" + X.tobytes(), np.uint8)[1:].view(np.float32).reshape(2, 3),
            X.view(type("Sub", (np.ndarray,), {})),
        ],
        ids=["transposed", "fortran", "strided", "reversed twice", "big-endian", "swapped", "unaligned", "subclass"],
    )
    def test_any_layout_of_the_right_values(self, given: Any) -> None:
        (found,) = bind(FIXED, given)
        assert type(found) is np.ndarray
        assert found.dtype == np.float32
        assert found.dtype.isnative
        assert found.flags.c_contiguous
        assert found.flags.aligned
        np.testing.assert_array_equal(found, X)

    def test_read_only_arrays(self) -> None:
        frozen = X.copy()
        frozen.flags.writeable = False
        assert bind(FIXED, frozen)[0] is frozen

    @pytest.mark.parametrize(
        ("dtype", "value"),
        [
            ("bool", True),
            ("int64", 3),
            ("int64", -(2**63)),
            ("uint8", 255),
            ("float32", 0.5),
            ("float64", 2),
            ("float32", np.float32(0.5)),
            ("int64", np.int64(7)),
            ("bool", np.bool_(True)),
        ],
    )
    def test_numbers_for_tensors_without_dimensions(self, dtype: str, value: Any) -> None:
        (found,) = bind(scalar(dtype), value)
        assert (type(found), found.shape, found.dtype.name, found.item()) == (np.ndarray, (), dtype, value)

    def test_dlpack(self) -> None:
        class Tensor:
            """What a library's tensor looks like from outside."""

            def __dlpack__(self, **kwargs: Any) -> Any:
                return X.__dlpack__(**kwargs)

            def __dlpack_device__(self) -> tuple[int, int]:
                return (1, 0)

        (found,) = bind(FIXED, Tensor())
        assert np.shares_memory(found, X)

    def test_zero_dimensional_array(self) -> None:
        found = bind(scalar("int64"), np.array(3, ">i8"))[0]
        assert (found.shape, found.item()) == ((), 3)


class Elsewhere:
    def __dlpack__(self, **kwargs: Any) -> Any:
        raise BufferError

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


ids, mask = np.zeros((4, 7), np.int64), np.zeros((4, 1, 7), bool)
WRONG: dict[str, tuple[Signature, tuple[Any, ...], dict[str, Any], str]] = {
    "dtype": (FIXED, (X.astype("f8"),), {}, r"argument 'x' has dtype float64, expected float32\[2, 3\]; convert it"),
    "int for float": (FIXED, (X.astype("i4"),), {}, "argument 'x' has dtype int32, expected float32"),
    "rank": (FIXED, (X[0],), {}, r"argument 'x' has shape \(3,\), expected float32\[2, 3\]"),
    "size": (FIXED, (X[:, :2],), {}, r"argument 'x' has size 2 in dimension 1 \(2, 2\), expected float32\[2, 3\]"),
    "number": (FIXED, (0.5,), {}, r"argument 'x' is the number 0.5, expected float32\[2, 3\]"),
    "list": (FIXED, (X.tolist(),), {}, r"argument 'x' is a list, expected float32\[2, 3\] as a NumPy array"),
    "None": (FIXED, (None,), {}, "argument 'x' is a NoneType, expected float32"),
    "masked": (FIXED, (np.ma.masked_array(X, X > 1),), {}, "argument 'x' is a masked array"),
    "device": (FIXED, (Elsewhere(),), {}, r"argument 'x' is a Elsewhere on a device; pass its \.cpu\(\)"),
    "other batch": (
        NAMED,
        (ids, mask[:2]),
        {},
        r"'mask' has size 2 in dimension 0, but 'batch' is 4 in argument 'ids'",
    ),
    "other seq": (NAMED, (ids, mask[..., :5]), {}, r"size 5 in dimension 2, but 'seq' is 7 in argument 'ids'"),
    "empty batch": (NAMED, (ids[:0], mask[:0]), {}, r"'ids' has size 0 in dimension 0, .* with batch >= 1"),
    "named rank": (NAMED, (ids[0], mask), {}, r"argument 'ids' has shape \(7,\), expected int64\[batch, seq\]"),
    "middle": (
        NAMED,
        (ids, np.zeros((4, 2, 7), bool)),
        {},
        r"'mask' has size 2 in dimension 1 \(4, 2, 7\), expected bool",
    ),
    "missing": (NAMED, (ids,), {}, r"argument 'mask' is missing: expected bool\[batch, 1, seq\]"),
    "none": (FIXED, (), {}, r"argument 'x' is missing"),
    "too many": (FIXED, (X, X), {}, "2 arguments are given by position, at most 1 can be; the arguments are: x"),
    "unknown": (FIXED, (X,), {"y": X}, "there is no argument 'y'; the arguments are: x"),
    "twice": (FIXED, (X,), {"x": X}, "argument 'x' is given by position and by name"),
    "by name": (MANY, (X[0], True), {"rest[0]": X[0]}, r"there is no argument 'rest\[0\]'"),
    "nested missing": (
        MANY,
        (X[0], True, X[0]),
        {},
        r"argument 'state' is missing: it carries float32\[n\], float32\[n\]",
    ),
    "nested": (
        MANY,
        (X[0], True, X[0]),
        {"state": {"h": [X[0], X], "c": (None,)}},
        r"argument \"state\['h'\]\[1\]\" has shape \(2, 3\), expected float32\[n\]",
    ),
    "fixed": (
        MANY,
        (X[0], False, X[0]),
        {"state": None},
        "argument 'flag' is False, but the network was compiled for True",
    ),
    "keyword by position": (MANY, (X[0], True, X[0], {}), {}, "4 arguments are given by position, at most 3"),
    "float for int": (scalar("int64"), (1.5,), {}, "argument 't' is the float 1.5, expected int64"),
    "bool for int": (scalar("int64"), (True,), {}, "argument 't' is the bool True, expected int64"),
    "int for bool": (scalar("bool"), (1,), {}, "argument 't' is the int 1, expected bool"),
    "too large": (scalar("int8"), (128,), {}, "argument 't' is 128, which int8 does not hold"),
    "float64 scalar": (scalar("float32"), (np.float64(1),), {}, "argument 't' has dtype float64, expected float32"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit(wrong: str) -> None:
    signature, args, kwargs, message = WRONG[wrong]
    with pytest.raises(InputError, match=message) as raised:
        bind(signature, *args, **kwargs)
    assert "\n" not in str(raised.value)


def test_sizes_are_those_of_one_call() -> None:
    bound = binder(NAMED)
    for batch, seq in ((4, 7), (1, 9), (3, 2)):
        bound((np.zeros((batch, seq), np.int64), np.zeros((batch, 1, seq), bool)), {})


class TestTorchTensors:
    """PyTorch's tensors pass without the runtime importing PyTorch."""

    torch: Any = pytest.importorskip("torch")

    def test_shares_memory(self) -> None:
        tensor = self.torch.arange(6, dtype=self.torch.float32).reshape(2, 3)
        (found,) = bind(FIXED, tensor)
        np.testing.assert_array_equal(found, X)
        assert found.ctypes.data == tensor.data_ptr()

    def test_layouts_and_scalars(self) -> None:
        tensor = self.torch.arange(6, dtype=self.torch.float32).reshape(3, 2).T
        np.testing.assert_array_equal(bind(FIXED, tensor)[0], tensor.numpy())
        assert bind(scalar("bool"), self.torch.tensor(True))[0].item() is True

    def test_requires_grad(self) -> None:
        with pytest.raises(InputError, match=r"'x' is a Tensor that requires grad; pass its \.detach\(\)"):
            bind(FIXED, self.torch.zeros(2, 3, requires_grad=True))

    def test_bfloat16(self) -> None:
        with pytest.raises(InputError, match="argument 'x' is bfloat16, which NumPy does not have; pass it as float32"):
            bind(FIXED, self.torch.zeros(2, 3, dtype=self.torch.bfloat16))

    def test_conjugate(self) -> None:
        signature = Signature(FIXED.arguments, (TensorSpec("x", "complex64", (2,)),))
        with pytest.raises(InputError, match="'x' is a Tensor that NumPy cannot read"):
            bind(signature, self.torch.zeros(2, dtype=self.torch.complex64).conj())

    def test_other_dtype(self) -> None:
        with pytest.raises(InputError, match="has dtype float64, expected float32"):
            bind(FIXED, self.torch.zeros(2, 3, dtype=self.torch.float64))


def test_the_runtime_imports_neither_torch_nor_onnx() -> None:
    code = (
        "import sys, adaptc.runtime; light = set(sys.modules);"
        "import adaptc.runtime.executable, adaptc.runtime.hostfile, adaptc.runtime.engines.onnxruntime;"
        "print(*(name for name in ('torch', 'onnx', 'asyncio', 'pkg_resources') if name in sys.modules),"
        " *(name for name in ('numpy', 'msgspec', 'dataclasses') if name in light))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


ROWS = RecordNode("Rows", ("layers", "dtype"), (ListNode((RecordNode("Row", ("keys",), (Leaf(0),)),)), Static(None)))
OBJECT = Signature((Argument("rows", "positional", ROWS),), (TensorSpec("rows.layers.0.keys", "float32", (2, 3)),))


class Holder:
    """An object with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    "rows",
    [
        Holder(layers=[Holder(keys=X, kind="other")], dtype=None),
        Holder(layers=[Holder(keys=X)]),
        {"layers": [{"keys": X}]},
        {"layers": [Holder(keys=X)], "dtype": None},
    ],
)
def test_an_object_may_be_any_that_has_the_arrays(rows: Any) -> None:
    assert bind(OBJECT, rows)[0] is X


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"layer": [{"keys": X}]}, "argument 'rows' is a dict with the keys 'layer', expected a Rows with the fields"),
        (Holder(dtype=None), "expected a Rows with the fields layers"),
        ({"layers": [{"keys": X}], "dtype": 3}, "argument 'rows.dtype' is 3, but the network was compiled for None"),
    ],
)
def test_an_object_that_does_not_fit(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        bind(OBJECT, rows)
