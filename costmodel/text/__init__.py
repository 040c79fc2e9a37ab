"""Models that read MLIR as text, after "ML-driven Hardware Cost Model for MLIR" (Das and Mannarswamy, 2023)."""
