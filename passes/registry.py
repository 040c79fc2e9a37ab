"""Finds passes by name: adaptc's own and those that installed packages offer."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar, get_type_hints

from adaptc.passes.errors import PassError
from adaptc.passes.pipeline_text import parse_pipeline
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.rule import Pass, Rule

ENTRY_POINT_GROUP = "adaptc.passes"
"""Packages offer passes as entry points of this group; each names a module that registers passes."""

PassClass = TypeVar("PassClass", bound=type[ProgramPass] | type[Rule])

_MARK = "_adaptc_registered"


def register(cls: PassClass) -> PassClass:
    """Class decorator that marks a pass or rule, to be found in its module, and checks what all of them must be.

    Raises PassError where the class is no frozen dataclass, has no name in lower-case words joined by
    hyphens, or its docstring does not show ``before:`` and ``after:``.
    """
    problems = list(_problems(cls))
    if problems:
        raise PassError(f"class {cls.__module__}.{cls.__qualname__} is no pass: {'; '.join(problems)}")
    setattr(cls, _MARK, True)
    return cls


def _problems(cls: type[ProgramPass] | type[Rule]) -> Iterator[str]:
    if not issubclass(cls, ProgramPass | Rule):
        yield "it does not derive from ProgramPass or Rule"
    parameters = vars(cls).get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        yield "it is no frozen dataclass"
    name = getattr(cls, "name", "")
    if not name or name != name.lower() or not name.replace("-", "a").isalnum():
        yield f"its name {name!r} is not in lower-case words joined by hyphens"
    doc = cls.__doc__ or ""
    if "before:" not in doc or "after:" not in doc:
        yield "its docstring does not show 'before:' and 'after:'"


class PassRegistry:
    """The passes that can be asked for by name."""

    def __init__(self) -> None:
        self._passes: dict[str, type[ProgramPass] | type[Rule]] = {}
        self._packages: dict[str, str] = {}

    def add(self, cls: type[ProgramPass] | type[Rule], package: str = "") -> None:
        """Add a registered pass of a package; raises PassError where another pass has its name."""
        known = self._passes.setdefault(cls.name, cls)
        if known is not cls:
            places = f"{known.__module__}.{known.__qualname__} and {cls.__module__}.{cls.__qualname__}"
            raise PassError(f"two passes are called '{cls.name}': {places}")
        self._packages[cls.name] = package or cls.__module__.split(".")[0]

    def add_module(self, module: ModuleType, package: str = "") -> None:
        """Add the registered passes that `module` of a package defines."""
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__ and _MARK in vars(cls) and issubclass(cls, ProgramPass | Rule):
                self.add(cls, package)

    def package(self, name: str) -> str:
        """The package that the pass `name` comes from."""
        return self._packages[name]

    def names(self) -> list[str]:
        """The names of all passes, sorted."""
        return sorted(self._passes)

    def find(self, name: str) -> type[ProgramPass] | type[Rule]:
        """The pass called `name`; raises PassError with the nearest names where there is none."""
        if name not in self._passes:
            near = difflib.get_close_matches(name, self._passes, n=3)
            hint = f"there are: {', '.join(self.names())}"
            if near:
                hint = f"did you mean {' or '.join(map(repr, near))}?"
            raise PassError(f"there is no pass called '{name}'; {hint}")
        return self._passes[name]

    def make(self, name: str, options: Mapping[str, object] | None = None) -> Pass:
        """The pass called `name` with these options; raises PassError where an option does not fit."""
        cls = self.find(name)
        fields = [field.name for field in dataclasses.fields(cls)]
        types = get_type_hints(cls)
        for option, value in (options or {}).items():
            if option not in fields:
                near = difflib.get_close_matches(option, fields, n=1)
                known = f"its options are {', '.join(fields)}" if fields else "it has none"
                if near:
                    known = f"did you mean '{near[0]}'?"
                raise PassError(f"pass '{name}' has no option '{option}'; {known}")
            wanted = types[option]
            # A whole number is a fine float; True is an int to Python alone.
            if type(value) is not wanted and not (wanted is float and type(value) is int):
                raise PassError(f"option '{option}' of pass '{name}' is a {wanted.__name__}, not {value!r}")
        return cls(**(options or {}))

    def parse(self, text: str) -> list[Pass]:
        """The passes that a pipeline's text names: "fold-branches,propagate-constants{max_bytes=64}"."""
        return [self.make(name, options) for name, options in parse_pipeline(text)]


def load_registry(files: Sequence[Path] = ()) -> PassRegistry:
    """A registry of adaptc's own passes, those of installed packages, and those in Python `files`.

    Raises PassError where one of these does not load, or two passes have one name.
    """
    registry = PassRegistry()
    for folder in ("adaptc.passes.program", "adaptc.passes.block"):
        package = importlib.import_module(folder)
        for found in pkgutil.iter_modules(package.__path__):
            registry.add_module(importlib.import_module(f"{package.__name__}.{found.name}"))
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            module = entry_point.load()
        except Exception as error:
            raise PassError(f"the passes of '{entry_point.value}' do not load: {error}") from error
        if not isinstance(module, ModuleType):
            raise PassError(f"the entry point '{entry_point.value}' of {ENTRY_POINT_GROUP} names no module")
        distribution = entry_point.dist
        registry.add_module(module, "" if distribution is None else distribution.name)
    for file in files:
        registry.add_module(_load_file(file), str(file))
    return registry


def _load_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise PassError(f"{file} is no Python file to load passes from")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for the module of a class there
    try:
        spec.loader.exec_module(module)
    except PassError:
        raise
    except Exception as error:
        raise PassError(f"the passes of '{file}' do not load: {type(error).__name__}: {error}") from error
    return module
