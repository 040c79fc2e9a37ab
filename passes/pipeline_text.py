"""Reads pipelines written as text: "fold-branches,propagate-constants{max_bytes=64}"."""

from __future__ import annotations

import re

from adaptc.passes.errors import PassError

Option = bool | int | float | str

_PASS = re.compile(r"\s*(?P<name>[\w-]+)\s*(?:\{(?P<options>[^{}]*)\})?\s*(?:,|$)")
_OPTION = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>[^=]+?)\s*")


def parse_pipeline(text: str) -> list[tuple[str, dict[str, Option]]]:
    """The names of the passes with their options; raises PassError where the text is no pipeline."""
    found: list[tuple[str, dict[str, Option]]] = []
    position = 0
    while position < len(text):
        match = _PASS.match(text, position)
        if match is None:
            rest = text[position:]
            raise PassError(f"'{rest}' is no pass; a pipeline is written name,name{{option=value, option=value}}")
        found.append((match["name"], _options(match["name"], match["options"] or "")))
        position = match.end()
    return found


def _options(name: str, text: str) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for part in text.split(",") if text.strip() else ():
        match = _OPTION.fullmatch(part)
        if match is None:
            raise PassError(f"'{part.strip()}' is no option of pass '{name}'; options are written option=value")
        options[match["key"]] = _value(match["value"])
    return options


def _value(text: str) -> Option:
    if text in ("true", "false"):
        return text == "true"
    for type_ in (int, float):
        try:
            return type_(text)
        except ValueError:
            continue
    return text
