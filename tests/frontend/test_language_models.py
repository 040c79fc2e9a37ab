"""Whole language models of transformers 4 and 5 with experts, unmodified, and greedy decoding with their caches."""

from __future__ import annotations

import functools

import pytest
import torch
import transformers
from torch import nn
from transformers.cache_utils import DynamicCache, StaticCache

from .checking import check
from .test_loops import has_loop

VOCABULARY = 64
FIVE = int(transformers.__version__.partition(".")[0]) >= 5
IMPLEMENTATIONS = ["eager", "grouped_mm", "batched_mm"] if FIVE else ["eager"]
"""How the experts are computed: transformers 4 has one way, and grouped_mm is what 5 does by default."""
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 128,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2}
OWN = {
    "Mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "Qwen2Moe": {**EXPERTS, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 24},
    "Qwen3Moe": {**EXPERTS, "moe_intermediate_size": 24, "head_dim": 8},
    "Olmoe": EXPERTS,
    "DeepseekV3": {
        "num_key_value_heads": 4,
        "moe_intermediate_size": 24,
        "n_routed_experts": 8,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "kv_lora_rank": 16,
        "q_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
    },
    "Llama": {},
}


@functools.cache
def language_model(name: str, attention: str = "eager", experts: str = "eager") -> nn.Module:
    """A causal language model with random weights."""
    torch.manual_seed(0)
    given = {"attn_implementation": attention, **({"experts_implementation": experts} if FIVE else {})}
    config = getattr(transformers, f"{name}Config")(**{**SIZES, **OWN[name], **given})
    model: nn.Module = getattr(transformers, f"{name}ForCausalLM")(config)
    return model.eval()


def prompt(batch: int, length: int) -> torch.Tensor:
    """Tokens, int64[batch, length]."""
    generator = torch.Generator().manual_seed(batch * 100 + length)
    return torch.randint(0, VOCABULARY, (batch, length), generator=generator)


class Logits(nn.Module):
    def __init__(self, model, use_cache=False):
        super().__init__()
        self.model = model
        self.use_cache = use_cache

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, use_cache=self.use_cache).logits


PROMPTS = [(prompt(2, 7),), (prompt(1, 1),), (prompt(3, 16),), (prompt(8, 2),), (prompt(1, 64),), (prompt(8, 1),)]
ANY_PROMPT = {"input_ids": {0: "batch", 1: "length"}}


@pytest.mark.long
@pytest.mark.parametrize("experts", IMPLEMENTATIONS)
@pytest.mark.parametrize("name", sorted(set(OWN) - {"Llama"}))
def test_experts_of_any_prompt(name, experts):
    check(Logits(language_model(name, experts=experts)), PROMPTS, dims=ANY_PROMPT)


@pytest.mark.long
@pytest.mark.parametrize("use_cache", [False, True])
def test_attention_of_any_prompt(use_cache):
    """``sdpa``, the default, of which the length decides whether it is causal."""
    check(Logits(language_model("Llama", "sdpa"), use_cache), PROMPTS, dims=ANY_PROMPT)


def test_switch_transformers():
    torch.manual_seed(0)
    config = transformers.SwitchTransformersConfig(
        d_model=32, d_ff=48, num_layers=2, num_sparse_encoder_layers=1, num_heads=4, d_kv=8,
        vocab_size=VOCABULARY, num_experts=4, expert_capacity=8,
    )  # fmt: skip
    encoder = transformers.SwitchTransformersEncoderModel(config).eval()

    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids):
            return self.encoder(input_ids=input_ids).last_hidden_state

    check(Hidden(), [(prompt(1, 6),), (prompt(1, 6).flip(1),)])


class Greedy(nn.Module):
    def __init__(self, model, cap):
        super().__init__()
        self.model = model
        self.cap = cap

    def forward(self, input_ids):
        cache, current = DynamicCache(config=self.model.config), input_ids
        for _ in range(self.cap):
            out = self.model(input_ids=current, past_key_values=cache, use_cache=True)
            current = out.logits[:, -1].argmax(-1, keepdim=True)
            input_ids = torch.cat([input_ids, current], 1)
            if (current == 3).all():
                break
        return input_ids


@pytest.mark.long
@pytest.mark.parametrize("name", ["Llama", "Mixtral"])
def test_greedy_decoding_with_a_cache(name):
    calls = [(prompt(1, 5),), (prompt(1, 5).flip(1),)]
    program = check(Greedy(language_model(name), 20), calls)
    assert has_loop(program)
    assert len(program.blocks) == len(check(Greedy(language_model(name), 50), calls[:1]).blocks)


@pytest.mark.long
def test_a_cache_of_fixed_size():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = language_model("Llama", "sdpa")

        def forward(self, input_ids):
            cache = StaticCache(config=self.model.config, max_cache_len=32)
            current, position = input_ids, torch.arange(input_ids.shape[1])
            for _ in range(20):
                places = {} if FIVE else {"cache_position": position}
                out = self.model(input_ids=current, past_key_values=cache, use_cache=True, **places)
                current = out.logits[:, -1].argmax(-1, keepdim=True)
                input_ids = torch.cat([input_ids, current], 1)
                position = position[-1:] + 1
                if (current == 3).all():
                    break
            return input_ids

    assert has_loop(check(Network(), [(prompt(1, 5),), (prompt(1, 5).flip(1),)]))


def test_a_step_that_takes_and_gives_the_cache():
    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = language_model("Llama", "sdpa")

        def forward(self, input_ids, past):
            cache = DynamicCache(config=self.model.config)
            for index, (keys, values) in enumerate(past):
                cache.update(keys, values, index)
            out = self.model(input_ids=input_ids, past_key_values=cache, use_cache=True)
            following = out.logits[:, -1].argmax(-1, keepdim=True)
            return following, tuple((layer.keys, layer.values) for layer in out.past_key_values.layers)

    def past(length):
        generator = torch.Generator().manual_seed(length)
        return tuple(tuple(torch.randn(1, 2, length, 8, generator=generator) for _ in range(2)) for _ in range(2))

    calls = [(prompt(1, 1), past(length)) for length in (4, 1, 9)]
    check(Step(), calls, dims={f"past.{layer}.{part}": {2: "past"} for layer in range(2) for part in range(2)})
