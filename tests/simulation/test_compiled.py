"""The compiled twin: when it is that of these sources, who imports it, that it gives the same sessions."""

import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from bench.compile import BUSY
from gateway.simulation import campaign, compiled
from gateway.simulation.campaign import Campaign
from gateway.simulation.faults import Fault
from gateway.simulation.outcome import Outcome, Task
from gateway.simulation.physics import HardwareDuty, Harm
from gateway.simulation.tally import Played, Tally
from gateway.simulation.trial import give

IS_CURRENT = compiled.is_current()
ADVICE = compiled.advice()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of a few files, without a twin."""
    for name in ("gateway/core.py", "gateway/therapy/demo.toml", "drivers/cuff.py", "bench/compile.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    for name, value in (("ROOT", tmp_path), ("TREE", tmp_path / "twin"), ("STAMP", tmp_path / "twin/stamp")):
        monkeypatch.setattr(compiled, name, value)
    return tmp_path


def stamped(checkout: Path) -> None:
    """As ``bench.compile`` leaves it."""
    compiled.TREE.mkdir()
    compiled.STAMP.write_text(compiled.fingerprint() + "\n")


# --- whether it is current ------------------------------------------------------------------------------


def test_no_twin_is_not_current_and_the_advice_says_how_to_make_it(checkout: Path) -> None:
    assert not compiled.is_current()
    assert "no compiled bedside" in compiled.advice()
    assert "python -m bench.compile" in compiled.advice()


def test_a_twin_of_these_sources_needs_no_advice(checkout: Path) -> None:
    stamped(checkout)
    assert compiled.is_current()
    assert compiled.advice() == ""


@pytest.mark.parametrize(
    "changed", ["gateway/core.py", "gateway/therapy/demo.toml", "drivers/cuff.py", "bench/compile.py"]
)
def test_any_other_source_or_prescription_makes_it_stale(checkout: Path, changed: str) -> None:
    stamped(checkout)
    (checkout / changed).write_text("# other\n")
    assert not compiled.is_current()
    assert "of other sources" in compiled.advice()


def test_a_new_file_and_a_new_name_make_it_stale(checkout: Path) -> None:
    stamped(checkout)
    new = checkout / "gateway" / "new.py"
    new.write_text("")
    assert not compiled.is_current()
    new.unlink()
    assert compiled.is_current()
    (checkout / "gateway" / "core.py").rename(checkout / "gateway" / "heart.py")
    assert not compiled.is_current()


def test_another_interpreter_makes_it_stale(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamped(checkout)
    monkeypatch.setattr(compiled.sys, "version", "3.99")
    assert not compiled.is_current()


def test_a_file_that_is_no_source_changes_nothing(checkout: Path) -> None:
    stamped(checkout)
    (checkout / "gateway" / "notes.txt").write_text("lunch")
    assert compiled.is_current()


# --- who imports it -------------------------------------------------------------------------------------


def test_workers_look_there_first_and_this_process_only_meanwhile(checkout: Path) -> None:
    stamped(checkout)
    before = list(sys.path)
    with compiled.imported_by_workers(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        seen = workers.submit(eval, "__import__('sys').path[0]").result()
    assert seen == str(compiled.TREE)
    assert sys.path == before


def test_the_path_is_put_back_whatever_happens(checkout: Path) -> None:
    stamped(checkout)
    before = list(sys.path)
    with pytest.raises(ZeroDivisionError), compiled.imported_by_workers():
        raise ZeroDivisionError
    assert sys.path == before


def test_a_stale_twin_is_not_looked_at(checkout: Path) -> None:
    before = list(sys.path)
    with compiled.imported_by_workers():
        assert sys.path == before


def test_this_process_runs_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not compiled.is_imported()
    monkeypatch.setattr(compiled, "ROOT", Path("/somewhere/build/compiled"))
    assert compiled.is_imported()


# --- campaigns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jobs", "current", "kind"),
    [
        (1, False, ThreadPoolExecutor),
        (1, True, ProcessPoolExecutor),
        (2, False, ProcessPoolExecutor),
        (2, True, ProcessPoolExecutor),
    ],
)
def test_one_job_is_a_process_of_its_own_where_there_is_a_twin(
    monkeypatch: pytest.MonkeyPatch, jobs: int, current: bool, kind: type
) -> None:
    monkeypatch.setattr(compiled, "is_current", lambda: current)
    with campaign._workers(jobs) as workers:
        assert type(workers) is kind


def test_sessions_are_handed_out_while_workers_import_the_twin(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stamped(checkout)
    first: list[str] = []

    class Listener(Executor):
        def submit(self, *words: Any, **more: Any) -> "Future[Any]":
            first.append(sys.path[0])
            return Future()

    campaign._submitted(Listener(), Campaign(2, 1).tasks(), tmp_path)
    assert first == [str(compiled.TREE)] * 2
    assert sys.path[0] != str(compiled.TREE)


@pytest.mark.parametrize("advice", ["", "make it so"])
def test_advice_is_for_who_waits_not_for_who_reads_the_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], advice: str
) -> None:
    monkeypatch.setattr(compiled, "advice", lambda: advice)
    monkeypatch.setattr(campaign, "play", lambda asked: iter([Tally(asked.command)]))
    campaign.run(Campaign(1, 1), as_json=True)
    said = capsys.readouterr()
    assert ("make it so" in said.err) is bool(advice)
    assert "make it so" not in said.out


def test_the_report_says_whether_every_session_was_compiled() -> None:
    outcome = Outcome(0, 8_000, (), (), (), (), (), (), "")
    tally = Tally(Campaign(2, 1).command)
    assert tally.document()["compiled"] is False
    tally.add(Played(outcome, 2.0, False, compiled=True))
    assert (tally.document()["compiled"], tally.document()["speed"]) == (True, 4.0)
    tally.add(Played(outcome, 2.0, False))
    assert tally.document()["compiled"] is False


def test_nothing_that_travels_between_processes_is_compiled() -> None:
    """A compiled class cannot be read by a process that has it as a source."""
    for kind in (Task, Outcome, Played, Fault, Harm, HardwareDuty):
        assert kind.__module__ not in BUSY, kind


@pytest.mark.skipif(not IS_CURRENT, reason=f"compares with the compiled twin: {ADVICE}")
def test_a_compiled_session_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    tasks = Campaign(8, 3, "all").tasks()
    with campaign._workers(1) as workers:
        futures = campaign._submitted(workers, tasks, tmp_path)
        theirs = [future.result() for future in futures]
    assert all(played.compiled for played in theirs)
    for task, played in zip(tasks, theirs, strict=True):
        folder = tmp_path / str(task.number)
        folder.mkdir()
        assert give(campaign._warm_bedside(task.protocol), task, folder) == played.outcome
