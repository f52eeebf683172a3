"""Limb occlusion pressure: what the recorded runs say.

Theory of operation
-------------------
Each run of the cuff is read by one definition of ``dsp.cuff_reading``: ``cuff_flattening`` from the cuff's
own oscillation, ``distal_disappearance`` from a sensor beyond it.  A run that does not allow it is refused
with its reason and stays in the result as missing.  The result is the median of the runs, with their spread;
runs that differ by more than 15 mmHg (the alarm window of surgical tourniquets) are doubtful, and so is a
single run.  Its interval is that of all runs together.  Whoever needs a pressure that closes the limb takes
the interval's upper end.

A limb does not close below its systolic pressure.  A run that is read below the stated one is doubtful; more
than 15 mmHg below it, something else was read, and the run is missing.

With ``ratios`` (or the steepest slope) the same traces also give systolic, mean and diastolic, for a person
to hold against the entered blood pressure; a systolic more than 20 mmHg from it is doubtful.  They are no
blood pressure for therapy.

Units: mmHg.  Sources: ``dsp.cuff_reading``; 15 mmHg between runs: surgical tourniquets (read, clinical facts
6.1); 15 mmHg below the systolic and 20 mmHg from it: engineering proposal.
"""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from dsp import cuff_reading, cuff_runs, oscillometry, pulse_left
from dsp.cuff_reading import OcclusionPressure, Ratios, Reading
from dsp.errors import SignalRefused
from dsp.oscillometry import Envelope
from gateway.exams.errors import TraceUnusable
from gateway.exams.limb_pressure import SUPINE, SYSTOLIC_WITHIN_MMHG
from gateway.exams.result import (
    Certainty,
    Definition,
    Flag,
    Parameter,
    Probe,
    Result,
    Severity,
    Source,
    Value,
    Window,
)
from gateway.model import Limb

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

RUNS_APART_MMHG = 15.0
FAR_BELOW_MMHG = 15.0
"""So far below the stated systolic pressure no limb closes."""

_WHERE = "limb-pressure"
_TEXTS = {
    "cuff_flattening": "the pressure from which on the oscillation of the cuff is level (broken line)",
    "distal_disappearance": (
        "the pressure from which on the pulse beyond the cuff is level (broken line) and gone"
    ),
}


class Run(NamedTuple):
    """One run of the cuff, up or down: float64 mmHg, and a distal sensor sampled together with it, if any.

    ``begin_s`` is where it begins in its recording, where that is known.
    """

    pressures_mmhg: "ReadableBuffer"
    rate_hz: float
    distal: "ReadableBuffer | None" = None
    begin_s: float | None = None

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return memoryview(self.pressures_mmhg).nbytes / 8 / self.rate_hz


class Circumstances(NamedTuple):
    """What a person states; all of it belongs to the number."""

    limb: Limb
    posture: str
    cuff_width_mm: int
    systolic_mmhg: int


def runs_of(
    pressures_mmhg: "ReadableBuffer", rate_hz: float, distal: "ReadableBuffer | None" = None
) -> list[Run]:
    """The runs that a whole recording holds. Raises ``TraceUnusable`` for a rate that no cuff is recorded
    at.
    """
    pressures = memoryview(pressures_mmhg).cast("B").cast("d")
    beyond = None if distal is None else memoryview(distal).cast("B").cast("d")
    try:
        found = cuff_runs.runs(pressures, rate_hz)
    except ValueError as error:
        raise TraceUnusable(_WHERE, str(error)) from error
    return [
        Run(
            pressures[one.begin : one.end],
            rate_hz,
            None if beyond is None else beyond[one.begin : one.end],
            one.begin / rate_hz,
        )
        for one in found
    ]


def analyse(
    runs: Sequence[Run],
    circumstances: Circumstances,
    probe: Probe,
    recording: Source,
    *,
    pressures_by: Ratios | str | None = None,
    mains_hz: float = 50.0,
) -> Result:
    """The limb occlusion pressure of these runs.

    ``pressures_by``: also read systolic, mean and diastolic by these ratios or ``MAXIMUM_SLOPE``.  Raises
    ``TraceUnusable``: not lying, no cuff width, runs read differently, or no run that can be read.
    """
    _usable(runs, circumstances)
    distal = runs[0].distal is not None
    made = _Made("distal_disappearance" if distal else "cuff_flattening", circumstances.systolic_mmhg)
    for number, run in enumerate(runs, 1):
        made.run(str(number), run, pressures_by, mains_hz)
    made.whole()
    return Result(
        exam=_WHERE,
        definition=made.definition,
        probe=probe,
        recording=recording,
        values=tuple(made.values),
        flags=tuple(made.flags),
        limb=circumstances.limb,
        parameters=(*_parameters(circumstances, mains_hz), *_proposals(distal=distal)),
        definitions=_definitions(made.definition, pressures_by),
        windows=tuple(
            Window(name="run", start_s=run.begin_s, end_s=run.begin_s + run.duration_s, of=str(number))
            for number, run in enumerate(runs, 1)
            if run.begin_s is not None
        ),
        findings={"posture": circumstances.posture},
    )


def _usable(runs: Sequence[Run], circumstances: Circumstances) -> None:
    if circumstances.posture != SUPINE:
        text = (
            f"measured {circumstances.posture}: sitting, a third of the measurements fail; repeat it supine"
        )
        raise TraceUnusable(_WHERE, text)
    if circumstances.cuff_width_mm <= 0 or circumstances.systolic_mmhg <= 0:
        raise TraceUnusable(
            _WHERE, "state the width of the cuff and the systolic pressure: the number needs both"
        )
    if not runs:
        raise TraceUnusable(_WHERE, "no run of the cuff: give at least one")
    if len({run.distal is None for run in runs}) > 1:
        raise TraceUnusable(_WHERE, "some runs have a distal sensor and some have none: read them apart")


class _Made:
    """The parts of a result as they are written."""

    def __init__(self, definition: str, systolic_mmhg: int) -> None:
        self.definition, self.systolic_mmhg = definition, systolic_mmhg
        self.values: list[Value] = []
        self.flags: list[Flag] = []
        self._read: list[OcclusionPressure] = []

    def run(self, of: str, run: Run, pressures_by: Ratios | str | None, mains_hz: float) -> None:
        """Read one run; what it refuses is a missing value with its reason."""
        try:
            envelope = oscillometry.envelope(run.pressures_mmhg, run.rate_hz, mains_hz=mains_hz)
        except SignalRefused as refused:
            self._missing(of, refused)
            return
        try:
            own = envelope if run.distal is None else _distal(run, run.distal, mains_hz)
            self._pressure(of, cuff_reading.limb_occlusion_pressure(own, self.definition))
        except SignalRefused as refused:
            self._missing(of, refused)
        if pressures_by is not None:
            self._blood_pressure(of, envelope, pressures_by)

    def whole(self) -> None:
        """Median and spread. Raises ``TraceUnusable`` where no run could be read."""
        found = [one.mmhg for one in self._read]
        if not found:
            texts = "; ".join(
                f"run {flag.of}: {flag.text}"
                for flag in self.flags
                if flag.severity is Severity.MISSING and flag.about == "limb_occlusion_pressure"
            )
            raise TraceUnusable(_WHERE, f"no run could be read: {texts}")
        low, high = min(one.low_mmhg for one in self._read), max(one.high_mmhg for one in self._read)
        self._value("limb_occlusion_pressure", f"median_of_{self.definition}", median(found), "", low, high)
        if len(found) > 1 and median(found) < self.systolic_mmhg:
            self._below(median(found), "")
        self._value(
            "spread", "largest_minus_smallest", max(found) - min(found) if len(found) > 1 else None, ""
        )
        if len(found) < 2:
            text = "one run could be read: without a second one there is no spread; repeat the measurement"
            self._flag("not_repeated", Severity.DOUBTFUL, text)
        elif max(found) - min(found) > RUNS_APART_MMHG:
            text = f"the runs differ by {max(found) - min(found):.0f} mmHg: repeat the measurement"
            self._flag("runs_apart", Severity.DOUBTFUL, text)

    def _pressure(self, of: str, found: OcclusionPressure) -> None:
        if found.mmhg < self.systolic_mmhg - FAR_BELOW_MMHG:
            self._value("limb_occlusion_pressure", self.definition, None, of)
            self._below(found.mmhg, of)
            return
        self._read.append(found)
        self.values.append(
            Value(
                name="limb_occlusion_pressure",
                unit="mmHg",
                definition=found.definition,
                value=found.mmhg,
                of=of,
                low=found.low_mmhg,
                high=found.high_mmhg,
                confidence=0.95 if found.step_mmhg is None else None,  # wider than the beats alone allow
                samples=found.beats_below + found.beats_beyond,
            )
        )
        if found.step_mmhg is not None:
            self._flag("stepped", Severity.NOTE, _stepped(found), about="limb_occlusion_pressure", of=of)
        if found.confidence != "good":
            text = f"confidence {found.confidence}: {', '.join(found.flags) or 'wide interval'}"
            self._flag("low_confidence", Severity.DOUBTFUL, text, about="limb_occlusion_pressure", of=of)
        if found.mmhg < self.systolic_mmhg:
            self._below(found.mmhg, of)

    def _below(self, mmhg: float, of: str) -> None:
        """A pressure at which the artery is still open in every beat, if the systolic is right."""
        below = self.systolic_mmhg - mmhg
        severity = Severity.MISSING if below > FAR_BELOW_MMHG else Severity.DOUBTFUL
        text = (
            f"{mmhg:.0f} mmHg was read, {below:.0f} below the stated systolic {self.systolic_mmhg} mmHg, "
            "where no limb is expected to close: check the systolic, the cuff and the trace"
        )
        self._flag("below_systolic", severity, text, about="limb_occlusion_pressure", of=of)

    def _blood_pressure(self, of: str, envelope: Envelope, by: Ratios | str) -> None:
        try:
            read = cuff_reading.blood_pressure(envelope, by)
        except SignalRefused as refused:
            self._flag("blood_pressure_refused", Severity.NOTE, refused.message, of=of)
            return
        for name, one in (("systolic", read.systolic), ("mean", read.mean), ("diastolic", read.diastolic)):
            self._reading(name, of, one)
        mmhg = read.systolic.mmhg
        if mmhg is not None and abs(mmhg - self.systolic_mmhg) > SYSTOLIC_WITHIN_MMHG:
            text = (
                f"{mmhg:.0f} mmHg was read, {self.systolic_mmhg} mmHg stated: more than "
                f"{SYSTOLIC_WITHIN_MMHG} apart, measure the blood pressure again"
            )
            self._flag("systolic_differs", Severity.DOUBTFUL, text, about="systolic", of=of)
        for flag in read.flags:
            self._flag(flag, Severity.DOUBTFUL, flag.replace("_", " "), of=of)

    def _reading(self, name: str, of: str, one: Reading) -> None:
        self._value(name, one.definition, one.mmhg, of, one.low_mmhg, one.high_mmhg)
        if one.mmhg is None:
            self._flag("not_read", Severity.MISSING, one.why, about=name, of=of)

    def _missing(self, of: str, refused: SignalRefused) -> None:
        self._value("limb_occlusion_pressure", self.definition, None, of)
        about = "limb_occlusion_pressure"
        self._flag("run_refused", Severity.MISSING, f"{refused.message} ({refused.code})", about=about, of=of)

    def _value(
        self,
        name: str,
        definition: str,
        value: float | None,
        of: str,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        self.values.append(
            Value(name=name, unit="mmHg", definition=definition, value=value, of=of, low=low, high=high)
        )

    def _flag(self, name: str, severity: Severity, text: str, *, about: str = "", of: str = "") -> None:
        self.flags.append(Flag(id=name, severity=severity, text=text, about=about, of=of))


def _stepped(found: OcclusionPressure) -> str:
    return (
        f"the cuff stood on steps of {found.step_mmhg:.0f} mmHg: where between two of them the limb closes "
        f"is not seen, and the reading tends to the lower one; the interval, {found.low_mmhg:.0f} to "
        f"{found.high_mmhg:.0f} mmHg, runs from step to step"
    )


def _distal(run: Run, distal: "ReadableBuffer", mains_hz: float) -> Envelope:
    return cuff_reading.distal_envelope(run.pressures_mmhg, distal, run.rate_hz, mains_hz=mains_hz)


def _parameters(circumstances: Circumstances, mains_hz: float) -> tuple[Parameter, ...]:
    stated = (
        ("cuff_width", circumstances.cuff_width_mm, "mm"),
        ("systolic", circumstances.systolic_mmhg, "mmHg"),
        ("mains", mains_hz, "Hz"),
    )
    source, certainty = "the person at the bedside", Certainty.ENTERED
    return tuple(
        Parameter(name=name, value=value, unit=unit, source=source, certainty=certainty)
        for name, value, unit in stated
    )


def _proposals(*, distal: bool) -> tuple[Parameter, ...]:
    """The limits that are ours."""
    ours = [
        ("missing_below_systolic", FAR_BELOW_MMHG, "mmHg"),
        ("systolic_within", SYSTOLIC_WITHIN_MMHG, "mmHg"),
    ]
    ours += [("distal_gone_share", pulse_left.GONE_SHARE, "1")] * distal
    return tuple(
        Parameter(name=name, value=value, unit=unit, source="this analysis", certainty=Certainty.PROPOSAL)
        for name, value, unit in ours
    )


def _definitions(definition: str, pressures_by: Ratios | str | None) -> tuple[Definition, ...]:
    ours = Definition(
        id=definition,
        text=_TEXTS[definition],
        source="rvos, not compared with Doppler",
        certainty=Certainty.PROPOSAL,
    )
    if isinstance(pressures_by, Ratios):
        text = (
            f"systolic at {pressures_by.systolic:g}, diastolic at {pressures_by.diastolic:g} of the largest"
        )
        ratios = Definition(
            id=pressures_by.id,
            text=text,
            source=pressures_by.source,
            certainty=Certainty(pressures_by.certainty),
        )
        return (ours, ratios)
    return (ours,)
