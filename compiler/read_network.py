"""Networks that were read from another form than Python, and can be compared with what runs that form itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from torch import nn

from adaptc.compiler.errors import Problem
from adaptc.compiler.signature import Bound


class ReadNetwork(nn.Module):
    """A network whose ``forward`` was written from another form of it."""

    @abstractmethod
    def problems_of_reading(
        self, bound: Bound, dims: Mapping[str, Mapping[int, str]], samples: Sequence[object]
    ) -> list[Problem]:
        """Where the network's results differ from those of the form it was read from.

        They are compared for the example inputs, for `samples` and for random inputs.
        """
