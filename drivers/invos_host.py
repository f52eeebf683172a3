"""Our end of an INVOS monitor that sends PC LINK lines. Sans-IO.

Theory of operation
-------------------
One way: nothing is ever sent.  ``invos.Decoder`` reads the lines by
the columns of the configuration and gives them out once enough came in a row; this host makes ``Oximetry``
events of them and says in a notice, once, what nobody may forget: there is no checksum and the order of the
columns is the site's own word.  Every reading carries the flag ``no-checksum``.

Identity: a line with a version names the monitor's software; no column names the monitor itself, so model is
what the lines let us conclude and the serial number stays empty.

Refusal, withdrawn as soon as it no longer holds: no columns configured; 2000 bytes without a line end; ten
lines in a row that the columns do not fit, with what was wrong with the last one.

Units: those of ``drivers.oximetry_events``; ms of the clock handed in.
"""

from drivers import invos
from drivers.host import Counters, Identity, Line
from drivers.oximetry_events import (
    END_OF_SCALE,
    INACTIVE,
    NO_CHECKSUM,
    OximeterNotice,
    Oximetry,
    TissueChannel,
)

LINES_TO_REFUSE = 10
BYTES_TO_REFUSE = 2000

_MODEL = "INVOS (PC LINK)"
_ENDS_OF_SCALE = (invos.RSO2_LOWEST * 10, invos.RSO2_HIGHEST * 10)


class InvosHost:
    """``columns`` in the words of ``drivers.invos``; raises ``ValueError`` for columns that no line can
    have.
    """

    line = Line(9600)

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._lines = invos.Decoder(columns)
        self._since_line = 0
        self._version = ""

    @property
    def last_valid_ms(self) -> int | None:
        """When the last line that was given out arrived."""
        return self._lines.last_valid_ms

    @property
    def identity(self) -> Identity | None:
        """Concluded from the first line that was given out."""
        return Identity(_MODEL, firmware=self._version) if self._lines.readings else None

    @property
    def refusal(self) -> str:
        """Why these are not the lines that the configuration announces."""
        if not self._columns:
            return "no columns are configured: write down what the monitor sends, see docs/devices/invos.md"
        if self._since_line >= BYTES_TO_REFUSE:
            return (
                f"{self._since_line} bytes came without a line end: not 9600 baud, or not an INVOS monitor. "
                "Set DIGITAL OUTPUT to PC LINK, not to VUELINK, and use a null-modem cable."
            )
        if self._lines.refused_run >= LINES_TO_REFUSE:
            return (
                f"{self._lines.refused_run} lines in a row do not fit the configured columns; the last one "
                f"{self._lines.complaint}."
            )
        return ""

    @property
    def counters(self) -> Counters:
        """Lines given out or held back, and lines refused; nothing is summed, so no error can be counted."""
        lines = self._lines
        return Counters(lines.readings + lines.waiting, 0, lines.refused, 0)

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """One ``Oximetry`` for each line given out; a notice before the first."""
        known = self._lines.readings
        readings = self._lines.feed(data, now_ms)
        last = data.rfind(b"\n")
        self._since_line = self._since_line + len(data) if last < 0 else len(data) - last - 1
        events: list[object] = []
        for reading in readings:
            events += self._news(reading, first=not known)
            events.append(_oximetry(reading))
            known += 1
        return events

    def outgoing(self, now_ms: int) -> bytes:
        """Nothing, ever: the line goes one way."""
        return b""

    def _news(self, reading: invos.Reading, *, first: bool) -> list[OximeterNotice]:
        texts = []
        if first:
            texts.append(
                f"INVOS PC LINK: {invos.LINES_TO_TRUST} lines in a row fit the configured columns; the order "
                "of the columns is unconfirmed by the maker's documents, and the lines have no checksum"
            )
        elif reading.version != self._version:
            texts.append(f"INVOS PC LINK: the monitor now says version {reading.version}")
        self._version = reading.version
        return [OximeterNotice(text, reading.arrived_ms) for text in texts]


def _oximetry(reading: invos.Reading) -> Oximetry:
    return Oximetry(
        tuple(_channel(reading, index) for index in range(invos.CHANNELS)),
        reading.arrived_ms,
        flags=(NO_CHECKSUM,),
        device_clock=reading.clock,
    )


def _channel(reading: invos.Reading, index: int) -> TissueChannel:
    saturation, status, event = reading.channels[index], reading.status[index], reading.events[index]
    said = (
        (saturation is None, INACTIVE),
        (saturation in _ENDS_OF_SCALE, END_OF_SCALE),
        (status != invos.NO_STATUS, f"status-{status}"),
        (event != invos.NO_EVENT, f"event-{event}"),
    )
    return TissueChannel(saturation, None, tuple(name for holds, name in said if holds))
