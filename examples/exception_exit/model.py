from pathlib import Path

import torch
from exception_exit import ExceptionExitTransformer

saved = torch.load(Path(__file__).with_name("weights.pt"))
model = ExceptionExitTransformer()
model.load_state_dict(saved["weights"])
model.encoder.early_exit_entropy = saved["early_exit_entropy"]
model.eval()

example_inputs = {"image": torch.linspace(0, 1, 64).reshape(1, 1, 8, 8)}
