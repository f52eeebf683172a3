"""A bedside in virtual time with somebody who arms a session for examinations and watches them."""

from pathlib import Path

import msgspec

from gateway.exams.result import Result, encode
from gateway.model import Limb
from gateway.record.events import Event
from gateway.record.exam_trace import Samples
from gateway.record.reader import JournalReader
from gateway.record.row import StoredRow
from gateway.record.summary import Summary
from gateway.runtime.exam_analysis import Examined, analyse
from gateway.runtime.requests import (
    ExamResult,
    ExamShow,
    ExamStart,
    ExamTracePage,
    PatientHistory,
    Reply,
    SessionPressure,
    SessionStart,
    SessionStatus,
)
from gateway.simulation import models
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.therapy.screening import questions, right_answers

PATIENT = "token-1"
SHORT_TEST = {"occlusion_ms": 70_000, "baseline_ms": 20_000, "recovery_ms": 70_000}
"""As long as a verdict and a recovery need."""


class ExamRoom:
    """A person, a bedside, and the examinations that they give."""

    def __init__(
        self, journal: Path, cuff: str = "fast_cuff", limb: models.Limb | str = "fast_limb", seed: int = 1
    ) -> None:
        self.journal = journal
        self.body = models.LIMBS[limb] if isinstance(limb, str) else limb
        config = configuration(cuff, self.body.name, None, ceiling_mmhg=300)
        self.bedside = Bedside(Bed(config, models.CUFFS[cuff], self.body, seed), journal)
        self.bedside.run(10_000)
        self.tell(PatientHistory(patient=PATIENT, nothing=True, confirm=True))

    @property
    def pressure(self) -> tuple[int, int]:
        """What the monitor shows."""
        return round(self.body.systolic_mmhg), round(self.body.diastolic_mmhg)

    def tell(self, history: PatientHistory) -> Reply:
        """Say what was done elsewhere."""
        return self.bedside.ask(history)

    def arm(self, limb: Limb = Limb.LEFT_THIGH, prescription: str = "", **more: bool) -> Reply:
        """Press the button and arm a session for examinations, with this prescription behind them."""
        self.bedside.press_button()
        systolic, diastolic = self.pressure
        return self.bedside.ask(
            SessionStart(
                **more,
                prescription=prescription,
                examinations=bool(prescription),
                patient=PATIENT,
                limb=limb.value,
                systolic_mmhg=systolic,
                diastolic_mmhg=diastolic,
                confirm=True,
                answers=right_answers(questions(limb)),
                cuff_width_mm=180,
                circumference_mm=500 if limb.is_thigh else None,
                measured_again=True,
            )
        )

    def begin(self, exam: str, posture: str = "", **choices: int) -> Reply:
        """Ask for an examination."""
        return self.bedside.ask(ExamStart(exam=exam, confirm=True, posture=posture, choices=choices))

    def enter(self, systolic: int | None = None, diastolic: int | None = None) -> Reply:
        """Measure and enter a blood pressure."""
        shown = self.pressure
        return self.bedside.ask(
            SessionPressure(
                systolic_mmhg=systolic or shown[0],
                diastolic_mmhg=diastolic or shown[1],
                confirm=True,
                measured_again=True,
            )
        )

    @property
    def state(self) -> dict[str, object]:
        """What the status shows."""
        return dict(self.bedside.ask(SessionStatus()).data["state"])

    @property
    def shown(self) -> dict[str, object]:
        """What is known of the newest examination."""
        return dict(self.bedside.ask(ExamShow()).data)

    def run_until(self, phase: str, longest_ms: int = 900_000) -> None:
        """Let time pass until the examination is in this phase."""
        until_ms = self.bedside.now + longest_ms
        while self.shown["phase"] != phase:
            assert self.bedside.now < until_ms, self.shown
            self.bedside.run(100)

    def run_until_inflating(self, longest_ms: int = 900_000) -> None:
        """Let time pass until the cuff inflates, for whatever it is."""
        until_ms = self.bedside.now + longest_ms
        while self.state["phase"] != "inflating":
            assert self.bedside.now < until_ms, self.state
            self.bedside.run(100)

    def run_to_the_end(self, longest_ms: int = 2_400_000) -> dict[str, object]:
        """Let time pass, with a fresh blood pressure where one is wanted, until it is over."""
        until_ms = self.bedside.now + longest_ms
        while not self.shown["outcome"]:
            assert self.bedside.now < until_ms, self.shown
            if self.state["waiting_for"] == "blood_pressure_stale":
                self.enter()
            self.bedside.run(1_000)
        return self.shown

    def examined(self) -> Examined:
        """The newest examination with its whole trace, page by page."""
        said = self.shown
        samples = Samples([], [])
        while True:
            page = self._page(said, samples)
            if not page.cuff and not page.sto2:
                break
            samples.cuff.extend(page.cuff)
            samples.sto2.extend(page.sto2)
        return Examined(
            exam=str(said["exam"]),
            session=str(said["session"]),
            number=int(str(said["examination"])),
            limb=Limb(str(said["limb"])),
            posture=str(said["posture"]),
            cuff=str(said["cuff_description"]),
            cuff_width_mm=int(str(said["cuff_width_mm"])),
            systolics_mmhg=msgspec.convert(said["systolics_mmhg"], list[int]),
            oximeter=str(said["oximeter"]),
            samples=samples,
        )

    def _page(self, said: dict[str, object], so_far: Samples) -> Samples:
        reply = self.bedside.ask(
            ExamTracePage(
                session=str(said["session"]),
                examination=int(str(said["examination"])),
                cuff_from=len(so_far.cuff),
                sto2_from=len(so_far.sto2),
            )
        )
        assert not reply.exit_code, reply
        return _samples(reply)

    def analyse(self) -> Result:
        """What the newest examination says."""
        return analyse(self.examined(), "vastus lateralis", 15.0)

    def store(self, result: Result) -> Reply:
        """Send a result to core."""
        said = self.shown
        return self.bedside.ask(
            ExamResult(
                session=str(said["session"]),
                examination=int(str(said["examination"])),
                document=encode(result).decode(),
            )
        )

    def rows(self, kind: type[Event]) -> list[StoredRow]:
        """The events of one type."""
        with JournalReader.open(self.journal) as reader:
            return [row for row in reader.rows(kind="event") if row.type == kind.name]

    def bodies(self, kind: type[Event]) -> list[dict[str, object]]:
        """Their bodies."""
        return [msgspec.json.decode(row.body) for row in self.rows(kind)]

    def summary(self) -> Summary:
        """The newest summary that was published."""
        return msgspec.json.decode(self.rows(Summary)[-1].body, type=Summary)


def _samples(reply: Reply) -> Samples:
    return Samples(
        msgspec.convert(reply.data["cuff"], list[tuple[int, int | None, int | None]]),
        msgspec.convert(reply.data["sto2"], list[tuple[int, int | None]]),
    )
