from pathlib import Path

import torch
from early_exit_cnn import EarlyExitCNN

model = EarlyExitCNN()
model.load_state_dict(torch.load(Path(__file__).with_name("weights.pt")))
model.eval()

example_inputs = (torch.linspace(0, 1, 64).reshape(1, 1, 8, 8),)
