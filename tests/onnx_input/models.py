"""ONNX models with control flow, as text, and inputs for each that take different paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import parser


def rand(*shape: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> np.ndarray[Any, Any]:
    """Normal numbers."""
    generator = np.random.default_rng(seed)
    return (generator.standard_normal(shape) * scale + shift).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A model, the inputs to try it on, and whether its program has a loop."""

    text: str
    calls: tuple[tuple[Any, ...], ...]
    loop: bool = False

    @property
    def model(self) -> onnx.ModelProto:
        """The model that the text stands for."""
        model: onnx.ModelProto = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]>\n{self.text}')
        return model


EXIT = Case(
    """
    early_exit (float[1, 4] x) => (float[1, 3] logits, int64 exit)
    <float[4, 3] w = {1, 0, -1, 0.5, 2, 1, -1, 1, 0, 0.25, -0.5, 1}, float limit = {0.6}>
    {
      [head] h = MatMul(x, w)
      p = Softmax(h)
      top = ReduceMax <keepdims = 0> (p)
      sure = Greater(top, limit)
      [decision] logits, exit = If (sure) <
        then_branch = first () => (float[1, 3] a, int64 i) { a = Identity(h)  i = Constant <value_int = 0> () },
        else_branch = second () => (float[1, 3] b, int64 j) {
          r = Relu(h)  b = Sub(r, p)  j = Constant <value_int = 1> ()
        }
      >
    }
    """,
    ((rand(1, 4),), (rand(1, 4, scale=5),), (rand(1, 4, seed=2, scale=0.1),)),
)

HALVE = Case(
    """
    halve (float[n, 4] x) => (float[n, 4] last, float[steps, n, 4] all, float[steps] sums)
    <float[1] half = {0.5}, float one = {1}, int64 limit = {50}, bool yes = {1}>
    {
      [while] last, all, sums = Loop (limit, yes, x) <body = step
        (int64 i, bool c, float[n, 4] y) => (bool goes_on, float[n, 4] z, float[n, 4] row, float sum) {
          z = Mul(y, half)
          a = Abs(z)
          sum = ReduceSum <keepdims = 0> (a)
          goes_on = Greater(sum, one)
          row = Identity(z)
        }
      >
    }
    """,
    ((rand(2, 4),), (rand(3, 4, scale=9),), (rand(1, 4, scale=0.01),)),
    loop=True,
)

GUARDED = Case(
    """
    guarded (float[4] x) => (float[4] last, int64 count)
    <float small = {0.1}, float keep = {0.7}, int64 zero = {0}, int64 one = {1}>
    {
      n = ReduceL1 <keepdims = 0> (x)
      begins = Greater(n, small)
      last, count = Loop ("", begins, x, zero) <body = step
        (int64 i, bool c, float[4] y, int64 k) => (bool goes_on, float[4] z, int64 m) {
          z = Mul(y, keep)
          m = Add(k, one)
          l = ReduceL1 <keepdims = 0> (z)
          goes_on = Greater(l, small)
        }
      >
    }
    """,
    ((rand(4),), (rand(4) * 0,), (rand(4, scale=30),)),
    loop=True,
)

NESTED = Case(
    """
    nested (float[3] x, float bound) => (float[3] y, float[t] trace)
    <int64 trips = {12}, bool yes = {1}, float two = {2}, float third = {0.3}>
    {
      y, trace = Loop (trips, yes, x) <body = step
        (int64 i, bool c, float[3] a) => (bool go, float[3] b, float s) {
          go = Identity(c)
          m = ReduceMax <keepdims = 0> (a)
          big = Greater(m, bound)
          b = If (big) <
            then_branch = shrink () => (float[3] d) {
              very = Greater(m, two)
              d = If (very) <
                then_branch = hard () => (float[3] e) { e = Mul(a, third) },
                else_branch = soft () => (float[3] f) { f = Sub(a, bound) }
              >
            },
            else_branch = grow () => (float[3] g) { g = Add(a, x) }
          >
          s = ReduceSum <keepdims = 0> (b)
        }
      >
    }
    """,
    ((rand(3), np.float32(0.5)), (rand(3, seed=3, shift=1), np.float32(0.2)), (rand(3, seed=5), np.float32(9))),
)

ROWS = Case(
    """
    rows (float[n, 3] x) => (float[3] total, float[n, 3] sums)
    <float[3] start = {0, 0, 0}, float zero = {0}>
    {
      total, sums = Scan <num_scan_inputs = 1, body = step
        (float[3] before, float[3] row) => (float[3] after, float[3] out) {
          s = Add(before, row)
          m = ReduceSum <keepdims = 0> (s)
          negative = Less(m, zero)
          after = If (negative) <
            then_branch = turn () => (float[3] t) { t = Neg(s) },
            else_branch = keep () => (float[3] k) { k = Identity(s) }
          >
          out = Identity(after)
        }
      > (start, x)
    }
    """,
    ((rand(5, 3),), (rand(1, 3),), (rand(9, 3, seed=4),)),
    loop=True,
)

SHAPES = Case(
    """
    shapes (float[batch, time, 4] x) => (float[batch, time4] y, float[time, 4] z)
    <int64 zero = {0}, int64 one = {1}, int64[1] axis = {0}, int64[1] minus = {-1}, float[1] w = {2},
     int64 limit = {3}>
    {
      s = Shape(x)
      b = Gather <axis = 0> (s, zero)
      t = Gather <axis = 0> (s, one)
      b1 = Unsqueeze(b, axis)
      target = Concat <axis = 0> (b1, minus)
      y0 = Reshape(x, target)
      long = Greater(t, limit)
      y = If (long) <
        then_branch = scaled () => (float[batch, time4] a) { a = Mul(y0, w) },
        else_branch = plain () => (float[batch, time4] c) { c = Identity(y0) }
      >
      four = Constant <value_ints = [4]> ()
      t1 = Unsqueeze(t, axis)
      tail = Concat <axis = 0> (t1, four)
      m = ReduceMean <keepdims = 0> (x, axis)
      z = Reshape(m, tail)
    }
    """,
    ((rand(2, 3, 4),), (rand(1, 5, 4),), (rand(4, 1, 4),)),
)

BEAMS = Case(
    """
    beams (float[6] x) => (float[k] stacked, int64 count)
    <int64 trips = {6}, bool yes = {1}, float zero = {0}, int64 axis = {0}, int64[1] one = {1}>
    {
      empty = SequenceEmpty()
      kept = Loop (trips, yes, empty) <body = step
        (int64 i, bool c, seq(float) before) => (bool go, seq(float) after) {
          go = Identity(c)
          i1 = Reshape(i, one)
          item = Gather <axis = 0> (x, i1)
          after = SequenceInsert(before, item)
        }
      >
      count = SequenceLength(kept)
      stacked = ConcatFromSequence <axis = 0> (kept)
    }
    """,
    ((rand(6),), (-np.abs(rand(6)),)),
)

CASES = {
    "if": EXIT,
    "while with rows": HALVE,
    "while that may not begin": GUARDED,
    "if in if in loop": NESTED,
    "scan": ROWS,
    "shapes": SHAPES,
    "sequence": BEAMS,
}
