"""Defects to plant in gateway and firmware, one function each: what they take away, and where.

Theory of operation
-------------------
Each takes pytest's ``monkeypatch`` and removes one protection of one layer, as a bad edit would.  The tests
plant them alone and together: alone, the other layer must cover; together, the harm monitor must find the
harm.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from firmware_bridge.mcu import airflow, interlock, lease, limits
from firmware_bridge.mcu import core as firmware
from gateway.model import LIMBS, Reason
from gateway.runtime import arming, core, service
from gateway.safety import checks, inflation
from gateway.therapy import prescription

Plant = Callable[[pytest.MonkeyPatch], None]
_TOO_HIGH_MARGIN_MMHG = 205


def dead_man(patch: pytest.MonkeyPatch) -> None:
    """Firmware: a lease never lapses."""
    patch.setattr(lease.Lease, "has_expired", lambda self, now_ms: False)


def gateway_vents_on_trip(patch: pytest.MonkeyPatch) -> None:
    """Gateway: latched, it does nothing instead of venting."""
    act = core.Core._act

    def only_unlatched(self: core.Core, now: int) -> None:
        if self.state.latched is None:
            act(self, now)

    patch.setattr(core.Core, "_act", only_unlatched)


def firmware_vents_on_trip(patch: pytest.MonkeyPatch) -> None:
    """Firmware: a fault latches and vents nothing."""
    patch.setattr(firmware.Core, "_stop", lambda self, now_ms: None)


def gateway_ceiling(patch: pytest.MonkeyPatch) -> None:
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
    too_high = SimpleNamespace(
        load=lambda name: replace(load(name), margin_mmhg=_TOO_HIGH_MARGIN_MMHG),
        PrescriptionError=prescription.PrescriptionError,
    )
    patch.setattr(arming, "prescription", too_high)


def firmware_ceiling(patch: pytest.MonkeyPatch) -> None:
    """Firmware: neither its own ceiling nor the one that it was given counts."""
    boundless = property(lambda self: 9999, lambda self, value: None)
    patch.setattr(firmware.Core, "ceiling_dmmhg", boundless, raising=False)


def gateway_over_pressure(patch: pytest.MonkeyPatch) -> None:
    """Gateway: over-pressure is no trip."""
    without = tuple(row for row in checks.TRIPS if row[0] is not Reason.OVER_PRESSURE)
    patch.setattr(checks, "TRIPS", without)


def firmware_over_pressure(patch: pytest.MonkeyPatch) -> None:
    """Firmware: over-pressure is no fault."""
    patch.setattr(interlock.Interlock, "_watch_pressure", lambda *_: None)


def gateway_debt_after_restart(patch: pytest.MonkeyPatch) -> None:
    """Gateway: a restart forgives every limb."""
    restore = service.restore

    def forgiving(*arguments: Any) -> Any:
        return replace(restore(*arguments), debts_ms=(0,) * len(LIMBS))

    patch.setattr(service, "restore", forgiving)


def firmware_debt_after_reset(patch: pytest.MonkeyPatch) -> None:
    """Firmware: a reset forgives every limb."""
    patch.setattr(limits, "DEBT_AFTER_RESET_MS", 0)


def gateway_compares_sensors(patch: pytest.MonkeyPatch) -> None:
    """Gateway: two sensors that disagree are believed."""
    patch.setattr(checks, "_disagree", lambda limits_seen, cuff: False)


def firmware_compares_sensors(patch: pytest.MonkeyPatch) -> None:
    """Firmware: two sensors that disagree are believed, and a vent that takes nothing off is not noticed."""
    patch.setattr(interlock, "disagree", lambda control, limit: False)
    patch.setattr(airflow.Airflow, "_watch_fall", lambda *_: 0)
