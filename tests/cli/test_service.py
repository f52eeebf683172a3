"""``rvos core`` and ``rvos link``: what they hand down and how their starts fail."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import gateway
from gateway.runtime import service
from gateway.runtime.clock import SystemClock
from gateway.runtime.state_lock import StateLock
from gateway.ward import link
from gateway.ward.cursor import CursorFile


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Signals and log as they were."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    root = logging.getLogger()
    kept = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = kept
    for number, action in before:
        signal.signal(number, action)


@pytest.mark.parametrize("verb", ["core", "link"])
def test_a_wrong_configuration_starts_nothing(run: Any, config_file: Path, verb: str) -> None:
    config_file.write_text("[cuff]\nceiling_mmhg = 301\n")
    result = run(verb)
    assert (result.exit_code, result.stdout) == (78, "")
    assert f"{config_file}:2:16: cuff.ceiling_mmhg = 301: must be" in result.stderr


def test_a_second_core_says_who_holds_the_state(run: Any, folder: Path) -> None:
    (folder / "state").mkdir()
    held = StateLock(folder / "state")
    try:
        result = run("core")
    finally:
        held.release()
    assert (result.exit_code, result.stdout) == (75, "")
    assert f"{folder}/state is in use by process {os.getpid()}" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", ["core", "link"])
def test_a_state_folder_that_cannot_be_is_named(run: Any, folder: Path, verb: str) -> None:
    (folder / {"core": "state", "link": "link"}[verb]).write_text("a file where the folder belongs")
    result = run(verb)
    assert (result.exit_code, result.stdout) == (69, "")
    assert str(folder) in result.stderr
    assert result.stderr.count("\n") == 1


def test_core_hands_down_the_configuration_and_its_code(
    run: Any, config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(service, "run_core", lambda path: started.append(path) or 69)
    assert run("core", "--config", str(config_file)).exit_code == 69
    assert started == [config_file]


def test_an_error_without_a_place_is_a_defect(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(service, "run_core", fail)
    with pytest.raises(OSError, match="Bad file descriptor"):
        run("core")


def test_a_place_out_of_reach_is_not_permitted(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> int:
        raise PermissionError(13, "Permission denied", "/var/lib/rvos")

    monkeypatch.setattr(service, "run_core", fail)
    result = run("core")
    assert (result.exit_code, result.stdout) == (77, "")
    assert result.stderr == "rvos: /var/lib/rvos: Permission denied: check this place and its rights\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_link_is_composed_and_ends_when_asked(
    run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    seen: dict[str, Any] = {}

    def publish(config: Any, **parts: Any) -> None:
        seen.update(parts, config=config)
        parts["ready"]()
        assert not parts["stop"].is_set()
        signal.raise_signal(number)
        assert parts["stop"].wait(10.0)

    monkeypatch.setattr(link, "run_link", publish)
    assert run("link").exit_code == 0
    assert seen["config"].link.state_dir == f"{folder}/link"
    assert isinstance(seen["clock"], SystemClock)
    assert seen["version"] == gateway.__version__
    assert isinstance(seen["stop"], Event)


def test_a_second_link_says_what_is_held(run: Any, folder: Path) -> None:
    (folder / "link").mkdir()
    with CursorFile(folder / "link" / link.CURSOR):
        result = run("link")
    assert (result.exit_code, result.stdout) == (69, "")
    assert str(folder / "link") in result.stderr
    assert result.stderr.count("\n") == 1
