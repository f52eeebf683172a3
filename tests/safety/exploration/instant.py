"""One instant as the rules read it: what was seen, and what follows from that alone.

Theory of operation
-------------------
``Instant`` turns the observations of one step into the words of the rules: is there a fresh reading, does it
show pressure, is a sensor blind, is the wish one wish, is everything ready.  Nothing here has a memory, and
nothing of the supervisor is used but the shape of what it is shown.

Units: pressures 0.1 mmHg, blood pressures mmHg, times ms, StO2 and haemoglobin per mille.
"""

from typing import TYPE_CHECKING, NamedTuple

from gateway.model import (
    CuffReading,
    Intent,
    Limb,
    Permit,
    Purpose,
    Safe,
    Sample,
    StimulationIntent,
    StimulationPermit,
)

if TYPE_CHECKING:
    from gateway.safety.observations import Arming, Authorisation, Observations

Wish = Intent | StimulationIntent
Answer = Permit | StimulationPermit | Safe
THIGHS = (Limb.LEFT_THIGH, Limb.RIGHT_THIGH)


class Numbers(NamedTuple):
    """The limits that the rules know, by the names of the table of limits."""

    pressure_ceiling_dmmhg: int
    pressure_trip_dmmhg: int
    pressure_trip_ms: int
    pressure_trip_once_dmmhg: int
    deflated_dmmhg: int
    debt_inflation_ms: int
    debt_vent_ms: int
    debt_unknown_ms: int
    planned_longest_ms: int
    overdue_ms: int
    permit_ms: int
    status_age_ms: int
    absent_ms: int
    sensor_missing_ms: int
    sensor_lowest_dmmhg: int
    sensor_highest_dmmhg: int
    sensors_disagree_dmmhg: int
    sensors_disagree_ms: int
    reached_dmmhg: int
    respond_ms: int
    pass_ms: int
    reach_ms: int
    unmeasured_target_dmmhg: int
    congestion_lowest_dmmhg: int
    congestion_ms: int
    relief_ms: int
    deviation_dmmhg: int
    deviation_moving_dmmhg: int
    deviation_ms: int
    leak_after_ms: int
    leak_ms: int
    leak_duty_permille: int
    far_above_systolic_mmhg: int
    occluding_margin_mmhg: int
    pressure_lost_ms: int
    not_deflated_ms: int
    residual_dmmhg: int
    residual_ms: int
    limb_gap_ms: int
    verify_ms: int
    saturation_fall_permille: int
    recovery_ms: int
    other_limb_every_ms: int
    haemoglobin_permille: int
    haemoglobin_ms: int
    short_longest_ms: int
    short_series_ms: int
    cycle_late_ms: int
    systolic_lowest_mmhg: int
    systolic_highest_mmhg: int
    mean_lowest_mmhg: int
    blood_pressure_age_ms: int
    authorisation_age_ms: int
    tissue_saturation_age_ms: int
    press_age_ms: int
    circumference_largest_mm: int
    stimulation_rms_ua: int
    stimulation_density_ua_cm2: int
    stimulation_pulse_mj: int
    stimulation_rise_ua: int
    stimulation_press_rise_ua: int
    stimulation_press_ms: int
    stimulation_pause_ms: int
    stimulation_permit_ms: int
    stimulator_age_ms: int


def numbers_of(limits: object) -> Numbers:
    """The same numbers from the supervisor's own table."""
    return Numbers(**{name: getattr(limits, name) for name in Numbers._fields})


class Instant:
    """What was seen at ``now``, in the words of the rules.

    ``cuff`` is ``None`` unless it is fresh; ``saturation``, ``haemoglobin`` and ``other`` are ``None`` unless
    they are young.  ``wish`` and ``pulses`` are what is asked of the two outputs: of two wishes for the same
    output neither counts.
    """

    __slots__ = (
        *("apart", "arming", "authorised", "blind", "control", "cuff", "empty", "far_over", "haemoglobin"),
        *("highest", "impossible", "n", "now", "other", "over", "pressed", "pulses", "ready", "saturated"),
        *("saturation", "saturation_old", "seen", "shows", "wish"),
    )

    def __init__(self, n: Numbers, seen: "Observations", wishes: tuple[Wish, ...], now: int) -> None:
        self.n, self.seen, self.now, self.arming = n, seen, now, seen.arming
        self._read_cuff(n, seen.cuff if _is_fresh(n, seen.cuff, now) else None)
        self.ready = seen.arming is not None and _is_ready(n, seen.arming)
        cuff_wishes = [wish for wish in wishes if isinstance(wish, Intent)]
        pulse_wishes = [wish for wish in wishes if isinstance(wish, StimulationIntent)]
        self.pulses = pulse_wishes[0] if len(pulse_wishes) == 1 else None
        vent = len(cuff_wishes) != 1 or cuff_wishes[0].pressure_dmmhg is None
        self.wish = None if vent else cuff_wishes[0]
        self.authorised = _is_authorised(n, seen.authorisation, self.wish, now)
        tissue = seen.tissue
        self.saturation = _young(n, tissue.saturation, now)
        self.haemoglobin = _young(n, tissue.haemoglobin, now)
        self.other = _young(n, tissue.other, now)
        self.saturated = tissue.saturation is not None and tissue.saturation.value is not None
        sample = tissue.saturation
        self.saturation_old = sample is not None and now - sample.arrived_ms > n.tissue_saturation_age_ms

    def _read_cuff(self, n: Numbers, cuff: CuffReading | None) -> None:
        self.cuff = cuff
        both = () if cuff is None else (cuff.control_dmmhg, cuff.limit_dmmhg)
        known = [value for value in both if value is not None]
        self.control = both[0] if both else None
        self.highest = max(known, default=0)
        self.blind = len(known) < len(both)
        self.shows = any(value > n.deflated_dmmhg for value in known)
        self.pressed = self.shows or self.blind
        self.empty = cuff is not None and not self.pressed
        self.over = any(value > n.pressure_trip_dmmhg for value in known)
        self.far_over = any(value > n.pressure_trip_once_dmmhg for value in known)
        self.apart = len(known) == 2 and max(known) - min(known) > n.sensors_disagree_dmmhg
        outside = (value < n.sensor_lowest_dmmhg or value > n.sensor_highest_dmmhg for value in known)
        self.impossible = any(outside)

    @property
    def device_ms(self) -> int:
        """The debt that the controller reports, 0 when it says nothing."""
        return 0 if self.cuff is None else self.cuff.debt_ms

    def device_owes_ms(self, limb: Limb) -> int:
        """The debt that the controller reports for this limb, or for all when it keeps only one."""
        if self.cuff is None:
            return 0
        each = self.cuff.limb_debts_ms
        return each[tuple(Limb).index(limb)] if each else self.cuff.debt_ms


def occluding(n: Numbers, systolic_mmhg: int) -> int:
    """The least pressure that stops the inflow, with its margin."""
    return 10 * (systolic_mmhg + n.occluding_margin_mmhg)


def is_occlusive(purpose: Purpose) -> bool:
    """Whether the cuff is to stop the inflow; the others press less on purpose."""
    return purpose not in (Purpose.RESTRICTION, Purpose.LIMB_PRESSURE)


def is_therapy(purpose: Purpose) -> bool:
    """Whether it is paid from the budget of therapy; the others are examinations."""
    return purpose in (Purpose.OCCLUSION, Purpose.RESTRICTION)


def _is_fresh(n: Numbers, cuff: CuffReading | None, now: int) -> bool:
    return cuff is not None and cuff.arrived_ms <= now <= cuff.arrived_ms + n.status_age_ms


def _young(n: Numbers, sample: Sample | None, now: int) -> int | None:
    if sample is None or not sample.arrived_ms <= now <= sample.arrived_ms + n.tissue_saturation_age_ms:
        return None
    return sample.value


def _is_ready(n: Numbers, arming: "Arming") -> bool:
    """Screened, skin, limb, self-test, a press in the last minute; with a cuff its width, nothing under it,
    the probe distal, and for a thigh a circumference that the cuff is made for."""
    ready = arming.readiness
    people = ready.screened and ready.skin_seen and ready.limb_confirmed
    pressed = ready.pressed_ago_ms is not None and 0 <= ready.pressed_ago_ms <= n.press_age_ms
    if not (people and ready.self_test_passed and pressed):
        return False
    if not ready.uses_cuff:
        return True
    girth = ready.circumference_mm
    fits = arming.limb not in THIGHS or (girth is not None and 1 <= girth <= n.circumference_largest_mm)
    wide = ready.cuff_width_mm is not None and ready.cuff_width_mm >= 1
    return fits and wide and ready.nothing_under_cuff and ready.probe_distal


def _is_authorised(n: Numbers, row: "Authorisation | None", wish: Intent | None, now: int) -> bool:
    if row is None or wish is None:
        return False
    in_time = row.durable_ms <= now <= row.durable_ms + n.authorisation_age_ms
    granted = (row.cycle, row.target_dmmhg, row.planned_ms, row.purpose)
    return in_time and granted == (wish.cycle, wish.pressure_dmmhg, wish.planned_ms, wish.purpose)
