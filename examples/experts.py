"""Mixtures of experts as transformers has them, unmodified: Mixtral, and Switch Transformers; small, random weights.

Which experts run, and on how many tokens, is decided by the router for every token. Token ids are int64 [batch,
length]; Mixtral's (Jiang et al., 2024) choose two of eight experts in each layer, Switch's (Fedus et al., 2022) one of
four in every second layer, up to a capacity.

    adaptc compile examples/experts.py --name mixtral
"""

from __future__ import annotations

import torch
from calibration import seeded
from torch import Tensor
from transformers import (
    MixtralConfig,
    MixtralForCausalLM,
    SwitchTransformersConfig,
    SwitchTransformersForConditionalGeneration,
)

WORDS = 500
MIXTRAL = MixtralConfig(
    vocab_size=WORDS,
    hidden_size=64,
    intermediate_size=112,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    num_local_experts=8,
    num_experts_per_tok=2,
    max_position_embeddings=256,
    use_cache=False,
    return_dict=True,
)
SWITCH = SwitchTransformersConfig(
    vocab_size=WORDS,
    d_model=64,
    d_kv=16,
    d_ff=128,
    num_heads=4,
    num_layers=2,
    num_sparse_encoder_layers=1,
    num_decoder_layers=2,
    num_sparse_decoder_layers=1,
    num_experts=4,
    expert_capacity=8,
    use_cache=False,
)


def mixtral(seed: int = 0) -> MixtralForCausalLM:
    with seeded(seed):
        return MixtralForCausalLM(MIXTRAL).eval()


def switch(seed: int = 0) -> SwitchTransformersForConditionalGeneration:
    with seeded(seed):
        return SwitchTransformersForConditionalGeneration(SWITCH).eval()


def ids(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, WORDS, (batch, length), generator=torch.Generator().manual_seed(seed))


def prompts(count: int) -> list[dict[str, Tensor]]:
    """Calls of mixtral, of different batches and lengths."""
    return [{"input_ids": ids(1 + index % 2, 4 + 3 * index, index)} for index in range(count)]


def pairs(count: int) -> list[dict[str, Tensor]]:
    """Calls of switch, of different lengths."""
    return [
        {"input_ids": ids(1, 4 + 3 * index, index), "decoder_input_ids": ids(1, 2 + index, index)}
        for index in range(count)
    ]


model = mixtral
example_inputs = prompts(3)[2]
dynamic = {"input_ids": {0: "batch", 1: "length"}}
