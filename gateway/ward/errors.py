"""What can go wrong between the journal and the ward: the room's only error types.

Theory of operation
-------------------
A ``WardError`` ends the link with one line that says what was wrong, where, and what to do.  What a
broker or a network does wrong is never an error here: that is a reconnect, and is logged.
"""


class WardError(Exception):
    """Base of this room's errors."""


class TopicError(WardError):
    """A site, ward, device or alarm name that may not stand in a topic."""


class MessageError(WardError):
    """A payload that is not what the message contract says."""


class CursorError(WardError):
    """The cursor file cannot be read, written or locked."""


class BrokerError(WardError):
    """The embedded broker did not start."""
