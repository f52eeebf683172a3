"""The module where nobody can be sure: an abort that got lost, a pressure nobody asked for, a silence."""

import pytest

from drivers import suntech as wire
from gateway.simulation.suntech import SunTech
from tests.drivers.test_nibp import ABORT, Bench


@pytest.mark.parametrize("after_ms", [0, 200, 400])
def test_an_abort_that_is_lost_in_the_first_moments_is_said_again(after_ms: int) -> None:
    """The cuff is still as good as empty then: no proof that anything was heeded."""
    bench = Bench().ready()
    bench.run(3_000)
    bench.host.measure(bench.now_ms)
    bench.run_until(lambda: bench.sent[-1][1] == wire.encode_command(wire.MEASURE_ADULT), 1_000)
    bench.run(after_ms)
    bench.host.abort()
    assert bench.host.outgoing(bench.now_ms) == ABORT, "and the wire lost it"
    bench.run(3_000)
    assert bench.module.is_idle
    assert bench.module.mmhg == 0
    bench.run(5_000)
    assert not bench.host.aborting


def test_a_pressure_that_nobody_asked_for_is_let_out() -> None:
    bench = Bench().ready()
    bench.run(3_000)
    bench.module.step(wire.encode_command(wire.MEASURE_ADULT), bench.now_ms)
    bench.run(3_000)
    assert bench.module.is_idle
    assert bench.module.mmhg == 0


def test_one_that_was_silent_is_asked_again_who_it_is() -> None:
    bench = Bench().ready()
    bench.run(3_000)
    bench.module.faults.silent = True
    bench.run(8_000)
    assert bench.host.identity is None
    bench.module = SunTech(text=wire.ReturnText("ZZ9.99", "LS1.01", "LOT-7", "OTHER-1", "123"))
    bench.run(10_000)
    assert bench.host.identity is not None
    assert bench.host.identity.serial == "OTHER-1"
    assert "ZZ9.99" in bench.host.refusal
