"""``rvos exam run``: what it asks, what it says, what it ends with; and the simulated bedside once."""

from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import rvos
from gateway.model import Limb
from gateway.record.exam_trace import Samples, sha256
from gateway.runtime.exam_analysis import Examined
from gateway.runtime.requests import SessionStatus
from tests.cli.stand_in import StandIn


@pytest.fixture
def ask(config_file: Any) -> Any:
    """Runs ``rvos exam run``, or another verb of the group that is named."""

    def invoke(*words: str) -> Result:
        verb = ("exam",) if words[0] in ("collect", "analyse") else ("exam", "run")
        result = CliRunner(env={"RVOS_CONFIG": str(config_file)}).invoke(rvos, (*verb, *words))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def samples() -> Samples:
    """A thigh that was occluded from 60 to 180 s of 300."""
    cuff: list[tuple[int, int | None, int | None]] = []
    for at in range(0, 300_000, 50):
        held = 1700 if 60_000 <= at < 180_000 else 0
        cuff.append((at, held, held))
    sto2: list[tuple[int, int | None]] = []
    for at in range(0, 300_000, 1_000):
        since = min(max(at - 60_000, 0), 120_000)
        back = max(0, at - 180_000)
        fall = since * 200 // 120_000 if at < 180_000 else max(-60, 200 - back // 100)
        sto2.append((at, 680 - fall + at // 1_000 % 2))
    return Samples(cuff, sto2)


def shown(trace: Samples, **changes: object) -> dict[str, object]:
    said: dict[str, object] = {
        "session": "gateway-1-1-1",
        "examination": 1,
        "exam": "occlusion-test",
        "limb": "left_thigh",
        "posture": "",
        "cuff_serial": "7",
        "cuff_description": "a cuff",
        "cuff_width_mm": 180,
        "systolics_mmhg": [120],
        "phase": "finished",
        "phase_left_s": 0.0,
        "outcome": "completed",
        "reason": "planned",
        "text": "As planned.",
        "trace_complete": True,
        "trace_sha256": sha256(trace),
        "oximeter": "an oximeter",
    }
    return said | changes


def examined() -> Examined:
    said = shown(samples())
    return Examined(
        exam="occlusion-test",
        session=str(said["session"]),
        number=1,
        limb=Limb.LEFT_THIGH,
        posture="",
        cuff="a cuff at 7",
        cuff_width_mm=180,
        systolics_mmhg=[120],
        oximeter="an oximeter",
        samples=samples(),
    )


def script(core: StandIn, trace: Samples, pages: int = 2, **changes: object) -> None:
    """A start, one look on the way, the end, the pages of the trace, an empty one."""
    core.reply(message="occlusion-test 1 of session gateway-1-1-1 started, left thigh")
    core.reply(data=shown(trace, outcome="", reason="", **changes))
    core.reply(data={"state": {"phase": "holding", "waiting_for": None, "sto2_percent": 61.0}})
    over(core, trace, pages, **changes)


def over(core: StandIn, trace: Samples, pages: int = 2, **changes: object) -> None:
    """The examination is over; the pages of its trace, an empty one."""
    core.reply(data=shown(trace, **changes))
    each = -(-len(trace.cuff) // pages)
    for page in range(pages):
        core.reply(
            data={
                "cuff": trace.cuff[page * each : (page + 1) * each],
                "sto2": trace.sto2[page * each : (page + 1) * each],
            }
        )
    core.reply(data={"cuff": [], "sto2": []})


def stored(core: StandIn, phase: str = "ready") -> None:
    """Core has stored the result; the session stays armed."""
    core.reply(message="result stored")
    core.reply(data={"state": {"phase": phase}})


START = ("occlusion-test", "--occlusion", "120", "--baseline", "60", "--confirm")


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.exam_session.RealBedside.wait", lambda bedside, seconds: None)


@pytest.mark.usefixtures("no_time")
def test_an_examination_in_the_armed_session(ask: Any, core: StandIn) -> None:
    script(core, samples())
    stored(core)
    result = ask(*START, "--site", "vastus lateralis", "--spacing", "15")
    assert result.exit_code == 0, result.stderr
    assert "occlusion time" in result.stdout
    assert "bezemer2009" in result.stdout
    assert "occluded (StO2 61 %)" in result.stderr
    assert "result stored" in result.stderr
    assert "cuff-removed" in result.stderr
    assert core.asked[0] == {
        "verb": "exam_start",
        "exam": "occlusion-test",
        "confirm": True,
        "posture": "",
        "choices": {"occlusion_ms": 120_000, "baseline_ms": 60_000},
    }
    assert core.asked[-2]["verb"] == "exam_result"
    assert sha256(samples()) in core.asked[-2]["document"]


@pytest.mark.usefixtures("no_time")
def test_as_json(ask: Any, core: StandIn) -> None:
    script(core, samples())
    stored(core)
    result = ask(*START, "--json")
    assert '"exam": "occlusion-test"' in result.stdout
    assert result.stdout.lstrip().startswith("{")
    assert '"schema": "rvos.exam/1"' in result.stdout
    assert "occlusion_unverified" not in result.stdout, "the session knows the systolic"


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize(
    ("changes", "word"),
    [({"trace_sha256": "0" * 64}, "not whole"), ({"trace_complete": False}, "not whole")],
)
def test_a_trace_that_is_not_whole_gives_no_number(
    ask: Any, core: StandIn, changes: dict[str, object], word: str
) -> None:
    script(core, samples(), **changes)
    result = ask(*START)
    assert (result.exit_code, word in result.stderr, result.stdout) == (1, True, "")


@pytest.mark.usefixtures("no_time")
def test_a_trace_that_allows_no_result(ask: Any, core: StandIn) -> None:
    flat = Samples([(at, 0, 0) for at in range(0, 60_000, 50)], [(at, 680) for at in range(0, 60_000, 1_000)])
    script(core, flat)
    result = ask(*START)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "was completed, but it has no result" in result.stderr


@pytest.mark.usefixtures("no_time")
def test_one_that_was_stopped(ask: Any, core: StandIn) -> None:
    core.reply(message="started")
    over(core, samples(), outcome="stopped", reason="stopped_by_patient", text="The patient.")
    result = ask(*START)
    assert (result.exit_code, "stopped. The patient. It has no result" in result.stderr) == (1, True)


def test_a_refusal_is_cores_sentence_and_code(ask: Any, core: StandIn) -> None:
    core.reply(65, "not started: the budget is spent")
    result = ask(*START)
    assert (result.exit_code, result.stderr) == (65, "rvos: not started: the budget is spent\n")


def test_without_confirm_nothing_is_asked(ask: Any, core: StandIn) -> None:
    result = ask("limb-pressure", "--posture", "supine")
    assert (result.exit_code, core.asked) == (2, [])
    assert "the cuff inflates" in result.stderr


def test_arming_first(ask: Any, core: StandIn, folder: Any) -> None:
    answers = folder / "answers.json"
    answers.write_text('{"infection": "no"}')
    core.reply(75, "press the button at the bedside first")
    result = ask(
        *START,
        *("--patient", "p-1", "--limb", "left-thigh", "--systolic", "120", "--diastolic", "70"),
        *("--cuff-width", "18", "--circumference", "52.5", "--answers", str(answers)),
    )
    assert result.exit_code == 75
    (asked,) = core.asked
    assert (asked["verb"], asked["prescription"], asked["limb"]) == ("session_start", "", "left_thigh")
    assert (asked["cuff_width_mm"], asked["circumference_mm"]) == (180, 525)


def test_arming_needs_its_facts(ask: Any, core: StandIn) -> None:
    missing = ask(*START, "--patient", "p-1")
    assert (missing.exit_code, "--limb, --systolic, --diastolic" in missing.stderr) == (2, True)
    lonely = ask(*START, "--systolic", "120")
    assert (lonely.exit_code, "say --patient too" in lonely.stderr) == (2, True)
    assert core.asked == []


@pytest.mark.usefixtures("no_time")
def test_leaving_it_alone_says_that_it_goes_on(
    ask: Any, core: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(bedside: object, seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.cli.exam_session.RealBedside.wait", interrupted)
    core.reply(message="started")
    core.reply(data=shown(samples(), outcome=""))
    core.reply(data={"state": {"phase": "baseline"}})
    result = ask(*START)
    assert (result.exit_code, "rvos session stop" in result.stderr) == (75, True)


@pytest.mark.usefixtures("no_time")
def test_a_recording_gives_the_numbers_of_the_bedside_again(ask: Any, core: StandIn, folder: Any) -> None:
    script(core, samples())
    stored(core, "prescription_ready")
    kept = folder / "vot.json"
    words = ("--site", "vastus lateralis", "--spacing", "15", "--definition", "mclay", "--json")
    bedside = ask(*START, *words, "--recording", str(kept))
    assert bedside.exit_code == 0, bedside.stderr
    assert "rvos session begin" in bedside.stderr
    again = ask("analyse", "occlusion-test", str(kept), "--json")
    assert (again.exit_code, again.stdout) == (0, bedside.stdout)
    other = ask("analyse", "occlusion-test", str(kept), "--definition", "bezemer2009", "--json")
    assert '"definition": "bezemer2009"' in other.stdout

    taken = ask(*START, "--recording", str(kept))
    assert (taken.exit_code, "is there already: nothing was begun" in taken.stderr) == (69, True)
    asked = len(core.asked)
    nowhere = ask(*START, "--recording", str(folder / "none" / "vot.json"))
    assert (nowhere.exit_code, len(core.asked)) == (69, asked)


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("limb-pressure",), 65, "rvos exam analyse occlusion-test"),
        (("occlusion-test", "--rate", "10"), 2, "says its samples, times and circumstances itself"),
        (("occlusion-test", "--occlusion", "1-2"), 2, "says its samples"),
        (("occlusion-test", "--limb", "right-thigh"), 2, "is of the left thigh"),
        (("occlusion-test", "--definition", "nobody"), 2, "no definition 'nobody'"),
    ],
)
def test_a_recording_says_what_it_is(
    ask: Any, core: StandIn, folder: Any, words: tuple[str, ...], code: int, said: str
) -> None:
    from gateway.runtime.exam_recording import encode

    kept = folder / "vot.json"
    kept.write_bytes(encode(examined(), "vastus lateralis", 15.0, ("mclay",)))
    result = ask("analyse", words[0], str(kept), *words[1:])
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


@pytest.mark.parametrize("damage", ["sample", "schema", "field", "half"])
def test_a_damaged_recording_is_refused(ask: Any, folder: Any, damage: str) -> None:
    from gateway.runtime.exam_recording import encode

    data = encode(examined(), "", None, ())
    changed = {
        "sample": data.replace(b"[0,680]", b"[0,681]"),
        "schema": data.replace(b"exam-recording/1", b"exam-recording/9"),
        "field": data.replace(b'"posture"', b'"position"'),
        "half": data[: len(data) // 2],
    }[damage]
    assert changed != data
    kept = folder / "vot.json"
    kept.write_bytes(changed)
    result = ask("analyse", "occlusion-test", str(kept))
    assert (result.exit_code, result.stdout, "vot.json" in result.stderr) == (65, "", True)


@pytest.mark.usefixtures("no_time")
def test_what_was_left_alone_is_collected(ask: Any, core: StandIn) -> None:
    over(core, samples())
    stored(core)
    result = ask("collect", "--site", "vastus lateralis")
    assert (result.exit_code, "occlusion time" in result.stdout) == (0, True), result.stderr
    core.reply(data=shown(samples(), outcome=""))
    early = ask("collect")
    assert (early.exit_code, "still under way" in early.stderr) == (75, True)


def test_a_slip_of_the_pen_costs_no_occlusion(ask: Any, core: StandIn) -> None:
    for name, definition in (
        ("occlusion-test", "mclai"),
        ("limb-pressure", "distal_disappearance"),
        ("oxidative-capacity", "hhb-beever2020/whole"),
    ):
        result = ask(name, "--definition", definition, "--confirm")
        assert (result.exit_code, "no definition" in result.stderr) == (2, True)
    assert core.asked == []


@pytest.mark.usefixtures("no_time")
def test_a_core_that_is_gone_says_what_to_look_at(ask: Any, core: StandIn) -> None:
    core.reply(message="started")
    core.script()
    result = ask(*START)
    assert (result.exit_code, "look at the patient and the cuff now" in result.stderr) == (69, True)


@pytest.mark.usefixtures("no_time")
def test_a_core_that_restarted_meanwhile_says_so(ask: Any, core: StandIn) -> None:
    core.reply(message="started")
    core.reply(75, "occlusion-test 1 of session gateway-1-1-1 was interrupted: core restarted")
    result = ask(*START)
    assert (result.exit_code, "was interrupted: core restarted" in result.stderr) == (75, True)


def test_the_simulated_bedside_arms_itself_and_lets_time_pass() -> None:
    from gateway.simulation.examination import SimulatedBedside

    with SimulatedBedside("oxidative-capacity") as bedside:
        before = bedside.ask(SessionStatus()).data["state"]
        bedside.wait(1.0)
    assert (before["mode"], before["prescription"]) == ("session", "")
