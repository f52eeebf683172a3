"""What every driver shows to the shell that carries its bytes, whatever the protocol of its device.

Theory of operation
-------------------
A *host* is our end of one device: synchronous, without IO, made anew for each port that is opened.  The
shell hands it what arrived (``receive``; ``b""`` lets time pass) and sends what it wants to send
(``outgoing``) after each arrival, after each request and at least every 50 ms.

Identity comes before use.  ``identity`` is ``None`` until the device has said who it is; where its protocol
has no such word it is what valid frames let us conclude, with empty texts for what nobody knows.  ``refusal``
says in one sentence why this is not the device that the driver is for; a refused device is sent nothing but
what makes it safe.

Life is ``last_valid_ms``: when the last valid frame arrived.  What we send never touches it.

What a device measures comes as ``Block``: interleaved frames as they stood on the wire, widened at most, so
that nothing is lost on the way to the waveform file.  ``Stream`` says what the numbers mean, in the terms of
that file.  Values that a person reads (a blood pressure, one StO2 a second) are events of the driver's own.

Units: ms of the caller's monotonic clock; raw counts, ``value = count x scale + offset`` in ``unit``.
"""

from typing import Literal, NamedTuple, Protocol

LinkState = Literal["absent", "refused", "unknown", "ready", "silent"]
"""How one device does; ``drivers.link`` has the table."""


class Line(NamedTuple):
    """How the serial line is set; 8 data bits, no flow control."""

    baudrate: int
    parity: str = "N"
    stop_bits: int = 1


class Identity(NamedTuple):
    """Who a device says it is; an empty text is what its protocol does not tell."""

    model: str
    serial: str = ""
    firmware: str = ""


class Counters(NamedTuple):
    """What went over one link since its port was opened.

    ``gaps``: frames known to be missing, by the device's own counter; ``resyncs``: runs of bytes thrown away
    while looking for a frame; ``round_trip_ms``: the newest answer's, ``None`` where nothing is asked.
    """

    frames: int
    checksum_errors: int
    resyncs: int
    gaps: int
    round_trip_ms: int | None = None


class Channel(NamedTuple):
    """One quantity of a stream. ``missing`` is the raw number that the device sends instead of a value."""

    name: str
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    missing: int | None = None


class Stream(NamedTuple):
    """What one device sends at one rate; ``sample`` is ``int16``, ``int24`` or ``int32``, little-endian."""

    name: str
    rate_hz: float
    sample: str
    channels: tuple[Channel, ...]


class Block(NamedTuple):
    """Whole frames of one stream, oldest first; ``missing`` frames are known to be lost just before them."""

    stream: str
    frames: int
    data: bytes
    missing: int
    arrived_ms: int


class Host(Protocol):
    """Our end of one device on one open port."""

    line: Line

    @property
    def last_valid_ms(self) -> int | None:
        """When the last valid frame arrived."""

    @property
    def identity(self) -> Identity | None:
        """Who the device is; ``None`` before it is known."""

    @property
    def refusal(self) -> str:
        """Why this is not a device for this driver; empty while nothing speaks against it."""

    @property
    def counters(self) -> Counters:
        """What went over the link so far."""

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """What the device said, oldest first. Never raises, whatever arrived."""

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now; a stop is always first."""
