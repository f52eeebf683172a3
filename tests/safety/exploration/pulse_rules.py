"""The rules of the stimulator: when it must be safe, what it may give, what trips.

Units: uA, us, 0.1 Hz, nC, mm2, ms.
"""

from collections.abc import Iterator

from gateway.model import Reason, StimulationIntent
from tests.safety.exploration.instant import Instant, Numbers
from tests.safety.exploration.memory import Memory, Pulses

_LOAD_OHM = 500


def dangers(n: Numbers, memory: Memory, at: Instant) -> Iterator[tuple[Reason, bool]]:
    """Electrodes while armed; silence or another link while it is used; pulses that nobody permits."""
    reading, pulses = at.seen.stimulator, memory.pulses
    yield Reason.ELECTRODE_FAULT, at.seen.armed and reading is not None and reading.electrode_fault
    yield Reason.STIMULATOR_UNEXPECTED, is_unpermitted(n, pulses, at)
    if at.seen.armed and pulses.link is not None:
        heard = reading is not None and reading.link == pulses.link and at.now - reading.arrived_ms >= 0
        young = reading is not None and at.now - reading.arrived_ms <= n.stimulator_age_ms
        yield Reason.STIMULATOR_LOST, not (heard and young)


def is_unpermitted(n: Numbers, pulses: Pulses, at: Instant) -> bool:
    """Current flows that nobody permits, nor did a moment ago."""
    reading = at.seen.stimulator
    if reading is None or not reading.stimulating or pulses.on:
        return False
    settled = n.stimulation_permit_ms + n.stimulator_age_ms
    return pulses.permitted_ms is None or pulses.permitted_ms > settled


def denials(n: Numbers, memory: Memory, at: Instant) -> Iterator[tuple[Reason, bool]]:
    """Why these pulses may not be given, in the order in which a person wants to hear it."""
    wish, arming, pulses = at.pulses, at.arming, memory.pulses
    yield Reason.NO_REQUEST, wish is None
    yield Reason.NOT_ARMED, arming is None or at.seen.stimulator is None
    if wish is None or arming is None:
        return
    yield Reason.NOT_READY, not at.ready
    yield Reason.BUDGET_SPENT, pulses.spent_ms >= arming.stimulation_left_ms
    yield Reason.STIMULATION_NOT_CONFIGURED, arming.stimulation is None
    yield Reason.STIMULATION_ABOVE_LIMIT, not _is_within(n, at, wish)
    yield Reason.REQUEST_CHANGED, wish.contraction < pulses.contraction
    resting = pulses.rested_ms is None or pulses.rested_ms >= n.stimulation_pause_ms
    another = wish.contraction > pulses.contraction
    yield Reason.CONTRACTION_PAUSE, another and (pulses.on or not resting)
    yield Reason.STIMULATION_RISE_TOO_FAST, wish.current_ua > _most_ua(n, pulses, wish)
    yield from _row_denials(n, pulses, at, wish)


def _row_denials(
    n: Numbers, pulses: Pulses, at: Instant, wish: StimulationIntent
) -> Iterator[tuple[Reason, bool]]:
    """A contraction needs its own durable row, young at its first pulse; it is given so, or weaker, and only
    as long as the row says."""
    row = at.seen.train
    yield Reason.JOURNAL_PENDING, row is None or row.contraction != wish.contraction
    if row is None:
        return
    kept = wish.pulse_width_us == row.pulse_width_us and wish.frequency_dhz == row.frequency_dhz
    yield Reason.REQUEST_CHANGED, not kept or wish.planned_ms != row.planned_ms
    yield Reason.REQUEST_CHANGED, wish.current_ua > row.ceiling_ua
    begun_ms = _begun_ms(pulses, wish)
    young = row.durable_ms <= at.now <= row.durable_ms + n.authorisation_age_ms
    yield Reason.JOURNAL_PENDING, begun_ms is None and not young
    yield Reason.REQUEST_CHANGED, begun_ms is not None and begun_ms >= row.planned_ms


def _begun_ms(pulses: Pulses, wish: StimulationIntent) -> int | None:
    """How long ago this contraction began, pauses included; ``None`` before its first pulse."""
    return pulses.begun_ms if wish.contraction == pulses.contraction else None


def _is_within(n: Numbers, at: Instant, wish: StimulationIntent) -> bool:
    """The site's four ceilings, the skin's r.m.s. on half of the pad, and the energy of one pulse."""
    site = None if at.arming is None else at.arming.stimulation
    if site is None:
        return False
    current, width, rate = wish.current_ua, wish.pulse_width_us, wish.frequency_dhz
    if min(current, width, rate) < 1:
        return False
    if current > site.current_ua or width > site.pulse_width_us or rate > site.frequency_dhz:
        return False
    charge_fits = current * width <= 1_000 * site.charge_nc
    # uA2 x us x ohm is 1e-18 J; two phases.
    energy_fits = 2 * current * current * width * _LOAD_OHM <= n.stimulation_pulse_mj * 10**15
    half_pad = n.stimulation_density_ua_cm2 * site.pad_area_mm2 // 200
    most = min(half_pad, n.stimulation_rms_ua)
    # The part of the time in which current flows, in 1e-7: two phases of so many us, so many tenths of Hz.
    skin_fits = current * current * 2 * width * rate <= most * most * 10_000_000
    return charge_fits and energy_fits and skin_fits


def _most_ua(n: Numbers, pulses: Pulses, wish: StimulationIntent) -> int:
    """1 mA more than the contraction before; 5 mA more than now for a press, one press a second."""
    most = _base_ua(pulses, wish) + n.stimulation_rise_ua
    if _counts_as_press(n, pulses, wish):
        most = max(most, pulses.current_ua + n.stimulation_press_rise_ua)
    return most


def _base_ua(pulses: Pulses, wish: StimulationIntent) -> int:
    """The least that this contraction fell to, or the last current of the one before."""
    same = wish.contraction == pulses.contraction
    return min(pulses.base_ua, pulses.current_ua) if same else pulses.current_ua


def _counts_as_press(n: Numbers, pulses: Pulses, wish: StimulationIntent) -> bool:
    rested = pulses.pressed_ms is None or pulses.pressed_ms >= n.stimulation_press_ms
    return wish.presses > pulses.presses and rested


def given(n: Numbers, memory: Memory, at: Instant, wish: StimulationIntent) -> Pulses:
    """The memory of pulses that are being given."""
    pulses = memory.pulses
    base, spent, link = _base_ua(pulses, wish), pulses.spent_ms, pulses.link
    if pulses.on:
        spent += max(0, pulses.permitted_ms or 0)
    presses, pressed_ms = pulses.presses, pulses.pressed_ms
    if _counts_as_press(n, pulses, wish):
        presses, pressed_ms, base = wish.presses, 0, wish.current_ua
    if link is None and at.seen.stimulator is not None:
        link = at.seen.stimulator.link
    return Pulses(
        on=True,
        contraction=wish.contraction,
        current_ua=wish.current_ua,
        base_ua=base,
        presses=presses,
        pressed_ms=pressed_ms,
        permitted_ms=0,
        link=link,
        spent_ms=spent,
        begun_ms=_begun_ms(pulses, wish) or 0,
        rested_ms=pulses.rested_ms,
    )
