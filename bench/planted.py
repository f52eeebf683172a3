"""Defects to plant in gateway and firmware, one function each: what they take away, and where.

Theory of operation
-------------------
Each takes something with the ``setattr`` of pytest's ``monkeypatch`` and removes one protection of one layer,
as a bad edit would.  ``bench.defects`` plants them alone and together: alone, the other layer must cover;
together, the harm monitor must find the harm.

As a plugin (``RVOS_PLANT=NAME pytest -p bench.planted TESTS``) one of them is planted for a whole run, so
that it shows which test would notice.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Protocol

from firmware_bridge.mcu import airflow, interlock, lease, limits, presence
from firmware_bridge.mcu import core as firmware
from gateway.model import LIMBS, CuffReading, Reason, StimulationPermit
from gateway.runtime import arming, core, service, stimulator
from gateway.runtime import gate as cuff_gate
from gateway.runtime.restore import restore
from gateway.safety import checks, inflation, supervisor
from gateway.therapy import prescription
from gateway.therapy.prescription import RvosPrescription

VARIABLE = "RVOS_PLANT"
_TOO_HIGH_MARGIN_MMHG = 205


class Patch(Protocol):
    """What can replace an attribute, and puts it back some day."""

    def setattr(self, target: Any, name: str, value: object, raising: bool = True) -> None:
        """Replace it."""


Plant = Callable[[Patch], None]


class Patches:
    """Replaces attributes until ``undo``."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def setattr(self, target: Any, name: str, value: object, raising: bool = True) -> None:
        """Replace it; one that is not there is missing again afterwards."""
        self._before.append((target, name, vars(target).get(name, _MISSING)))
        setattr(target, name, value)

    def undo(self) -> None:
        """Put everything back."""
        for target, name, value in reversed(self._before):
            if value is _MISSING:
                delattr(target, name)
            else:
                setattr(target, name, value)
        self._before = []


_MISSING = object()


def pytest_configure(config: object) -> None:
    """Plant what the environment names; the process ends with its tests."""
    name = os.environ.get(VARIABLE, "")
    for one in filter(None, name.split(",")):
        PLANTS[one](Patches())


# --- one protection each ------------------------------------------------------------------------------


def dead_man(patch: Patch) -> None:
    """Firmware: a lease never lapses."""
    patch.setattr(lease.Lease, "has_expired", lambda self, now_ms: False)


def gateway_vents_on_trip(patch: Patch) -> None:
    """Gateway: latched, it does nothing instead of venting."""
    act = core.Core._act

    def only_unlatched(self: core.Core, now: int) -> None:
        if self.state.latched is None:
            act(self, now)

    patch.setattr(core.Core, "_act", only_unlatched)
    patch.setattr(core.Core, "_make_safe", lambda self, now: None)


def firmware_vents_on_trip(patch: Patch) -> None:
    """Firmware: a fault latches and vents nothing."""
    patch.setattr(firmware.Core, "_stop", lambda self, now_ms: None)


def gateway_ceiling(patch: Patch) -> None:
    """Gateway: no target is too high, and a prescription asks for one."""
    load, judge = prescription.load, inflation.refusal
    harmless = (Reason.TARGET_ABOVE_CEILING, Reason.TARGET_NEEDS_LIMB_PRESSURE)

    def never_too_high(*arguments: Any) -> Reason | None:
        limits_seen, *rest = arguments
        loose = replace(limits_seen, pressure_ceiling_dmmhg=9999, unmeasured_target_dmmhg=9999)
        reason = judge(loose, *rest)
        return None if reason in harmless else reason

    patch.setattr(inflation, "refusal", never_too_high)
    patch.setattr(arming.ArmingDesk, "_patient", lambda *_: None)

    def load_too_high(name: str) -> RvosPrescription:
        found = load(name)
        assert isinstance(found, RvosPrescription)
        return replace(found, margin_mmhg=_TOO_HIGH_MARGIN_MMHG)

    too_high = SimpleNamespace(load=load_too_high, PrescriptionError=prescription.PrescriptionError)
    patch.setattr(arming, "prescription", too_high)


def firmware_ceiling(patch: Patch) -> None:
    """Firmware: neither its own ceiling nor the one that it was given counts."""
    boundless = property(lambda self: 9999, lambda self, value: None)
    patch.setattr(firmware.Core, "ceiling_dmmhg", boundless, raising=False)


def gateway_over_pressure(patch: Patch) -> None:
    """Gateway: over-pressure is no trip, neither before the judgement nor in it."""
    _without(patch, Reason.OVER_PRESSURE)
    patch.setattr(core, "vents_at_once", lambda *_: False)


def firmware_over_pressure(patch: Patch) -> None:
    """Firmware: over-pressure is no fault."""
    patch.setattr(interlock.Interlock, "_watch_pressure", lambda *_: None)


def gateway_debt_after_restart(patch: Patch) -> None:
    """Gateway: a restart forgives every limb."""

    def forgiving(*arguments: Any) -> Any:
        return replace(restore(*arguments), debts_ms=(0,) * len(LIMBS))

    patch.setattr(service, "restore", forgiving)


def firmware_debt_after_reset(patch: Patch) -> None:
    """Firmware: a reset forgives every limb."""
    patch.setattr(limits, "DEBT_AFTER_RESET_MS", 0)


def gateway_compares_sensors(patch: Patch) -> None:
    """Gateway: two sensors that disagree are believed."""
    patch.setattr(checks, "_disagree", lambda limits_seen, cuff: False)


def firmware_compares_sensors(patch: Patch) -> None:
    """Firmware: two sensors that disagree are believed, and a vent that takes nothing off is not noticed."""
    patch.setattr(interlock, "disagree", lambda both: False)
    patch.setattr(airflow.Airflow, "_watch_fall", lambda *_: 0)


def gateway_stops_stimulator(patch: Patch) -> None:
    """Gateway: the stimulator's driver is never told to stop, only asked."""
    act = stimulator.StimulatorGate.act

    def only_gives(self: Any, answer: Any, relay_closed: bool, now: int) -> None:
        if isinstance(answer, StimulationPermit):
            act(self, answer, relay_closed, now)
        elif self._port is not None and self._is_due(stimulator.POLL_MS, now):
            self._port.ask()
            self._said_ms = now

    patch.setattr(stimulator.StimulatorGate, "act", only_gives)
    patch.setattr(stimulator.StimulatorGate, "make_safe", lambda self, now: None)


def gateway_opens_relay(patch: Patch) -> None:
    """Gateway: the relay in the stimulator's lead is never opened by word."""

    def only_vents(self: Any) -> None:
        if self._host is not None:
            self._host.vent()

    patch.setattr(cuff_gate.Gate, "open_relay", lambda self: None)
    patch.setattr(cuff_gate.Gate, "make_safe", only_vents)


def gateway_sees_gaps(patch: Patch) -> None:
    """Gateway: a stimulator that was silent, or has restarted, is believed to be the same."""
    _without(patch, Reason.STIMULATOR_LOST)


def gateway_sees_electrodes(patch: Patch) -> None:
    """Gateway: an electrode error is no trip."""
    _without(patch, Reason.ELECTRODE_FAULT)


def firmware_heeds_people(patch: Patch) -> None:
    """Firmware: the buttons are counted and told, and stop nothing."""
    step = presence.Presence.step

    def deaf(self: Any, *arguments: Any) -> bool:
        step(self, *arguments)
        return False

    patch.setattr(presence.Presence, "step", deaf)


def gateway_heeds_people(patch: Patch) -> None:
    """Gateway: what the controller says of its buttons stops nothing."""
    denied = supervisor._denied

    def deaf(state: Any, observations: Any) -> Reason | None:
        cuff: CuffReading | None = observations.cuff
        if cuff is not None:
            quiet = replace(cuff, patient_stop=False, presses=state.presses or 0)
            observations = replace(observations, cuff=quiet)
        return denied(state, observations)

    patch.setattr(supervisor, "_denied", deaf)


def _without(patch: Patch, reason: Reason) -> None:
    patch.setattr(checks, "TRIPS", tuple(row for row in checks.TRIPS if row[0] is not reason))


PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        *(dead_man, gateway_vents_on_trip, firmware_vents_on_trip),
        *(gateway_ceiling, firmware_ceiling, gateway_over_pressure, firmware_over_pressure),
        *(gateway_debt_after_restart, firmware_debt_after_reset),
        *(gateway_compares_sensors, firmware_compares_sensors),
        *(gateway_stops_stimulator, gateway_opens_relay, gateway_sees_gaps, gateway_sees_electrodes),
        *(firmware_heeds_people, gateway_heeds_people),
    )
}
"""Every one, by its name."""
