"""What cannot be compiled: every problem at once, each with its line, the reason and what to write instead."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch import nn

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.signature import bind

from .checking import check, network

SETTINGS = {"limit": 1}


def problems(model: nn.Module, *inputs: torch.Tensor) -> list[Problem]:
    with pytest.raises(CompileError) as caught:
        capture(model.eval(), bind(model.forward, inputs), {}, "network")
    for problem in caught.value.problems:
        assert problem.found
        assert problem.why
        assert problem.instead
    return caught.value.problems


def line_of(model: nn.Module, text: str) -> int:
    lines, start = inspect.getsourcelines(type(model))
    return start + next(number for number, line in enumerate(lines) if text in line)


class Several(nn.Module):
    def forward(self, x):
        a = np.fft.fft(x.numpy())
        if x.sum() > 0:
            b = torch.rand(3)
            for row in range(0, 9, int(x.argmax())):
                b = b + row
        else:
            b = np.sort(x.nonzero().numpy())
        SETTINGS["limit"] = a
        return b


def test_all_problems_are_listed_at_once():
    model = Several()
    found = problems(model, torch.randn(3))
    lines = {problem.line for problem in found}
    places = ("x.numpy()", "torch.rand(3)", "range(0", "nonzero().numpy()")
    assert {line_of(model, place) for place in places} <= lines
    assert all(problem.file == __file__ for problem in found)
    text = str(CompileError(found))
    assert "np.fft.fft(x.numpy())" in text
    assert "^^^" in text
    assert "instead:" in text


class UnknownInLoop(nn.Module):
    def forward(self, x):
        h = x * 2
        if h.mean() > 0:
            h = h + torch.tensor(np.sort(h.numpy()))
        while h.norm() > 1:
            h = h * 0.9
        return h


def test_a_loop_on_an_unknown_result_ends():
    model = UnknownInLoop()
    found = problems(model, torch.randn(3))
    assert line_of(model, "np.sort(h.numpy())") in {problem.line for problem in found}


class UnknownCarried(nn.Module):
    """What is unknown since the problem goes round the loop and into its tests."""

    def forward(self, x):
        pair, steps = (x, x), 0
        while True:
            a, b = sorted(pair, key=lambda part: part.sum())
            pair = torch.cat([a, b]).numpy().reshape(2, 3)
            steps += 1
            if a.norm() < 0.1 or steps > 4:
                break
        return b, steps


def test_a_problem_in_a_loop_is_told_though_the_loop_is_captured_again():
    assert problems(UnknownCarried(), torch.randn(3))


class Unbounded(nn.Module):
    def forward(self, x):
        while x.sum() > 0:
            x = x - 1 if x.dim() > 60 else x.unsqueeze(0) - 1
        return x


def test_a_loop_whose_state_never_settles():
    model = Unbounded()
    (problem,) = problems(model, torch.randn(3))
    assert problem.line in {line_of(model, "while"), line_of(model, "x.unsqueeze")}
    assert "iterations depends on data" in problem.found
    assert "x: tensors of different dtype or rank" in problem.why


class Global(nn.Module):
    def forward(self, x):
        global counter
        if x.sum() > 0:
            counter = 1
        return x


def test_a_mutated_global():
    model = Global()
    (problem,) = problems(model, torch.randn(3))
    assert problem.line == line_of(model, "counter = 1")
    assert "global variable counter" in problem.found


class Random(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x + torch.randn(3)
        return torch.nn.functional.dropout(x, 0.5, training=True)


def test_random_numbers():
    model = Random()
    found = problems(model, torch.randn(3))
    assert {problem.line for problem in found} == {line_of(model, "torch.randn"), line_of(model, "dropout")}


class Endless(nn.Module):
    def down(self, x):
        return self.down(x - 1) if x.sum() > 0 else self.down(x + 1)

    def forward(self, x):
        return self.down(x)


def test_endless_recursion_is_refused():
    model = Endless()
    (problem,) = problems(model, torch.randn(3))
    assert problem.line == line_of(model, "return self.down(x - 1)")
    assert "nest more than" in problem.found


class Shapes(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x @ torch.ones(7, 2)
        return x


def test_sizes_that_do_not_fit_on_one_path():
    """Eager PyTorch raises there: so does the compiled network, and the user is told."""
    program = check(Shapes(), [(torch.ones(2, 3),), (-torch.ones(2, 3),)], paths=2)
    (note,) = program.notes
    assert f":{line_of(Shapes(), 'torch.ones(7, 2)')}: raised on a way through the network" in note
    assert "mat1 and mat2 shapes cannot be multiplied (2x3 and 7x2)" in note


class Varying(nn.Module):
    def forward(self, x):
        rows = x[x[:, 0] > 0]
        try:
            if x.sum() > 0:
                rows = rows[:2]
            return rows.view(3, 2)
        except TypeError:
            return x


def test_sizes_that_vary_and_may_not_fit():
    """Whether eager PyTorch raises is not known."""
    model = Varying()
    (problem,) = problems(model, torch.ones(4, 2))
    assert problem.line == line_of(model, "rows.view(3, 2)")


class Objects(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x, np.float32(3)
        return x, object()


def test_results_that_are_no_tensors():
    model = Objects()
    found = problems(model, torch.randn(3))
    assert line_of(model, "object()") in {problem.line for problem in found}


def test_a_network_without_source():
    namespace: dict[str, object] = {}
    exec("def forward(self, x):\n    return x + 1 if x.sum() > 0 else x\n", namespace)
    model = type("Made", (nn.Module,), {"forward": namespace["forward"]})()
    found = problems(model, torch.randn(3))
    assert "source" in str(found[0])


class ManyElements(nn.Module):
    def forward(self, x):
        if x > 0:
            return x
        return -x


def test_truth_of_several_elements():
    model = ManyElements()
    (problem,) = problems(model, torch.randn(3))
    assert problem.line == line_of(model, "if x > 0")
    assert "any()" in problem.instead


class TextKey(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"h0": nn.Linear(3, 3), "h1": nn.Linear(3, 3)})

    def forward(self, x):
        return {f"h{x.argmax().item()}": x}


def test_a_name_made_from_data():
    model = TextKey()
    found = problems(model, torch.randn(3))
    assert found[0].line == line_of(model, "return {f")


class SetOfRange(nn.Module):
    def forward(self, x):
        return x, len(set(range(int(x.sum()))))


def test_a_range_given_to_a_builtin():
    (problem,) = problems(SetOfRange(), torch.ones(3))
    assert "set() is given a range whose length depends on data" in problem.found


def test_packed_sequences():
    def forward(self, x, lengths):
        return self.layer(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[1][0]

    (problem,) = problems(network(forward, layer=nn.LSTM(4, 3)), torch.ones(2, 5, 4), torch.tensor([3, 5]))
    assert problem.found == "pack_padded_sequence()"
