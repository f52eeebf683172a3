"""The file of one examination: everything that is needed to compute its result again.

Theory of operation
-------------------
One JSON document (``rvos.exam-recording/1``): what core says of the examination, every sample with the time
at which it came, what a person said of the probe and by which definitions it was analysed, and the digest of
the samples, which also stands in the journal and in every result.  Cuff and oximeter keep their own times,
which a table with one row a sample could not: that is why it is no CSV.  ``rvos exam analyse`` reads it with
the same code that analysed it at the bedside, so the numbers are the same to the last bit.

Units: as in ``gateway.record.exam_trace``; the document names them in ``columns``.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.exams.errors import RecordingUnusable
from gateway.exams.recordings import content
from gateway.model import Limb
from gateway.record.exam_trace import CuffSample, Samples, TissueSample
from gateway.runtime.exam_analysis import Examined

SCHEMA = "rvos.exam-recording/1"
COLUMNS = {
    "cuff_samples": ["time_ms", "control_dmmhg", "limit_dmmhg"],
    "sto2_samples": ["time_ms", "sto2_permille"],
}


class ExamRecording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document."""

    schema: str = SCHEMA
    exam: str
    session: str
    examination: int
    limb: Limb
    posture: str
    cuff: str
    cuff_width_mm: int
    systolics_mmhg: list[int]
    oximeter: str
    site: str
    spacing_mm: float | None
    definitions: list[str]
    sha256: str
    columns: dict[str, list[str]]
    cuff_samples: list[CuffSample]
    sto2_samples: list[TissueSample]

    @property
    def examined(self) -> Examined:
        """What the analysis needs."""
        return Examined(
            exam=self.exam,
            session=self.session,
            number=self.examination,
            limb=self.limb,
            posture=self.posture,
            cuff=self.cuff,
            cuff_width_mm=self.cuff_width_mm,
            systolics_mmhg=self.systolics_mmhg,
            oximeter=self.oximeter,
            samples=Samples(self.cuff_samples, self.sto2_samples),
        )


def encode(examined: Examined, site: str, spacing_mm: float | None, definitions: Sequence[str]) -> bytes:
    """The document as bytes."""
    made = ExamRecording(
        exam=examined.exam,
        session=examined.session,
        examination=examined.number,
        limb=examined.limb,
        posture=examined.posture,
        cuff=examined.cuff,
        cuff_width_mm=examined.cuff_width_mm,
        systolics_mmhg=list(examined.systolics_mmhg),
        oximeter=examined.oximeter,
        site=site,
        spacing_mm=spacing_mm,
        definitions=list(definitions),
        sha256=examined.sha256,
        columns=COLUMNS,
        cuff_samples=examined.samples.cuff,
        sto2_samples=examined.samples.sto2,
    )
    return msgspec.json.encode(made) + b"\n"


def opened(path: Path) -> ExamRecording | None:
    """The document in this file; ``None`` where the file is something else. Raises ``RecordingUnusable``."""
    data = content(path)
    if not data.lstrip().startswith(b"{"):
        return None
    try:
        found = msgspec.json.decode(data, type=ExamRecording)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingUnusable(path.name, f"no examination that rvos recorded ({error})") from error
    if found.schema != SCHEMA:
        raise RecordingUnusable(path.name, f"schema {found.schema!r}: this version reads {SCHEMA}")
    if found.examined.sha256 != found.sha256:
        text = "its samples are not those of its digest: it was damaged or changed; take the original"
        raise RecordingUnusable(path.name, text)
    return found
