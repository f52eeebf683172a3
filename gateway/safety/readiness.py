"""What must be true before anything energises in this session: confirmed by people, proven by machines.

Theory of operation
-------------------
``Readiness`` is the list of answers that were collected before arming; the default of each is "not
answered".  ``missing`` names what is still open, in the order in which a person would do it.  Nothing in
here can be overridden: an answer that cannot be given truthfully means no session.

Units: lengths mm, times ms.  Sources: docs/safety; thigh circumference: Trials 2019;20:456, Table 1.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.model import Limb
from gateway.safety.limits import Limits


class Check(StrEnum):
    """One thing that must be done before arming."""

    SCREENING = "screening"
    SKIN = "skin"
    LIMB = "limb"
    CUFF_WIDTH = "cuff_width"
    NOTHING_UNDER_CUFF = "nothing_under_cuff"
    PROBE = "probe"
    CIRCUMFERENCE = "circumference"
    SELF_TEST = "self_test"
    BUTTON = "button"
    OFF_EVERY_LIMB = "off_every_limb"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answers. ``pressed_ago_ms`` is the age of the bedside button's last press at arming.

    ``off_every_limb`` is asked before the cuff itself is tested; nothing about a patient is, then.
    """

    uses_cuff: bool = True
    screened: bool = False
    skin_seen: bool = False
    limb_confirmed: bool = False
    cuff_width_mm: int | None = None
    nothing_under_cuff: bool = False
    probe_distal: bool = False
    circumference_mm: int | None = None
    self_test_passed: bool = False
    pressed_ago_ms: int | None = None
    off_every_limb: bool = False


def missing(limits: Limits, limb: Limb | None, ready: Readiness) -> tuple[Check, ...]:
    """What still stands between this session and its arming; empty when nothing does.

    Without a limb it is the cuff itself that is tested.
    """
    answers = _of_the_cuff(ready) if limb is None else _of_the_patient(limits, limb, ready)
    proven = (
        (Check.SELF_TEST, ready.self_test_passed),
        (Check.BUTTON, _pressed(limits, ready.pressed_ago_ms)),
    )
    return tuple(check for check, given in (*answers, *proven) if not given)


def _of_the_cuff(ready: Readiness) -> tuple[tuple[Check, bool], ...]:
    return ((Check.OFF_EVERY_LIMB, ready.off_every_limb),)


def _of_the_patient(limits: Limits, limb: Limb, ready: Readiness) -> tuple[tuple[Check, bool], ...]:
    return (
        (Check.SCREENING, ready.screened),
        (Check.SKIN, ready.skin_seen),
        (Check.LIMB, ready.limb_confirmed),
        (Check.CUFF_WIDTH, not ready.uses_cuff or _is_length(ready.cuff_width_mm)),
        (Check.NOTHING_UNDER_CUFF, not ready.uses_cuff or ready.nothing_under_cuff),
        (Check.PROBE, not ready.uses_cuff or ready.probe_distal),
        (Check.CIRCUMFERENCE, not ready.uses_cuff or _fits(limits, limb, ready.circumference_mm)),
    )


def _is_length(value_mm: int | None) -> bool:
    return value_mm is not None and value_mm > 0


def _fits(limits: Limits, limb: Limb, circumference_mm: int | None) -> bool:
    if not limb.is_thigh:
        return True
    return circumference_mm is not None and 0 < circumference_mm <= limits.circumference_largest_mm


def _pressed(limits: Limits, ago_ms: int | None) -> bool:
    return ago_ms is not None and 0 <= ago_ms <= limits.press_age_ms
