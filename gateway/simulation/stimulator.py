"""A stimulator at the simulated bedside: it obeys, it has a watchdog, and it can be made to do wrong.

Theory of operation
-------------------
It offers what a driver will offer (``gateway.runtime.stimulator.StimulatorPort``).  A word takes
``ANSWER_MS`` to arrive, one after the other; a stop overtakes what waits and drops it.  Each word is answered
with a report.  Without a word for ``WATCHDOG_MS`` the pulses end.  What it gives stands in ``Plant.train``;
whether it reaches the tissue is the lead's and the electrodes' matter.

While it stimulates it measures the resistance of its lead.  Above ``OPEN_OHM`` for ``DETECT_MS`` it reports
an electrode fault, and ends its pulses if it is one that does so by itself, until a stop clears the fault.
Electrodes that peel without passing that resistance stay unnoticed: for them half the pad's area is reckoned.

What can be wrong with it stands in ``Plant.defects`` (``stimulator_...``).

Units: ms, ohm, uA, us, 0.1 Hz.  Sources: 1.2 s is the watchdog of the RehaStim2 (ScienceMode2 description);
10 kohm is an engineering proposal (typical pads have 0.5 to 3 kohm); the other times are chosen.
"""

from collections import deque
from typing import Literal

from drivers.stimulation import Pulses, Report
from gateway.simulation.muscle import SILENT, Train
from gateway.simulation.plant import Plant

WATCHDOG_MS = 1_200
ANSWER_MS = 20
DETECT_MS = 100
OPEN_OHM = 10_000

_Word = Pulses | Literal["stop", "ask"]


class Stimulator:
    """One channel on the plant's electrodes. ``stops_itself``: whether an electrode fault ends its pulses."""

    def __init__(self, plant: Plant, now_ms: int, *, stops_itself: bool = True) -> None:
        self._plant = plant
        self.stops_itself = stops_itself
        self._now_ms = self._heard_ms = self._busy_until_ms = now_ms
        self._words: deque[_Word] = deque()
        self._last: Pulses | None = None
        self._high_since_ms: int | None = None
        self._was_silent = False
        self._run = 1
        self.pulses: Pulses | None = None
        self.electrode_fault = False

    # what a driver offers

    def start(self, pulses: Pulses) -> None:
        """Give these pulses, or go on giving them; they take the place of others that still wait."""
        if self._words and isinstance(self._words[-1], Pulses):
            self._words.pop()
        self._words.append(pulses)

    def stop(self) -> None:
        """Give none, before all else."""
        self._words.clear()
        self._words.append("stop")

    def ask(self) -> None:
        """Say how you are."""
        self._words.append("ask")

    # what the device does

    def step(self, now_ms: int) -> list[Report]:
        """Live until ``now_ms``; the reports of that time."""
        self._now_ms = now_ms
        reports = self._hear()
        self._watch_itself()
        self._check_electrodes()
        self._drive()
        return reports

    def _hear(self) -> list[Report]:
        """Words arrive one at a time; a device that has fallen silent hears none."""
        silent = self._plant.defects.stimulator_silent
        if self._was_silent and not silent and self._plant.defects.stimulator_restarts:
            self._restart()
        self._was_silent = silent
        if silent:
            self._words.clear()
        if not self._words:
            self._busy_until_ms = self._now_ms + ANSWER_MS
            return []
        reports = []
        while self._words and self._busy_until_ms <= self._now_ms:
            self._busy_until_ms += ANSWER_MS
            self._obey(self._words.popleft())
            reports.append(Report(self.pulses is not None, self.electrode_fault, self._run))
        return reports

    def _obey(self, word: _Word) -> None:
        self._heard_ms = self._now_ms
        if isinstance(word, Pulses):
            self.pulses = self._last = None if self.electrode_fault and self.stops_itself else word
        elif word == "stop":
            self.electrode_fault, self._high_since_ms = False, None
            if not self._plant.defects.stimulator_runs_on:
                self.pulses = None

    def _restart(self) -> None:
        """It comes back by itself and goes on with the last pulses that it gave."""
        self._run += 1
        self._heard_ms = self._now_ms
        self.pulses = self._last

    def _watch_itself(self) -> None:
        late = self._now_ms - self._heard_ms >= WATCHDOG_MS
        if late and not self._plant.defects.stimulator_runs_on:
            self.pulses = None

    def _check_electrodes(self) -> None:
        if self.pulses is None or self._plant.electrode_ohm <= OPEN_OHM:
            self._high_since_ms = None
            return
        if self._high_since_ms is None:
            self._high_since_ms = self._now_ms
        if self._now_ms - self._high_since_ms >= DETECT_MS:
            self.electrode_fault = True
            if self.stops_itself:
                self.pulses = None

    def _drive(self) -> None:
        pulses = self.pulses
        if pulses is None or self._plant.defects.stimulator_idle:
            self._plant.train = SILENT
            return
        frequency_hz = pulses.frequency_dhz // 10
        train = Train(pulses.current_ua, pulses.pulse_width_us, frequency_hz)
        if self._plant.train != train:
            self._plant.train = train
