"""Examples written again with `torch.cond`, for peers that cannot take the networks as they are.

Numbers that say only which way was taken are left out, so these do a little less than the networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from handwritten import exits, gates
from handwritten.gates import first_of, whole
from handwritten.version import Version


def _exception_exit(network: nn.Module) -> Version:
    return Version(exits.ExceptionExit(network), lambda found: [found["logits"]])


VERSIONS: Mapping[str, Callable[[nn.Module], Version]] = {
    "early_exit_cnn": first_of(exits.EarlyExitCNN),
    "skip_gate_cnn": first_of(gates.SkipGateCNN),
    "blockdrop": whole(gates.BlockDrop),
    "exception_exit": _exception_exit,
    "patience_transformer": first_of(exits.PatienceTransformer),
    "bert_early_exit": first_of(exits.EarlyExitBert),
    "skipnet_18": whole(gates.SkipNet),
    "skipnet_36": whole(gates.SkipNet),
    "skipnet_54": whole(gates.SkipNet),
    "skipnet_38_recurrent": first_of(gates.Recurrent38),
    "skipnet_38_feedforward": first_of(gates.FeedForward38),
    "blockdrop_110": whole(gates.BlockDrop110),
    "shallow_deep_mobilenet": first_of(exits.ShallowDeep),
    "shallow_deep_vgg16": first_of(exits.ShallowDeep),
    "shallow_deep_resnet56": first_of(exits.ShallowDeep),
    "shallow_deep_wide_resnet32": first_of(exits.ShallowDeep),
}
"""By the network's name in the suite: its version, made from the network."""
