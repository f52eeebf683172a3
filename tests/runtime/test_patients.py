"""What patients have borne, at a whole bedside: as the cuff's samples show it, and as people tell it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.model import History, Limb
from gateway.record.history_file import DAY_MS, OLDEST_MS
from gateway.record.reader import JournalReader
from gateway.runtime import ceilings
from gateway.runtime.desk import Asker
from gateway.runtime.patient_view import PatientView
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    AnyRequest,
    DeclaredStimulation,
    PatientExport,
    PatientHistory,
    PatientImport,
    PatientShow,
    Reply,
    SessionCuffRemoved,
    SessionStop,
)
from gateway.simulation.bedside import OPERATOR
from tests.runtime.conftest import PATIENT as TOKEN
from tests.runtime.conftest import People
from tests.runtime.patients import (
    ENTRY,
    HOUR_MS,
    MINUTE_MS,
    SynchronisedClock,
    borne_ms,
    declare,
    file,
    history,
    start,
    told,
)
from tests.runtime.stimulation import Stimulated

FRAME_MS = 50
MOST_MS = 330_000


def integrated_ms(journal: Path) -> int:
    """All time above 15 mmHg by the samples of the journal: either end of a step above."""
    frames: list[tuple[int, int]] = []
    with JournalReader.open(journal) as reader:
        for row in reader.rows(kind="trace"):
            cuff = msgspec.json.decode(row.body)["cuff"]
            frames += [(at_ms, max(control, limit)) for at_ms, control, limit in cuff]
    steps = [
        later - earlier
        for (earlier, before), (later, after) in pairwise(sorted(frames))
        if max(before, after) > 150
    ]
    return sum(steps)


class Truth:
    """How long the cuff on this limb was really above 15 mmHg: asked of the plant, every 10 ms."""

    def __init__(self, people: People) -> None:
        self._people = people
        self.above_ms = 0

    def run(self, duration_ms: int) -> None:
        for _ in range(duration_ms // 10):
            self._people.bedside.run(10)
            self.above_ms += 10 if self._people.bedside.plant.pressure_mmhg > 15 else 0


class TestPressure:
    def test_a_session_s_exposure_is_the_integral_of_its_samples_and_the_plant_s_truth(
        self, people: People
    ) -> None:
        truth = Truth(people)
        start(people)
        truth.run(60_000)
        assert people.state()["mode"] == "idle"
        known_ms = borne_ms(people)
        assert known_ms == integrated_ms(people.journal)
        assert 12_000 < known_ms < 16_000
        edges_ms = 2 * 2 * (FRAME_MS + 10)  # two inflations, each with a rise and a fall
        assert truth.above_ms - edges_ms <= known_ms <= truth.above_ms + edges_ms
        assert [(one.limb, one.therapy) for one in history(people).exposures] == [
            (Limb.LEFT_THIGH, True),
            (Limb.LEFT_THIGH, True),
        ]

    def test_the_next_run_knows_the_same_from_the_journal(self, people: People) -> None:
        start(people)
        people.run_until_mode("idle")
        people.bedside.ask(SessionCuffRemoved())
        people.bedside.run(2_000)
        before = history(people)
        people.bedside.kill_core()
        people.bedside.start_core()
        assert history(people) == before
        assert len(before.sessions) == 1

    @pytest.mark.parametrize("into_hold_ms", [0, 700, 2_000])
    def test_a_kill_never_makes_it_less_than_the_truth(self, people: People, into_hold_ms: int) -> None:
        truth = Truth(people)
        start(people)
        while people.state()["phase"] != "holding":
            truth.run(50)
        truth.run(into_hold_ms)
        people.bedside.kill_core()
        truth.run(3_000)
        people.bedside.start_core()
        truth.run(5_000)
        assert truth.above_ms <= borne_ms(people) <= MOST_MS
        # no sample shows when the cuff was empty
        assert borne_ms(people, later_ms=HOUR_MS) == MOST_MS

    def test_samples_after_a_kill_show_that_it_was_less(self, people: People) -> None:
        truth = Truth(people)
        start(people)
        while people.state()["phase"] != "holding":
            truth.run(50)
        people.bedside.kill_core()
        people.bedside.start_core()  # while the controller still waits for a lease
        truth.run(20_000)
        assert truth.above_ms <= borne_ms(people) < truth.above_ms + 2_000


def audits(people: People, type: str) -> list[Any]:
    with JournalReader.open(people.journal) as reader:
        return [msgspec.json.decode(row.body) for row in reader.rows(kind="audit") if row.type == type]


class TestDeclaring:
    def test_nothing_makes_the_day_known(self, people: People) -> None:
        assert history(people).told_ago_ms is None
        reply = declare(people, nothing=True)
        assert (reply.exit_code, reply.message) == (
            0,
            "noted for patient token-1: nothing elsewhere; the last 24 hours are known",
        )
        assert history(people) == History(told_ago_ms=0)

    def test_sessions_count(self, people: People) -> None:
        reply = declare(people, told(), told("right_thigh", 60, 3, therapy=False))
        assert "2 sessions elsewhere" in reply.message
        found = [(one.limb, one.therapy, one.above_ms, one.ended_ago_ms) for one in history(people).exposures]
        assert found == [
            (Limb.LEFT_THIGH, True, 20 * MINUTE_MS, 5 * HOUR_MS),
            (Limb.RIGHT_THIGH, False, 3 * MINUTE_MS, HOUR_MS),
        ]

    def test_stimulation_elsewhere_takes_from_the_day_s_pulses(self, tmp_path: Path) -> None:
        thigh = Stimulated(tmp_path / "journal.db")
        train = DeclaredStimulation(limb="left_thigh", ended_min_ago=300, stimulated_min=20)
        assert "1 session elsewhere" in declare(thigh, stimulation=[train]).message
        assert ceilings.left_ms(thigh.bedside.core, TOKEN, thigh.bedside.now) == 10 * MINUTE_MS
        assert [one.ended_ago_ms for one in history(thigh).sessions] == [5 * HOUR_MS]
        reply = declare(thigh, stimulation=[msgspec.structs.replace(train, stimulated_min=0)])
        assert (reply.exit_code, reply.message) == (2, "0 minutes of stimulation cannot be meant")
        thigh.bedside.close()

    def test_it_is_written_down_and_outlives_the_run(self, people: People) -> None:
        declare(people, told())
        people.bedside.kill_core()
        people.bedside.start_core()
        assert len(history(people).exposures) == 1
        [row] = audits(people, "patient_history")
        assert (row["patient"], row["source"], row["told_ago_ms"]) == (TOKEN, "by hand", 0)
        assert [one["verb"] for one in audits(people, "request_asked")] == ["patient_history"]

    def test_not_while_this_patient_s_session_runs_on_budgets_without_it(self, people: People) -> None:
        start(people)
        SynchronisedClock(people)
        before = history(people)
        tellings = declare(people, told()), declare(people, nothing=True), people.bedside.ask(file(people))
        for reply in tellings:
            assert (reply.exit_code, "stop it first" in reply.message) == (EXIT_NOT_NOW, True), reply
        assert history(people).sessions == before.sessions
        other = PatientHistory(patient="token-2", nothing=True, confirm=True)
        assert not people.bedside.ask(other).exit_code, "another patient's"
        people.bedside.ask(SessionStop())
        people.bedside.run(12_000)
        assert not declare(people, told()).exit_code

    def test_it_leaves_the_device_in_no_event(self, people: People) -> None:
        declare(people, told())
        start(people)
        assert all(TOKEN.encode() not in row.body for row in people.events())

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"nothing": False}, "declare sessions or that there was nothing, and not both"),
            ({"nothing": True, "sessions": [told()]}, "and not both"),
            ({"sessions": [told("tail")]}, "the limb must be one of left_thigh, "),
            ({"sessions": [told(ended=-1)]}, "ended -1 minutes ago: only the last 24 hours count"),
            ({"sessions": [told(ended=1440)]}, "ended 1440 minutes ago: only the last 24 hours count"),
            ({"sessions": [told(above=0)]}, "0 minutes above 15 mmHg cannot be meant"),
            ({"sessions": [told(above=1440)]}, "1440 minutes above 15 mmHg cannot be meant"),
            ({"sessions": [told()] * 17}, "17 sessions in 24 hours: at most 16"),
            ({"nothing": True, "patient": "Mrs Smith"}, "the patient token must be"),
            ({"nothing": True, "patient": ""}, "the patient token must be"),
            ({"nothing": True, "confirm": False}, "nothing was done"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, people: People, changed: dict[str, Any], why: str) -> None:
        reply = declare(people, **changed)
        assert reply.exit_code == 2
        assert why in reply.message
        assert history(people) == History()
        assert audits(people, "patient_history") == []

    @pytest.mark.parametrize(
        "request_",
        [
            PatientHistory(patient=TOKEN, nothing=True, confirm=True),
            PatientImport(document={}, confirm=True),
            PatientExport(patient=TOKEN),
            PatientShow(patient=TOKEN),
        ],
    )
    def test_only_operators_tell_and_look(self, people: People, request_: AnyRequest) -> None:
        nobody = Asker(uid=1000, gid=1000, pid=1, operator=False)
        assert people.bedside.ask(request_, nobody).exit_code == 77


class TestTakingOver:
    @pytest.fixture
    def synchronised(self, people: People) -> People:
        SynchronisedClock(people)
        return people

    def test_a_file_of_a_known_age_makes_the_day_known(self, synchronised: People) -> None:
        reply = synchronised.bedside.ask(file(synchronised, age_ms=2 * HOUR_MS, told_ago_ms=HOUR_MS))
        assert (reply.exit_code, reply.message) == (
            0,
            "taken over for patient token-1 from rvos-07: 1 new entry; the last 24 hours are known",
        )
        found = history(synchronised)
        [exposure] = found.exposures
        assert (exposure.above_ms, exposure.ended_ago_ms) == (20 * MINUTE_MS, 7 * HOUR_MS)
        assert [one.ended_ago_ms for one in found.sessions] == [7 * HOUR_MS]
        assert found.told_ago_ms == 3 * HOUR_MS

    def test_a_file_whose_age_no_clock_knows_counts_as_new_and_makes_nothing_known(
        self, people: People
    ) -> None:
        reply = people.bedside.ask(file(people, age_ms=2 * HOUR_MS))
        assert reply.exit_code == 0
        assert "not known by it (no clock vouches for the age of the file): complete them" in reply.message
        found = history(people)
        assert [one.ended_ago_ms for one in found.exposures] == [5 * HOUR_MS]
        assert found.told_ago_ms is None

    def test_a_gateway_that_did_not_know_makes_nothing_known(self, synchronised: People) -> None:
        reply = synchronised.bedside.ask(file(synchronised, told_ago_ms=None))
        assert "(rvos-07 did not know them)" in reply.message
        assert history(synchronised).told_ago_ms is None
        assert len(history(synchronised).exposures) == 1

    def test_a_file_that_is_too_old_says_so(self, synchronised: People) -> None:
        reply = synchronised.bedside.ask(file(synchronised, age_ms=DAY_MS + 1))
        assert "0 new entries; the last 24 hours are not known by it (the file is too old)" in reply.message
        assert history(synchronised).exposures == ()

    def test_the_oldest_ages_that_a_file_may_say_are_taken(self, synchronised: People) -> None:
        oldest = msgspec.structs.replace(
            ENTRY, started_ago_ms=OLDEST_MS, ended_ago_ms=OLDEST_MS, over_ago_ms=0
        )
        assert synchronised.bedside.ask(file(synchronised, oldest, age_ms=20 * HOUR_MS)).exit_code == 0
        assert [one.ended_ago_ms for one in history(synchronised).sessions] == [20 * HOUR_MS]

    def test_a_file_is_counted_once(self, synchronised: People) -> None:
        synchronised.bedside.ask(file(synchronised))
        again = synchronised.bedside.ask(file(synchronised))
        assert "0 new entries" in again.message
        assert borne_ms(synchronised) == 20 * MINUTE_MS

    def test_entries_by_hand_have_no_name_to_know_them_by(self, synchronised: People) -> None:
        by_hand = msgspec.structs.replace(ENTRY, session="")
        for _ in range(2):
            synchronised.bedside.ask(file(synchronised, by_hand))
        assert borne_ms(synchronised) == 40 * MINUTE_MS

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"patient": "token-2"}, "the file: its contents do not match its hash"),
            ({"schema": 9}, "the file: has schema 9"),
            ({"entries": "many"}, "the file: not a patient history"),
            ({"told_ago_ms": -1}, "the file: not a patient history"),
        ],
    )
    def test_garbage_is_refused(self, synchronised: People, changed: dict[str, Any], why: str) -> None:
        reply = synchronised.bedside.ask(file(synchronised, **changed))
        assert reply.exit_code == 65
        assert reply.message.startswith(why)
        assert history(synchronised) == History()

    def test_a_file_from_the_future_is_refused(self, synchronised: People) -> None:
        reply = synchronised.bedside.ask(file(synchronised, age_ms=-5_000))
        assert (reply.exit_code, reply.message) == (
            65,
            "the file: was written 5 s in the future: the clock of one gateway is wrong",
        )

    def test_it_needs_a_word(self, people: People) -> None:
        unconfirmed = msgspec.structs.replace(file(people), confirm=False)
        assert people.bedside.ask(unconfirmed).exit_code == 2
        assert history(people) == History()


class TestShowing:
    def shown(self, people: People, *, later_ms: int = 0) -> PatientView:
        replies: list[Reply] = []
        now = people.bedside.now + later_ms
        people.bedside.desk.ask(PatientShow(patient=TOKEN), OPERATOR, now, replies.append)
        [reply] = replies
        assert reply.exit_code == 0
        return msgspec.convert(reply.data, PatientView)

    def test_an_unknown_patient(self, people: People) -> None:
        view = self.shown(people)
        assert (view.known, view.told_ago_s, view.session_wait_s, view.resumable) == (False, None, 0, None)
        assert {(one.therapy_s, one.examination_s) for one in view.limbs} == {(2700.0, 1200.0)}
        assert [one.limb for one in view.limbs] == [*Limb]
        assert view.borne == []

    def test_since_when_the_history_is_out_of_the_house(self, people: People) -> None:
        declare(people, nothing=True)
        assert self.shown(people).handed_on_ago_s is None
        people.bedside.ask(PatientExport(patient=TOKEN))
        view = self.shown(people, later_ms=HOUR_MS)
        assert (view.known, view.told_ago_s) == (False, None)
        assert view.handed_on_ago_s == pytest.approx(3600)

    def test_what_is_left_and_how_long_to_wait(self, people: People) -> None:
        declare(people, told(ended=60), told("right_thigh", 30, 3, therapy=False))
        view = self.shown(people)
        assert (view.known, view.told_ago_s) == (True, 0.0)
        assert view.session_wait_s == 3 * 3600
        left = {one.limb: (one.therapy_s, one.examination_s) for one in view.limbs}
        assert left["left_thigh"] == (25 * 60, 1200.0)
        assert left["right_thigh"] == (2700.0, 17 * 60)
        assert [(one.limb, one.above_s, one.ended_ago_s) for one in view.borne] == [
            ("left_thigh", 1200.0, 3600.0),
            ("right_thigh", 180.0, 1800.0),
        ]

    def test_a_session_that_may_be_resumed_and_for_how_long(self, people: People) -> None:
        name = start(people)
        people.run_until("holding")
        people.bedside.kill_core()
        people.bedside.start_core()
        people.bedside.run(1_000)
        assert self.shown(people).resumable == name
        assert self.shown(people, later_ms=59 * MINUTE_MS).resumable == name
        assert self.shown(people, later_ms=HOUR_MS).resumable is None

    def test_a_name_is_no_token(self, people: People) -> None:
        assert people.bedside.ask(PatientShow(patient="Mrs Smith")).exit_code == 2
