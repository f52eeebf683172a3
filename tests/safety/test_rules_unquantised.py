"""The rules of the exploration once more: real limits, any time and pressure that Hypothesis chooses."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gateway.model import BloodPressure, DeviceFault, Intent, Limb, Output, Purpose, Reason
from gateway.safety import supervisor
from gateway.safety.debt import Debts
from gateway.safety.limits import HARD
from gateway.safety.observations import Authorisation, State
from gateway.safety.stimulation import SiteStimulation
from tests.safety.exploration.instant import Instant, numbers_of
from tests.safety.exploration.letters import ARMING, READY, Letter, Names, PulseWish, Pulsing, row_of
from tests.safety.exploration.memory import Memory, owing
from tests.safety.exploration.rules import Rules

START_MS = 50_000_000
TARGET = 1_700
SITE = SiteStimulation(
    current_ua=60_000, pulse_width_us=400, frequency_dhz=500, charge_nc=20_000, pad_area_mm2=5_000
)
ARMED = replace(
    ARMING,
    readiness=replace(READY, cuff_width_mm=180, circumference_mm=560),
    therapy_left_ms=600_000,
    examination_left_ms=600_000,
    stimulation_left_ms=5_000,
    stimulation=SITE,
)
WELL = Letter("well", arming=ARMED, sensors=(0, 0), saturation=700, saturation_expected=True)


def near(*edges: int) -> st.SearchStrategy[int]:
    """Values around each edge, and any between the smallest and twice the largest."""
    around = st.builds(int.__add__, st.sampled_from(edges), st.integers(-2, 2))
    return around | st.integers(min(edges), 2 * max(edges))


GAPS = st.just(50) | near(HARD.pressure_trip_ms, HARD.status_age_ms, HARD.cycle_late_ms)
SENSOR = st.none() | near(-150, 50, 150, 200, 850, 1_400, 1_550, 1_850, 2_000, 3_100, 3_200, 4_000)
PLANS = near(0, HARD.short_longest_ms, 60_000, HARD.planned_longest_ms)
TARGETS = near(1_400, TARGET, HARD.unmeasured_target_dmmhg, HARD.pressure_ceiling_dmmhg)
DEBTS = near(0, HARD.debt_inflation_ms - 6_000, HARD.debt_vent_ms)
AGES = near(-1, HARD.authorisation_age_ms, HARD.tissue_saturation_age_ms, HARD.blood_pressure_age_ms)
PRESSURES = st.builds(BloodPressure, near(70, 90, 120, 150, 180), near(50, 80), st.just(0))
SATURATION = st.none() | near(600, 650, 700)
BLOOD = st.none() | near(950, 1_000, 1_050)
CURRENTS = near(0, 1_000, 5_000, 20_000)
MEASURED = st.none() | near(1_600, TARGET)
FOR_ONCE: list[dict[str, Any]] = [
    {"stop": Reason.INTOLERABLE},
    {"pressed": True},
    {"patient_stop": True},
    {"reset": True},
    {"arming": None},
    {"reset": True, "arming": None},
    {"sensors": None},
    {"accepted": False},
    {"journal_failed": True},
    {"lease_refused": True},
    {"pressure": None},
    {"row": None},
    {"saturation_age": None},
    {"faults": DeviceFault.LOOP_LATE},
    {"restarted": True},
    {"device_debt": 200_000},
    {"working": True},
    {"moving": True},
    {"stimulator": None},
    {"stimulator": Pulsing(electrode_fault=True)},
    {"stimulator": Pulsing(stimulating=True)},
    {"stimulator": Pulsing(another_link=True)},
    {"stimulator": Pulsing(age=601)},
    {"arming": replace(ARMED, number=2)},
    {"arming": replace(ARMED, number=3, limb=Limb.RIGHT_THIGH)},
    {"arming": replace(ARMED, readiness=replace(READY, screened=False))},
]


class SupervisorUnderItsRules(RuleBasedStateMachine):
    """``letter`` is what is seen until something changes it; every step is judged."""

    @initialize(owed=DEBTS, latched=st.sampled_from([None, None, Reason.CORE_RESTARTED]))
    def begin(self, owed: int, latched: Reason | None) -> None:
        self.rules, self.now = Rules(numbers_of(HARD)), START_MS
        self.state = State(Debts.equal(max(0, owed), self.now), latched=latched)
        self.memory = Memory(owing(max(0, owed)), latched=latched)
        self.letter = WELL

    def step(self, gap_ms: int, **once: Any) -> None:
        """One step of the supervisor, judged."""
        self.now += gap_ms
        letter, used = self.letter._replace(**once), self.state.stimulation
        known = (7 if self.state.nonce is None else self.state.nonce, self.state.presses or 0)
        names = Names(*known, used.contraction, used.presses, 1 if used.link is None else used.link)
        seen, wishes = letter.seen(self.now, names), letter.wished(names)
        self.state, verdict = supervisor.step(HARD, self.state, seen, wishes, self.now)
        instant = Instant(self.rules.numbers, seen, wishes, self.now)
        owed = self.state.debts.values_ms
        self.memory, broken = self.rules.judge(self.memory, instant, gap_ms, verdict, owed)
        assert not broken, broken

    def see(self, **changes: Any) -> None:
        self.letter = self.letter._replace(**changes)

    @rule(gap=GAPS, times=st.integers(1, 20))
    def time_passes(self, gap: int, times: int) -> None:
        for _ in range(times):
            self.step(max(0, gap))

    @rule(gap=st.integers(400, 500), times=st.integers(1, 160))
    def minutes_pass(self, gap: int, times: int) -> None:
        for _ in range(times):
            self.step(gap)

    @rule()
    def put_right(self) -> None:
        """A person empties the cuff, enters a pressure and clears what is latched."""
        self.letter = WELL
        self.step(50, reset=True)

    @rule(
        asked=TARGETS,
        plan=PLANS,
        cycle=st.integers(1, 2),
        purpose=st.sampled_from(Purpose),
        measured=MEASURED,
        schedule=st.just(0) | PLANS,
        row_age=st.just(0) | AGES,
        device=st.just(0) | DEBTS,
    )
    def ask(
        self, asked: int, plan: int, cycle: int, purpose: Purpose, measured: int | None, **more: int
    ) -> None:
        """Anything from a perfect request to nonsense, at an empty cuff."""
        self.put_right()
        wish = Intent(Output.CUFF, asked, plan, cycle, purpose, more["schedule"])
        self.see(
            wishes=(wish,),
            row=Authorisation(1, asked, plan, 0, purpose),
            row_age=more["row_age"],
            device_debt=max(0, more["device"]),
            arming=replace(ARMED, limb_pressure_dmmhg=measured),
        )
        self.step(50)

    @rule(entered=PRESSURES, age=AGES)
    def enter(self, entered: BloodPressure, age: int) -> None:
        self.see(pressure=entered, pressure_age=age)
        self.step(50)
        self.see(pressure_age=0)

    @rule(
        plan=st.integers(1_000, 290_000),
        purpose=st.sampled_from(Purpose),
        rises=st.integers(0, 20),
        tissue=st.tuples(SATURATION, BLOOD, SATURATION),
    )
    def inflate(self, plan: int, purpose: Purpose, rises: int, tissue: tuple[int | None, ...]) -> None:
        """As a plan would; the cuff rises for a while and arrives."""
        short = min(plan, HARD.short_longest_ms)
        planned = short if purpose is Purpose.SHORT_OCCLUSIONS else plan
        self.ask(TARGET, planned, 1, purpose, TARGET, schedule=0, row_age=0, device=0)
        saturation, haemoglobin, other = tissue
        self.see(saturation=saturation, haemoglobin=haemoglobin, other=other)
        for rise in range(rises):
            self.step(450, sensors=(80 * rise, 80 * rise))
        self.see(sensors=(TARGET, TARGET))
        self.step(50)

    @rule(control=SENSOR, limit=SENSOR, alike=st.booleans(), gap=GAPS, times=st.integers(1, 10))
    def read(self, control: int | None, limit: int | None, alike: bool, gap: int, times: int) -> None:
        self.see(sensors=(control, control if alike else limit))
        self.time_passes(gap, times)

    @rule(values=st.tuples(SATURATION, BLOOD, SATURATION), flow=st.sampled_from([None, False, True]))
    def oximeter(self, values: tuple[int | None, ...], flow: bool | None) -> None:
        saturation, haemoglobin, other = values
        self.see(saturation=saturation, haemoglobin=haemoglobin, other=other, flow_seen=flow)
        self.step(50)

    @rule(asked=TARGETS, cycle=st.integers(1, 2), purpose=st.sampled_from(Purpose), count=st.integers(0, 2))
    def wish_otherwise(self, asked: int, cycle: int, purpose: Purpose, count: int) -> None:
        self.see(wishes=(Intent(Output.CUFF, asked, 60_000, cycle, purpose),) * count)
        self.step(50)

    @rule(asked=TARGETS)
    def climb(self, asked: int) -> None:
        """Another target for what is under way."""
        self.see(wishes=tuple(replace(wish, pressure_dmmhg=asked) for wish in self.letter.wishes))
        self.step(50)

    @rule(
        current=CURRENTS,
        width=near(1, 400),
        rate=near(1, 500),
        another=st.booleans(),
        press=st.booleans(),
        times=st.integers(1, 8),
        gap=GAPS,
        planned=near(1, 2_000, 60_000),
        row_age=st.just(0) | near(0, HARD.authorisation_age_ms),
        spare=st.sampled_from([0, 0, 1_000, -1]),
    )
    def pulse(self, current: int, another: bool, press: bool, times: int, **more: int) -> None:
        wish = PulseWish(current, another, press, more["width"], more["rate"], more["planned"])
        row = row_of(wish, age=more["row_age"], ceiling_ua=current + more["spare"])
        self.step(50, pulses=(wish,), stimulator=Pulsing(), train=row)
        for _ in range(times):
            going_on, same = wish._replace(another=False, press=False), row._replace(another=False)
            self.step(max(0, more["gap"]), pulses=(going_on,), stimulator=Pulsing(True), train=same)

    @rule(what=st.sampled_from(FOR_ONCE), gap=GAPS)
    def for_once(self, what: dict[str, Any], gap: int) -> None:
        self.step(max(0, gap), **what)

    @rule(age=AGES, gap=GAPS, times=st.integers(1, 4))
    def late(self, age: int, gap: int, times: int) -> None:
        """Readings that come late, or from the future."""
        for _ in range(times):
            self.step(max(0, gap), sensors_age=age, saturation_age=age)

    @rule(back_ms=st.integers(1, 20_000))
    def clock_runs_back(self, back_ms: int) -> None:
        self.step(-back_ms)


SupervisorUnderItsRules.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSupervisorUnderItsRules = SupervisorUnderItsRules.TestCase
