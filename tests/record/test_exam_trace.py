"""The trace of an examination: its digest is made as the samples come, and is that of the samples."""

from gateway.record.exam_trace import MOST_CUFF_SAMPLES, MOST_TISSUE_SAMPLES, ExamTrace, Samples, sha256


def test_the_digest_made_on_the_way_is_that_of_the_samples() -> None:
    trace = ExamTrace(1_000)
    assert trace.sha256() == sha256(Samples([], []))
    for at in range(300):
        trace.cuff(1_000 + 50 * at, None if at == 7 else at, None if at == 9 else -at)
        if at % 20 == 0:
            trace.sto2(1_000 + 50 * at, None if at == 40 else 680)
            assert trace.sha256() == sha256(trace.page(0, 0, MOST_CUFF_SAMPLES))
    assert trace.sha256() == sha256(trace.page(0, 0, MOST_CUFF_SAMPLES))
    assert trace.highest_dmmhg == 299


def test_what_is_not_kept_is_not_in_the_digest() -> None:
    trace = ExamTrace(0)
    for at in range(MOST_TISSUE_SAMPLES + 1):
        trace.sto2(at, 700)
    assert not trace.complete
    assert trace.sto2_samples == MOST_TISSUE_SAMPLES
    assert trace.sha256() == sha256(trace.page(0, 0, MOST_TISSUE_SAMPLES))


def test_a_trace_without_a_pressure_reached_none() -> None:
    trace = ExamTrace(0)
    trace.cuff(0, None, 1_700)
    assert trace.highest_dmmhg == 0
