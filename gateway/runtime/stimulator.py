"""The stimulator's gate: the one place that can reach the stimulator.

Theory of operation
-------------------
``StimulatorPort`` is what a driver offers, whatever its device's protocol: start these pulses, stop, ask.
Each is answered with a ``Report``, which the shell hands to ``report`` when it arrives.

``act`` is called every turn with the supervisor's answer and nothing else decides.  A permit becomes pulses,
said again every 200 ms; a device has a watchdog of its own (1.2 s, 2 s) and stops when words no longer
follow each other.  The permit's own lapse is enforced by the relay in the lead, whose lease is as long as the
permit (``gate.Gate.close_relay``).  Pulses are sent only while the cuff controller says that the relay is
closed: into an open lead a device would find its electrodes off.  Anything but a permit becomes a stop, at
once, ahead of whatever waits; it is said again for as long as the device reports pulses or a fault.  In a
pause the device is asked every 250 ms how it is.

The *link* gets another number with every gap of reports, every restart that the device tells and every new
port.  A session lives on one link only, so nothing resumes by itself.

Which outputs of the device carry the pulses is its port's matter (``wired_stimulator``).

Units: uA, us, 0.1 Hz, ms.
"""

from typing import Protocol

from drivers.stimulation import Pulses, Report
from gateway.model import Safe, StimulationPermit
from gateway.safety.stimulation import StimulatorReading

RENEW_MS = 200
POLL_MS = 250


class StimulatorPort(Protocol):
    """A connected stimulator. None of these waits; each leads to a report."""

    def start(self, pulses: Pulses) -> None:
        """Give these pulses, or go on giving them."""

    def stop(self) -> None:
        """Give none: the next thing on the wire, and what waited is dropped. Clears an electrode fault."""

    def ask(self) -> None:
        """Say how you are, and change nothing."""


class StimulatorGate:
    """Our end of the stimulator. ``gap_ms``: a longer silence is another link."""

    def __init__(self, gap_ms: int) -> None:
        self._gap_ms = gap_ms
        self._port: StimulatorPort | None = None
        self._given: Pulses | None = None
        self._said_ms: int | None = None
        self._link = 0
        self._last: Report | None = None
        self.reading: StimulatorReading | None = None

    def connected(self, port: StimulatorPort) -> None:
        """A port was opened; whatever its device gives, it shall not."""
        self._forget()
        self._port = port
        port.stop()

    def disconnected(self) -> None:
        """The port is gone."""
        self._forget()

    def report(self, report: Report, now: int) -> None:
        """The device said how it is."""
        before, last = self.reading, self._last
        gap = before is None or now - before.arrived_ms > self._gap_ms
        if gap or last is None or last.run != report.run:
            self._link += 1
        self._last = report
        self.reading = StimulatorReading(report.stimulating, report.electrode_fault, self._link, now)

    def answers(self, now: int) -> bool:
        """Whether the device has spoken of late."""
        return self.reading is not None and 0 <= now - self.reading.arrived_ms <= self._gap_ms

    def act(self, answer: StimulationPermit | Safe, relay_closed: bool, now: int) -> None:
        """Make the supervisor's answer true."""
        if self._port is None:
            return
        if isinstance(answer, StimulationPermit) and relay_closed:
            self._give(
                self._port, Pulses(answer.current_ua, answer.pulse_width_us, answer.frequency_dhz), now
            )
        elif self._may_stimulate:
            self.make_safe(now)
        elif self._is_due(POLL_MS, now):
            self._port.ask()
            self._said_ms = now

    def make_safe(self, now: int) -> None:
        """Stop the pulses, whatever we believe of them."""
        if self._port is not None:
            self._port.stop()
            self._given, self._said_ms = None, now

    @property
    def _may_stimulate(self) -> bool:
        reading = self.reading
        told = reading is not None and (reading.stimulating or reading.electrode_fault)
        return told or self._given is not None

    def _give(self, port: StimulatorPort, pulses: Pulses, now: int) -> None:
        if pulses != self._given or self._is_due(RENEW_MS, now):
            port.start(pulses)
            self._given, self._said_ms = pulses, now

    def _is_due(self, every_ms: int, now: int) -> bool:
        return self._said_ms is None or not 0 <= now - self._said_ms < every_ms

    def _forget(self) -> None:
        self._port, self._given, self._said_ms, self._last, self.reading = None, None, None, None, None
