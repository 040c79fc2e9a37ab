from pathlib import Path

import torch
from blockdrop import BlockDrop

model = BlockDrop()
model.load_state_dict(torch.load(Path(__file__).with_name("weights.pt")))
model.eval()

example_inputs = (torch.linspace(0, 1, 64).reshape(1, 1, 8, 8),)
