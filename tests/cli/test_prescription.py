"""``rvos prescription``: what is shipped, as it is written."""

from typing import Any

from gateway.therapy.prescription import load, names, text


def test_list_has_every_name_and_title(run: Any) -> None:
    result = run("prescription", "list")
    assert result.exit_code == 0
    assert [line.split(None, 1) for line in result.stdout.splitlines()] == [
        [name, load(name).title] for name in names()
    ]
    assert "demo" in names()


def test_show_is_the_file(run: Any) -> None:
    assert run("prescription", "show", "demo").stdout == text("demo")


def test_show_of_an_unknown_name_lists_the_known(run: Any) -> None:
    result = run("prescription", "show", "../demo")
    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr == "rvos: no prescription '../demo'; there are: " + ", ".join(names()) + "\n"
