"""``rvos cuff accept``: one request, and core's answer with its exit code."""

from typing import Any

from tests.cli.stand_in import StandIn

ACCEPT = ("cuff", "accept")


def test_it_is_one_request(run: Any, core: StandIn) -> None:
    core.reply(message="cuff accepted: 300 to below 15 mmHg in 5.1 s; 8 s are allowed")
    result = run(*ACCEPT, "--off-every-limb", "--confirm")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "5.1 s" in result.stdout
    assert core.asked == [{"verb": "cuff_accept", "off_every_limb": True, "confirm": True}]


def test_without_confirm_it_says_what_it_would_do(run: Any, core: StandIn) -> None:
    result = run(*ACCEPT, "--off-every-limb")
    assert (result.exit_code, result.stdout, core.asked) == (2, "", [])
    assert "inflate the cuff to 300 mmHg" in result.stderr


def test_nobody_says_for_a_person_that_it_lies_off_every_limb(run: Any, core: StandIn) -> None:
    core.reply(75, "not tested: nobody has confirmed that the cuff is off every limb")
    assert run(*ACCEPT, "--confirm").exit_code == 75
    assert core.asked[0]["off_every_limb"] is False


def test_a_cuff_that_is_refused_is_a_finding(run: Any, core: StandIn) -> None:
    core.reply(1, "cuff REFUSED (too slow): 300 to below 15 mmHg in 9.3 s; 8 s are allowed")
    result = run(*ACCEPT, "--off-every-limb", "--confirm")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "REFUSED (too slow)" in result.stderr
