"""A recording of our own, analysed again: the numbers of the bedside, or others by another definition.

Theory of operation
-------------------
Such a file says itself what its samples are, which limb it was and how the patient lay; options that say so
for other files are refused.  Only what a person says of the probe, and the definition, may be said anew.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.exam_showing import show

if TYPE_CHECKING:
    from gateway.exams.files.stated import Stated
    from gateway.runtime.exam_recording import ExamRecording

_SAYS_ITSELF = (
    "this recording of rvos says its samples, times and circumstances itself: only --definition, --site, "
    "--spacing-mm, --json and --plot go with it"
)


def analysed(
    exam: str,
    file: Path,
    stated: "Stated",
    definitions: str | Sequence[str],
    others: Iterable[object],
    as_json: bool,
    plot: Path | None,
) -> bool:
    """Whether the file is one of ours; then its result is shown. Raises ``ExamRefused`` and its kinds.

    ``others`` are the values of all other options.
    """
    from gateway.runtime import exam_analysis, exam_recording

    found = exam_recording.opened(file)
    if found is None:
        return False
    _fits(exam, file, found, stated, others)
    asked = [one for one in ([definitions] if isinstance(definitions, str) else definitions) if one]
    exam_analysis.check(exam, asked)
    site, spacing_mm = stated.site or found.site, stated.spacing_mm or found.spacing_mm
    examined = found.examined
    result = exam_analysis.analyse(examined, site, spacing_mm, asked or found.definitions)
    show(result, lambda: exam_analysis.drawing(examined, result), as_json, plot)
    return True


def _fits(exam: str, file: Path, found: "ExamRecording", stated: "Stated", others: Iterable[object]) -> None:
    from dataclasses import replace

    from gateway.exams.errors import NotStated, RecordingUnusable
    from gateway.exams.files.occlusion_times import Times
    from gateway.exams.files.stated import Stated, positive

    if found.exam != exam:
        text = f"it holds another examination: rvos exam analyse {found.exam} {file.name}"
        raise RecordingUnusable(file.name, text)
    if stated.limb not in (None, found.limb):
        raise NotStated("--limb", f"this recording is of the {found.limb.value.replace('_', ' ')}")
    positive("--spacing-mm", stated.spacing_mm)
    rest = replace(stated, limb=None, site="", spacing_mm=None, formats=())
    if rest != Stated() or any(one not in (None, "", False, Times()) for one in others):
        raise NotStated(file.name, _SAYS_ITSELF)
