"""``raise``, ``try`` and ``with``."""

# ruff: noqa
from .registry import Cases, Manager, say

case = Cases()


class Custom(Exception):
    """An exception of the cases."""


def fail(kind):
    """Raise an exception of `kind`, if it is one."""
    if kind is not None:
        raise kind("raised")


KINDS = (None, ValueError, KeyError, Custom, ZeroDivisionError, Exception)


@case(*KINDS)
def handlers(kind):
    try:
        fail(kind)
        say("body")
    except ValueError:
        say("value")
    except (KeyError, Custom) as error:
        say(error.args)
    except ArithmeticError as error:
        return say(type(error))
    else:
        say("else")
    return "end"


@case(*KINDS)
def bare_except(kind):
    try:
        fail(kind)
    except ValueError:
        raise
    except:
        return "other"


@case(*KINDS)
def name_is_unbound_afterwards(kind):
    error = "before"
    try:
        fail(kind)
    except ValueError as error:
        say(error.args)
    except KeyError as error:
        del error
    except Custom as error:
        error = 3
    return error


@case(*KINDS)
def name_in_loop(kind):
    for error in range(2):
        try:
            fail(kind)
        except ValueError as error:
            continue
        except KeyError as error:
            break
        except Custom as error:
            return error.args
        finally:
            say("finally")
    return error


@case(*KINDS)
def name_is_unbound_in_outer_handler(kind):
    error = 1
    try:
        try:
            fail(kind)
        except ValueError as error:
            fail(KeyError)
        except Custom as error:
            raise
    except (KeyError, Custom):
        return error
    return error


@case(*KINDS)
def captured_exception(kind):
    get = lambda: error
    try:
        fail(kind)
    except ValueError as error:
        say(get().args)
        get = lambda: error
    except KeyError as error:
        return get().args
    return get()


@case(*KINDS)
def finally_paths(kind):
    try:
        if kind is None:
            return say("return")
        fail(kind)
    except ValueError:
        say("handled")
    finally:
        say("finally")
    return "end"


@case(*KINDS)
def finally_overrides(kind):
    for i in range(3):
        try:
            if kind is None:
                return "try"
            if kind is KeyError:
                continue
            fail(kind)
        finally:
            if kind is ValueError:
                return "finally"
            if kind is Custom:
                break
            if kind is ZeroDivisionError:
                continue
            say(i)
    return "after", i


@case(*KINDS)
def finally_keeps_the_value(kind):
    x = 1
    try:
        fail(kind)
        return x
    finally:
        x = 2
        say(x)


@case(0, 1, 2, 3, 7)
def nested_finally(n):
    for i in range(n):
        try:
            try:
                if i == 1:
                    continue
                if i == 2 and n < 5:
                    break
                say(i)
            finally:
                say("inner")
                for j in range(3):
                    if j == i:
                        break
                else:
                    say("loop in finally")
        finally:
            say("outer")
            try:
                fail(ValueError if i else None)
            except ValueError:
                say("handled in finally")
    else:
        say("else")
    return n


@case(*KINDS)
def finally_raises(kind):
    try:
        try:
            fail(kind)
        finally:
            fail(KeyError if kind is not Custom else None)
    except KeyError:
        return "key"
    except Custom:
        return "custom"


@case(*KINDS)
def bare_raise_in_finally(kind):
    try:
        fail(ValueError)
    except ValueError:
        try:
            fail(kind)
        except KeyError:
            say("key")
            raise
        finally:
            say("finally")
            if kind is Custom:
                raise


@case(*KINDS)
def causes(kind):
    try:
        fail(kind)
    except ValueError as error:
        raise Custom("from error") from error
    except KeyError:
        raise Custom from None
    except Custom as error:
        raise ZeroDivisionError from ArithmeticError
    except ZeroDivisionError as error:
        cause = None
        raise error from cause
    except Exception as error:
        raise Custom() from 3
    raise say(Custom) from say(KeyError)


@case(3, None, int, "text")
def raising_nonsense(x):
    raise x


@case(*KINDS)
def handler_type_is_evaluated(kind):
    try:
        fail(kind)
    except say(ValueError):
        return 1
    except (say(KeyError), say(Custom)):
        return 2
    except [ArithmeticError]:
        return "never"


@case(*KINDS)
def exception_in_handler(kind):
    try:
        try:
            fail(kind)
        except ValueError:
            fail(KeyError)
        except KeyError:
            try:
                fail(Custom)
            except Custom:
                raise
        else:
            fail(ZeroDivisionError)
        finally:
            say("finally")
    except (KeyError, Custom, ZeroDivisionError) as error:
        return type(error), error.__cause__


@case(*KINDS)
def else_is_not_protected(kind):
    try:
        say("body")
    except ValueError:
        say("never")
    else:
        fail(kind)
    finally:
        say("finally")


@case(*KINDS)
def empty_body(kind):
    try:
        pass
    except:
        say("never")
    try:
        pass
    finally:
        say("finally")
    try:
        fail(kind)
    except Exception:
        pass
    finally:
        pass


@case(*KINDS)
def loop_around(kind):
    tries = 0
    while True:
        try:
            tries += 1
            if tries < 3:
                fail(kind)
            break
        except ValueError:
            continue
        except KeyError:
            if tries == 2:
                break
        else:
            say("never")
        finally:
            say(tries)
    return tries


@case(*KINDS)
def with_paths(kind):
    with Manager("a") as name:
        say(name)
        if kind is None:
            return "return"
        fail(kind)
    return "end"


@case(*KINDS)
def with_swallowing(kind):
    with Manager("a", True) as a, Manager("b", kind is KeyError) as b:
        say(a + b)
        fail(kind)
        say("body")
    return "end"


@case(*((kind, where) for kind in KINDS for where in ("", "enter", "exit")))
def with_failures(kind, where):
    try:
        with Manager("a"), Manager("b", True, where), Manager("c"):
            fail(kind)
    except (KeyError, OSError) as error:
        return type(error), error.args
    return "end"


@case(0, 1, 2, 3, 4)
def with_in_loop(n):
    for i in range(n):
        with Manager(str(i)):
            if i == 1:
                continue
            if i == 3:
                break
            try:
                say("body")
            finally:
                say("finally")
    else:
        return "else"
    return i


@case(*KINDS)
def with_targets(kind):
    items = [0]
    with Manager("a") as items[say(0)], Manager("xy") as (x, y):
        fail(kind)
    with Manager("z", True) as (x, y):
        say("never")
    return items, x, y


@case(None, 3, "", Manager)
def not_a_manager(x):
    with Manager("a"):
        with say(x) as y:
            say("never")


@case(*KINDS)
def with_return_in_finally(kind):
    try:
        with Manager("a"):
            fail(kind)
            return say(1)
    finally:
        if kind is KeyError:
            return say(2)


@case(True, False)
def partly_bound(flag):
    try:
        x = 1
        y = say(x)
        fail(KeyError if flag else ValueError)
        z = "never"
    except KeyError:
        say(y)
        return z
    except ValueError:
        pass
    return x, y
