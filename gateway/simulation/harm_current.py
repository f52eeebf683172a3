"""The part of the harm monitor that looks at the current in the tissue.

Theory of operation
-------------------
``look(now, physics)`` says what is wrong with the current at this instant, if anything.  Where the current
comes from, and what anybody believes of it, is not asked.  Persons count: who *begins* a session is at the
bedside, and what was stopped or interrupted before is theirs again; who *stops* one means all of it.

current_without_permit   current and no lease of the relay in force for 0.1 s: a step of the controller
                    (10 ms) and a relay's release (engineering proposal: under 50 ms).  A controller whose
                    loop stands still has until its hardware watchdog opens the relay: 1 s more.
current_after_stop  current later than 0.7 s after a person's stop, or after something latched: 0.6 s is the
                    longest permit, which a dead wire does not shorten, and 0.1 s as above.
current_after_gap   current in a session whose stimulator was silent for 0.6 s after its first pulses, later
                    than 0.7 s after that, before a person began another one: it resumed by itself, or was
                    never stopped.
electrode_error     0.6 s of current through an electrode that the stimulator could tell to be off, counted
                    while there is a gateway that could have stopped it; one that dies meanwhile leaves the
                    relay's lease, which current_without_permit judges.
over_current        above 50 mA r.m.s.; above 2 mA/cm2 on an electrode of which at least half has contact.
                    Less contact than that, unnoticed by the device, no gateway can see (hazard log, H-24).

Units: mA and mA/cm2, r.m.s.; ms.
"""

from gateway.simulation.physics import HarmKind, Held, Physics

CURRENT_MA = 0.1
CURRENT_MS = 100
WATCHDOG_MS = 1_000
AFTER_STOP_MS = 700
GAP_MS = 600
AFTER_GAP_MS = 700
ELECTRODE_MS = 600
MOST_MA = 50.0
DENSITY_MA_CM2 = 2.0
HALF = 0.5

Finding = tuple[HarmKind, str]
_ALL_WELL: tuple[Finding, ...] = ()


class CurrentWatch:
    """The current of one session after the other."""

    def __init__(self) -> None:
        self._unleased, self._unopened = Held(), Held()
        self._latched = Held()
        self._silent = Held()
        self._stopped_ms: int | None = None
        self._gap_ms: int | None = None
        self._flowed = False
        self._electrode_ms = 0
        self._then_ms: int | None = None

    def began(self) -> None:
        """A person began a session."""
        self._stopped_ms = self._gap_ms = None
        self._flowed = False

    def stopped(self, now: int) -> None:
        """A person stopped everything."""
        if self._stopped_ms is None:
            self._stopped_ms = now

    def look(self, now: int, physics: Physics) -> tuple[Finding, ...]:
        """What is wrong now; usually nothing."""
        flows = physics.current_ma > CURRENT_MA
        latched_ms = self._latched.update(physics.tripped, now)
        unleased = self._is_unleased(flows and not physics.relay_leased, physics.controller_runs, now)
        self._watch_gap(physics, now)
        self._watch_electrode(flows and physics.electrode_off, physics.gateway_runs, now)
        if not flows:
            return _ALL_WELL
        self._flowed = True
        checks = (
            (unleased, HarmKind.CURRENT_WITHOUT_PERMIT, "no lease of the relay"),
            (self._is_after_stop(latched_ms, now), HarmKind.CURRENT_AFTER_STOP, "it was stopped"),
            (self._is_after_gap(now), HarmKind.CURRENT_AFTER_GAP, "its link had a gap"),
            (self._electrode_ms > ELECTRODE_MS, HarmKind.ELECTRODE_ERROR, "its electrode is off"),
            (_is_too_much(physics), HarmKind.OVER_CURRENT, f"{physics.density_ma_cm2:.2f} mA/cm2"),
        )
        return tuple([(kind, f"{physics.current_ma:.1f} mA and {why}") for bad, kind, why in checks if bad])

    def _is_unleased(self, flows: bool, controller_runs: bool, now: int) -> bool:
        """Flows longer than a running controller, or else its watchdog, lets it."""
        unleased_ms = self._unleased.update(flows, now)
        unopened_ms = self._unopened.update(flows and controller_runs, now)
        return unopened_ms > CURRENT_MS or unleased_ms > WATCHDOG_MS + CURRENT_MS

    def _watch_gap(self, physics: Physics, now: int) -> None:
        """A gap counts from its 0.6 s on; one before the first pulses interrupts nothing."""
        silent_ms = self._silent.update(physics.stimulator_silent, now)
        if silent_ms > GAP_MS and self._flowed and self._gap_ms is None:
            self._gap_ms = now

    def _watch_electrode(self, off: bool, gateway_runs: bool, now: int) -> None:
        """Add up the time for which somebody could have ended it."""
        if not off:
            self._electrode_ms, self._then_ms = 0, None
            return
        if gateway_runs and self._then_ms is not None:
            self._electrode_ms += now - self._then_ms
        self._then_ms = now

    def _is_after_stop(self, latched_ms: int, now: int) -> bool:
        stopped = self._stopped_ms is not None and now - self._stopped_ms > AFTER_STOP_MS
        return stopped or latched_ms > AFTER_STOP_MS

    def _is_after_gap(self, now: int) -> bool:
        return self._gap_ms is not None and now - self._gap_ms > AFTER_GAP_MS


def _is_too_much(physics: Physics) -> bool:
    dense = physics.contact >= HALF and physics.density_ma_cm2 > DENSITY_MA_CM2
    return physics.current_ma > MOST_MA or dense
