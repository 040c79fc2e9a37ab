"""Networks that draw random numbers: the compiled network and eager PyTorch, given the same stream, do the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import adaptc
from adaptc.compiler.errors import CompileError
from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.verify import verify
from adaptc.compiler.signature import bind
from adaptc.compiler.structure import flatten
from adaptc.compiler.verify.eager import run_eager_forced
from adaptc.runtime.errors import InputError
from adaptc.runtime.stream import Stream

from .checking import network, same, signs

SEED = 11


def check(model, calls, dims=None, paths=None):
    """Compare the program of `model` with eager PyTorch, both with the stream of the same seed."""
    model.eval()
    program = capture(model, bind(model.forward, calls[0]), dims or {}, "random", random_seed=SEED)
    verify(program)
    taken = set()
    for number, call in enumerate(calls):
        program.seed = SEED + number
        eager = run_eager_forced(model, call, {}, (), random_seed=program.seed)
        assert eager.exception is None
        outcome = interpret(program, flatten(tuple(call), "static")[1])
        taken.add(outcome.path)
        tree, leaves = flatten(eager.output, "leaf")
        assert outcome.tree == tree
        for ours, theirs in zip(outcome.outputs, leaves, strict=True):
            same(ours, theirs)
    if paths is not None:
        assert len(taken) == paths
    return program


def monte_carlo(self, x):
    runs = torch.stack([F.dropout(self.lin(x), 0.5, training=True) for _ in range(4)])
    return runs.mean(0) if runs.std(0).max() > 0.6 else runs.mean(0) * 2


def branch_on_a_draw(self, x):
    if torch.rand(1) < 0.5:
        return self.lin(x)
    noise = torch.randn_like(x)
    return self.lin(x + noise) if noise.mean() > 0 else x


def switch_on_a_draw(self, x):
    place = torch.randint(0, 3, (1,)).item()
    return (x, x * 2, x + torch.randint(5, (4,)))[place]


def sampled_decode(self, x):
    token = x.argmax(-1, keepdim=True)
    out = token
    for _ in range(20):
        probabilities = self.lin(F.one_hot(token[:, 0], 4).float()).softmax(-1)
        token = torch.multinomial(probabilities, 1)
        out = torch.cat([out, token], 1)
        if (token == 0).any():
            break
    return out


def until_a_draw(self, x):
    steps = 0
    while torch.rand(()) < 0.7:
        x = x + torch.normal(torch.zeros(4), 0.1)
        steps += 1
    return x, steps


def in_place(self, x):
    y = torch.empty(4).uniform_(-1, 1) + torch.zeros(4).normal_(1.0, 0.1) + torch.empty(4).exponential_(2.0)
    mask = torch.empty(4).bernoulli_(0.5)
    return y * mask + x if x.sum() > 0 else y - mask


def chosen(self, x):
    order = torch.randperm(x.shape[0])
    few = torch.multinomial(torch.ones(6), 3)
    many = torch.multinomial(torch.arange(1.0, 6.0).repeat(2, 1), 7, replacement=True)
    hard = F.gumbel_softmax(x, hard=True)
    kept = torch.bernoulli(torch.full((4,), 0.4))
    return x[order], few, many, hard * kept if x.sum() > 0 else kept


def distributions(self, x):
    chosen = torch.distributions.Categorical(logits=self.lin(x))
    action = chosen.sample()
    drawn = torch.distributions.Normal(x, 1.0).sample()
    return (drawn, chosen.log_prob(action)) if action.float().mean() > 1.5 else (drawn * 2, action)


DRAWING = {
    "Monte Carlo dropout": (monte_carlo, signs(8, 2, 4)),
    "branch": (branch_on_a_draw, signs(8, 4)),
    "switch": (switch_on_a_draw, signs(8, 4)),
    "sampled decode": (sampled_decode, signs(6, 2, 4)),
    "loop": (until_a_draw, signs(8, 4)),
    "in place": (in_place, signs(6, 4)),
    "chosen": (chosen, signs(6, 5, 4)),
    "distributions": (distributions, signs(6, 5, 4)),
}


@pytest.mark.parametrize("name", DRAWING)
def test_the_same_stream_gives_the_same_results(name):
    """The program draws what eager draws, in the same order."""
    forward, calls = DRAWING[name]
    check(network(forward, lin=nn.Linear(4, 4)), calls)


def test_a_number_of_draws_that_depends_on_a_size():
    def forward(self, x):
        kept = x[x > 0]
        noise = torch.rand(kept.shape[0])
        return kept + noise if noise.sum() > 1 else kept

    check(network(forward), signs(8, 6), dims={"x": {0: "n"}})


def test_without_a_seed():
    def forward(self, x):
        y = torch.randn(4)
        return x + y if x.sum() > 0 else x

    model = network(forward).eval()
    with pytest.raises(CompileError, match=r"randn\(\) draws random numbers(.|\n)*give one \(random_seed=0"):
        capture(model, bind(model.forward, signs(2, 4)[0]), {}, "random")


def test_dropout_that_is_switched_off_draws_nothing():
    def forward(self, x):
        y = F.dropout(x, 0.5, training=False) + F.dropout(x, 0.0)
        return self.drop(y) if y.sum() > 0 else y

    model = network(forward, drop=nn.Dropout(0.3)).eval()
    program = capture(model, bind(model.forward, signs(2, 4)[0]), {}, "random")
    verify(program)


def from_python(self, x):
    import random

    return x * random.random() if x.sum() > 0 else x


def from_numpy(self, x):
    return x * float(np.random.rand()) if x.sum() > 0 else x


def seeding(self, x):
    torch.manual_seed(0)
    return x + torch.rand(4) if x.sum() > 0 else x


def poisson(self, x):
    y = torch.poisson(x.abs())
    return y if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (from_python, r"random.random\(\) draws random numbers that are not torch's"),
        (from_numpy, r"numpy.random.rand\(\) draws random numbers that are not torch's"),
        (seeding, r"torch.manual_seed\(\) seeds random numbers"),
        (poisson, "aten.poisson.default draws random numbers"),
    ],
)
def test_what_cannot_be_drawn(forward, message):
    model = network(forward).eval()
    with pytest.raises(CompileError, match=message) as raised:
        capture(model, bind(model.forward, signs(2, 4)[0]), {}, "random", random_seed=SEED)
    assert __file__ in str(raised.value)


def test_the_stream_is_the_documented_one():
    """Philox4x64-10 with the seed as key and the counter at zero, and the formulas of `Stream.draw`."""
    words = np.random.Philox(key=5).random_raw(8)
    stream = Stream(5)
    np.testing.assert_array_equal(stream.draw("uniform", (2,), "float32"), (words[:2] >> np.uint64(40)) / 2**24)
    ends = (words[2:4] >> np.uint64(11)) / 2**53
    np.testing.assert_array_equal(stream.draw("integers", (2,), "int64", 3, 10), 3 + np.floor(ends * 7).astype(int))
    ends = (words[4:8] >> np.uint64(11)) / 2**53
    expected = np.sqrt(-2 * np.log1p(-ends[[0, 2]])) * np.cos(2 * np.pi * ends[[1, 3]])
    np.testing.assert_array_equal(stream.draw("normal", (2,), "float64"), expected)


def test_what_is_drawn_has_its_distribution():
    stream = Stream(0)
    count = 200_000
    uniform = stream.draw("uniform", (count,), "float32")
    assert uniform.min() >= 0
    assert uniform.max() < 1
    normal, exponential = stream.draw("normal", (count,), "float32"), stream.draw("exponential", (count,), "float32")
    for values, mean, deviation in ((uniform, 0.5, 12**-0.5), (normal, 0, 1), (exponential, 1, 1)):
        assert abs(values.mean() - mean) < 0.01
        assert abs(values.std() - deviation) < 0.01
    assert sorted(stream.draw("permutation", (100,), "int64")) == list(range(100))
    assert set(stream.draw("integers", (1000,), "int64", -2, 3)) == {-2, -1, 0, 1, 2}
    assert stream.draw("uniform", (0, 3), "float32").shape == (0, 3)


def test_a_stream_that_is_copied_goes_on_alike():
    stream = Stream(7)
    stream.draw("normal", (3,), "float32")
    copy = stream.copy()
    np.testing.assert_array_equal(stream.draw("uniform", (5,), "float64"), copy.draw("uniform", (5,), "float64"))


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, "0"])
def test_what_is_no_seed(seed):
    from adaptc.runtime.stream import check_seed

    with pytest.raises(InputError, match="random_seed is"):
        check_seed(seed)


class Fresh(nn.Module):
    """A layer that each call makes, with the weights that it begins with."""

    def forward(self, x):
        layer, cell = nn.Linear(4, 2), nn.GRUCell(4, 2)
        nn.init.normal_(layer.bias, std=0.5)
        return layer(x) if layer.bias.sum() > 0 else cell(x)


def test_what_a_layer_begins_with(tmp_path):
    adaptc.compile(Fresh(), torch.randn(3, 4), tmp_path / "fresh", random_seed=0)
