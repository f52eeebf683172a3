"""A bedside in virtual time around the real supervisor: a cuff that reads what a test says.

Theory of operation
-------------------
``Bedside`` keeps what stays the same from step to step (the observations, the cuff's reading, the wish) and
steps the supervisor.  Every reading arrives fresh unless ``silent``, at the end of a sound stream of twenty
a second; a test that wants another stream sets ``stream`` and ``delay_ms``.  Sensors show exactly what was
said; with ``alive`` their last digit changes with each step, as a real one's does.  It starts armed, with an
accepted and empty cuff, a fresh blood pressure of 120/80 and no debt, so that a test says only what is
different.

Units: 0.1 mmHg, ms.
"""

from dataclasses import replace

from gateway.model import (
    BloodPressure,
    CuffReading,
    DeviceFault,
    Intent,
    Limb,
    Output,
    Permit,
    Purpose,
    Reason,
    Safe,
    Sample,
    StatusStream,
)
from gateway.safety import supervisor
from gateway.safety.debt import Debt, Debts
from gateway.safety.limits import HARD, Limits
from gateway.safety.observations import Arming, Authorisation, Observations, State, Tissue
from gateway.safety.readiness import Readiness
from gateway.safety.stimulation import SiteStimulation
from gateway.safety.supervisor import Verdict

START_MS = 10_000_000
TARGET = 1700
PLANNED_MS = 6_000
LIMB = Limb.LEFT_THIGH
SITE = SiteStimulation(
    current_ua=60_000, pulse_width_us=400, frequency_dhz=500, charge_nc=24_000, pad_area_mm2=5_000
)

READY = Readiness(
    screened=True,
    skin_seen=True,
    limb_confirmed=True,
    cuff_width_mm=180,
    nothing_under_cuff=True,
    probe_distal=True,
    circumference_mm=560,
    self_test_passed=True,
    pressed_ago_ms=5_000,
)
ARMING = Arming(
    number=1,
    limb=LIMB,
    readiness=READY,
    therapy_left_ms=HARD.therapy_budget_ms,
    examination_left_ms=HARD.examination_budget_ms,
)


class Bedside:
    """One limb, one supervisor."""

    def __init__(self, debt_ms: int = 0, limits: Limits = HARD, latched: Reason | None = None) -> None:
        self.limits, self.now = limits, START_MS
        self.state = State(Debts.equal(debt_ms, self.now), latched=latched)
        self.cuff = CuffReading(0, 0, 0, False, DeviceFault.NONE, 0, 7, 0, self.now)
        self.silent = False
        self.stream: StatusStream | None = None
        self.delay_ms = 0
        self.alive = False
        self.seen = Observations(
            cuff_accepted=True, arming=ARMING, blood_pressure=BloodPressure(120, 80, self.now)
        )
        self.wishes: tuple[Intent, ...] = ()
        self.verdict = Verdict(
            Safe(Output.CUFF, Reason.NO_REQUEST), Safe(Output.STIMULATOR, Reason.NO_REQUEST)
        )

    def step(self, after_ms: int = 50, **once: object) -> Verdict:
        """One step, ``after_ms`` later; ``once`` are observations of this step alone."""
        self.now += after_ms
        if not self.silent:
            stream = self.stream or StatusStream(received=self.now // 50, missed=0, damaged=0)
            device_ms = (self.now - self.delay_ms) % 2**32
            self.cuff = replace(self.cuff, arrived_ms=self.now, device_ms=device_ms, stream=stream)
        shown = self._trembling() if self.alive else self.cuff
        seen = replace(self.seen, **{"cuff": shown, **once})  # type: ignore[arg-type]
        self.state, self.verdict = supervisor.step(self.limits, self.state, seen, self.wishes, self.now)
        return self.verdict

    def _trembling(self) -> CuffReading:
        control, limit = self.cuff.control_dmmhg, self.cuff.limit_dmmhg
        last = self.now // 50 % 2
        moved = [None if value is None else value + last for value in (control, limit)]
        return replace(self.cuff, control_dmmhg=moved[0], limit_dmmhg=moved[1])

    def run(self, for_ms: int, every_ms: int = 50) -> Verdict:
        """Steps for a while."""
        for _ in range(for_ms // every_ms):
            self.step(every_ms)
        return self.verdict

    def see(self, **changes: object) -> None:
        """Change what is observed from now on."""
        self.seen = replace(self.seen, **changes)  # type: ignore[arg-type]

    def arm(self, **changes: object) -> None:
        """Change what was settled at arming."""
        self.see(arming=replace(ARMING, **changes))  # type: ignore[arg-type]

    def disarm(self) -> None:
        """No session is running."""
        self.see(arming=None)

    def oximeter(self, saturation: int | None = None, **more: int | None) -> None:
        """What the oximeter shows from this instant on."""
        values = {"saturation": saturation, **more}
        samples = {name: Sample(value, self.now) for name, value in values.items()}
        self.see(tissue=Tissue(**samples))

    @property
    def debt(self) -> Debt:
        """The debt of the limb under the cuff."""
        return self.state.debts.of(LIMB)

    def read(self, control: int | None, limit: int | None = -999, **more: object) -> None:
        """What the cuff's two sensors read from now on; one value stands for both."""
        both = control if limit == -999 else limit
        self.cuff = replace(self.cuff, control_dmmhg=control, limit_dmmhg=both, **more)  # type: ignore[arg-type]

    def ask(
        self,
        target: int | None = TARGET,
        planned_ms: int = PLANNED_MS,
        cycle: int = 1,
        purpose: Purpose = Purpose.OCCLUSION,
        schedule_ms: int = 0,
        series: int = 0,
    ) -> None:
        """Wish for an inflation from now on."""
        self.wishes = (Intent(Output.CUFF, target, planned_ms, cycle, purpose, schedule_ms, series),)

    def authorise(self, **changes: int) -> None:
        """Make the journal's row for what is wished durable now; ``changes`` make it another one."""
        wish = self.wishes[0]
        row = Authorisation(wish.cycle, wish.pressure_dmmhg or 0, wish.planned_ms, self.now, wish.purpose)
        self.see(authorisation=replace(row, **changes))

    def inflate(self, target: int = TARGET, planned_ms: int = PLANNED_MS) -> Permit:
        """Ask, authorise and begin; the cuff stays empty until a test says otherwise."""
        self.ask(target, planned_ms)
        self.authorise()
        permit = self.step().cuff
        assert isinstance(permit, Permit)
        return permit

    def hold(self, target: int = TARGET, planned_ms: int = PLANNED_MS) -> None:
        """Inflate and arrive at the target."""
        self.inflate(target, planned_ms)
        self.read(target)
        self.step()
        assert self.energised

    def occlude_for_a_minute(self, before: int, after: int) -> None:
        """Hold for a little more than a minute while the saturation goes from one value to the other."""
        self.oximeter(before)
        self.hold(planned_ms=200_000)
        for _ in range(61):
            self.oximeter(after)
            self.run(1_000)

    @property
    def energised(self) -> bool:
        """Whether the last answer was a permit."""
        return isinstance(self.verdict.cuff, Permit)

    @property
    def reason(self) -> Reason | None:
        """Why the cuff is safe, ``None`` while it is permitted."""
        return None if isinstance(self.verdict.cuff, Permit) else self.verdict.cuff.reason
