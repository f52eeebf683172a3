"""The recording of an examination: computed again it gives the same; and how long a result can get."""

from pathlib import Path

import msgspec
import pytest

from gateway.exams.errors import RecordingUnusable
from gateway.exams.occlusion_definitions import DEFINITIONS
from gateway.exams.result import encode
from gateway.model import Limb
from gateway.record.exam_trace import Samples
from gateway.runtime import exam_recording
from gateway.runtime.control_server import LONGEST_REQUEST
from gateway.runtime.exam_analysis import Examined, analyse, drawing, usual
from gateway.runtime.requests import ExamResult
from tests.dsp.cuff import Cuff, climb
from tests.exams.test_limb_pressure_result import RATE_HZ


def occlusions(number: int, occlusion_ms: int, period_ms: int, fall: float = 8.0) -> Samples:
    """So many, with a consumption that recovers; cuff at 20 Hz, saturation at 1 Hz."""
    cuff: list[tuple[int, int | None, int | None]] = []
    sto2: list[tuple[int, int | None]] = []
    until_ms, saturation = 20_000 + number * period_ms + 60_000, 680.0
    for at in range(0, until_ms, 50):
        nth, into = divmod(at - 20_000, period_ms)
        occluded = 0 <= nth < number and into < occlusion_ms
        cuff.append((at, 1700 if occluded else 0, 1700 if occluded else 0))
        if at % 1_000 == 0:
            faster = fall * (1 + 3 * 2.718 ** (-nth / 8))
            saturation = saturation - faster if occluded else min(680.0, saturation + 40)
            sto2.append((at, round(saturation + at // 1_000 * 7 % 5 - 2)))
    return Samples(cuff, sto2)


def examined(exam: str, samples: Samples, inflations: int = 1) -> Examined:
    return Examined(
        exam=exam,
        session="gateway-123456-1234-12",
        number=1,
        limb=Limb.LEFT_THIGH,
        posture="supine",
        cuff="a cuff at 7",
        cuff_width_mm=180,
        systolics_mmhg=[120] * inflations,
        oximeter="an oximeter",
        samples=samples,
    )


def climbs() -> Samples:
    """Two runs of the cuff in steps, with a rest between."""
    made = Cuff(mean_mmhg=100.0, closed_mmhg=177.0, rate_hz=RATE_HZ)
    run, _ = climb(cuff=made)
    every = int(RATE_HZ / 20)
    whole = [0.0] * 400 + list(run[::every]) + [0.0] * 400 + list(run[::every]) + [0.0] * 100
    return Samples([(50 * at, round(10 * one), round(10 * one)) for at, one in enumerate(whole)], [])


EXAMINED = {
    "occlusion-test": examined("occlusion-test", occlusions(1, 120_000, 180_000, 0.6)),
    "oxidative-capacity": examined("oxidative-capacity", occlusions(8, 6_000, 16_000), 8),
    "limb-pressure": examined("limb-pressure", climbs(), 2),
}


@pytest.mark.parametrize("exam", list(EXAMINED))
def test_computed_again_it_is_the_same(tmp_path: Path, exam: str) -> None:
    kept = tmp_path / "exam.json"
    kept.write_bytes(exam_recording.encode(EXAMINED[exam], "vastus lateralis", 15.0, usual(exam)))
    found = exam_recording.opened(kept)
    assert found is not None
    assert found.examined == EXAMINED[exam]
    bedside = analyse(EXAMINED[exam], "vastus lateralis", 15.0)
    again = analyse(found.examined, found.site, found.spacing_mm, found.definitions)
    assert encode(again) == encode(bedside)
    assert len(drawing(found.examined, again).panels) >= 2


def test_a_table_is_none_of_ours(tmp_path: Path) -> None:
    table = tmp_path / "vot.csv"
    table.write_text("time_s,sto2\n0,68\n")
    assert exam_recording.opened(table) is None
    table.write_text('{"motor": []}')
    with pytest.raises(RecordingUnusable, match="no examination that rvos recorded"):
        exam_recording.opened(table)


@pytest.mark.parametrize(
    ("exam", "samples", "definitions", "most_kb"),
    [
        ("oxidative-capacity", occlusions(75, 4_000, 8_000), (), 65),
        ("occlusion-test", EXAMINED["occlusion-test"].samples, tuple(DEFINITIONS), 16),
    ],
)
def test_the_largest_result_fits_a_request_twice(
    exam: str, samples: Samples, definitions: tuple[str, ...], most_kb: int
) -> None:
    whole = examined(exam, samples, 75)
    document = encode(analyse(whole, "vastus lateralis", 15.0, definitions)).decode()
    line = msgspec.json.encode(ExamResult(session=whole.session, examination=1, document=document))
    assert len(line) <= most_kb * 1_000
    assert 2 * len(line) <= LONGEST_REQUEST
