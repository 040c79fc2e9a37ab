"""Units of one linear layer whose times follow a rule, as rows and as a table."""

from __future__ import annotations

import numpy as np

from adaptc.costmodel.data.parquet import origin_here
from adaptc.costmodel.data.table import Row, write_table
from adaptc.costmodel.rows import rows_of


def text(rows, inner, columns, relu):
    """A linear layer, with a ReLU behind it or without."""
    out = f"!torch.vtensor<[{rows},{columns}],f32>"
    given = f"!torch.vtensor<[{rows},{inner}],f32>"
    weight, bias = f"!torch.vtensor<[{columns},{inner}],f32>", f"!torch.vtensor<[{columns}],f32>"
    lines = [
        f'%w = "adaptc.weight"() {{name = "w"}} : () -> {weight}',
        f'%b = "adaptc.weight"() {{name = "b"}} : () -> {bias}',
        f'%y = "torch.aten.linear"(%x, %w, %b) : ({given}, {weight}, {bias}) -> {out}',
    ]
    if relu:
        lines.append(f'%z = "torch.aten.sigmoid"(%y) : ({out}) -> {out}')
        lines.append(f'%u = "torch.aten.sigmoid"(%z) : ({out}) -> {out}')
    last = "%u" if relu else "%y"
    return "\n".join([f"func.func @unit(%x: {given}) {{", *lines, f"func.return {last} : {out}", "}"])


def measured(count=120, seed=0, slower=1.0, sigmoid=0.0004):
    """Rows of four families whose times are those of a rule, on a machine that is `slower`."""
    generator = np.random.default_rng(seed)
    texts, times, families = [], [], []
    for number in range(count):
        rows, inner, columns = (int(2 ** generator.uniform(1, 9)) for _ in range(3))
        relu = bool(number % 2)
        texts.append(text(rows, inner, columns, relu))
        took = 6.0 + 1e-5 * rows * inner * columns + relu * (0.8 + sigmoid * rows * columns)
        times.append(took * slower)
        families.append(("real:net", "wide", "narrow", "deep")[number % 4])
    return rows_of(families, texts, times, [[time, 1.01 * time, time] for time in times], 8)


def write_measured(file, count=120, **rule):
    """The same rows as a table."""
    rows = measured(count, **rule)
    table = [
        Row(
            id=f"{family}/{place}",
            family=family,
            seed=0,
            mlir=rows.texts[place],
            time_us=float(rows.times[place]),
            median_us=float(rows.times[place]),
            pass_us=rows.passes[place],
            inputs=1,
            outputs=1,
            input_bytes=0,
            output_bytes=0,
            weight_bytes=0,
            kernels=(),
            kernel_shapes=(),
            sizes={},
            peak_bytes=None,
            machine="here",
        )
        for place, family in enumerate(rows.families)
    ]
    write_table(file, table, origin_here(0, {}, {}))
