"""Tensor code of all kinds inside and between branches."""

from __future__ import annotations

import torch
from torch import nn

from .checking import check, signs


class Masks(nn.Module):
    def forward(self, x):
        y = x[x > 0]
        if y.numel() > 2:
            return y * 2, y.shape[0]
        return torch.cat([y, y.new_zeros(1)]), len(y)


def test_results_whose_size_depends_on_data():
    check(Masks(), signs(20, 6), paths=2)


class Dtypes(nn.Module):
    def forward(self, x, i, b):
        if b.any() and i[0] > 2:
            return x.double() * i, i // 2
        if i.sum().item() % 3 == 1:
            return x.half(), i.to(torch.uint8)
        return x.to(torch.float64), i - 1


def test_dtypes_that_differ_by_path():
    generator = torch.Generator().manual_seed(0)
    calls = [
        (
            torch.randn(3, generator=generator),
            torch.randint(0, 9, (3,), generator=generator),
            torch.rand(3, generator=generator) > 0.6,
        )
        for _ in range(20)
    ]
    check(Dtypes(), calls)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 4, batch_first=True)
        self.cell = nn.LSTMCell(4, 4)
        self.gru = nn.GRU(4, 4)

    def forward(self, x):
        y, (h, _) = self.lstm(x)
        if h.mean() > 0:
            y = y + self.gru(x)[0]
        hx = cx = torch.zeros(x.shape[0], 4)
        for t in range(x.shape[1]):
            hx, cx = self.cell(x[:, t], (hx, cx))
            if hx.max() > 0.3:
                break
        return y, hx, t


def test_recurrent_layers():
    torch.manual_seed(0)
    check(Recurrent(), signs(12, 2, 5, 4))


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.compiled = torch.compile(nn.Linear(3, 3))

    def forward(self, x):
        return self.compiled(x) if x.sum() > 0 else x


def test_compiled_submodules():
    check(Wrapped(), signs(8, 3), paths=2)


class Vmap(nn.Module):
    def forward(self, x):
        scale = x.mean()
        if x.sum() > 0:
            return torch.vmap(lambda row: row * 2 + row.sum() * scale)(x)
        return torch.func.vmap(torch.vmap(torch.sin))(x)


def test_vmap():
    check(Vmap(), signs(8, 3, 2), paths=2)


class Constants(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return torch.ones(3), torch.arange(4) * 2
        return x * torch.tensor([1.0, 2.0, 3.0]), torch.zeros(4, dtype=torch.int64)


def test_code_without_inputs():
    check(Constants(), signs(8, 3), paths=2)


class Weights(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.tied = self.weight

    def forward(self, x):
        if x.sum() > 0:
            return x, x, self.weight
        return self.tied, x * 1, x


def test_inputs_and_weights_as_results():
    program = check(Weights(), signs(8, 3), paths=2)
    assert len(program.weights) == 1


class Accumulated(nn.Module):
    """Lists of different lengths and a number that becomes a tensor keep ways apart only as long as they must."""

    def __init__(self, layers=8):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(layers)])

    def forward(self, x):
        total, outputs = 0, []
        for layer in self.layers:
            y = torch.tanh(layer(x))
            if y.sum() > 0:
                total = total + y.mean()
                x = y
                outputs.append(y)
        return x, total, outputs


def test_lists_and_totals_that_differ():
    torch.manual_seed(0)
    program = check(Accumulated(), signs(20, 4))
    assert len({id(block.code) for block in program.blocks.values()}) < 12


class Strides(nn.Module):
    def forward(self, x):
        y = x.view(4, 1)
        y = y.expand(-1, 3) if x.mean() > 0 else y.repeat(1, 3)
        z = x.view(2, 2).t() if x[0] > 0 else x.view(2, 2)
        flat = z.reshape(4)
        flat.add_(1)
        return y.reshape(12), z, flat


def test_layouts_that_differ_by_path():
    check(Strides(), signs(16, 4))


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.Parameter(torch.randn(4, 3, 8))

    def forward(self, x, chosen):
        chosen, order = chosen.sort(stable=True)
        ends = torch.histc(chosen.float(), bins=4, min=0, max=3).cumsum(0, dtype=torch.int32)
        y = torch.nn.functional.grouped_mm(x[order], self.experts.transpose(-2, -1), offs=ends)
        return y * 2 if y.mean() > 0 else y


def test_products_by_groups_of_rows_of_which_some_are_empty():
    generator = torch.Generator().manual_seed(0)
    calls = [
        (torch.randn(rows, 8, generator=generator), torch.randint(0, 4, (rows,), generator=generator))
        for rows in (6, 1, 3, 9, 2)
    ]
    torch.manual_seed(0)
    check(Grouped(), calls, paths=2, dims={"x": {0: "rows"}, "chosen": {0: "rows"}})


class Chosen(nn.Module):
    """An element chosen by one number of data after another, one of which a loop counts."""

    def forward(self, x):
        row = 0
        while row < 3 and x[row].sum() < 0:
            row += 1
        places = [row - row, 2]
        return x[places[int(x[0, 0] > 0)]], x[row]


def test_rows_by_numbers_of_unlike_origin():
    check(Chosen(), signs(20, 4, 2))


class Consecutive(nn.Module):
    """What greedy decoders of CTC do, and rows of which some are equal."""

    def forward(self, x):
        labels = torch.unique_consecutive(x.argmax(-1), dim=-1)
        kept = [label for label in labels if label != 0]
        rows, inverse, counts = torch.unique_consecutive(x > 0, return_inverse=True, return_counts=True, dim=0)
        columns = (x > 0).unique_consecutive(dim=-1)
        return len(kept), labels, rows, inverse, counts, columns


def test_what_follows_itself_is_left_out():
    generator = torch.Generator().manual_seed(0)
    given = [(torch.randn(length, 3, generator=generator) + 0.8,) for length in (7, 1, 4, 12)]
    check(Consecutive(), given, dims={"x": {0: "length"}})
    check(Consecutive(), [(x[:4],) for (x,) in given if len(x) > 3])


class Unpacked(nn.Module):
    def forward(self, x):
        first, second = x[x > 0]
        return first - second, first.exp()


def test_rows_whose_number_depends_on_data_are_unpacked():
    given = [[1.0, 2, -1], [1.0, -2, 3], [-1.0, -2, 3], [-1.0, -2, -3], [1.0, 2, 3]]
    check(Unpacked(), [(torch.tensor(values),) for values in given], paths=4)


class Classes(nn.Module):
    def forward(self, x):
        i = (x.abs() * 3).long()
        most = max(i.max() + 1, 4)
        return torch.nn.functional.one_hot(i, most)[..., :4], torch.nn.functional.one_hot(i)


def test_as_many_classes_as_data_tells():
    check(Classes(), signs(8, 5))


class Channels(nn.Module):
    def forward(self, x):
        on = (x.mean((0, 2, 3)) > 0).nonzero().squeeze(1)
        return torch.nn.functional.adaptive_avg_pool2d(x[:, on], 1), x[:, on].sum()


def test_channels_that_data_chose_are_pooled():
    check(Channels(), signs(8, 2, 4, 3, 3))
