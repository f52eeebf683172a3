"""Whatever stands in the state folder: one clear sentence and its exit code, or a start that believes none.

The commands run in this process; where the rights of a file decide, as processes that obey them.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.exits import EXIT_CODES
from gateway.record.errors import RecordError
from gateway.runtime.requests import EXIT_NOT_PERMITTED, EXIT_OK, EXIT_RECORD, EXIT_UNAVAILABLE
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from tests.record.processes import obey_file_modes, run
from tests.runtime.bad_state import (
    CORE,
    CURSORS_OF_ANOTHER_JOURNAL,
    HARMLESS,
    LINK,
    READERS,
    TO_A_KILLED_JOURNAL,
    TO_THE_JOURNAL,
    TO_THE_LINK,
    VERBS,
    Ended,
    Station,
    end_at_once,
    sound_state,
)

KNOWN_CODES = {EXIT_OK, EXIT_UNAVAILABLE, EXIT_NOT_PERMITTED, EXIT_RECORD, *EXIT_CODES.values()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound_state(tmp_path_factory.mktemp("sound"), killed=False)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound_state(tmp_path_factory.mktemp("killed"), killed=True)


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    """In memory where there is such a place; a socket's path may have 107 characters only."""
    memory = Path("/dev/shm")
    place = TemporaryDirectory(prefix="rvos-", dir=memory if memory.is_dir() else None)
    with place as name, pytest.MonkeyPatch.context() as monkeypatch:
        end_at_once(monkeypatch)
        yield Station(Path(name))


def _is_clear(ended: Ended) -> None:
    """An end that a person can act on."""
    assert ended.error is None, repr(ended.error)
    assert ended.exit_code in KNOWN_CODES
    assert "Traceback" not in ended.said


def _is_refused(ended: Ended, place: Path) -> None:
    """A refusal in one sentence that names the place and says what to do."""
    _is_clear(ended)
    assert ended.exit_code != EXIT_OK
    [sentence] = ended.said.splitlines()
    assert str(place) in sentence
    assert any(word in sentence for word in ("move", "check", "choose", "use", "core", "needs"))


@pytest.mark.parametrize("damage", TO_THE_JOURNAL)
def test_core_refuses(station: Station, sound: Path, damage: str) -> None:
    station.become(sound)
    TO_THE_JOURNAL[damage](station)
    _is_refused(station.run(*CORE), station.folder)


@pytest.mark.parametrize("damage", TO_A_KILLED_JOURNAL)
def test_core_refuses_beside_a_log(station: Station, killed: Path, damage: str) -> None:
    station.become(killed)
    TO_A_KILLED_JOURNAL[damage](station)
    log = (station.state / "journal.db-wal").read_bytes()
    _is_refused(station.run(*CORE), station.folder)
    if damage != "the log of another journal":  # that one SQLite can read: it becomes part of the file
        assert (station.state / "journal.db-wal").read_bytes() == log, "what is refused is kept"


@pytest.mark.parametrize("damage", [*TO_THE_JOURNAL, *HARMLESS])
@pytest.mark.parametrize("verb", [*READERS, LINK], ids=" ".join)
def test_whoever_only_reads_ends_with_a_sentence(
    station: Station, sound: Path, damage: str, verb: tuple[str, ...]
) -> None:
    station.become(sound)
    {**TO_THE_JOURNAL, **HARMLESS}[damage](station)
    ended = station.run(*verb)
    _is_clear(ended)
    if ended.exit_code != EXIT_OK:
        assert len(ended.said.splitlines()) == 1


@pytest.mark.parametrize("damage", HARMLESS)
def test_core_comes_up(station: Station, sound: Path, damage: str) -> None:
    station.become(sound)
    HARMLESS[damage](station)
    ended = station.run(*CORE)
    assert ended == (EXIT_OK, "rvos core: ready\n", None)
    assert station.run("journal", "verify").exit_code == EXIT_OK


@pytest.mark.parametrize("damage", TO_THE_LINK)
def test_the_link_refuses(station: Station, sound: Path, damage: str) -> None:
    station.become(sound)
    TO_THE_LINK[damage](station)
    _is_refused(station.run(*LINK), station.folder / "link")


@pytest.mark.parametrize("damage", CURSORS_OF_ANOTHER_JOURNAL)
def test_the_link_begins_anew_with_a_cursor_of_another_journal(
    station: Station, sound: Path, damage: str
) -> None:
    station.become(sound)
    CURSORS_OF_ANOTHER_JOURNAL[damage](station)
    ended = station.run(*LINK)
    assert (ended.exit_code, ended.error) == (EXIT_OK, None)


RIGHTS = {
    "a journal that nobody may read": ("state/journal.db", 0o000, EXIT_UNAVAILABLE),
    "a journal that nobody may write": ("state/journal.db", 0o400, EXIT_UNAVAILABLE),
    "a folder where nobody may write": ("state", 0o500, EXIT_UNAVAILABLE),
    "a core lock that nobody may touch": ("state/core.lock", 0o000, EXIT_NOT_PERMITTED),
    "a lock that nobody may touch": ("state/journal.db-lock", 0o000, EXIT_UNAVAILABLE),
}


@pytest.mark.system
@pytest.mark.parametrize("rights", RIGHTS)
def test_core_without_the_rights_it_needs(station: Station, sound: Path, rights: str) -> None:
    station.become(sound)
    (station.state / "core.lock").touch()
    name, mode, exit_code = RIGHTS[rights]
    (station.folder / name).chmod(mode)
    try:
        done = run(CORE_ALONE, station.config, prepare=obey_file_modes)
    finally:
        (station.folder / name).chmod(0o700)
    assert done.returncode == exit_code, done.stderr
    _is_refused(Ended(done.returncode, done.stderr, None), station.folder)


CORE_ALONE = """
import sys
from gateway.cli.main import rvos
rvos(["--config", sys.argv[1], "core"], prog_name="rvos")
"""


class TestBytes:
    """Any byte of the journal and of its log."""

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 1 << 30), st.booleans(), st.sampled_from(VERBS))
    def test_a_file_that_is_cut_at_any_byte(
        self, station: Station, sound: Path, killed: Path, at: int, log: bool, verb: tuple[str, ...]
    ) -> None:
        station.become(killed if log else sound)
        file = station.state / ("journal.db-wal" if log else "journal.db")
        data = file.read_bytes()
        file.write_bytes(data[: at % len(data)])
        _is_clear(station.run(*verb))

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, 1 << 30), st.booleans(), st.sampled_from(VERBS))
    def test_a_file_of_which_any_part_is_overwritten(
        self, station: Station, sound: Path, killed: Path, seed: int, log: bool, verb: tuple[str, ...]
    ) -> None:
        station.become(killed if log else sound)
        file = station.state / ("journal.db-wal" if log else "journal.db")
        file.write_bytes(_overwritten(file.read_bytes(), random.Random(seed)))
        _is_clear(station.run(*verb))


def _overwritten(data: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(data)
    begin = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            spoilt[begin] = chance.randrange(256)
        case 1:
            for _ in range(chance.randrange(2, 40)):
                spoilt[chance.randrange(len(data))] = chance.randrange(256)
        case 2:
            spoilt[begin : begin + 4096] = bytes(len(spoilt[begin : begin + 4096]))
        case _:
            page = begin // 4096 * 4096
            spoilt[page : page + 4096] = chance.randbytes(len(spoilt[page : page + 4096]))
    return bytes(spoilt)


class TestCuff:
    """No file energises anything."""

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 1 << 30), st.booleans())
    def test_whatever_the_journal_says_the_cuff_stays_vented(
        self, tmp_path_factory: pytest.TempPathFactory, killed: Path, seed: int, log: bool
    ) -> None:
        with TemporaryDirectory(prefix="rvos-") as name:
            folder = Path(name) / "state"
            shutil.copytree(killed, folder)
            file = folder / ("journal.db-wal" if log else "journal.db")
            file.write_bytes(_overwritten(file.read_bytes(), random.Random(seed)))
            try:
                bedside = Bedside(_bed(), folder / "journal.db")
            except RecordError:
                return
            for _ in range(300):
                bedside.turn()
                assert not bedside.board.actuators.dump_closed
                assert bedside.board.actuators.pump_permille == 0
            bedside.close()


def _bed() -> Bed:
    config = configuration("fast_cuff", "fast_limb", None)
    return Bed(config, CUFFS["fast_cuff"], LIMBS["fast_limb"], 1)
