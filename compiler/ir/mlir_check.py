"""Checks that MLIR text is MLIR, by xDSL's parser."""

from __future__ import annotations


def mlir_fault(text: str) -> str | None:
    """What is wrong with the text of a module, in the parser's words; None where it is read and verified."""
    from xdsl.context import Context
    from xdsl.dialects.arith import Arith
    from xdsl.dialects.builtin import Builtin
    from xdsl.dialects.cf import Cf
    from xdsl.dialects.func import Func
    from xdsl.parser import Parser
    from xdsl.utils.exceptions import ParseError, VerifyException

    context = Context(allow_unregistered=True)
    for dialect in (Builtin, Func, Cf, Arith):
        context.load_dialect(dialect)
    try:
        Parser(context, text).parse_module().verify()
    except (ParseError, VerifyException) as error:
        return str(error)
    return None
