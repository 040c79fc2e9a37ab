"""The learned cost model: what a unit costs on a machine, told from its MLIR."""
