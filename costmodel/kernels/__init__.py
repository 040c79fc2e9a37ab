"""Which kernels an engine executes for the tensor code of a block."""
