"""``rvos config``: writes what can be filled in, never overwrites, names what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from gateway.cli import config as verbs
from gateway.config import example


def test_init_writes_the_example(run: Any, folder: Path) -> None:
    path = folder / "new.toml"
    result = run("config", "init", str(path))
    assert (result.exit_code, result.stderr) == (0, "")
    assert path.read_text() == example()
    assert result.stdout == f"{path} written. Fill the marked lines, then run: rvos config check {path}\n"


def test_init_writes_where_config_points(run: Any, folder: Path) -> None:
    path = folder / "other.toml"
    assert run("config", "init", "--config", str(path)).exit_code == 0
    assert path.read_text() == example()


def test_init_never_overwrites(run: Any, config_file: Path) -> None:
    before = config_file.read_text()
    result = run("config", "init")
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr.startswith(f"rvos: {config_file} exists already")
    assert config_file.read_text() == before


def test_init_where_there_is_no_folder(run: Any, folder: Path) -> None:
    result = run("config", "init", str(folder / "no" / "rvos.toml"))
    assert result.exit_code == 69
    assert "cannot be written (No such file or directory)" in result.stderr


def test_init_where_this_user_may_not_write(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")  # a file mode would not keep root out

    monkeypatch.setattr(Path, "open", refuse)
    result = run("config", "init", "/etc/rvos/other.toml")
    assert (result.exit_code, result.stdout) == (77, "")
    assert result.stderr == "rvos: /etc/rvos/other.toml cannot be written by this user: try it with sudo\n"


def test_check_says_whose_configuration_it_is(run: Any, config_file: Path) -> None:
    for words in (["config", "check"], ["config", "check", str(config_file)]):
        result = run(*words)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == f"{config_file} is valid: gateway gateway-1, ward icu, site hospital.\n"


def test_check_names_the_place_of_every_fault(run: Any, config_file: Path) -> None:
    config_file.write_text(config_file.read_text() + "port = 0\n[mqqt]\n")
    result = run("config", "check")
    assert (result.exit_code, result.stdout) == (78, "")
    assert f"{config_file}:15:1: link.port is unknown" in result.stderr
    assert "mqqt is unknown; did you mean 'mqtt'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_of_a_file_that_is_not_there(run: Any) -> None:
    result = run("config", "check", "/no/such/rvos.toml")
    assert result.exit_code == 78
    assert result.stderr.startswith("rvos: /no/such/rvos.toml: cannot be read")
    assert result.stderr.count("\n") == 1


def test_the_file_is_optional_for_both() -> None:
    assert all(not verb.params[0].required for verb in (verbs.init, verbs.check))
