"""Core's own reading of a limb occlusion pressure: in a process that core starts, from core's own samples."""

import math
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.exams.limb_pressure import LimbPressureOrder, start
from gateway.exams.result import Result, encode
from gateway.model import Limb
from gateway.record.events import ExaminationResult
from gateway.record.exam_trace import ExamTrace
from gateway.runtime import own_reading, readers
from gateway.runtime.exam_results import MOST_RESULTS
from gateway.runtime.examining import COMPLETED, Circumstances, Examination
from gateway.runtime.readers import InItsOwnProcess, InThisProcess, Reading
from gateway.runtime.requests import EXIT_NOT_NOW, EXIT_REFUSED, EXIT_UNAVAILABLE, ExamResult, Reply
from gateway.runtime.service import CoreShell
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.models import PADDED_LIMB
from tests.runtime.exam_room import SHORT_TEST, ExamRoom

LONGEST_S = 60.0
OCCLUDES_MMHG, SYSTOLIC = 150, 120


def climbed(trace: ExamTrace, begin_ms: int, noise: random.Random) -> int:
    """One run of steps of 10 s from 120 to 190 mmHg whose pulse is gone from 150 on; when it is over."""
    for at_ms in range(0, 80_000, 50):
        target = min(120 + 10 * (at_ms // 10_000), at_ms / 20 + 1)
        pulse = 2.5 if target < OCCLUDES_MMHG else 0.3
        dmmhg = round(
            10 * (target + pulse * math.sin(2 * math.pi * 1.2 * at_ms / 1000) + noise.gauss(0, 0.1))
        )
        trace.cuff(begin_ms + at_ms, dmmhg, dmmhg)
    for at_ms in range(80_000, 90_000, 50):
        dmmhg = max(0, 1900 - (at_ms - 80_000))
        trace.cuff(begin_ms + at_ms, dmmhg, dmmhg)
    return begin_ms + 90_000


@pytest.fixture(scope="module")
def examination() -> Examination:
    """Two runs as core recorded them, a saturation beside them."""
    trace, noise = ExamTrace(0), random.Random(1)
    climbed(trace, climbed(trace, 0, noise), noise)
    for at_ms in range(0, 180_000, 1_000):
        trace.sto2(at_ms, None if at_ms % 7_000 else 650)
    where = Circumstances("session-1", Limb.LEFT_THIGH, ("serial", "cuff"), "supine", 180)
    order = LimbPressureOrder()
    found = Examination(1, order, where, start(order, 0), 0, trace, [SYSTOLIC, SYSTOLIC])
    found.outcome, found.trace_sha256 = COMPLETED, trace.sha256()
    return found


def waited_for(reading: Reading) -> bytes:
    until_s = time.monotonic() + LONGEST_S
    while (answer := reading.poll()) is None:
        assert time.monotonic() < until_s
    return answer


def test_the_process_reads_what_is_read_here_to_the_last_bit(examination: Examination) -> None:
    question = own_reading.asked(examination)
    reading = InItsOwnProcess().begin(question)
    assert reading.poll() is None, "nobody waits for it to begin"
    answer = waited_for(reading)
    assert answer == InThisProcess().begin(question).poll()
    assert reading.poll() == answer
    result = own_reading.told(answer)
    assert isinstance(result, Result)
    found = result.value("limb_occlusion_pressure", "")
    assert found.low is not None
    assert found.high is not None
    assert found.low <= OCCLUDES_MMHG <= found.high
    assert result.recording.sha256 == examination.trace_sha256


def test_other_samples_than_those_of_the_digest_are_not_read(examination: Examination) -> None:
    question = own_reading.asked(examination)
    for damaged in (question[:-8], question[:-5] + b"\x01" + question[-4:]):
        told = own_reading.told(waited_for(InItsOwnProcess().begin(damaged)))
        assert told == "its samples are not those of its digest"


def test_what_cannot_be_read_says_why(examination: Examination) -> None:
    sitting = replace(examination, circumstances=replace(examination.circumstances, posture="sitting"))
    told = own_reading.told(InThisProcess().begin(own_reading.asked(sitting)).poll() or b"")
    assert isinstance(told, str)
    assert "supine" in told
    assert isinstance(own_reading.told(b"nonsense"), str)


def test_one_that_is_given_up_is_gone(examination: Examination) -> None:
    reading = InItsOwnProcess().begin(own_reading.asked(examination))
    reading.give_up()
    assert reading.poll() == b""
    reading.give_up()
    assert reading.poll() == b""
    (killed,) = readers._killed
    assert killed.wait(LONGEST_S) == -signal.SIGKILL
    InItsOwnProcess().begin(b"").give_up()
    assert killed not in readers._killed, "nothing is left of it"
    readers._killed[-1].wait(LONGEST_S)


@pytest.mark.parametrize("program", ["import sys; sys.exit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_process_that_dies_has_no_answer(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = subprocess.Popen

    def another(words: list[str], **how: object) -> "subprocess.Popen[bytes]":
        return started([words[0], "-c", program], **how)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", another)
    assert waited_for(InItsOwnProcess().begin(b"")) == b""


def test_a_machine_that_starts_no_process_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert InItsOwnProcess().begin(b"").poll() == b""


def test_the_service_reads_in_a_process_of_its_own() -> None:
    names = CoreShell.__init__.__code__.co_names
    assert readers.InItsOwnProcess.__name__ in names
    assert readers.InThisProcess.__name__ not in names


# --- at the desk ------------------------------------------------------------------------------------------


class Slow:
    """A reader that takes as long as it is told, and counts."""

    def __init__(self) -> None:
        self.begun = self.given_up = 0
        self.answer: bytes | None = None

    def begin(self, question: bytes) -> Reading:
        self.begun += 1
        self.answer = None
        return self

    def poll(self) -> bytes | None:
        return self.answer

    def give_up(self) -> None:
        self.given_up += 1


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ExamRoom, Result]]:
    room = ExamRoom(
        tmp_path_factory.mktemp("read") / "journal.db",
        "thigh_cuff",
        replace(PADDED_LIMB, systolic_mmhg=155.0),
    )
    assert not room.arm().exit_code
    assert not room.begin("limb-pressure", "supine", step_ms=5_000).exit_code
    room.run_to_the_end()
    yield room, room.analyse()
    room.bedside.close()


@pytest.fixture
def reader(measured: tuple[ExamRoom, Result], monkeypatch: pytest.MonkeyPatch) -> Slow:
    slow = Slow()
    results = measured[0].bedside.desk._exams._results
    monkeypatch.setattr(results, "_reader", slow)
    monkeypatch.setattr(results, "_of", None)
    return slow


def sent(room: ExamRoom, result: Result) -> list[Reply]:
    """Send it without waiting; where the answer will be."""
    answers: list[Reply] = []
    said = room.shown
    request = ExamResult(
        session=str(said["session"]),
        examination=int(str(said["examination"])),
        document=encode(result).decode(),
    )
    bedside = room.bedside
    bedside.desk.ask(request, OPERATOR, bedside.core_ms, answers.append)
    return answers


def test_it_is_read_once_for_all_who_ask_and_nobody_waits_for_ever(
    measured: tuple[ExamRoom, Result], reader: Slow
) -> None:
    room, result = measured
    answers = sent(room, result), sent(room, result)
    room.bedside.run(29_000)
    assert (answers, reader.begun) == (([], []), 1)
    room.bedside.run(2_000)
    assert [one[0].exit_code for one in answers] == [EXIT_UNAVAILABLE] * 2
    assert (reader.given_up, room.rows(ExaminationResult)) == (reader.begun, [])


def test_a_reading_that_dies_is_no_result(measured: tuple[ExamRoom, Result], reader: Slow) -> None:
    room, result = measured
    answers = sent(room, result)
    reader.answer = b""
    room.bedside.run(100)
    assert ("could not read" in answers[0].message, room.rows(ExaminationResult)) == (True, [])


def test_what_core_cannot_read_is_no_result(measured: tuple[ExamRoom, Result], reader: Slow) -> None:
    room, result = measured
    answers = sent(room, result)
    reader.answer = b"-no run could be read"
    room.bedside.run(100)
    assert (answers[0].exit_code, "no run could be read" in answers[0].message) == (EXIT_REFUSED, True)
    assert room.rows(ExaminationResult) == []


def test_nothing_is_read_while_the_cuff_is_inflated(
    measured: tuple[ExamRoom, Result], reader: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, result = measured
    answers = sent(room, result)
    core = room.bedside.core
    assert core is not None
    core.state = replace(core.state, inflation=object())  # type: ignore[arg-type]
    room.bedside.desk.step(room.bedside.core_ms)
    core.state = replace(core.state, inflation=None)
    assert (answers[0].exit_code, "the cuff inflates" in answers[0].message) == (EXIT_NOT_NOW, True)
    assert reader.given_up == 1


def test_a_result_that_is_sent_again_is_no_second_row_and_there_are_so_many(tmp_path: Path) -> None:
    room = ExamRoom(tmp_path / "journal.db")
    assert not room.arm().exit_code
    assert not room.begin("occlusion-test", **SHORT_TEST).exit_code
    room.run_to_the_end()
    result = room.analyse()
    first = room.store(result)
    assert (first.exit_code, room.store(result), len(room.rows(ExaminationResult))) == (0, first, 1)
    for number in range(1, MOST_RESULTS + 2):
        another = msgspec.structs.replace(result, software=f"another {number}")
        refused = room.store(another).exit_code
        assert refused == (EXIT_REFUSED if number >= MOST_RESULTS else 0), number
    assert room.store(result) == first, "what is there is still answered"
    assert len(room.rows(ExaminationResult)) == MOST_RESULTS
    room.bedside.close()
