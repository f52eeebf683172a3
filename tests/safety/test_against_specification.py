"""The supervisor against its independent specification, over generated beds, people and faults."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.model import BloodPressure, DeviceFault, Intent, Output, Permit, Reason
from gateway.safety import supervisor
from gateway.safety.debt import Debts
from gateway.safety.limits import HARD
from gateway.safety.observations import Authorisation, Observations, State
from gateway.safety.reasons import Kind, kind_of
from gateway.safety.supervisor import Verdict
from tests.safety.bedside import ARMING, PLANNED_MS, START_MS, TARGET, Bedside
from tests.safety.specification import Expected, Specification

GAPS = st.sampled_from([0, 1, 40, 50, 50, 50, 99, 100, 200, 499, 500, 501, 900, 901])
PRESSURES = st.sampled_from(
    [None, 0, 149, 150, 151, 1399, 1400, 1669, 1670, 1700, 1851, 3100, 3101, 3200, 3201, -150, -151, 4001]
)
DEBTS = st.sampled_from([0, 0, 0, 1, 250_000, 270_000, 294_000, 294_001, 299_000, 300_000, 314_950])
AGES = st.sampled_from([-1, 0, 1, 5_000, 5_001, 300_000, 300_001])
WHILES = st.sampled_from([0, 1, 2, 5, 21, 36, 48])
HELD = st.sampled_from([1_000, PLANNED_MS, 50_000])
TARGETS = st.sampled_from([1399, 1400, TARGET, 2500, 2501, 3000, 3001])
PLANS = st.sampled_from([0, 1, 1_000, PLANNED_MS, 300_000, 300_001])
PAPERS = [
    *(BloodPressure(s, d, 0) for s, d in ((89, 80), (90, 52), (90, 53), (120, 80), (150, 80), (151, 80))),
    *(BloodPressure(s, 80, 0) for s in (180, 181)),
    *(Authorisation(1, TARGET, PLANNED_MS, 0) for _ in range(3)),
    Authorisation(2, TARGET, PLANNED_MS, 0),
    Authorisation(1, TARGET + 1, PLANNED_MS, 0),
    Authorisation(1, TARGET, PLANNED_MS + 1, 0),
]
OTHER_WISHES = [
    (),
    (Intent(Output.CUFF, None),),
    (Intent(Output.CUFF, 0, PLANNED_MS, 1),),
    (Intent(Output.CUFF, TARGET + 1, PLANNED_MS, 1),),
    (Intent(Output.CUFF, TARGET, PLANNED_MS, 2),),
    (Intent(Output.CUFF, TARGET, PLANNED_MS + 1, 1),),
    (Intent(Output.CUFF, TARGET, PLANNED_MS, 1), Intent(Output.CUFF, None)),
]
FOR_ONE_STEP: list[dict[str, object]] = [
    {"stop": Reason.STOPPED_BY_OPERATOR},
    {"reset": True},
    {"reset": True, "stop": Reason.STOPPED_BY_OPERATOR},
    {"arming": None},
    {"cuff_accepted": False},
    {"journal_failed": True},
    {"lease_refused": True},
    {"blood_pressure": None},
    {"authorisation": None},
    {"cuff": None},
    {"arming": None, "journal_failed": True, "cuff": None},
]
CONTROLLER: list[dict[str, object]] = [
    {"faults": DeviceFault.GATEWAY_LOST},
    {"nonce": 8},
    {"nonce": 7},
    {"debt_ms": 294_000},
    {"debt_ms": 294_001},
    {"debt_ms": 314_999},
    {"debt_ms": 315_000},
    {"presses": 1},
    {"patient_stop": True},
]
LIMB_IN_DANGER = {Reason.OVER_PRESSURE, Reason.DEFLATION_FAILED, Reason.UNEXPECTED_PRESSURE}


def floats_in(value: object, where: str = "") -> Iterator[str]:
    """Every place below a value where a float hides."""
    if isinstance(value, float):
        yield where
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from floats_in(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, tuple | frozenset):
        for item in value:
            yield from floats_in(item, f"{where}[]")


class SupervisorAgainstSpecification(RuleBasedStateMachine):
    """Each rule changes the bedside and steps both; ``judge`` compares their answers."""

    @initialize(debt=DEBTS, latched=st.sampled_from([None, None, None, Reason.CORE_RESTARTED]))
    def begin(self, debt: int, latched: Reason | None) -> None:
        self.bed = Bedside(debt, latched=latched)
        self.bed.read(0, debt_ms=0)
        self.specification = Specification(HARD, debt, START_MS, latched)
        self.tick(50)

    def tick(self, gap_ms: int, **once: object) -> None:
        before = self.bed.state
        self.bed.step(gap_ms, **once)
        seen = replace(self.bed.seen, **{"cuff": self.bed.cuff, **once})  # type: ignore[arg-type]
        expected = self.specification.expect(seen, self.bed.wishes, self.bed.now)
        self.judge(before, seen, expected, self.bed.verdict)
        answer = self.bed.verdict.cuff
        self.specification.note(seen, self.bed.wishes, self.bed.now, answer, self.bed.verdict.latched)

    def judge(self, before: State, seen: Observations, expected: Expected, verdict: Verdict) -> None:
        latched_before = None if seen.reset else before.latched
        if latched_before is not None:
            assert verdict.latched is latched_before
        else:
            assert (verdict.latched is not None) == bool(expected.trips)
            assert verdict.latched is None or verdict.latched in expected.trips
        granted = verdict.cuff if isinstance(verdict.cuff, Permit) else None
        assert granted == expected.permit
        assert verdict.conditions >= (expected.trips & LIMB_IN_DANGER)
        assert verdict.latched is None or verdict.latched in verdict.conditions
        again = supervisor.step(HARD, before, seen, self.bed.wishes, self.bed.now)
        assert again == (self.bed.state, verdict)

    @rule(gap=GAPS, times=st.integers(1, 8))
    def time_passes(self, gap: int, times: int) -> None:
        for _ in range(times):
            self.tick(gap)

    @rule(times=st.integers(10, 40))
    def a_while_passes(self, times: int) -> None:
        for _ in range(times):
            self.tick(450)

    @rule(pressure=TARGETS, planned=PLANS, device_debt=st.sampled_from([0, 0, 294_000, 294_001, 299_000]))
    def wish(self, pressure: int, planned: int, device_debt: int = 0) -> None:
        """Everything that a permit needs, but for what the target, the plan and the debts say."""
        self.put_right()
        self.bed.read(0, debt_ms=device_debt)
        self.bed.ask(pressure, planned)
        self.bed.authorise()
        self.tick(50)

    @rule(pressure=st.sampled_from([1400, TARGET]), planned=HELD, times=WHILES)
    def inflate(self, pressure: int, planned: int, times: int) -> None:
        """As a plan would, up to some time in the hold."""
        self.wish(pressure, planned)
        self.bed.read(pressure)
        for _ in range(times):
            self.tick(450)

    @rule(what=st.sampled_from(FOR_ONE_STEP))
    def inflate_until(self, what: dict[str, object]) -> None:
        self.inflate(TARGET, 50_000, 3)
        self.tick(50, **what)

    @rule(wishes=st.sampled_from(OTHER_WISHES))
    def inflate_and_wish_otherwise(self, wishes: tuple[Intent, ...]) -> None:
        self.inflate(TARGET, PLANNED_MS, 1)
        self.bed.wishes = wishes
        self.tick(50)

    @rule(reads=PRESSURES, gap=GAPS, times=st.integers(1, 5))
    def inflate_and_read(self, reads: int | None, gap: int, times: int) -> None:
        self.inflate(1400, 50_000, 1)
        self.cuff_reads(reads, gap, times)

    @rule(late=st.sampled_from([False, True]))
    def inflate_in_vain(self, late: bool) -> None:
        """A cuff that leaks: it is held for as long as it may take, or one step less."""
        self.wish(TARGET, 50_000)
        self.bed.read(1_400)
        for _ in range(89 + late):
            self.tick(500)

    @rule(reads=st.sampled_from([160, 200, 201, 1_399]), late=st.sampled_from([False, True]))
    def inflate_too_little(self, reads: int, late: bool) -> None:
        """A cuff that stays under systolic + 20 mmHg, for as long as it may or one step more."""
        self.wish(TARGET, 50_000)
        self.bed.read(reads)
        for _ in range(59 + late):
            self.tick(500)

    @rule(reads=st.sampled_from([200, 201, 1_399]), late=st.sampled_from([False, True]))
    def fall_back_before_the_target(self, reads: int, late: bool) -> None:
        self.wish(TARGET, 50_000)
        self.bed.read(1_400)
        self.tick(50)
        self.bed.read(reads)
        for _ in range(60 + late):
            self.tick(500)

    @rule(times=WHILES)
    def vent(self, times: int) -> None:
        """The wish ends; the cuff stays under pressure for some time and then empties."""
        self.bed.wishes = ()
        for _ in range(times):
            self.tick(450)
        self.bed.read(0)
        self.tick(50)

    @rule(both=PRESSURES, gap=GAPS, times=st.integers(1, 5))
    def cuff_reads(self, both: int | None, gap: int, times: int) -> None:
        self.bed.read(both)
        for _ in range(times):
            self.tick(gap)

    @rule(what=st.sampled_from(PAPERS), age=AGES)
    def paper(self, what: BloodPressure | Authorisation, age: int) -> None:
        """A blood pressure or a journal row of some age, with everything else right."""
        self.put_right()
        self.bed.ask()
        self.bed.authorise()
        written = self.bed.now + 50 - age
        if isinstance(what, BloodPressure):
            self.bed.see(blood_pressure=replace(what, entered_ms=written))
        else:
            self.bed.see(authorisation=replace(what, durable_ms=written))
        self.tick(50)

    @rule(wishes=st.sampled_from(OTHER_WISHES))
    def other_wish(self, wishes: tuple[Intent, ...]) -> None:
        self.bed.wishes = wishes
        self.tick(50)

    @rule(control=PRESSURES, limit=PRESSURES, gap=GAPS, times=st.integers(1, 5))
    def sensors_differ(self, control: int | None, limit: int | None, gap: int, times: int) -> None:
        self.bed.read(control, limit)
        for _ in range(times):
            self.tick(gap)

    @rule(what=st.sampled_from(FOR_ONE_STEP))
    def for_one_step(self, what: dict[str, object]) -> None:
        self.tick(50, **what)

    @rule(what=st.sampled_from(CONTROLLER), times=st.integers(1, 3))
    def controller_says(self, what: dict[str, object], times: int) -> None:
        kept = self.bed.cuff
        self.bed.cuff = replace(kept, **what)  # type: ignore[arg-type]
        for _ in range(times):
            self.tick(50)
        self.bed.cuff = replace(self.bed.cuff, faults=kept.faults, debt_ms=kept.debt_ms)
        self.bed.cuff = replace(self.bed.cuff, presses=kept.presses, patient_stop=kept.patient_stop)

    @rule(gap=GAPS, times=st.integers(1, 4))
    def controller_silent(self, gap: int, times: int) -> None:
        self.bed.silent = True
        for _ in range(times):
            self.tick(gap)
        self.bed.silent = False

    @rule(back_ms=st.sampled_from([1, 50, 20_000]))
    def clock_runs_back(self, back_ms: int) -> None:
        self.tick(-back_ms)

    def put_right(self) -> None:
        """A person empties the cuff, enters a pressure and clears what is latched."""
        self.calm()
        self.tick(50, reset=True)

    def calm(self) -> None:
        self.bed.silent = False
        self.bed.wishes = ()
        self.bed.read(0, faults=DeviceFault.NONE, debt_ms=0)
        self.bed.see(
            arming=ARMING,
            cuff_accepted=True,
            journal_failed=False,
            blood_pressure=BloodPressure(120, 80, self.bed.now),
        )

    @invariant()
    def energised_only_by_an_inflation(self) -> None:
        if hasattr(self, "bed"):
            assert self.bed.energised == (self.bed.state.inflation is not None)
            latched = self.bed.verdict.latched
            assert latched is None or (kind_of(latched) is Kind.TRIP and not self.bed.energised)

    def teardown(self) -> None:
        if hasattr(self, "bed"):
            assert not list(floats_in((self.bed.state, self.bed.verdict)))


SupervisorAgainstSpecification.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSupervisorAgainstSpecification = SupervisorAgainstSpecification.TestCase


def test_a_float_would_be_found() -> None:
    hidden = State(Debts.equal(0, 0), nonce=0.5)  # type: ignore[arg-type]
    assert list(floats_in((hidden,))) == ["[].nonce"]
