"""The rules of electrical stimulation: ceilings of site and device, dose of the skin, slow rises.

Theory of operation
-------------------
Pulses are rectangular and biphasic: two phases of one width, one current. A site states its ceilings; where
it has stated none, nothing stimulates. Besides them hold the limits of current r.m.s., of current density
on **half** the pad (the other half may have lost its contact unnoticed) and of energy per pulse into 500
ohm. A current rises by at most 1 mA from one contraction to the next, or by 5 mA for a press of a person,
one press a second; it falls at once, and what rises after a fall counts from where it fell to. Contractions
are counted upwards and each begins half a second after the last at the earliest, so that counting them
cannot outrun time. A stimulator that was silent, restarted, reports an electrode fault or does something
unasked trips; nothing resumes by itself.

The pulses of one contraction are a *train*.  It is authorised whole by a journal row that is durable
before its first pulse, up to a current and for a time; what goes beyond either is refused.

All comparisons are between integers: squares instead of roots.
Units: uA, us, 0.1 Hz, nC, mm2, ms.  Sources: gateway.safety.limits; formulas: Enraf-Nonius manual.
"""

from dataclasses import dataclass
from typing import NamedTuple

from gateway.model import Reason, StimulationIntent
from gateway.safety.limits import Limits

_LOAD_OHM = 500


@dataclass(frozen=True, slots=True)
class SiteStimulation:
    """The ceilings that a site has stated, none above its device's, and the area of one pad."""

    current_ua: int
    pulse_width_us: int
    frequency_dhz: int
    charge_nc: int
    pad_area_mm2: int


@dataclass(frozen=True, slots=True)
class StimulatorReading:
    """One valid report of the stimulator. ``link`` changes with every restart and every gap."""

    stimulating: bool
    electrode_fault: bool
    link: int
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class TrainAuthorisation:
    """The durable journal row that allows one train: exactly this one, soon, up to ``ceiling_ua``."""

    contraction: int
    ceiling_ua: int
    pulse_width_us: int
    frequency_dhz: int
    planned_ms: int
    durable_ms: int


class StimulationState(NamedTuple):
    """What was given: ``base_ua`` is what this contraction's rise counts from, ``started_ms`` its begin,
    ``rested_ms`` when the last one ended."""

    on: bool = False
    contraction: int = 0
    current_ua: int = 0
    base_ua: int = 0
    presses: int = 0
    pressed_ms: int | None = None
    permitted_ms: int | None = None
    link: int | None = None
    spent_ms: int = 0
    started_ms: int | None = None
    rested_ms: int | None = None


def refusal(
    limits: Limits,
    site: SiteStimulation | None,
    state: StimulationState,
    row: TrainAuthorisation | None,
    wish: StimulationIntent,
    now: int,
) -> Reason | None:
    """Why these pulses may not be given at ``now``, or ``None``."""
    if site is None:
        return Reason.STIMULATION_NOT_CONFIGURED
    if not _within(limits, site, wish.current_ua, wish.pulse_width_us, wish.frequency_dhz):
        return Reason.STIMULATION_ABOVE_LIMIT
    if wish.contraction < state.contraction:
        return Reason.REQUEST_CHANGED
    if wish.contraction > state.contraction and not _is_rested(limits, state, now):
        return Reason.CONTRACTION_PAUSE
    if wish.current_ua > _highest_ua(limits, state, wish, now):
        return Reason.STIMULATION_RISE_TOO_FAST
    return _unauthorised(limits, state, row, wish, now)


def _is_rested(limits: Limits, state: StimulationState, now: int) -> bool:
    """Whether the muscle has had its pause. A clock that ran backwards proves none."""
    if state.on:
        return False
    return state.rested_ms is None or now - state.rested_ms >= limits.stimulation_pause_ms


def highest_ua(limits: Limits, site: SiteStimulation, pulse_width_us: int, frequency_dhz: int) -> int:
    """The highest current at which such pulses are within all ceilings; 0 where there is none."""
    highest_ua = 0
    for bit in reversed(range(site.current_ua.bit_length())):
        higher_ua = highest_ua + (1 << bit)
        if _within(limits, site, higher_ua, pulse_width_us, frequency_dhz):
            highest_ua = higher_ua
    return highest_ua


def _unauthorised(
    limits: Limits,
    state: StimulationState,
    row: TrainAuthorisation | None,
    wish: StimulationIntent,
    now: int,
) -> Reason | None:
    """What a train lacks to be the one that its row authorises."""
    if row is None or row.contraction != wish.contraction:
        return Reason.JOURNAL_PENDING
    given = (wish.pulse_width_us, wish.frequency_dhz, wish.planned_ms)
    if given != (row.pulse_width_us, row.frequency_dhz, row.planned_ms) or wish.current_ua > row.ceiling_ua:
        return Reason.REQUEST_CHANGED
    if state.started_ms is None or wish.contraction != state.contraction:
        fresh = 0 <= now - row.durable_ms <= limits.authorisation_age_ms
        return None if fresh else Reason.JOURNAL_PENDING
    return None if now - state.started_ms < row.planned_ms else Reason.REQUEST_CHANGED


def _within(
    limits: Limits, site: SiteStimulation, current_ua: int, pulse_width_us: int, frequency_dhz: int
) -> bool:
    asked = (current_ua, pulse_width_us, frequency_dhz)
    allowed = (site.current_ua, site.pulse_width_us, site.frequency_dhz)
    if not all(0 < one <= most for one, most in zip(asked, allowed, strict=True)):
        return False
    if current_ua * pulse_width_us > site.charge_nc * 1000:
        return False
    pulse = current_ua**2 * 2 * pulse_width_us
    if pulse * _LOAD_OHM > limits.stimulation_pulse_mj * 10**15:
        return False
    rms_ua = min(limits.stimulation_rms_ua, limits.stimulation_density_ua_cm2 * site.pad_area_mm2 // 200)
    return pulse * frequency_dhz <= rms_ua**2 * 10**7


def _highest_ua(limits: Limits, state: StimulationState, wish: StimulationIntent, now: int) -> int:
    highest_ua = _base_ua(state, wish) + limits.stimulation_rise_ua
    if _is_pressed(limits, state, wish, now):
        return max(highest_ua, state.current_ua + limits.stimulation_press_rise_ua)
    return highest_ua


def _base_ua(state: StimulationState, wish: StimulationIntent) -> int:
    """What a rise counts from: the last current, or the least of this contraction since it began.

    So what was lowered does not come back within the contraction, and no step of a contraction counts twice.
    """
    if wish.contraction != state.contraction:
        return state.current_ua
    return min(state.base_ua, state.current_ua)


def _is_pressed(limits: Limits, state: StimulationState, wish: StimulationIntent, now: int) -> bool:
    """One more press than before, and not within a second of the last one that counted."""
    if wish.presses <= state.presses:
        return False
    return state.pressed_ms is None or now - state.pressed_ms >= limits.stimulation_press_ms


def give(
    limits: Limits,
    state: StimulationState,
    reading: StimulatorReading | None,
    wish: StimulationIntent,
    now: int,
) -> StimulationState:
    """The state with these pulses being given; the link on which the first were given is the only one."""
    begun = state.started_ms is not None and wish.contraction == state.contraction
    base_ua = _base_ua(state, wish)
    spent_ms = state.spent_ms
    if state.on and state.permitted_ms is not None:
        spent_ms += max(0, now - state.permitted_ms)
    if _is_pressed(limits, state, wish, now):
        state = state._replace(presses=wish.presses, pressed_ms=now)
        base_ua = wish.current_ua
    return state._replace(
        on=True,
        contraction=wish.contraction,
        current_ua=wish.current_ua,
        base_ua=base_ua,
        permitted_ms=now,
        spent_ms=spent_ms,
        started_ms=state.started_ms if begun else now,
        link=reading.link if state.link is None and reading is not None else state.link,
    )


def rest(state: StimulationState, now: int) -> StimulationState:
    """The state with nothing being given."""
    return state._replace(on=False, rested_ms=now) if state.on else state
