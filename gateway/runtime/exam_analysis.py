"""From what core recorded of an examination to its result: never inside core.

Theory of operation
-------------------
The command line fetches the trace of an examination that was completed, and analyses it in its own process
with ``gateway.exams``; core's cycle does not wait for that.  Saturation keeps its own samples; the cuff's
pressure beside it keeps its twenty a second, because an occlusion begins between two saturations.  For the
limb occlusion pressure the limit sensor counts, which reads the cuff through its own lumen, put on an even
grid at the statuses' own rate; where statuses are missing for longer than half a second, so are the values.

The recording's digest is that of the trace, so that core can tell that a result is of it.

Units: ms and 0.1 mmHg and per mille in, s and mmHg and % for the analyses.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec

from gateway.exams import limb_pressure_result, occlusion_test, oxidative_capacity
from gateway.exams.drawing import Drawing
from gateway.exams.errors import DefinitionUnknown, TraceUnusable
from gateway.exams.files import limb_pressure as limb_pressure_file
from gateway.exams.files import occlusion_test as occlusion_file
from gateway.exams.files import oxidative_capacity as oxidative_file
from gateway.exams.files.stated import Opened, completed
from gateway.exams.limb_pressure import LimbPressureOrder
from gateway.exams.limb_pressure_result import Circumstances, Run
from gateway.exams.occlusion_definitions import DEFINITIONS
from gateway.exams.occlusion_test_plan import OcclusionTestOrder
from gateway.exams.occlusion_trace import Choices as OcclusionChoices
from gateway.exams.oxidative_capacity_definitions import WAYS, Choices
from gateway.exams.oxidative_capacity_plan import ShortOcclusionsOrder
from gateway.exams.recording import Column, CuffTrace, Recording, checked
from gateway.exams.result import Flag, Probe, Result, Severity, Source
from gateway.model import Limb
from gateway.record.exam_trace import CuffSample, Samples, sha256

STATUS_HZ = 20.0
_LONGEST_GAP_MS = 500


@dataclass(frozen=True, slots=True)
class Examined:
    """What core says of an examination, and its samples."""

    exam: str
    session: str
    number: int
    limb: Limb
    posture: str
    cuff: str
    cuff_width_mm: int
    systolics_mmhg: Sequence[int]
    oximeter: str
    samples: Samples = field(repr=False)

    @property
    def name(self) -> str:
        """How a result calls its recording."""
        return f"{self.session}/{self.number}"

    @property
    def sha256(self) -> str:
        """The digest of its samples."""
        return sha256(self.samples)


def analyse(
    examined: Examined, site: str, spacing_mm: float | None = None, definitions: Sequence[str] = ()
) -> Result:
    """The result of this examination; ``site`` and ``spacing_mm`` are a person's words on the probe.

    Raises ``ExamRefused`` and its kinds where the trace does not allow one.
    """
    if examined.exam == LimbPressureOrder.exam:
        return _limb_pressure(examined)
    probe = Probe(device=examined.oximeter, site=site, spacing_mm=spacing_mm)
    known = Opened(saturation_recording(examined), probe, examined.limb, (), ())
    recording, limb, systolic = known.recording, examined.limb, max(examined.systolics_mmhg, default=None)
    if examined.exam == OcclusionTestOrder.exam:
        asked = tuple(definitions) or usual(examined.exam)
        made = occlusion_test.analyse(recording, probe, limb, asked, systolic_mmhg=systolic)
    else:
        made = oxidative_capacity.analyse(
            recording, probe, limb, _choices(definitions), systolic_mmhg=systolic
        )
    return completed(made, known)


def usual(exam: str) -> tuple[str, ...]:
    """The definitions that are taken where a person names none."""
    if exam == OcclusionTestOrder.exam:
        return occlusion_file.read_definitions()
    return ("cuff_flattening",) if exam == LimbPressureOrder.exam else (f"sto2/{Choices().way}",)


def check(exam: str, definitions: Sequence[str]) -> None:
    """Whether these definitions exist for what the gateway records. Raises ``DefinitionUnknown``.

    Asked before anything inflates: a slip of the pen must not cost a patient an occlusion.
    """
    possible = {
        OcclusionTestOrder.exam: list(DEFINITIONS),
        LimbPressureOrder.exam: ["cuff_flattening"],
        ShortOcclusionsOrder.exam: [f"sto2/{way}" for way in WAYS],
    }[exam]
    for one in definitions:
        if one not in possible:
            raise DefinitionUnknown(exam, one, possible)
    if len(definitions) > 1 and exam != OcclusionTestOrder.exam:
        raise DefinitionUnknown(exam, ", ".join(definitions), possible)


def drawing(examined: Examined, result: Result) -> Drawing:
    """What to look at before this result is believed."""
    if examined.exam == LimbPressureOrder.exam:
        pressures = even_pressures(examined.samples.cuff)
        times_s = array("d", (at / STATUS_HZ for at in range(len(pressures))))
        cuff = {"cuff": Column(pressures, "mmHg")}
        recording = checked(examined.name, examined.sha256, examined.cuff, times_s, cuff)
        return limb_pressure_file.drawing(result, recording, _runs(pressures), limb_pressure_file.MAINS_HZ)
    recording = saturation_recording(examined)
    if examined.exam == OcclusionTestOrder.exam:
        return occlusion_file.drawing(result, recording, OcclusionChoices())
    return oxidative_file.drawing(result, recording, _choices((result.definition,)))


def _choices(definitions: Sequence[str]) -> Choices:
    """By default the saturation's slopes: the gateway's oximeter gives no haemoglobin in uM."""
    if not definitions:
        return Choices(signal="sto2")
    check(ShortOcclusionsOrder.exam, definitions)
    return replace(Choices(signal="sto2"), way=definitions[0].partition("/")[2])


def saturation_recording(examined: Examined) -> Recording:
    """Saturation over its own times, the cuff beside it. Raises ``RecordingUnusable``."""
    sto2 = examined.samples.sto2
    times_s = array("d", [at / 1000 for at, _ in sto2])
    percent = array("d", [math.nan if value is None else value / 10 for _, value in sto2])
    made = checked(examined.name, examined.sha256, examined.oximeter, times_s, {"sto2": Column(percent, "%")})
    return replace(made, cuff=_control(examined.samples.cuff, times_s[0]))


def _control(cuff: Iterable[CuffSample], begins_s: float) -> CuffTrace:
    rows = [(at / 1000 - begins_s, control) for at, control, _ in cuff]
    return CuffTrace(
        array("d", [at for at, _ in rows]),
        array("d", [math.nan if value is None else value / 10 for _, value in rows]),
    )


def _limb_pressure(examined: Examined) -> Result:
    pressures = even_pressures(examined.samples.cuff)
    if not pressures:
        raise TraceUnusable(examined.name, "the cuff's sensor gave no value")
    source = Source(
        name=examined.name,
        sha256=examined.sha256,
        rate_hz=STATUS_HZ,
        duration_s=len(pressures) / STATUS_HZ,
    )
    systolic_mmhg = examined.systolics_mmhg[-1] if examined.systolics_mmhg else 0
    where = Circumstances(examined.limb, examined.posture, examined.cuff_width_mm, systolic_mmhg)
    probe = Probe(device=examined.cuff, site="cuff")
    made = limb_pressure_result.analyse(_runs(pressures), where, probe, source)
    return msgspec.structs.replace(made, flags=(*made.flags, _unwatched(pressures)))


def _unwatched(pressures: "array[float]") -> Flag:
    """The gateway has no sensor beyond the cuff: a run goes on where somebody who feels the pulse would
    end it.
    """
    top = max((one for one in pressures if not math.isnan(one)), default=0.0)
    text = (
        f"nobody watched the pulse beyond the cuff: each run climbed to the top, {top:.0f} mmHg, whatever "
        "the limb needed"
    )
    return Flag(id="pulse_unwatched", severity=Severity.NOTE, text=text, about="limb_occlusion_pressure")


def _runs(pressures: "array[float]") -> list[Run]:
    return limb_pressure_result.runs_of(pressures, STATUS_HZ)


def even_pressures(cuff: Sequence[CuffSample]) -> "array[float]":
    """mmHg twenty times a second from the first status on; NaN where none came for half a second."""
    known = [(at, _mmhg(control, limit)) for at, control, limit in cuff]
    seen = [(at, value) for at, value in known if value is not None]
    made: array[float] = array("d")
    step_ms = 1000 / STATUS_HZ
    for (at, value), (after, following) in pairwise(seen):
        if after <= at:
            continue
        missing = after - at > _LONGEST_GAP_MS
        while seen[0][0] + len(made) * step_ms < after:
            share = (seen[0][0] + len(made) * step_ms - at) / (after - at)
            made.append(math.nan if missing else value + share * (following - value))
    return made


def _mmhg(control_dmmhg: int | None, limit_dmmhg: int | None) -> float | None:
    """The limit sensor in mmHg; the control sensor where that gave nothing."""
    value = control_dmmhg if limit_dmmhg is None else limit_dmmhg
    return None if value is None else value / 10
