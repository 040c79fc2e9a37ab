"""Models that predict what code costs, behind one interface."""
