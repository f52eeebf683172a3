"""The patient verbs: what they ask of core, what they refuse by themselves, what they say."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.model import Limb
from gateway.record.history_file import Entry, HistoryFile, Stimulation, written
from gateway.record.row import ClockQuality, Stamp
from gateway.runtime.patient_view import Borne, LimbLeft, PatientView
from tests.cli.stand_in import StandIn

NOW = Stamp(3, 5_000, 1_767_225_600_000, ClockQuality.SYNCHRONISED)
ENTRY = Entry(
    session="rvos-07-1-2",
    limb=Limb.LEFT_THIGH,
    therapy=True,
    above_ms=1_220_000,
    started_ago_ms=20_400_000,
    ended_ago_ms=18_000_000,
    over_ago_ms=17_900_000,
)
VIEW = PatientView(
    patient="P-7",
    known=True,
    told_ago_s=1200.0,
    session_wait_s=0.0,
    therapy_budget_s=2700.0,
    examination_budget_s=1200.0,
    limbs=[
        LimbLeft(limb="left_thigh", therapy_s=1480.0, examination_s=1200.0),
        LimbLeft(limb="right_thigh", therapy_s=2700.0, examination_s=1200.0),
    ],
    borne=[
        Borne(session="b-1-2", limb="left_thigh", therapy=True, above_s=1220.0, ended_ago_s=18000.0),
        Borne(session="", limb="right_thigh", therapy=False, above_s=180.0, ended_ago_s=60.0),
    ],
    resumable=None,
)


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "history.json"
    path.write_bytes(msgspec.json.encode(document()))
    return path


def document(*entries: Entry) -> HistoryFile:
    return written("rvos-07", "P-7", 0, list(entries) or [ENTRY], NOW)


class TestHistory:
    def test_nothing_is_one_request(self, run: Any, core: StandIn) -> None:
        core.reply(message="noted")
        result = run("patient", "history", "P-7", "--nothing", "--confirm")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "noted\n", "")
        assert core.asked == [
            {
                "verb": "patient_history",
                "patient": "P-7",
                "sessions": [],
                "stimulation": [],
                "nothing": True,
                "confirm": True,
            }
        ]

    def test_sessions_are_one_request(self, run: Any, core: StandIn) -> None:
        core.reply(message="noted")
        words = ["--session", "left-thigh,300,20,therapy", "--session", " right-upper-arm, 0, 3 ,examination"]
        assert run("patient", "history", "P-7", *words, "--confirm").exit_code == 0
        [asked] = core.asked
        assert asked["nothing"] is False
        assert asked["sessions"] == [
            {"limb": "left_thigh", "ended_min_ago": 300, "above_min": 20, "therapy": True},
            {"limb": "right_upper_arm", "ended_min_ago": 0, "above_min": 3, "therapy": False},
        ]

    def test_stimulation_elsewhere_is_part_of_it(self, run: Any, core: StandIn) -> None:
        core.reply(message="noted")
        assert (
            run("patient", "history", "P-7", "--stimulation", "left-thigh,300,20", "--confirm").exit_code == 0
        )
        [asked] = core.asked
        assert (asked["nothing"], asked["sessions"]) == (False, [])
        assert asked["stimulation"] == [{"limb": "left_thigh", "ended_min_ago": 300, "stimulated_min": 20}]
        unconfirmed = run("patient", "history", "P-7", "--stimulation", "left-thigh,300,20").stderr
        assert "elsewhere: left thigh, 20 min of stimulation, ended 5 h ago." in unconfirmed

    def test_without_confirm_it_says_what_it_would_do(self, run: Any, core: StandIn) -> None:
        result = run("patient", "history", "P-7", "--session", "left-thigh,300,20,therapy")
        assert (result.exit_code, result.stdout, core.asked) == (2, "", [])
        assert result.stderr == (
            "rvos: nothing done: this would enter for patient P-7, in the last 24 hours elsewhere: "
            "left thigh, 20 min above 15 mmHg (therapy), ended 5 h ago. It cannot be taken back. "
            "Repeat with --confirm to do it.\n"
        )
        assert "elsewhere: nothing." in run("patient", "history", "P-7", "--nothing").stderr

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            ([], "Say --nothing, or each --session and --stimulation, and not both."),
            (["--nothing", "--stimulation", "left-thigh,300,20"], "and not both"),
            (["--stimulation", "left-thigh,300,20,therapy"], "is not LIMB,ENDED_MINUTES_AGO,MINUTES"),
            (["--stimulation", "left-leg,300,20"], "'left-leg' is no limb"),
            (["--stimulation", "left-thigh,300,x"], "'300' and 'x' must be whole minutes"),
            (["--nothing", "--session", "left-thigh,300,20,therapy"], "and not both"),
            (["--session", "left-thigh,300,20"], "is not LIMB,ENDED_MINUTES_AGO,MINUTES_ABOVE,"),
            (["--session", "left-leg,300,20,therapy"], "'left-leg' is no limb: say one of left-thigh, "),
            (["--session", "left-thigh,5h,20,therapy"], "'5h' and '20' must be whole minutes"),
            (["--session", "left-thigh,-5,20,therapy"], "must be whole minutes"),
            (["--session", f"left-thigh,{'9' * 5000},20,therapy"], "must be whole minutes"),
            (["--session", "left-thigh,300,2.5,therapy"], "must be whole minutes"),
            (["--session", "left-thigh,300,20,fun"], "'fun' is neither therapy nor examination"),
        ],
    )
    def test_wrong_words_never_reach_core(
        self, run: Any, core: StandIn, words: list[str], named: str
    ) -> None:
        result = run("patient", "history", "P-7", *words, "--confirm")
        assert (result.exit_code, result.stdout, core.asked) == (2, "", [])
        assert named in result.stderr

    def test_a_refusal_is_cores(self, run: Any, core: StandIn) -> None:
        core.reply(2, "no")
        result = run("patient", "history", "P-7", "--nothing", "--confirm")
        assert (result.exit_code, result.stderr) == (2, "rvos: no\n")


class TestImport:
    def test_the_file_s_document_is_the_request(self, run: Any, core: StandIn, file: Path) -> None:
        core.reply(message="taken over")
        result = run("patient", "import", str(file), "--confirm")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "taken over\n", "")
        [asked] = core.asked
        assert (asked["verb"], asked["confirm"]) == ("patient_import", True)
        assert msgspec.convert(asked["document"], HistoryFile) == document()

    def test_without_confirm_it_says_what_is_in_it(self, run: Any, core: StandIn, file: Path) -> None:
        result = run("patient", "import", str(file))
        assert (result.exit_code, core.asked) == (2, [])
        assert "take over for patient P-7 what gateway rvos-07 knew: left thigh, 20 min 20 s" in result.stderr

    def test_without_confirm_it_names_stimulation_too(self, run: Any, core: StandIn, folder: Path) -> None:
        train = Stimulation(limb=Limb.LEFT_THIGH, stimulated_ms=600_000, ended_ago_ms=5, over_ago_ms=5)
        (folder / "trains.json").write_bytes(
            msgspec.json.encode(written("rvos-07", "P-7", 0, [], NOW, [train]))
        )
        result = run("patient", "import", str(folder / "trains.json"))
        assert "knew: left thigh, 10 min of stimulation." in result.stderr

    @pytest.mark.parametrize("garbage", [b"", b"\xff", b"{}", b"x" * 10_000, b'{"schema":1}'])
    def test_garbage_is_refused_by_name(self, run: Any, core: StandIn, file: Path, garbage: bytes) -> None:
        file.write_bytes(garbage)
        result = run("patient", "import", str(file), "--confirm")
        assert (result.exit_code, result.stdout, core.asked) == (65, "", [])
        assert result.stderr.startswith(f"rvos: {file}: ")
        assert result.stderr.count("\n") == 1

    def test_an_edited_file_is_refused(self, run: Any, core: StandIn, file: Path) -> None:
        file.write_bytes(file.read_bytes().replace(b"1220000", b"1000000"))
        result = run("patient", "import", str(file), "--confirm")
        assert (result.exit_code, core.asked) == (65, [])
        assert "do not match its hash" in result.stderr

    def test_a_file_that_is_not_there(self, run: Any, core: StandIn, folder: Path) -> None:
        result = run("patient", "import", str(folder / "no.json"), "--confirm")
        assert result.exit_code == 2
        assert result.stderr == f"rvos: {folder}/no.json cannot be read (No such file or directory)\n"


class TestExport:
    def test_it_prints_a_file_that_import_reads(self, run: Any, core: StandIn, folder: Path) -> None:
        core.reply(data=msgspec.to_builtins(document()))
        core.reply(message="taken over")
        printed = run("patient", "export", "P-7")
        assert "asks what was done elsewhere before it treats this patient again" in printed.stderr
        assert core.asked == [{"verb": "patient_export", "patient": "P-7"}]
        (folder / "moved.json").write_text(printed.stdout)
        assert run("patient", "import", str(folder / "moved.json"), "--confirm").exit_code == 0
        assert msgspec.convert(core.asked[1]["document"], HistoryFile) == document()

    def test_a_refusal_leaves_no_file(self, run: Any, core: StandIn) -> None:
        core.reply(65, "nothing is known")
        result = run("patient", "export", "P-7")
        assert (result.exit_code, result.stdout, result.stderr) == (65, "", "rvos: nothing is known\n")


class TestShow:
    def shown(self, run: Any, core: StandIn, **changed: object) -> str:
        core.reply(data=msgspec.to_builtins(msgspec.structs.replace(VIEW, **changed)))
        result = run("patient", "show", "P-7")
        assert (result.exit_code, result.stderr) == (0, "")
        return str(result.stdout)

    def test_what_is_left_and_what_was_borne(self, run: Any, core: StandIn) -> None:
        assert self.shown(run, core) == (
            "Patient         P-7\n"
            "Last 24 hours   known, as of 20 min ago\n"
            "Next session    may start\n"
            "Left thigh      therapy 24 min 40 s of 45 min left, examinations 20 min of 20 min\n"
            "Right thigh     therapy 45 min of 45 min left, examinations 20 min of 20 min\n"
            "Borne           left thigh, 20 min 20 s above 15 mmHg (therapy), "
            "ended at least 5 h ago (session b-1-2)\n"
            "Borne           right thigh, 3 min above 15 mmHg (examination), "
            "ended at least 1 min ago (entered by hand)\n"
        )

    def test_an_unknown_day_says_what_to_do(self, run: Any, core: StandIn) -> None:
        text = self.shown(run, core, known=False, told_ago_s=None)
        assert "not known: enter them with rvos patient history or rvos patient import" in text
        assert "Next session    when the last 24 hours are known" in text

    def test_a_day_that_was_exported_says_since_when_and_what_to_do(self, run: Any, core: StandIn) -> None:
        text = self.shown(run, core, known=False, told_ago_s=None, handed_on_ago_s=7200.0)
        assert "not known since they were exported, 2 h ago: enter or import what was done elsewhere" in text
        assert "Next session    when the last 24 hours are known" in text

    def test_when_the_next_session_may_start(self, run: Any, core: StandIn) -> None:
        text = self.shown(run, core, session_wait_s=11520.0)
        assert "Next session    in 3 h 12 min at the latest, by number and distance of sessions" in text

    def test_a_session_that_may_be_resumed(self, run: Any, core: StandIn) -> None:
        text = self.shown(run, core, session_wait_s=14400.0, resumable="b-1-2")
        assert "Next session    session b-1-2 may be resumed" in text

    def test_as_json_it_is_one_document(self, run: Any, core: StandIn) -> None:
        core.reply(data=msgspec.to_builtins(VIEW))
        result = run("patient", "show", "P-7", "--json")
        assert msgspec.json.decode(result.stdout, type=PatientView) == VIEW

    def test_another_version_is_named(self, run: Any, core: StandIn) -> None:
        core.reply(data={"patient": 7})
        result = run("patient", "show", "P-7")
        assert (result.exit_code, result.stdout) == (69, "")
        assert "makes no sense" in result.stderr
