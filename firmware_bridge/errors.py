"""The typed errors of this room.

Theory of operation
-------------------
Two kinds, kept apart: our own misuse (``EncodingError``: a value that does not fit its field, to be
fixed in the caller) and a world that went away (``BoardError``: the board behind the controller
cannot be reached, so the firmware must stop and let its outputs fall to their safe state).  What a
peer sends never raises: decoders count it and go on.

Portable subset: runs on CPython and on MicroPython.
"""


class EncodingError(ValueError):
    """A value given to an encoder does not fit the field it is meant for."""


class BoardError(OSError):
    """The sensors and valves cannot be reached any more."""
