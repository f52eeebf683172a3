"""Everything that may stand in a state folder and should not, and the command line over such a folder.

``DAMAGES`` are the ways, by name; each takes the folder that holds ``state`` and ``link``.  ``Station`` runs
the commands in this process: core and link come up as they do in service and end at once.
"""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from gateway.cli import service as commands
from gateway.cli.main import rvos
from gateway.record.journal import Journal
from gateway.record.schema import APPLICATION_ID
from gateway.runtime import service
from gateway.ward import link
from tests.record.script import DEVICE, Script, mixed_rows

JOURNAL = "journal.db"
CONFIG = """\
[site]
site = "site"
ward = "ward"
device = "{device}"
[core]
state_dir = "{folder}/state"
runtime_dir = "{folder}"
operators_group = "nobody-at-all"
[cuff]
port = "{folder}/no-cuff"
description = "a cuff"
[mqtt]
host = "localhost"
[link]
state_dir = "{folder}/link"
"""

CORE, LINK = ("core",), ("link",)
READERS = (("journal", "verify"), ("journal", "tail"), ("journal", "tail", "--all"), ("summary",))
VERBS = (CORE, LINK, *READERS)


class Ended(NamedTuple):
    """How a command ended."""

    exit_code: int
    said: str
    error: BaseException | None


class Station:
    """A folder with a state, and the commands over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "rvos.toml"
        self.config.write_text(CONFIG.format(folder=folder, device=DEVICE))

    @property
    def journal(self) -> Path:
        return self.state / JOURNAL

    def become(self, sound: Path) -> None:
        """A fresh copy of a sound state, and an empty folder for the link."""
        for name in ("state", "link"):
            _remove(self.folder / name)
        for name in ("control.sock", "feed.sock"):
            _remove(self.folder / name)
        shutil.copytree(sound, self.state)
        (self.folder / "link").mkdir()

    def run(self, *words: str) -> Ended:
        result = CliRunner().invoke(rvos, ["--config", str(self.config), *words])
        error = None if isinstance(result.exception, SystemExit) else result.exception
        return Ended(result.exit_code, result.stderr, error)


class _ShortShell(service.CoreShell):
    """Comes up, says "ready", and is asked to stop."""

    def _say_ready(self) -> None:
        super()._say_ready()
        if self._ready:
            self._stop.set()


class _SomeTurns(Event):
    """Lets the link look three times whether it should end."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 3

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0

    def wait(self, timeout: float | None = None) -> bool:
        return True


def end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core and link end as soon as they have begun."""
    monkeypatch.setattr(service, "CoreShell", _ShortShell)
    monkeypatch.setattr(commands, "_asked_to_stop", _SomeTurns)
    monkeypatch.setattr(link, "TURN_S", 0.0)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sound_state(folder: Path, killed: bool) -> Path:
    """A journal with two sessions; of a core that was killed, or that had ended.

    All rows of the killed one are still in its log.
    """
    made = folder / "made"
    made.mkdir(parents=True)
    with Journal.open(made / JOURNAL, device=DEVICE) as journal:
        journal.next_boot()
        for row in _two_sessions():
            journal.append([row])
        if killed:
            shutil.copytree(made, folder / "state", ignore=shutil.ignore_patterns("*-shm"))
    if not killed:
        shutil.copytree(made, folder / "state")
    return folder / "state"


def _two_sessions() -> list[object]:
    script = Script()
    for begin in (0.0, 600.0):
        script.start(begin)
        for second in range(35):
            at = begin + second
            script.trace(at + 1, [(at + frame / 20, 0.0) for frame in range(20)], [(at, 68.0)])
        script.end(begin + 36)
    return script.rows


# --- what may stand there -----------------------------------------------------------------------------

Damage = Callable[[Station], object]


def _content(data: bytes, name: str = JOURNAL) -> Damage:
    return lambda station: (station.state / name).write_bytes(data)


def _sql(*statements: str) -> Damage:
    def damage(station: Station) -> None:
        connection = sqlite3.connect(station.journal, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return damage


def _another(*statements: str) -> Damage:
    """Another program's database in its place."""

    def damage(station: Station) -> None:
        station.journal.unlink()
        _sql(*statements)(station)

    return damage


def _instead(make: Callable[[Path], object], name: str) -> Damage:
    """Something else of that name."""

    def damage(station: Station) -> None:
        place = station.folder / name
        _remove(place)
        make(place)

    return damage


def _log_of_another_journal(station: Station) -> None:
    with Journal.open(station.folder / "other.db", device="bed-8") as other:
        other.append(mixed_rows(90))
        shutil.copy(station.folder / "other.db-wal", station.state / "journal.db-wal")


def _tables_forgotten(station: Station) -> None:
    data = bytearray(station.journal.read_bytes())
    data[103:105] = bytes(2)  # how many entries the list of tables has (file format, section 1.6)
    station.journal.write_bytes(data)


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to("/nowhere/at-all")


MARK = f"PRAGMA application_id = {APPLICATION_ID}"
META = "CREATE TABLE meta (key, value)"
TO_THE_JOURNAL: dict[str, Damage] = {
    "noise": _content(_noise(9_000)),
    "text": _content(b"no database, but long enough to look at" * 40),
    "another database": _another("CREATE TABLE t (a)"),
    "our mark, other tables": _another(MARK, "CREATE TABLE t (a)"),
    "our mark, no rows": _another(
        MARK, META, f"INSERT INTO meta VALUES ('schema', '1'), ('device', '{DEVICE}'), ('boot', '3')"
    ),
    "our mark, other types": _another(
        MARK, META, "INSERT INTO meta VALUES ('schema', x'31'), ('device', 5), ('boot', NULL)"
    ),
    "tables that are forgotten": _tables_forgotten,
    "a newer schema": _sql("UPDATE meta SET value = '2' WHERE key = 'schema'"),
    "an endless schema": _sql(f"UPDATE meta SET value = '{'9' * 5000}' WHERE key = 'schema'"),
    "another device": _sql("UPDATE meta SET value = 'bed-8' WHERE key = 'device'"),
    "a boot that is no number": _sql("UPDATE meta SET value = 'x' WHERE key = 'boot'"),
    "an endless boot": _sql(f"UPDATE meta SET value = '{'9' * 400}' WHERE key = 'boot'"),
    "the last row changed": _sql(
        "DROP TRIGGER row_fixed", "UPDATE row SET body = x'7b7d' WHERE seq = (SELECT max(seq) FROM row)"
    ),
    "a row of the last session changed": _sql(
        "DROP TRIGGER row_fixed", "UPDATE row SET body = x'7b7d' WHERE seq = (SELECT max(seq) FROM row) - 20"
    ),
    "a row of the last session gone": _sql(
        "DROP TRIGGER row_kept", "DELETE FROM row WHERE seq = (SELECT max(seq) FROM row) - 20"
    ),
    "the largest number": _sql(
        "DROP TRIGGER row_fixed",
        "UPDATE row SET seq = 9223372036854775807 WHERE seq = (SELECT max(seq) FROM row)",
    ),
    "a time that nobody can print": _sql(
        "DROP TRIGGER row_fixed",
        "UPDATE row SET wall_ms = 9223372036854775807 WHERE seq = (SELECT max(seq) FROM row)",
    ),
    "a directory": _instead(Path.mkdir, "state/journal.db"),
    "a pipe": _instead(os.mkfifo, "state/journal.db"),
    "a device": _instead(lambda path: path.symlink_to("/dev/zero"), "state/journal.db"),
    "a link to nowhere": _instead(_link_to_nowhere, "state/journal.db"),
    "a link to itself": _instead(lambda path: path.symlink_to(path.name), "state/journal.db"),
    "a log that is a directory": _instead(Path.mkdir, "state/journal.db-wal"),
    "a lock that is a directory": _instead(Path.mkdir, "state/journal.db-lock"),
    "a core lock that is a directory": _instead(Path.mkdir, "state/core.lock"),
    "a core lock that leads nowhere": _instead(_link_to_nowhere, "state/core.lock"),
    "a state folder that is a file": _instead(Path.touch, "state"),
    "a control socket that is a directory": _instead(Path.mkdir, "control.sock"),
}
"""Core must refuse these."""

TO_A_KILLED_JOURNAL: dict[str, Damage] = {
    "the file emptied, the log kept": _content(b""),
    "the file gone, the log kept": _instead(lambda path: None, "state/journal.db"),
    "the log overwritten": _content(_noise(90_000), "journal.db-wal"),
    "the log of another journal": _log_of_another_journal,
}
"""And these, beside a log that core had no time to put away."""

HARMLESS: dict[str, Damage] = {
    "nothing at all": _instead(lambda path: None, "state"),
    "an empty file": _content(b""),
    "noise for shared memory": _content(_noise(40_000), "journal.db-shm"),
    "noise for a log": _content(_noise(90_000), "journal.db-wal"),
    "noise for a rollback": _content(_noise(90_000), "journal.db-journal"),
    "noise in the core lock": _content(_noise(500), "core.lock"),
    "a core lock that is a pipe": _instead(os.mkfifo, "state/core.lock"),
    "noise in the lock": _content(_noise(500), "journal.db-lock"),
    "a lock that is a pipe": _instead(os.mkfifo, "state/journal.db-lock"),
    "noise for a reserve": _content(_noise(500), "journal.db-reserve"),
    "a reserve that is a directory": _instead(Path.mkdir, "state/journal.db-reserve"),
    "a reserve that is a pipe": _instead(os.mkfifo, "state/journal.db-reserve"),
}
"""Core comes up with these: they carry nothing that it believes."""


def _cursor(data: bytes) -> Damage:
    return lambda station: (station.folder / "link" / "cursor.json").write_bytes(data)


TO_THE_LINK: dict[str, Damage] = {
    "noise": _cursor(_noise(500)),
    "nothing": _cursor(b""),
    "too deep": _cursor(b'{"x":' + b"[" * 100_000),
    "no text": _cursor(b'{"journal":"\xff"}'),
    "less than nothing": _cursor(b'{"settled_through":-4}'),
    "an alarm that may not stand in a topic": _cursor(b'{"alarms":["#"]}'),
    "a newer version": _cursor(b'{"v":2}'),
    "a directory": _instead(Path.mkdir, "link/cursor.json"),
    "a pipe": _instead(os.mkfifo, "link/cursor.json"),
    "a lock that is a directory": _instead(Path.mkdir, "link/cursor.json.lock"),
    "a folder that is a file": _instead(Path.touch, "link"),
}
"""The link must refuse these."""

CURSORS_OF_ANOTHER_JOURNAL: dict[str, Damage] = {
    "far ahead": _cursor(b'{"settled_through":9223372036854775807}'),
    "beyond every number": _cursor(b'{"settled_through":92233720368547758070000}'),
    "more than fits": _cursor(b'{"unheard":[[1,99999999999999]]}'),
}
"""With these it sends the whole journal once more."""
