"""What is found in a network before it is captured."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from adaptc.compiler.checks import check_tensors, training_problems
from adaptc.compiler.errors import CompileError


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.25), nn.BatchNorm1d(4))
        self.attention = nn.MultiheadAttention(4, 1, dropout=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


def problem(model: nn.Module, inputs: tuple[torch.Tensor, ...] = ()) -> str:
    with pytest.raises(CompileError) as caught:
        check_tensors(model, [(f"x{index}", tensor) for index, tensor in enumerate(inputs)])
    return str(caught.value)


def test_train_mode_names_each_module_and_the_remedy() -> None:
    dropout, norm = training_problems(Small())
    assert dropout.found == ("dropout is active in layers.1 (Dropout, p=0.25), attention (MultiheadAttention, p=0.1)")
    assert norm.found == "batch statistics are used in layers.2 (BatchNorm1d)"
    assert dropout.instead == norm.instead == "call model.eval() before compiling"
    assert dropout.file == __file__
    assert "def forward" in str(dropout)


def test_eval_mode_and_modules_that_do_the_same_in_both_modes() -> None:
    assert training_problems(Small().eval()) == []
    same = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.0), nn.BatchNorm1d(4, track_running_stats=False), nn.LSTM(4, 4))
    assert training_problems(same.train()) == []


def test_one_module_left_in_train_mode_is_found() -> None:
    model = Small().eval()
    model.layers[1].train()
    (found,) = training_problems(model)
    assert "layers.1" in found.found


def test_a_stacked_lstm_drops_between_its_layers() -> None:
    (found,) = training_problems(nn.LSTM(4, 4, num_layers=2, dropout=0.5))
    assert "model (LSTM, p=0.5)" in found.found


def test_plain_networks_pass() -> None:
    check_tensors(Small(), [("x", torch.ones(2, 4))])


def test_parameters_without_values() -> None:
    text = problem(Small().to("meta"))
    assert "have no values (device meta): parameter 'layers.0.weight', parameter 'layers.0.bias'" in text
    assert "and 3 more" in text  # 8 parameters and 3 buffers, of which 8 are named
    with torch.device("meta"):
        assert "input 'x0'" in problem(nn.Identity(), (torch.ones(1),))


def test_lazy_sparse_and_quantized_tensors() -> None:
    assert "have no shape yet (lazy modules): parameter 'weight'" in problem(nn.LazyLinear(4))
    assert "are not dense: input 'x0'" in problem(nn.Identity(), (torch.eye(3).to_sparse(),))
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    assert "are quantized: input 'x0'" in problem(nn.Identity(), (quantized,))


def test_a_tensor_subclass() -> None:
    class Scaled(torch.Tensor):
        pass

    text = problem(nn.Identity(), (torch.ones(2).as_subclass(Scaled),))
    assert "are of a class that is not a plain tensor: input 'x0'" in text


def test_all_kinds_are_listed_at_once() -> None:
    model = copy.deepcopy(Small())
    model.register_buffer("mask", torch.eye(3).to_sparse())
    with pytest.raises(CompileError) as caught:
        check_tensors(model, [("x", torch.ones(1, device="meta"))])
    assert len(caught.value.problems) == 2


def test_wrappers_say_what_to_pass() -> None:
    assert "pass model.module" in problem(nn.DataParallel(nn.Linear(4, 2)))
    assert "before torch.compile" in problem(torch.compile(nn.Linear(4, 2)))  # type: ignore[arg-type]
    scripted = torch.jit.script(nn.Linear(4, 2))
    assert "the network is TorchScript" in problem(scripted)
