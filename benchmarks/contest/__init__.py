"""The parts of suite.py: networks, contestants, the processes that run them, and what is made of their times."""
