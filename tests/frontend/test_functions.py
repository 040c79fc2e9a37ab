"""Calls of all kinds: methods, closures, decorators, super, generators, context managers, hooks."""

from __future__ import annotations

import contextlib
import functools
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from adaptc.compiler.errors import CompileError

from .checking import check, signs


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, *, scale=1.0):
        if x.sum() > 0:
            return self.linear(x) * scale
        return x - scale


class Derived(Base):
    def forward(self, x, *extra, scale=2.0, **options):
        y = super().forward(x, scale=scale)
        if y.max() > options.get("limit", 0.5):
            y = y + sum(extra, 1)
        return y


class Caller(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Derived()

    def forward(self, x):
        more = (3, 4)
        options = {"limit": 0.1}
        return self.inner(x, *more, 5, scale=3.0, **options)


def test_super_varargs_and_keywords():
    check(Caller(), signs(24, 4))


class Closures(nn.Module):
    def forward(self, x):
        count = 0

        def step(t, k=2):
            nonlocal count
            if t.mean() > 0:
                count += 1
                return t * k
            return t - k

        double = lambda t: step(step(t))
        y = double(x)
        again = functools.partial(step, k=3)
        return again(y), count


def test_closures_lambdas_nonlocal_partial():
    check(Closures(), signs(30, 4))


def logged(label):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            result = function(*args, **kwargs)
            if label == "double" and result.sum() > 1:
                result = result * 2
            return result

        return wrapper

    return decorate


class Decorated(nn.Module):
    @logged("double")
    def part(self, x):
        return x + 1 if x[0] > 0 else x - 1

    @torch.no_grad()
    def other(self, x):
        if x[1] > 0:
            return x * 2
        return x

    @torch.inference_mode()
    def forward(self, x):
        return self.other(self.part(x))


def test_decorators():
    check(Decorated(), signs(24, 3))


class Formatted(nn.Module):
    def __init__(self):
        super().__init__()
        for i in range(3):
            setattr(self, f"layer{i}", nn.Linear(4, 4))
        self.count = 3

    def forward(self, x):
        for i in range(self.count):
            layer = getattr(self, f"layer{i}")
            if x.sum() < 0:
                x = layer(x)
            else:
                x = x - self._modules["layer%d" % i](x)
        return x


def test_modules_by_formatted_names():
    check(Formatted(), signs(30, 4))


def test_forward_set_on_the_instance():
    model = nn.Module()
    model.linear = nn.Linear(3, 3)

    def forward(x):
        if x.sum() > 0:
            return model.linear(x)
        return x * 2

    model.forward = forward
    import copy

    linear = copy.deepcopy(model.linear)

    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = linear
            self.inner = nn.Identity()

        def forward(self, x):
            return self.inner(x)

    holder = Holder()
    holder.inner.forward = lambda x: x + 1 if x.mean() > 0 else x - 1
    check(holder, signs(12, 3), paths=2)


class Exit(Exception):
    def __init__(self, result, depth):
        super().__init__("exit")
        self.result = result
        self.depth = depth


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x):
        collected = ()
        for index, layer in enumerate(self.layers):
            x = torch.tanh(layer(x))
            collected = (*collected, x)
            if x.softmax(-1).max() > 0.35:
                raise Exit((x * 2, collected), index + 1)
        return x, collected


class ExceptionExit(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        depth = 3
        try:
            outputs = self.encoder(x)
            outputs = (self.head(outputs[0]), *outputs[1:])
        except Exit as error:
            outputs = error.result
            depth = error.depth
        except (ValueError, KeyError):
            outputs = None
        else:
            depth = -1
        finally:
            x = x + 1
        return outputs, depth, x


def test_exceptions_as_exits():
    torch.manual_seed(0)
    check(ExceptionExit(), signs(30, 4))


class HandlersAndFinally(nn.Module):
    def risky(self, x):
        try:
            if x.sum() > 2:
                raise KeyError("a")
            if x.sum() < -2:
                raise RuntimeError("b")
            return x
        finally:
            self.trace = self.trace + [1]

    def forward(self, x):
        self.trace = []
        try:
            y = self.risky(x)
        except KeyError as error:
            y = x * 2
            if x[0] > 0:
                raise ValueError("c") from error
        return y, len(self.trace)


def test_raise_from_and_uncaught():
    check(HandlersAndFinally(), signs(40, 3))


Pair = namedtuple("Pair", ["a", "b"])


@dataclass
class Result:
    logits: torch.Tensor
    steps: int = 0
    hidden: tuple = ()


class Structured(nn.Module):
    def forward(self, x):
        pair = Pair(x, x * 2)
        result = Result(pair.a)
        table = {"x": x, 3: [x, pair]}
        if pair.b.sum() > 1:
            result.steps += 1
            result.hidden = (*result.hidden, pair.b)
            table["x"] = pair.a + pair.b
        else:
            result.hidden = (*result.hidden, x)
            pair = pair._replace(b=x - 1)
        result.logits = table["x"] * 2
        a, (b, *rest), c = x[0], [x[1], x[2], x[3]], pair.b
        return result, pair, table, rest, a + b + c


def test_named_tuples_dataclasses_dicts():
    check(Structured(), signs(20, 4), paths=2)


class Generators(nn.Module):
    def items(self, x):
        for i in range(4):
            if x[i] > 0:
                yield i, x[i]
            x = x * 1.1

    def forward(self, x):
        total = torch.zeros(())
        for i, value in self.items(x):
            total = total + value * i
            if total > 3:
                break
        squares = sum(v * v for v in x.unbind(0))
        first = next((v for v in x if v > 1), x[0])
        count = len([1 for _ in self.items(x)])
        return total, squares, first, list(map(lambda v: v + 1, x[:2].unbind(0))), count


def test_generators():
    check(Generators(), signs(30, 4))


@contextlib.contextmanager
def scaled(box, factor):
    box.append(factor)
    try:
        yield factor * 2
    finally:
        box.pop()


class Contexts(nn.Module):
    def forward(self, x):
        box = []
        with torch.no_grad(), scaled(box, 3) as factor:
            if x.sum() > 0:
                y = x * factor
            else:
                y = x + len(box)
        with torch.autocast("cpu", enabled=False):
            y = y + 1 if y.max() > 2 else y
        with contextlib.suppress(ValueError):
            if x[0] > 0:
                raise ValueError
            y = y * 5
        return y, len(box), torch.is_grad_enabled()


def test_context_managers():
    check(Contexts(), signs(30, 3))


class Autocast(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.linear(x)
            if y.float().sum() > 0:
                y = self.linear(y)
        return y.float()


def test_autocast_is_recorded():
    torch.manual_seed(0)
    check(Autocast(), signs(10, 2, 8), paths=2)


class OnADevice(nn.Module):
    """torch keeps the device that a `with` names in a mode, which some ways have left and others have not."""

    def forward(self, x):
        with torch.device("cpu"):
            if x.sum() > 0:
                with torch.device("cpu"):
                    return x + torch.ones(3)
            y = x * torch.full((3,), 0.5)
        while y.sum() < 1:
            with torch.device("cpu"):
                y = y + torch.ones(3)
        return y


def test_devices_are_left_on_each_way():
    check(OnADevice(), signs(10, 3))
    assert not torch.overrides._get_current_function_mode_stack()


class Unfinished(nn.Module):
    def parts(self, x):
        with torch.device("cpu"):
            yield x
            yield x.numpy().std()

    def forward(self, x):
        parts = self.parts(x)
        y = next(parts)
        return next(parts) if y.sum() > 0 else y


def test_a_refusal_within_a_context_leaves_torch_as_it_was():
    with pytest.raises(CompileError, match="NumPy"):
        check(Unfinished(), signs(2, 3))
    assert not torch.overrides._get_current_function_mode_stack()


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.linear.register_forward_hook(self.after)
        self.linear.register_forward_pre_hook(lambda module, args: (args[0] * 2,))

    @staticmethod
    def after(module, args, output):
        if output.sum() > 0:
            return output * 10
        return None

    def forward(self, x):
        y = self.linear(x)
        return y + 1 if y.max() > 3 else y


def test_forward_hooks():
    torch.manual_seed(0)
    check(Hooked(), signs(20, 4))


class Properties(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = None

    @property
    def hot(self):
        return self.value.sum() > 0

    def __len__(self):
        return 3

    def forward(self, x):
        self.value = x
        if self.hot:
            x = x * len(self)
        return F.relu(x) if self.hot else F.silu(x)


def test_properties():
    check(Properties(), signs(12, 4), paths=2)


class Training(nn.Module):
    def forward(self, x):
        if self.training:
            raise RuntimeError("not here")
        if x.sum() > 0 and not self.training:
            return F.dropout(x, 0.5, self.training) * 2
        return F.dropout(x, 0.5, training=self.training)


def test_self_training_and_dropout():
    check(Training(), signs(8, 4), paths=2)


class Recursive(nn.Module):
    def descend(self, x, depth):
        if depth == 0:
            return x
        if x.sum() > 0:
            return self.descend(x * 0.5 - 0.1, depth - 1)
        return self.descend(x + 0.3, depth - 1) + 1

    def forward(self, x):
        return self.descend(x, 3)


def test_recursion_over_python_numbers():
    check(Recursive(), signs(20, 3))


class Index(nn.Module):
    """A list of modules indexed by data."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.names = ["a", "b", "c"]

    def forward(self, x):
        k = x[:3].argmax().item()
        y = self.experts[k](x)
        if self.names[k] == "b":
            y = y * 2
        return y, k


def test_modules_indexed_by_data():
    check(Index(), signs(20, 4), paths=3)


class Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, solver, limit):
        ctx.solver = solver
        while x.norm() > limit:
            x = solver(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        raise NotImplementedError


class Signed(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x * 1 if x.sum() > 0 else -x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output)


class OwnGradients(nn.Module):
    """Functions with a backward of their own, whose forward decides on data."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        return Signed.apply(Halved.apply(x, lambda x: self.lin(x) / 4, 0.5))


def test_functions_with_gradients_of_their_own():
    check(OwnGradients(), signs(10, 3))
