"""Everything that a driver can refuse with, in one place.

Theory of operation
-------------------
A driver meets two kinds of trouble.  What a *peer* sends is never an error: codecs drop it and count
it.  What *we* ask for and cannot have (a port that is not there, held by someone else, forbidden or
closed) is one of the errors below.  Each names the path, says what is wrong and what to do.
"""


class PortError(Exception):
    """A serial port cannot be had or used."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class PortAbsent(PortError):
    """Nothing usable as a serial port stands at this path."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(
            path,
            f"no serial port here ({detail}). Connect the device and its power, "
            "or correct the path in the configuration.",
        )


class PortBusy(PortError):
    """Another program, or another part of this one, holds the port."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"in use by another program. End it ('fuser {path}' names it) and try again.",
        )


class PortDenied(PortError):
    """The operating system does not let this user open the port."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"permission denied. Add this user to the group that owns the port ('ls -l {path}' names it; "
            "usually dialout) and log in again.",
        )


class PortClosed(PortError):
    """A write to a port that was closed or lost; nothing was sent."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "closed, nothing was sent. Open the port again before writing.")


class NotGreetedError(Exception):
    """A request that repeats the device's nonce, before a compatible device has said hello."""

    def __init__(self, request: str) -> None:
        super().__init__(
            f"cuff controller: '{request}' asked for before a compatible hello (or after a reset of the "
            "device). Ask for a hello first; after a reset, only once a person at the bedside agreed."
        )
