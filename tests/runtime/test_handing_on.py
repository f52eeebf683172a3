"""A patient who goes to another gateway: what is handed on, and what is not known here any more."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from gateway.model import Limb
from gateway.record.history_file import HistoryFile
from gateway.runtime import ceilings
from gateway.runtime.requests import (
    PatientExport,
    PatientImport,
    Reply,
    SessionClearPatient,
    SessionCuffRemoved,
    SessionStop,
)
from gateway.simulation.bedside import OPERATOR
from tests.runtime.conftest import PATIENT as TOKEN
from tests.runtime.conftest import People
from tests.runtime.patients import (
    MINUTE_MS,
    SynchronisedClock,
    ask_for_session,
    borne_ms,
    declare,
    file,
    history,
    session_request,
    start,
    told,
)
from tests.runtime.stimulation import Stimulated


class TestHandingOn:
    def exported(self, people: People) -> HistoryFile:
        reply = people.bedside.ask(PatientExport(patient=TOKEN))
        assert reply.exit_code == 0, reply.message
        return msgspec.convert(reply.data, HistoryFile)

    def test_another_gateway_knows_what_this_one_knew(self, people: People, tmp_path: Path) -> None:
        SynchronisedClock(people)
        declare(people, told())
        name = start(people)
        people.run_until_mode("idle")
        people.bedside.ask(SessionCuffRemoved())
        found = self.exported(people)
        assert [entry.session for entry in found.entries] == ["", name]
        other = People(tmp_path / "other.db")
        SynchronisedClock(other)
        other.bedside.run(people.bedside.now - other.bedside.now + 10_000)
        reply = other.bedside.ask(PatientImport(document=msgspec.to_builtins(found), confirm=True))
        assert "2 new entries; the last 24 hours are known" in reply.message
        assert borne_ms(other) == borne_ms(people)
        assert len(history(other).sessions) == len(history(people).sessions) == 2
        other.bedside.close()

    def test_what_comes_back_is_known_already(self, people: People) -> None:
        start(people)
        people.run_until_mode("idle")
        people.bedside.ask(SessionCuffRemoved())
        before_ms = borne_ms(people)
        found = self.exported(people)
        reply = people.bedside.ask(PatientImport(document=msgspec.to_builtins(found), confirm=True))
        assert "0 new entries" in reply.message
        assert borne_ms(people) == before_ms

    def test_a_day_that_is_not_known_is_handed_on_as_such(self, people: People) -> None:
        people.bedside.ask(file(people))
        assert self.exported(people).told_ago_ms is None

    def test_a_session_that_runs_is_not_handed_on(self, people: People) -> None:
        name = start(people)
        reply = people.bedside.ask(PatientExport(patient=TOKEN))
        assert (reply.exit_code, reply.message) == (75, f"session {name} is still running; stop it first")
        declare(people, patient="token-2", nothing=True)
        assert people.bedside.ask(PatientExport(patient="token-2")).exit_code == 0
        people.bedside.ask(SessionStop())

    def test_nothing_known_is_no_file(self, people: People) -> None:
        reply = people.bedside.ask(PatientExport(patient=TOKEN))
        assert (reply.exit_code, reply.message) == (
            65,
            "nothing is known here of patient token-1's last 24 hours",
        )

    def test_too_much_for_a_file_is_refused(self, people: People) -> None:
        declare(people, *[told()] * 16)
        declare(people, told())
        reply = people.bedside.ask(PatientExport(patient=TOKEN))
        assert reply.exit_code == 65
        assert "17 entries in 24 hours, a file takes 16" in reply.message

    def test_a_name_is_no_token(self, people: People) -> None:
        assert people.bedside.ask(PatientExport(patient="Mrs Smith")).exit_code == 2

    def test_the_row_that_says_so_is_on_the_disk_before_the_file_is_in_anybody_s_hand(
        self, people: People, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        declare(people, nothing=True)
        monkeypatch.setattr(people.bedside.core.recorder, "is_durable", lambda ticket: False)
        reply = people.bedside.ask(PatientExport(patient=TOKEN))
        assert (reply.exit_code, reply.data) == (69, {})
        assert reply.message.startswith("nothing was exported: ")

    def test_after_an_export_nothing_starts_here_until_somebody_tells_what_was_done_since(
        self, people: People
    ) -> None:
        declare(people, nothing=True)
        self.exported(people)
        assert history(people).told_ago_ms is None
        reply = ask_for_session(people)
        assert reply.exit_code == 65
        assert "does not know the patient's last 24 hours" in reply.message
        assert "enter what was done elsewhere since (--nothing if nothing was), or import" in reply.message
        declare(people, nothing=True)
        assert ask_for_session(people).exit_code == 0
        people.bedside.ask(SessionStop())

    def test_nor_does_an_interrupted_session_go_on(self, people: People) -> None:
        start(people)
        people.run_until("holding")
        people.bedside.ask(SessionClearPatient())
        people.run_until_mode("idle")
        people.bedside.run(5_000)
        self.exported(people)
        reply = ask_for_session(people, resume=True)
        assert (reply.exit_code, "does not know" in reply.message) == (65, True)
        declare(people, nothing=True)
        assert ask_for_session(people, resume=True).exit_code == 0
        people.bedside.ask(SessionStop())

    def test_an_export_between_asking_and_arming_ends_the_start(self, people: People) -> None:
        declare(people, nothing=True)
        people.bedside.press_button()
        started: list[Reply] = []
        people.bedside.desk.ask(session_request(), OPERATOR, people.bedside.now, started.append)
        assert started == []
        self.exported(people)
        people.bedside.run(1_000)
        [reply] = started
        assert (reply.exit_code, "look again" in reply.message) == (75, True)

    def test_only_a_file_from_after_it_makes_the_day_known_again(self, people: People) -> None:
        SynchronisedClock(people)
        declare(people, nothing=True)
        people.bedside.run(2_000)
        own = self.exported(people)
        people.bedside.run(2_000)
        for before in (
            file(people, age_ms=2_000),
            PatientImport(document=msgspec.to_builtins(own), confirm=True),
        ):
            reply = people.bedside.ask(before)
            assert "it is from before the patient was handed on from here" in reply.message
            assert history(people).told_ago_ms is None
        assert "the last 24 hours are known" in people.bedside.ask(file(people, age_ms=1_000)).message
        assert history(people).told_ago_ms == 1_000

    def test_a_file_of_the_first_schema_does_not_make_it_known(self, people: People) -> None:
        SynchronisedClock(people)
        request = file(people)
        body = {key: value for key, value in request.document.items() if key != "stimulation"}
        body |= {"schema": 1, "sha256": ""}
        body["sha256"] = sha256(msgspec.json.encode(body)).hexdigest()
        reply = people.bedside.ask(msgspec.structs.replace(request, document=body))
        assert (
            "1 new entry; the last 24 hours are not known by it (it says nothing of stimul" in reply.message
        )
        assert history(people).told_ago_ms is None

    def test_stimulation_is_handed_on_and_counts_there(self, tmp_path: Path) -> None:
        here, there = Stimulated(tmp_path / "here.db"), Stimulated(tmp_path / "there.db")
        for one in (here, there):
            SynchronisedClock(one)
        here.contracting()
        here.run_until_mode("idle")
        found = self.exported(here)
        [train] = found.trains
        assert train.limb is Limb.LEFT_THIGH
        there.bedside.run(here.bedside.now - there.bedside.now + 10_000)
        request = PatientImport(document=msgspec.to_builtins(found), confirm=True)
        assert "1 new entry; the last 24 hours are known" in there.bedside.ask(request).message
        assert "0 new entries" in there.bedside.ask(request).message
        left_ms = [ceilings.left_ms(one.bedside.core, TOKEN, one.bedside.now) for one in (here, there)]
        assert left_ms == [30 * MINUTE_MS - train.stimulated_ms] * 2
        assert history(there).sessions[0].therapy
        for one in (here, there):
            one.bedside.close()
