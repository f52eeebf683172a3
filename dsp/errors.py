"""What a kernel or an analysis of this room refuses with.

Theory of operation
-------------------
A buffer of the wrong type or size is a mistake of the caller: ``ValueError``.  A recording that does not
allow the measurement raises ``SignalRefused``; its message names the place, what is wrong there and what to
do. ``code`` is one word for a program that treats one case of its own.  Settings that cannot be are a
``ValueError`` too, of a class of their own: ``DesignError`` of a filter, ``EmgError`` of a measure of muscle
activity.
"""


class DesignError(ValueError):
    """No filter can be made of these numbers; says which and why."""


class EmgError(ValueError):
    """No EMG measure can be had from this; says what is wrong, where, and what to do."""


class SignalRefused(Exception):
    """There is no number to give. ``where`` is the trace or sweep, ``code`` one word for the cause."""

    def __init__(self, where: str, code: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where, self.code, self.message = where, code, message
