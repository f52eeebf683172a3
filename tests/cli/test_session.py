"""The session verbs: what they ask of core, what they say, what they end with."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from gateway.cli import conversation
from gateway.cli.main import rvos
from gateway.config import CoreConfig
from gateway.therapy.prescription import names
from gateway.ward.messages import Alarm, Feed, State
from tests.cli.stand_in import StandIn

START = ["session", "start", "--prescription", "demo", "--patient", "P-7", "--limb", "left-thigh"]
PRESSURE = ["--systolic", "120", "--diastolic", "80"]
FEED = Feed(
    state=State(
        mode="session",
        session="gateway-1-4-1",
        prescription="demo",
        limb="left_thigh",
        cycle=1,
        cycles_prescribed=2,
        phase="holding",
        phase_left_s=4.0,
        target_mmhg=170.0,
        cuff_mmhg=169.8,
        limit_mmhg=170.1,
        sto2_percent=54.3,
        ischaemia_debt_s=2.0,
        cuff_ok=True,
        sto2_ok=True,
        blood_pressure_age_s=14.0,
        alarms_active=0,
    ),
    alarms=[],
    boot=4,
)


def test_start_asks_core_and_says_what_comes(run: Any, core: StandIn) -> None:
    core.reply(message="session gateway-1-4-1 started")
    result = run(*START, *PRESSURE, "--cuff-width", "18", "--circumference", "56", "--confirm")
    assert (result.exit_code, result.stderr) == (0, "")
    assert core.asked == [
        {
            "verb": "session_start",
            "prescription": "demo",
            "patient": "P-7",
            "limb": "left_thigh",
            "systolic_mmhg": 120,
            "diastolic_mmhg": 80,
            "confirm": True,
            "answers": {},
            "cuff_width_mm": 180,
            "circumference_mm": 560,
            "measured_again": False,
            "resume": False,
            "examinations": False,
        }
    ]
    first, *following = result.stdout.splitlines()
    assert first == "session gateway-1-4-1 started"
    told = " ".join(following)
    assert "Next: 6 s of rest." in told
    assert "inflates to 170 mmHg and deflates 6 s later; 2 times in all" in told
    assert "at most 5 min old" in told
    assert "To stop at any time: rvos session stop" in told


def test_start_refused_says_only_why(run: Any, core: StandIn) -> None:
    core.reply(65, "not started: the target is above the ceiling")
    result = run(*START, *PRESSURE, "--confirm")
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr == "rvos: not started: the target is above the ceiling\n"


def test_start_without_confirm_says_what_it_would_do(run: Any, core: StandIn) -> None:
    result = run(*START, *PRESSURE)
    assert (result.exit_code, result.stdout, core.asked) == (2, "", [])
    assert result.stderr == (
        "rvos: nothing done: this would start demo for patient P-7: the cuff on the left thigh inflates 2 "
        "times for 6 s to 170 mmHg. Repeat with --confirm to do it.\n"
    )


def test_start_without_a_side_asks_for_it(run: Any, core: StandIn) -> None:
    result = run("session", "start", "--prescription", "demo", "--patient", "P", *PRESSURE, "--confirm")
    assert (result.exit_code, core.asked) == (2, [])
    assert "Which limb is treated? Say --limb left-thigh" in result.stderr


NMES = [word if word != "demo" else "nmes-demo" for word in START]


def test_a_stimulation_needs_no_blood_pressure_and_says_what_it_does(run: Any, core: StandIn) -> None:
    core.reply(message="session gateway-1-4-1 started")
    result = run(*NMES, "--confirm")
    assert (result.exit_code, result.stderr) == (0, "")
    assert core.asked[0]["prescription"] == "nmes-demo"
    assert (core.asked[0]["systolic_mmhg"], core.asked[0]["diastolic_mmhg"]) == (None, None)
    assert "Each one has 1 mA more" in result.stdout
    assert "rvos session raise --by 5 --confirm" in result.stdout


def test_a_stimulation_without_confirm_says_what_it_would_do(run: Any, core: StandIn) -> None:
    result = run(*NMES)
    assert (result.exit_code, core.asked) == (2, [])
    assert (
        "the muscle of the left thigh is made to contract 6 times for 2 s, with 40 mA at most"
        in result.stderr
    )


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("nmes-force-demo", "a force of 20 N above rest"),
        ("nmes-evoked-demo", "an evoked response of 1 mV from peak to peak"),
    ],
)
def test_a_closed_loop_says_what_it_is_after_and_when_it_waits(
    run: Any, core: StandIn, name: str, goal: str
) -> None:
    words = [word if word != "demo" else name for word in START]
    assert f"with 40 mA at most, in closed loop towards {goal}" in run(*words).stderr
    core.reply(message="session gateway-1-4-1 started")
    said = run(*words, "--confirm").stdout
    assert "raises it by 1 mA a contraction at most" in said
    assert "after 3 contractions without a response the loop waits for you" in said


def test_raising_without_confirm_does_nothing(run: Any, core: StandIn) -> None:
    result = run("session", "raise", "--by", "5")
    assert (result.exit_code, core.asked) == (2, [])
    assert "raise the stimulator's current by 5 mA" in result.stderr


def test_the_screening_is_that_of_the_prescription(run: Any) -> None:
    asked = run("session", "screening", "--limb", "left-thigh", "--prescription", "nmes-demo").stdout
    assert "implant" in asked
    assert "nothing_under_cuff" not in asked
    assert "implant" not in run("session", "screening", "--limb", "left-thigh").stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([*START, "--confirm"], "--systolic and --diastolic"),
        ([*START, "--systolic", "12x", "--diastolic", "80", "--confirm"], "--systolic"),
        ([*START, "--systolic", "120.5", "--diastolic", "80", "--confirm"], "--systolic"),
        ([*START, "--systolic", "120", "--confirm"], "--diastolic"),
        ([*START[:-1], "both", *PRESSURE, "--confirm"], "--limb"),
        (["session", "pressure", "--diastolic", "80", "--confirm"], "--systolic"),
        (["session", "start", *PRESSURE, "--limb", "left-thigh", "--patient", "P"], "--prescription"),
        (["session", "sotp"], "sotp"),
    ],
)
def test_wrong_usage_names_the_word(run: Any, core: StandIn, words: list[str], named: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout, core.asked) == (2, "", [])
    assert named in result.stderr.splitlines()[-1]


def test_an_unknown_prescription_never_reaches_core(run: Any, core: StandIn) -> None:
    words = [word if word != "demo" else "dmeo" for word in START]
    result = run(*words, *PRESSURE, "--confirm")
    assert (result.exit_code, core.asked) == (78, [])
    assert result.stderr == "rvos: no prescription 'dmeo'; there are: " + ", ".join(names()) + "\n"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (
            ["session", "pressure", *PRESSURE, "--confirm"],
            {
                "verb": "session_pressure",
                "systolic_mmhg": 120,
                "diastolic_mmhg": 80,
                "confirm": True,
                "measured_again": False,
            },
        ),
        (["session", "pain", "--nrs", "3"], {"verb": "session_pain", "nrs": 3, "cpot": None}),
        (["session", "pain", "--cpot", "2"], {"verb": "session_pain", "nrs": None, "cpot": 2}),
        (
            ["session", "raise", "--by", "5", "--confirm"],
            {"verb": "session_raise", "by_ma": 5, "confirm": True},
        ),
        (["session", "lower"], {"verb": "session_lower", "by_ma": 1}),
        (["session", "lower", "--by", "8"], {"verb": "session_lower", "by_ma": 8}),
        (["session", "clear-patient"], {"verb": "session_clear_patient"}),
        (["session", "stop"], {"verb": "session_stop"}),
        (["session", "reset", "--confirm"], {"verb": "session_reset", "confirm": True}),
        (["session", "cuff-removed"], {"verb": "session_cuff_removed"}),
        (["selftest"], {"verb": "self_test"}),
        (["alarm", "ack"], {"verb": "alarm_ack", "alarm_id": ""}),
        (["alarm", "ack", "4-2"], {"verb": "alarm_ack", "alarm_id": "4-2"}),
    ],
)
def test_each_verb_is_one_request_and_its_reply(
    run: Any, core: StandIn, words: list[str], asked: dict[str, object]
) -> None:
    core.reply(message="done")
    core.reply(75, "not now")
    done, refused = run(*words), run(*words)
    assert core.asked == [asked, asked]
    assert (done.exit_code, done.stdout, done.stderr) == (0, "done\n", "")
    assert (refused.exit_code, refused.stdout, refused.stderr) == (75, "", "rvos: not now\n")


@pytest.mark.parametrize("verb", [["pressure", *PRESSURE], ["reset"]])
def test_actuating_verbs_need_confirm(run: Any, core: StandIn, verb: list[str]) -> None:
    result = run("session", *verb)
    assert (result.exit_code, result.stdout, core.asked) == (2, "", [])
    assert re.fullmatch(
        r"rvos: nothing done: this would .+\. Repeat with --confirm to do it\.\n", result.stderr
    )


def test_a_reply_without_words_prints_nothing(run: Any, core: StandIn) -> None:
    core.reply()
    result = run("session", "cuff-removed")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("code", [1, 2, 65, 69, 75, 77, 78])
def test_the_exit_code_is_cores(run: Any, core: StandIn, code: int) -> None:
    core.reply(code, "no")
    assert run("session", "cuff-removed").exit_code == code


# stopping


def test_stop_without_core_says_what_to_do_with_the_limb(run: Any, folder: Path) -> None:
    result = run("session", "stop")
    assert (result.exit_code, result.stdout) == (69, "")
    assert result.stderr == (
        f"rvos: core is not running (no socket at {folder}/control.sock). "
        "If the cuff is still tight, unplug its hose at the cuff now.\n"
    )


@pytest.mark.parametrize("spoilt", ['[cuff]\nceiling_mmhg = "x"\n', "[mqqt]\n", "\n[site2]\na = 1\n"])
def test_stop_works_with_a_configuration_that_is_no_longer_valid(
    run: Any, core: StandIn, config_file: Path, folder: Path, spoilt: str
) -> None:
    config_file.write_text(f'[core]\nruntime_dir = "{folder}"\n{spoilt}')
    core.reply(message="stopped")
    assert (run("session", "status").exit_code, core.asked) == (78, [])
    result = run("session", "stop")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "stopped\n", "")


@pytest.mark.parametrize(
    "spoilt", ["[core\n", "\xff", "core = 5\n", "[core]\nruntime_dir = 5\n", "[core]\n", "", None]
)
def test_stop_falls_back_to_the_standard_place(
    run: Any,
    core: StandIn,
    config_file: Path,
    folder: Path,
    spoilt: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "RUNTIME_DIR_DEFAULT", str(folder))
    core.reply(message="stopped")
    if spoilt is None:
        config_file.unlink()
    else:
        config_file.write_bytes(spoilt.encode("latin-1"))
    result = run("session", "stop")
    assert (result.exit_code, result.stdout) == (0, "stopped\n")


def test_stop_says_when_it_guesses_the_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "RUNTIME_DIR_DEFAULT", str(folder))
    missing = folder / "rvos.toml"
    result = CliRunner().invoke(rvos, ["session", "stop", "--config", str(missing)])
    assert result.exit_code == 69
    assert result.stderr.startswith(
        f"rvos: {missing} cannot be read (No such file or directory): asking the core at {folder}\n"
    )


def test_the_standard_place_is_the_configurations() -> None:
    assert CoreConfig().runtime_dir == conversation.RUNTIME_DIR_DEFAULT


# status


def test_status_shows_the_panel(run: Any, core: StandIn) -> None:
    core.reply(data=msgspec.to_builtins(FEED))
    result = run("session", "status")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Cycle           1 of 2: occluded, 4 s left\n" in result.stdout


def test_status_as_json_is_one_document(run: Any, core: StandIn) -> None:
    core.reply(message="a word for people", data=msgspec.to_builtins(FEED))
    result = run("session", "status", "--json")
    assert result.exit_code == 0
    assert msgspec.json.decode(result.stdout, type=Feed) == FEED
    assert result.stderr == ""


@pytest.mark.parametrize("words", [["session", "status"], ["alarm", "list"]])
@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_a_refused_question_prints_no_document(
    run: Any, core: StandIn, words: list[str], flag: list[str]
) -> None:
    core.reply(77, "only members of the group may do this")
    result = run(*words, *flag)
    assert (result.exit_code, result.stdout) == (77, "")
    assert result.stderr == "rvos: only members of the group may do this\n"


@pytest.mark.parametrize("words", [["session", "status"], ["alarm", "list"]])
def test_a_document_of_another_version_is_named(run: Any, core: StandIn, words: list[str]) -> None:
    core.reply(data={"alarms": "none", "state": {"mode": "flying"}})
    result = run(*words)
    assert (result.exit_code, result.stdout) == (69, "")
    assert "makes no sense" in result.stderr
    assert result.stderr.count("\n") == 1


# alarms

ALARMS = [
    Alarm(
        alarm_id="4-1", condition="link_lost", priority="low", state="active", text="No ward.", raised_ms=5
    ),
    Alarm(
        alarm_id="4-2",
        condition="over_pressure",
        priority="high",
        state="latched",
        text="Too much.",
        raised_ms=6,
    ),
]


def test_alarm_list_puts_the_urgent_first(run: Any, core: StandIn) -> None:
    core.reply(message="2 alarms", data={"alarms": msgspec.to_builtins(ALARMS)})
    result = run("alarm", "list")
    assert result.exit_code == 0
    assert result.stdout == (
        "HIGH    4-2: Too much. (over, but nobody has acknowledged it)\nLOW     4-1: No ward.\n"
    )


def test_alarm_list_of_nothing(run: Any, core: StandIn) -> None:
    core.reply(message="0 alarms", data={"alarms": []})
    assert run("alarm", "list").stdout == "No alarms.\n"


def test_alarm_list_as_json_is_one_document(run: Any, core: StandIn) -> None:
    core.reply(message="2 alarms", data={"alarms": msgspec.to_builtins(ALARMS)})
    result = run("alarm", "list", "--json")
    assert msgspec.convert(msgspec.json.decode(result.stdout)["alarms"], list[Alarm]) == ALARMS


def test_the_configuration_may_stand_before_or_after_the_verb(core: StandIn, config_file: Path) -> None:
    for words in (
        ["--config", str(config_file), "session", "status", "--json"],
        ["session", "status", "--json", "--config", str(config_file)],
        ["--config", "/no/such/file", "session", "status", "--json", "--config", str(config_file)],
    ):
        core.reply(data=msgspec.to_builtins(FEED))
        assert CliRunner().invoke(rvos, words).exit_code == 0
    assert len(core.asked) == 3


def test_examinations_first_and_the_prescription_when_somebody_begins_it(run: Any, core: StandIn) -> None:
    core.reply(message="session gateway-1-4-1 started")
    core.reply(message="begun: demo, left thigh")
    words = ("--with-examinations", "--cuff-width", "18", "--circumference", "56")
    without = run(*START, *PRESSURE, *words)
    assert (without.exit_code, "once you say rvos session begin" in without.stderr) == (2, True)
    armed = run(*START, *PRESSURE, *words, "--confirm")
    assert "Nothing inflates before you say so" in armed.stdout
    assert core.asked[0]["examinations"] is True
    assert run("session", "begin").exit_code == 2
    assert run("session", "begin", "--confirm").exit_code == 0
    plain = {"verb": "session_begin", "confirm": True, "posture": "", "at_limb_pressure": False}
    assert core.asked[1] == plain
    core.reply(message="begun: demo, left thigh")
    lifted = ("session", "begin", "--posture", "supine", "--at-limb-pressure")
    assert "lifted to the measured limb occlusion pressure" in run(*lifted).stderr
    assert run(*lifted, "--confirm").exit_code == 0
    assert core.asked[2] == plain | {"posture": "supine", "at_limb_pressure": True}
