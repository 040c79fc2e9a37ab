"""The pass-development API: derive from `Rule` (tensor code) or `ProgramPass` (control flow), `register` the class."""

from adaptc.passes.errors import PassError
from adaptc.passes.manager import Observer, PassManager, PassReport
from adaptc.passes.pipeline import default_pipeline
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import PassRegistry, load_registry, register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.rule import Captured, Miss, Pass, Rule
from adaptc.passes.specialise import Request

__all__ = [
    "Captured",
    "Miss",
    "Observer",
    "Pass",
    "PassError",
    "PassManager",
    "PassRegistry",
    "PassReport",
    "ProgramPass",
    "Request",
    "Rewriter",
    "Rule",
    "default_pipeline",
    "load_registry",
    "register",
]
