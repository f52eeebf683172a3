"""The cursor file: whole or not at all, one holder, and the journal that it tells of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.record.reader import JournalReader
from gateway.ward.backlog import PAGE, Backlog
from gateway.ward.cursor import Cursor, CursorFile, cursor_of
from gateway.ward.errors import CursorError, MessageError
from gateway.ward.outbox import Position
from tests.ward.bench import PROJECT, Bedside

POSITION = Position(settled_through=9, answered_through=12, unheard=frozenset({3, 4, 7, 12}))

KILLED_WRITER = """
import itertools, sys
from pathlib import Path
from gateway.ward.cursor import Cursor, CursorFile
with CursorFile(Path(sys.argv[1])) as file:
    for number in itertools.count(1):
        file.save(Cursor(settled_through=number, acknowledged_through=number, answered_through=number))
        print(number, flush=True)
"""


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    cursor = cursor_of(POSITION, "abc", ("1-1",))
    assert cursor.unheard == ((3, 4), (7, 7), (12, 12))
    assert cursor.acknowledged_through == 2
    with CursorFile(tmp_path / "cursor.json") as file:
        assert file.load() == Cursor()
        file.save(cursor)
    assert CursorFile(tmp_path / "cursor.json").load() == cursor
    assert cursor.position == POSITION
    assert not (tmp_path / "cursor.json.new").exists()


def test_a_killed_writer_leaves_a_whole_file_no_older_than_it_said(tmp_path: Path) -> None:
    path = tmp_path / "cursor.json"
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED_WRITER, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(20)][-1]
    writer.kill()
    said = max([said, *[int(line) for line in writer.stdout.read().split()]])
    writer.stdout.close()
    writer.wait()
    assert CursorFile(path).load().settled_through in (said, said + 1)


def test_a_second_link_is_kept_away(tmp_path: Path) -> None:
    with CursorFile(tmp_path / "c"), pytest.raises(CursorError, match="another rvos link"):
        CursorFile(tmp_path / "c").__enter__()
    with CursorFile(tmp_path / "c"):
        pass


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not a cursor"),
        (b'{"v": "x"}', "not a cursor"),
        (b'{"v": 2}', "newer rvos"),
        (b'{"journal": "\xff"}', "not a cursor"),
        (b'{"x": ' + b"[" * 100_000, "not a cursor"),
        (b'{"settled_through": -1}', "not a cursor"),
        (b'{"alarms": ["a/b"]}', "not a cursor"),
    ],
)
def test_a_file_that_is_no_cursor_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(CursorError, match=what):
        CursorFile(tmp_path / "c").load()


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CursorError, match="No such file"):
        CursorFile(tmp_path / "absent" / "c").__enter__()
    with pytest.raises(CursorError, match="No such file"):
        CursorFile(tmp_path / "absent" / "c").save(Cursor())
    with pytest.raises(CursorError, match="not a file"):
        CursorFile(tmp_path).load()


def test_the_cursor_of_another_journal_starts_from_the_first_event(bedside: Bedside) -> None:
    bedside.record_many(5)
    backlog = Backlog(JournalReader.open(bedside.journal.path))
    own = Cursor(settled_through=3, answered_through=4, journal=backlog.digest(3))
    assert backlog.position(own) == Position(3, 4)
    assert backlog.position(Cursor(settled_through=3, journal="another")) == Position()
    beyond = Cursor(settled_through=7, journal=backlog.digest(3))
    assert backlog.digest(7) == ""
    assert backlog.position(beyond) == Position()
    ahead = [
        Cursor(settled_through=3, answered_through=99, journal=own.journal),
        Cursor(settled_through=3, answered_through=4, unheard=((2, 2), (5, 10**15)), journal=own.journal),
    ]
    assert [backlog.position(cursor) for cursor in ahead] == [Position(), Position()]
    backlog.close()


def test_the_backlog_finds_events_and_the_facts_of_a_boot(bedside: Bedside) -> None:
    bedside.record_many(3 * PAGE)
    backlog = Backlog(JournalReader.open(bedside.journal.path))
    assert backlog.newest() == 3 * PAGE + 1
    assert [backlog.event(seq).event_seq for seq in (1, PAGE + 5, 2, 3 * PAGE + 1)] == [
        1,
        PAGE + 5,
        2,
        3 * PAGE + 1,
    ]
    [(type, body)] = backlog.latest(bedside.boot, "core_started")
    assert (type, body["config_hash"]) == ("core_started", "c0ffee")
    assert backlog.latest(bedside.boot + 1, "core_started") == []
    with pytest.raises(MessageError, match="is missing"):
        backlog.event(3 * PAGE + 2)
    backlog.close()
