"""``rvos cuff accept`` at the desk: what must be true before a cuff is tested, and what is answered.

Theory of operation
-------------------
A person confirms that the cuff is off every limb, presses the bedside button, and asks.  The same bedside
must be in order as for a session; then the controller tests itself, and an ``Acceptance`` runs until it has
a result.  The answer comes when the result is durable.

Nothing starts while any limb's debt leaves no room for the planned minute: the controller takes every limb
for just occluded when it was switched on, and so does a gateway that does not know.

Units: ms.
"""

import msgspec

from gateway.record.events import CuffTested
from gateway.runtime.acceptance import Acceptance
from gateway.runtime.arming import MISSING_WORDS, ArmingDesk, unconfirmed
from gateway.runtime.core import Core
from gateway.runtime.devices import cuff_of
from gateway.runtime.requests import (
    EXIT_FINDING,
    EXIT_NOT_NOW,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    CuffAccept,
    Reply,
    refusal,
)
from gateway.runtime.starting import Pending, self_tested
from gateway.safety.observations import Arming
from gateway.safety.readiness import Readiness, missing

LONGEST_MS = 90_000
"""The planned minute, the time to empty, and the self-test before."""
_LATE = "cuff accept: no result came; look at `rvos session status` and core's log"


class CuffDesk:
    """Tests the cuff of one core."""

    def __init__(self, core: Core, arming: ArmingDesk) -> None:
        self._core, self._arming = core, arming

    def begin(self, request: CuffAccept, now: int) -> Pending | Reply:
        """Take the request through its gates; a refusal at once, or what to wait for."""
        wrong = unconfirmed(request.confirm)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        refused = self._arming.bedside(now) or self._lies_free() or self._open_checks(request, now)
        refused = refused or self._wait(now)
        if refused is not None:
            return refused
        self._core.gate.start_self_test()
        return Pending(_Run(self._core, request).poll, lambda _: refusal(EXIT_UNAVAILABLE, _LATE))

    def _lies_free(self) -> Reply | None:
        if not self._core.cuff_on:
            return None
        return refusal(
            EXIT_NOT_NOW,
            "the record says that the cuff is on a limb: take it off, `rvos session cuff-removed`",
        )

    def _open_checks(self, request: CuffAccept, now: int) -> Reply | None:
        """What the person still owes; the self-test comes after it."""
        pressed_ago_ms = self._core.presses.ago_ms(now) if self._core.present(now) else None
        ready = _readiness(request, pressed_ago_ms, self_test_passed=True)
        open_checks = missing(self._core.setup.limits, None, ready)
        if not open_checks:
            return None
        return refusal(
            EXIT_NOT_NOW, "not tested: " + "; ".join(MISSING_WORDS[check] for check in open_checks)
        )

    def _wait(self, now: int) -> Reply | None:
        core, limits = self._core, self._core.setup.limits
        device_ms = core.cuff.debt_of_ms(None) if core.cuff is not None else 0
        owed_ms = max(core.state.debts.largest(None).value_ms, device_ms)
        gap_ms = max(
            [limits.limb_gap_ms - (now - at) for at in core.state.deflated_ms if at is not None] or [0]
        )
        wait_ms = max(owed_ms + limits.acceptance_planned_ms - limits.debt_inflation_ms, gap_ms)
        if wait_ms <= 0:
            return None
        return refusal(
            EXIT_NOT_NOW, f"not yet: wait {wait_ms // 1000 + 1} s; every limb counts as under the cuff"
        )


class _Run:
    """One test whose self-test is under way: then the cuff is filled and emptied, then its row is durable."""

    def __init__(self, core: Core, request: CuffAccept) -> None:
        self._core, self._request, self._epoch = core, request, core.epoch
        self._acceptance: Acceptance | None = None

    def poll(self, now: int) -> Reply | None:
        """The answer, when it is known."""
        acceptance = self._acceptance
        if acceptance is None:
            return self._self_tested(now)
        result = acceptance.result
        durable = result is not None and self._core.recorder.is_durable(acceptance.ticket)
        return _told(result) if result is not None and durable else None

    def _self_tested(self, now: int) -> Reply | None:
        core, result = self._core, self._core.gate.self_test
        if result is None:
            return None
        tested = self_tested(result)
        core.recorder.event(tested, "", now)
        if not tested.passed:
            return refusal(EXIT_NOT_NOW, f"not tested: the self-test failed ({tested.detail})")
        if not self._is_as_it_was(now):
            return refusal(EXIT_NOT_NOW, "not tested: something else happened meanwhile; look again")
        ready = _readiness(self._request, core.presses.ago_ms(now), self_test_passed=True)
        arming = Arming(number=core.next_run(), limb=None, readiness=ready)
        cuff = cuff_of(core.gate.identity, core.setup.config.cuff.description)
        self._acceptance = Acceptance(core.setup.limits, cuff, arming, core.recorder, now)
        core.begin_test(self._acceptance)
        return None

    def _is_as_it_was(self, now: int) -> bool:
        """Whether nothing stopped, tripped or began meanwhile, and the cuff still lies free."""
        core = self._core
        idle = core.session is None and core.acceptance is None and core.state.latched is None
        return idle and core.epoch == self._epoch and core.present(now) and not core.cuff_on


def _readiness(request: CuffAccept, pressed_ago_ms: int | None, *, self_test_passed: bool) -> Readiness:
    return Readiness(
        off_every_limb=request.off_every_limb,
        self_test_passed=self_test_passed,
        pressed_ago_ms=pressed_ago_ms,
    )


def _told(result: CuffTested) -> Reply:
    seconds = "" if result.fall_ms is None else f": 300 to below 15 mmHg in {result.fall_ms / 1000:.1f} s"
    words = "accepted" if result.accepted else f"REFUSED ({result.reason})"
    return Reply(
        exit_code=0 if result.accepted else EXIT_FINDING,
        message=f"cuff {words}{seconds}; 8 s are allowed",
        data=msgspec.to_builtins(result),
    )
