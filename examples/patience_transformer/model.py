from pathlib import Path

import torch
from patience_transformer import PatienceTransformer

model = PatienceTransformer()
model.load_state_dict(torch.load(Path(__file__).with_name("weights.pt")))
model.eval()

example_inputs = (torch.linspace(0, 1, 128).reshape(2, 1, 8, 8),)
dynamic = {"images": {0: "batch"}}
