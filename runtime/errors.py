"""The errors that adaptc raises on purpose; each message is one that a user can act on."""

from __future__ import annotations


class AdaptcError(Exception):
    """Base of every error that adaptc raises on purpose."""


class ArtifactError(AdaptcError):
    """An artifact cannot be loaded: says in one sentence what is wrong and with which file."""


class InputError(AdaptcError):
    """A call's inputs do not fit the signature: name, dtype, rank or size."""


class EngineError(AdaptcError):
    """An engine is missing, unknown, or failed on a unit."""


class LoopError(AdaptcError):
    """A loop of the network took more iterations in one call than the caller allows."""


class SessionError(AdaptcError):
    """Calls of the network cannot follow each other in a session, or a session is used by two threads at once."""


class NetworkError(AdaptcError):
    """The network itself raises on the path that the inputs take; `exception` is the name of its class."""

    def __init__(self, exception: str, message: str, loc: str) -> None:
        super().__init__(f"the network raises {exception}({message!r}) at {loc or 'an unknown line'}")
        self.exception = exception
        self.message = message
        self.loc = loc
