"""The plan in closed loop on force: down at once, up within its limits, still without a sensor."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Output, StimulationIntent, StimulationPermit
from gateway.therapy.nmes import LEAST_UA, RISE_UA, Phase
from gateway.therapy.nmes_force import NmesForcePlan
from gateway.therapy.plan import Less, More, Seen
from gateway.therapy.plans import begin
from gateway.therapy.prescription import NmesForcePrescription, load

ON_MS, OFF_MS, SETTLE_MS = 2_000, 1_000, 100
TARGET_MN = 20_000
SHORT = NmesForcePrescription(
    name="short",
    title="short",
    sha256="",
    duration_ms=60_000,
    on_ms=ON_MS,
    off_ms=OFF_MS,
    frequency_dhz=450,
    pulse_width_us=400,
    current_ua=40_000,
    target_mn=TARGET_MN,
    tolerance_mn=2_000,
    gain_ua_per_n=200,
    settle_ms=SETTLE_MS,
)


class Limb:
    """A plan, a person with a say, and somebody who permits whatever is wished."""

    def __init__(self, prescription: NmesForcePrescription = SHORT) -> None:
        self.now = 0
        found = begin(prescription, self.now)
        assert isinstance(found, NmesForcePlan)
        self.plan = found
        self.permit: StimulationPermit | None = None
        self.since_ms: int | None = None

    def step(self, after_ms: int = 50) -> int:
        """One step; the current that is given now."""
        self.now += after_ms
        seen = Seen(None, None, None, False, True, self.permit, self.since_ms)
        self.plan, wishes, _ = self.plan.step(seen, self.now)
        if not wishes:
            self.permit = self.since_ms = None
            return 0
        (wish,) = wishes
        assert isinstance(wish, StimulationIntent)
        if self.permit is None:
            self.since_ms = self.now
        self.permit = StimulationPermit(
            wish.current_ua, wish.pulse_width_us, wish.frequency_dhz, self.now + 600
        )
        return wish.current_ua

    def feel(self, force_n: int, after_ms: int = 2) -> StimulationIntent | None:
        self.now += after_ms
        self.plan, wish = self.plan.feel(force_n * 1_000, self.now)
        return wish

    def contracting(self, current_ua: int) -> None:
        """In a contraction that began with this current, after a rest of 0 N."""
        self.feel(0)
        while self.plan.contractions.step_now is not Phase.CONTRACTING:
            contractions = self.plan.contractions._replace(
                current_ua=current_ua - self.plan.contractions.rise_ua
            )
            self.plan = self.plan._replace(contractions=contractions)
            self.step()
        self.step()
        assert self.current_ua == current_ua

    def until(self, phase: Phase) -> None:
        while self.plan.contractions.step_now is not phase:
            self.step()

    @property
    def current_ua(self) -> int:
        return self.plan.contractions.current_ua


def wished_ua(wish: StimulationIntent | None) -> int:
    assert wish is not None
    return wish.current_ua


def test_too_much_force_lowers_the_current_with_the_sample_that_shows_it() -> None:
    limb = Limb()
    limb.contracting(10_000)
    wish = limb.feel(30)
    assert wished_ua(wish) == 10_000 - 10 * 200
    assert wish == StimulationIntent(8_000, 400, 450, 1, 0, ON_MS, 40_000)


def test_within_the_tolerance_nothing_changes() -> None:
    limb = Limb()
    limb.contracting(10_000)
    assert limb.feel(22) is None
    assert limb.feel(18) is None
    assert limb.current_ua == 10_000


def test_after_a_fall_the_muscle_has_its_time_to_follow() -> None:
    limb = Limb()
    limb.contracting(10_000)
    assert wished_ua(limb.feel(30)) == 8_000
    assert limb.feel(30, SETTLE_MS - 1) is None
    assert wished_ua(limb.feel(30, 1)) == 6_000


def test_what_was_lowered_comes_back_by_1_ma_and_no_further() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.feel(30)
    assert wished_ua(limb.feel(0, SETTLE_MS)) == 9_000
    assert limb.feel(0, SETTLE_MS) is None


def test_it_never_goes_above_what_the_contraction_began_with() -> None:
    limb = Limb()
    limb.contracting(10_000)
    assert limb.feel(0) is None
    assert wished_ua(limb.feel(23)) == 9_400
    assert wished_ua(limb.feel(0, SETTLE_MS)) == 10_000


def test_the_current_falls_to_1_ma_at_least() -> None:
    limb = Limb()
    limb.contracting(2_000)
    assert wished_ua(limb.feel(400)) == LEAST_UA
    assert limb.feel(400, SETTLE_MS) is None


def test_force_counts_above_rest() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.until(Phase.RESTING)
    limb.feel(15)
    limb.until(Phase.CONTRACTING)
    assert limb.feel(37) is None
    assert limb.feel(38) is not None


@pytest.mark.parametrize(("most_n", "rise_ua"), [(0, 1_000), (16, 800), (19, 0), (20, 0), (40, 0)])
def test_the_next_contraction_gets_what_the_highest_force_missed(most_n: int, rise_ua: int) -> None:
    limb = Limb(replace(SHORT, settle_ms=1_000))
    limb.contracting(10_000)
    limb.feel(most_n)
    limb.feel(0)
    ended_ua = limb.current_ua
    limb.until(Phase.WAITING)
    limb.until(Phase.CONTRACTING)
    assert limb.current_ua == ended_ua + rise_ua


def test_without_a_sensor_every_contraction_is_like_the_first() -> None:
    limb = Limb()
    currents = set()
    while not limb.plan.is_finished:
        currents.add(limb.step())
    assert currents == {0, LEAST_UA}


def test_a_sensor_that_falls_silent_freezes_the_current() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.feel(10)
    limb.until(Phase.RESTING)
    limb.until(Phase.CONTRACTING)
    rose_ua = limb.current_ua
    assert rose_ua == 11_000
    limb.until(Phase.RESTING)
    limb.until(Phase.CONTRACTING)
    assert limb.current_ua == rose_ua


def test_without_a_rest_value_nothing_is_decided() -> None:
    limb = Limb()
    while limb.plan.contractions.step_now is not Phase.CONTRACTING:
        limb.step()
    assert limb.feel(400) is None


def test_a_press_becomes_what_the_loop_goes_back_to() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.plan, objection = limb.plan.hear(More(3_000), limb.now)
    assert not objection
    assert limb.step() == 13_000
    assert wished_ua(limb.feel(23)) == 12_400
    assert wished_ua(limb.feel(0, SETTLE_MS)) == 13_000


def test_a_word_for_less_holds_against_the_loop() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.plan, _ = limb.plan.hear(Less(4_000), limb.now)
    assert limb.current_ua == 6_000
    assert limb.feel(0, SETTLE_MS) is None


def test_it_says_where_it_stands() -> None:
    limb = Limb()
    assert (limb.plan.cycle, limb.plan.phase, limb.plan.waits_for) == (1, "waiting", Output.STIMULATOR)
    limb.contracting(10_000)
    assert limb.plan.phase == "contracting"
    assert 0 < limb.plan.time_left_ms(limb.now) <= ON_MS


def test_the_shipped_demonstration_is_one() -> None:
    found = load("nmes-force-demo")
    assert isinstance(found, NmesForcePrescription)
    assert (found.target_mn, found.tolerance_mn, found.gain_ua_per_n, found.settle_ms) == (
        20_000,
        2_000,
        200,
        100,
    )
    assert isinstance(found.tightened(5_000), NmesForcePrescription)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(forces=st.lists(st.tuples(st.integers(-500, 500), st.integers(1, 200)), max_size=60))
def test_whatever_is_felt_the_current_stays_between_1_ma_and_what_was_begun(
    forces: list[tuple[int, int]],
) -> None:
    limb = Limb()
    limb.contracting(10_000)
    least_ua = 10_000
    for force_n, after_ms in forces:
        if limb.plan.contractions.step_now is not Phase.CONTRACTING:
            return
        before_ua = limb.current_ua
        wish = limb.feel(force_n, after_ms)
        least_ua = min(least_ua, limb.current_ua)
        assert LEAST_UA <= limb.current_ua <= min(10_000, least_ua + RISE_UA)
        assert (wish is None) == (limb.current_ua == before_ua)
