"""Early exits around the BERT layers of Hugging Face transformers, used as they are; random weights.

A sequence leaves at the first layer whose classifier's entropy falls below the layer's threshold.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEmbeddings, BertLayer, BertPooler

CONFIG = BertConfig(
    vocab_size=1000,
    hidden_size=128,
    num_hidden_layers=6,
    num_attention_heads=4,
    intermediate_size=512,
    max_position_embeddings=128,
    attn_implementation="sdpa",
)


def entropy(logits: Tensor) -> Tensor:
    """The entropy of softmax(logits) in nats."""
    return -(logits.softmax(dim=-1) * logits.log_softmax(dim=-1)).sum()


class EarlyExitBert(nn.Module):
    def __init__(self, config: BertConfig, classes: int = 4) -> None:
        super().__init__()
        self.embeddings = BertEmbeddings(config)
        self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))
        self.poolers = nn.ModuleList(BertPooler(config) for _ in range(config.num_hidden_layers))
        self.classifiers = nn.ModuleList(
            nn.Linear(config.hidden_size, classes) for _ in range(config.num_hidden_layers)
        )
        self.thresholds = [0.0] * (config.num_hidden_layers - 1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits [1, classes] for token ids [1, length], and the logits of every layer that was computed.

        `attention_mask` [1, length] is 1 where a token counts and 0 where it is padding.
        """
        mask = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        hidden = self.embeddings(input_ids)
        every = []
        for index, layer in enumerate(self.layers):
            outputs = layer(hidden, mask)
            hidden = outputs[0] if isinstance(outputs, tuple) else outputs  # a tuple in transformers 4
            every.append(self.classifiers[index](self.poolers[index](hidden)))
            if index < len(self.thresholds):
                if entropy(every[-1]).item() < self.thresholds[index]:
                    break
        return every[-1], every


@torch.no_grad()
def early_exit_bert(seed: int = 0) -> EarlyExitBert:
    """In eval mode with random weights; of the random sequences that reach an exit, a third leave there."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = EarlyExitBert(CONFIG).eval()
        staying = [token_ids(length) for length in range(4, 68)]
        for index in range(len(network.thresholds)):
            entropies = []
            for ids in staying:
                logits = network(ids, torch.ones_like(ids))[1][index]
                entropies.append(entropy(logits).item())
            network.thresholds[index] = sorted(entropies)[len(entropies) // 3]
            staying = [ids for ids, value in zip(staying, entropies) if value >= network.thresholds[index]]
    return network


def token_ids(length: int) -> Tensor:
    """Random token ids [1, length]."""
    return torch.randint(0, CONFIG.vocab_size, (1, length))


model = early_exit_bert
example_inputs = {
    "input_ids": torch.arange(0, 960, 60)[None],
    "attention_mask": torch.ones(1, 16, dtype=torch.int64),
}
dynamic = {"input_ids": {1: "length"}, "attention_mask": {1: "length"}}
