"""The pass-development API: derive from `ProgramPass`, `register` the class, change programs by a `Rewriter`."""

from adaptc.passes.errors import PassError
from adaptc.passes.manager import PassManager, PassReport
from adaptc.passes.pipeline import default_pipeline
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import PassRegistry, load_registry, register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import Request

__all__ = [
    "PassError",
    "PassManager",
    "PassRegistry",
    "PassReport",
    "ProgramPass",
    "Request",
    "Rewriter",
    "default_pipeline",
    "load_registry",
    "register",
]
