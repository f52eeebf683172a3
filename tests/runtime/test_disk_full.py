"""A disk that is full at some instant of a session, and before it: the ending is written all the same."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.record.events import SessionEnded, Tripped
from gateway.record.reserve import RESERVE_BYTES
from gateway.record.summary import Summary
from gateway.record.verify import verify
from gateway.runtime.requests import SessionStop
from tests.record.small_disk import empty, fill, small_disk
from tests.runtime.conftest import READINGS_MS, People

DISK_MB = 90  # a session is refused below 64 MB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_MB) as found:
        yield found


@pytest.fixture
def people(disk: Path) -> Iterator[People]:
    """A bedside whose journal lies on the small disk."""
    found = People(disk / "journal.db")
    found.bedside.run(READINGS_MS)
    yield found
    found.bedside.close()
    assert verify(disk / "journal.db").ok


def _ending(people: People) -> tuple[str, str]:
    """Outcome and reason of the one session, from its last row and from its summary."""
    [ended] = [row for row in people.events() if row.type == SessionEnded.name]
    [told] = [row for row in people.events() if row.type == Summary.name]
    body = msgspec.json.decode(ended.body, type=SessionEnded)
    summary = msgspec.json.decode(told.body, type=Summary)
    assert (summary.outcome, summary.end_reason) == (body.outcome, body.reason)
    return body.outcome, body.reason


@pytest.mark.parametrize("phase", ["baseline", "inflating", "holding", "reperfusion"])
def test_a_disk_that_is_full_from_some_instant_on_changes_nothing(
    people: People, disk: Path, phase: str
) -> None:
    assert people.start().exit_code == 0
    people.run_until(phase)
    fill(disk)
    people.run_until_mode("idle")
    assert _ending(people) == ("completed", "planned")
    assert Tripped.name not in people.types()
    assert (disk / "journal.db-reserve").stat().st_size < RESERVE_BYTES


def test_whoever_fills_it_again_and_again_does_not_win(people: People, disk: Path) -> None:
    assert people.start().exit_code == 0
    people.run_until("inflating")
    for _ in range(10):
        fill(disk)
        people.bedside.run(1_000)
    people.run_until_mode("idle")
    assert _ending(people) == ("completed", "planned")


def test_a_stop_on_a_full_disk_is_written(people: People, disk: Path) -> None:
    people.start()
    people.run_until("holding")
    fill(disk)
    people.bedside.ask(SessionStop())
    people.run_until_mode("idle")
    assert _ending(people) == ("stopped", "stopped_by_operator")


@pytest.mark.parametrize("phase", ["baseline", "inflating", "holding", "reperfusion"])
def test_the_core_that_comes_back_on_a_full_disk_writes_the_ending(
    people: People, disk: Path, phase: str
) -> None:
    people.start()
    people.run_until(phase)
    fill(disk)
    people.bedside.kill_core()
    fill(disk)
    people.bedside.start_core()
    people.bedside.run(5_000)
    assert _ending(people) == ("interrupted", "core_restarted")
    assert people.state()["latched"] == "core_restarted"


def test_when_the_reserve_is_used_up_too_the_cuff_vents_and_the_record_is_whole(
    people: People, disk: Path
) -> None:
    people.start()
    people.run_until("holding")
    fill(disk)
    (disk / "journal.db-reserve").unlink()
    fill(disk)
    people.bedside.run(60_000)
    assert people.state()["latched"] == "journal_failed"
    assert people.bedside.plant.control_dmmhg < 150
    empty(disk)
