"""A limb under a closed loop, for the tests of its plan: somebody permits whatever is wished."""

from gateway.model import StimulationIntent, StimulationPermit
from gateway.therapy.nmes import Phase
from gateway.therapy.nmes_loop import NmesLoopPlan
from gateway.therapy.plan import More, Seen
from gateway.therapy.plans import begin
from gateway.therapy.prescription import NmesForcePrescription, NmesLoopPrescription
from gateway.therapy.response import Answer, Judged, Sensor

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
    target=TARGET_MN,
    tolerance=2_000,
    gain_ua=200,
    settle_ms=SETTLE_MS,
)


class Limb:
    """A plan, a person with a say, and somebody who permits whatever is wished."""

    def __init__(self, prescription: NmesLoopPrescription = SHORT) -> None:
        self.now = 0
        found = begin(prescription, self.now)
        assert isinstance(found, NmesLoopPlan)
        self.plan = found
        self.permit: StimulationPermit | None = None
        self.since_ms: int | None = None
        self.sensor = Sensor.THERE
        self.most_n = 0
        self.highest_ua = 0
        self.judged: Judged | None = None
        self.given_ua: list[int] = []

    def step(self, after_ms: int = 50) -> int:
        """One step; the current that is given now."""
        self.now += after_ms
        seen = Seen(None, None, None, False, True, self.permit, self.since_ms, judged=self.judged)
        self.plan, wishes, _ = self.plan.step(seen, self.now)
        if not wishes:
            self._judge()
            self.permit = self.since_ms = None
            return 0
        (wish,) = wishes
        assert isinstance(wish, StimulationIntent)
        if self.permit is None:
            self.since_ms = self.now
            self.most_n = self.highest_ua = 0
        self.highest_ua = max(self.highest_ua, wish.current_ua)
        self.permit = StimulationPermit(
            wish.current_ua, wish.pulse_width_us, wish.frequency_dhz, self.now + 600
        )
        return wish.current_ua

    def _judge(self) -> None:
        """A contraction is over: what the session says of it."""
        if self.permit is None:
            return
        self.given_ua.append(self.highest_ua)
        answer = (
            Answer.YES if self.most_n >= 2 else Answer.NO if self.sensor is Sensor.THERE else Answer.UNKNOWN
        )
        at_ua = self.highest_ua if answer is Answer.YES else None
        self.judged = Judged(self.plan.cycle, self.highest_ua, answer, self.sensor, at_ua)

    def contraction(self, force_n: int | None, press_ua: int = 0) -> int:
        """A whole contraction with its rest, in which the muscle gives so much; its highest current."""
        number = self.plan.cycle
        while self.plan.contractions.step_now is not Phase.CONTRACTING:
            self.step()
            if force_n is not None:
                self.feel(0, 0)
        if press_ua:
            self.plan, _ = self.plan.hear(More(press_ua), self.now)
            self.step()
        if force_n is not None:
            self.feel(force_n)
        while self.plan.cycle == number and self.plan.contractions.step_now not in (
            Phase.HELD,
            Phase.FINISHED,
        ):
            self.step()
        return self.given_ua[-1]

    def feel(self, force_n: int, after_ms: int = 2) -> StimulationIntent | None:
        if self.permit is not None:
            self.most_n = max(self.most_n, force_n)
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
