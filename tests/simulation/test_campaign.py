"""Campaigns: seeded sessions with faults come to no harm, are the same whoever plays them, and are counted
as they are.  What catches a defect of the product is shown by ``tests/bench/test_defects.py``.
"""

import shutil
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model import Limb
from gateway.simulation import campaign, trial
from gateway.simulation.attendant import Order
from gateway.simulation.campaign import Campaign, CampaignBroken
from gateway.simulation.conduct import Conduct
from gateway.simulation.disk import TroubledJournal
from gateway.simulation.fault_kinds import FOREVER_MS
from gateway.simulation.faults import Fault
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.outcome import Outcome, Task
from gateway.simulation.physics import HardwareDuty, Harm, HarmKind
from gateway.simulation.protocols import EXAMINED, LOOPS, SHORT, STIMULATION, WHOLE, Protocol
from gateway.simulation.tally import Played, Tally
from gateway.simulation.warm import Warm, owes_nothing

SEED = 3


@pytest.fixture(scope="session")
def warm() -> Warm:
    """One idle bedside of the short protocol, shared: five minutes of virtual time once."""
    return campaign._warm_bedside(SHORT)


def play(warm: Warm, task: Task, folder: Path) -> Outcome:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return trial.give(warm, task, folder)


def tasks(sessions: int, faults: str) -> list[Task]:
    return Campaign(sessions, SEED, faults).tasks()


# --- the same session ---------------------------------------------------------------------------------


def test_a_session_is_the_same_byte_for_byte(warm: Warm, tmp_path: Path) -> None:
    task = tasks(12, "all")[7]
    first, second = (play(warm, task, tmp_path / name) for name in ("one", "two"))
    assert first == second
    assert (tmp_path / "one" / "journal.db").read_bytes() == (tmp_path / "two" / "journal.db").read_bytes()
    assert play(warm, replace(task, seed=task.seed + 1), tmp_path / "three").digest != first.digest


def test_a_warm_bedside_is_not_worn_by_its_copies(warm: Warm, tmp_path: Path) -> None:
    task = tasks(3, "none")[1]
    before = play(warm, task, tmp_path / "before")
    for number, other in enumerate(tasks(4, "all")):
        play(warm, other, tmp_path / str(number))
    assert play(warm, task, tmp_path / "after") == before


def test_a_copy_owes_nothing_and_stands_where_the_warm_one_stood(warm: Warm, tmp_path: Path) -> None:
    copied = warm.bedside(LIMBS[SHORT.limb], 5, tmp_path / "journal.db")
    assert owes_nothing(copied)
    assert copied.now == warm._bedside.now
    assert copied.plant.cuff is CUFFS[SHORT.cuff]


# --- what one fault does -----------------------------------------------------------------------------

HOLD_MS = 9_000
"""Well inside the first hold of the short protocol."""


def session_with(warm: Warm, folder: Path, *faults: Fault, protocol: Protocol = SHORT) -> Outcome:
    """One session of somebody with 120/70 mmHg, and exactly these faults."""
    folder.mkdir(parents=True)
    bedside = warm.bedside(LIMBS[protocol.limb], 1, folder / "journal.db")
    order = Order(protocol.prescription, Limb.LEFT_THIGH, "somebody", Conduct(again=True))
    return trial.Trial(bedside, order, faults, Task(0, 1, (), protocol)).run()


def kinds(outcome: Outcome) -> set[HarmKind]:
    return {harm.kind for harm in outcome.harms}


@pytest.mark.parametrize("kind", ["dump_stuck_closed", "hose_kinked"])
def test_what_defeats_the_vent_is_a_hardware_duty_done(warm: Warm, tmp_path: Path, kind: str) -> None:
    outcome = session_with(warm, tmp_path / "s", Fault(kind, HOLD_MS, FOREVER_MS))
    assert outcome.duties
    assert all(duty.passed for duty in outcome.duties)
    assert not outcome.harms


def test_a_core_that_is_killed_in_a_hold_leaves_a_vented_cuff_and_a_whole_record(
    warm: Warm, tmp_path: Path
) -> None:
    outcome = session_with(warm, tmp_path / "s", Fault("core_killed", HOLD_MS, 5_000))
    assert not outcome.harms
    assert outcome.trips[0] == "core_restarted"
    assert outcome.endings[0] == "interrupted"


@pytest.mark.parametrize("offset_dmmhg", [395, -395])
def test_two_sensors_that_leap_alike_in_a_hold_are_not_believed(
    warm: Warm, tmp_path: Path, offset_dmmhg: int
) -> None:
    """Else the cuff is regulated to 40 mmHg beside the target, and blood may flow in and not out."""
    leap = Fault("sensors_offset_alike", HOLD_MS, FOREVER_MS, {"offset_dmmhg": offset_dmmhg})
    outcome = session_with(warm, tmp_path / "s", leap)
    assert outcome.trips[0] == "device_fault"
    assert not outcome.harms


def test_an_exchanged_gateway_does_not_go_on_with_the_session(warm: Warm, tmp_path: Path) -> None:
    outcome = session_with(warm, tmp_path / "s", Fault("gateway_exchanged", HOLD_MS, 5_000))
    assert not outcome.harms
    assert len(list((tmp_path / "s").glob("*.db"))) == 2


# --- the record ---------------------------------------------------------------------------------------


def test_a_row_that_was_promised_and_is_gone_is_a_harm(
    warm: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TroubledJournal, "append", lambda self, rows: [])
    assert HarmKind.RECORD_LOST in kinds(session_with(warm, tmp_path / "s"))


def test_a_clock_that_jumps_makes_no_event_count_as_safe_while_its_broker_still_forgets_it(
    warm: Warm, tmp_path: Path
) -> None:
    """Half a minute on the link's clock is ten seconds of the broker's."""
    jump = Fault("monotonic_clock_steps", 11_700, FOREVER_MS, {"step_ms": 20_500})
    down = Fault("broker_down", 30_500, 320_000, {"lag_ms": 24_800, "away_ms": 1_100})
    outcome = session_with(warm, tmp_path / "s", jump, down)
    assert outcome.trips
    assert not outcome.harms


# --- campaigns ----------------------------------------------------------------------------------------


def test_a_seed_of_a_session_depends_on_nothing_but_campaign_and_number() -> None:
    many, few = Campaign(500, 9, "all", jobs=4).tasks(), Campaign(3, 9, "all").tasks()
    assert [task.seed for task in many[:3]] == [task.seed for task in few]
    assert len({task.seed for task in many}) == 500
    [only] = Campaign(500, 9, "all", only=77).tasks()
    assert only == many[77]


@pytest.mark.parametrize(("sessions", "whole"), [(10, 3), (10, 10), (10, 0), (7, 1)])
def test_whole_sessions_are_spread_evenly(sessions: int, whole: int) -> None:
    protocols = [task.protocol for task in Campaign(sessions, 1, full_length=whole).tasks()]
    assert protocols.count(WHOLE) == whole


def test_one_in_four_of_the_others_stimulates() -> None:
    protocols = [task.protocol for task in Campaign(120, 1, full_length=12).tasks()]
    assert protocols.count(WHOLE) == 12
    assert protocols.count(STIMULATION) == 12
    assert sorted(protocols.count(loop) for loop in LOOPS) == [6, 6]
    examined = [one for one in protocols if one.exam]
    assert {one.exam for one in examined} == {"occlusion-test", "limb-pressure", "oxidative-capacity"}
    assert (len(examined), protocols.count(SHORT)) == (3, 81)


def test_faults_of_a_stimulator_alone_are_given_to_stimulations() -> None:
    assert {task.protocol for task in Campaign(16, 1, "electrode_peels").tasks()} == {STIMULATION, *LOOPS}
    mixed = {task.protocol for task in Campaign(16, 1, "electrode_peels,leak").tasks()}
    assert mixed == {SHORT, STIMULATION, *LOOPS, EXAMINED[0]}


_MEASURED = ("speed", "compiled", "wall_s")


def test_jobs_change_nothing(tmp_path: Path) -> None:
    def documents(jobs: int) -> dict[str, object]:
        *_, tally = campaign.play(Campaign(4, SEED, "all", jobs, keep=tmp_path))
        assert tally.endings
        return {k: v for k, v in tally.document().items() if k not in _MEASURED}

    assert documents(1) == documents(2)


def an_outcome(*harms: Harm, duties: tuple[HardwareDuty, ...] = (), **more: object) -> Outcome:
    fields = {"faults": (Fault("leak", 0, 1),), "trips": (), "endings": ("completed",), "alarms": ()}
    return Outcome(number=4, virtual_ms=3_600_000, harms=harms, duties=duties, digest="", **(fields | more))


def a_tally(*outcomes: Outcome) -> Tally:
    tally = Tally(Campaign(10, 2, "leak", full_length=3).command)
    for outcome in outcomes:
        tally.add(Played(outcome, 2.0, False, "kept/journal.db"))
    return tally


def test_a_good_campaign_is_told_with_its_upper_bound() -> None:
    tally = a_tally(an_outcome(), an_outcome())
    document = tally.document()
    assert tally.passed
    assert (document["sessions"], document["patient_hours"], document["speed"]) == (2, 2.0, 1800.0)
    assert (document["harms"], document["completed"], document["faults"]) == (0, 2, {"leak": 2})
    assert document["upper_bound"] == "0 of 2 sessions under this fault model, 95 % upper bound 3/2"


def test_a_harm_is_told_with_its_journal_and_how_it_comes_back() -> None:
    tally = a_tally(an_outcome(), an_outcome(Harm(HarmKind.OVER_DEBT, 7, "340.1 s")))
    assert not tally.passed
    [found] = tally.document()["found"]
    assert found["command"] == "rvos simulate --sessions 10 --seed 2 --faults leak --full-length 3 --only 4"
    assert (found["kind"], found["journal"]) == ("over_debt", "kept/journal.db")
    assert tally.document()["upper_bound"] == "1 of 2 sessions under this fault model"
    assert [line for line in tally.text().splitlines() if line.startswith("cannot_show")]
    assert any("one cuff" in words for words in tally.document()["cannot_show"])
    assert "340.1 s" in tally.text()


def test_a_failed_duty_and_a_false_alarm_fail_a_campaign() -> None:
    failed = an_outcome(duties=(HardwareDuty(1, True, False), HardwareDuty(2, True, True)))
    assert a_tally(failed).document()["hardware_duties"] == {"passed": 1, "failed": 1}
    assert not a_tally(failed).passed
    noisy = an_outcome(faults=(), alarms=("leak",))
    assert a_tally(noisy).document()["false_alarms"] == 1
    assert not a_tally(noisy).passed
    assert a_tally(an_outcome(alarms=("leak",))).document()["false_alarms"] == 0


def test_an_alarm_that_an_omission_called_for_is_not_false_and_another_one_is() -> None:
    reminded = an_outcome(faults=(), alarms=("pain_score_due",), called_for=("pain_score_due",))
    assert a_tally(reminded).document()["false_alarms"] == 0
    also_noisy = an_outcome(faults=(), alarms=("pain_score_due", "leak"), called_for=("pain_score_due",))
    assert a_tally(also_noisy).document()["false_alarms"] == 1


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of this process see what a test plants; those of the compiled twin would not."""

    def workers(jobs: int) -> Executor:
        return ThreadPoolExecutor(1)

    monkeypatch.setattr(campaign, "_workers", workers)


def test_a_product_that_raises_is_a_harm_and_the_campaign_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def raises(warm: Warm, task: Task, folder: Path) -> Outcome:
        raise ZeroDivisionError("planted")

    in_this_process(monkeypatch)
    monkeypatch.setattr(campaign, "give", raises)
    *_, tally = campaign.play(Campaign(2, 1, keep=tmp_path))
    assert [found.harm.kind for found in tally.found] == [HarmKind.DEFECT] * 2
    assert "planted" in tally.found[0].harm.detail


def test_a_worker_that_was_killed_is_no_harm_and_ends_the_campaign(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def killed(warm: Warm, task: Task, folder: Path) -> Outcome:
        raise BrokenExecutor("planted")

    in_this_process(monkeypatch)
    monkeypatch.setattr(campaign, "give", killed)
    with pytest.raises(CampaignBroken, match="session 0"):
        list(campaign.play(Campaign(2, 1, keep=tmp_path)))
