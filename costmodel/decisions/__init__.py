"""Decisions that a compiler has to make, with what each way really takes: what a cost model is good for."""
