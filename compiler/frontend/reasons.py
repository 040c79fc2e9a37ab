"""Reasons for refusals that are given in several places: what is found, why it cannot be, what to write instead."""

from __future__ import annotations

UNCLEAR = (
    "a tensor is changed in place of which it is not known what shares its memory",
    "a branch or a loop before it made one tensor of several, or kept it in a list that grows",
    "change it out of place, or a clone of it",
)
"""Why a tensor cannot be changed in place where ways have met, and what to write instead."""
NATIVE = (
    "the function that does it is called by code that cannot be followed, and there it is no Python number",
    "call the function from the network's own Python code",
)
"""Why a number that depends on data cannot be used in native code, and what to write instead."""
NATIVE_LIST = (
    "the function that takes it is called by code that cannot be followed, and there it is no Python list",
    "call the function from the network's own Python code",
)
"""Why a list whose length depends on data cannot be used in native code, and what to write instead."""
UNSEEN = (
    "a tensor appears that no recorded call made",
    "it was made where torch calls cannot be seen, such as inside a scripted or C++ function",
    "make it with torch functions in the network's own Python code",
)
"""Why a tensor is not known, and what to write instead."""
ARRAY = (
    "the compiled network has no NumPy arrays: of what an array can do only what a tensor does too is known",
    "compute it with torch before .numpy(), or go through the numbers of .tolist()",
)
"""Why something cannot be done with a NumPy array of data, and what to write instead."""
MEMORY = (
    "the tensor gets memory of another size, and something else may lead to the memory that it had",
    "use the result of the call, as in x = torch.add(a, b), or x = x.new_empty(shape)",
)
"""Why a tensor cannot get another size, and what to write instead."""
