"""Any bytes on the wires of the cuff and of the oximeter, while a session holds its pressure.

The real firmware is at the other end and sends what it sends; the noise comes beside that, instead of it,
or into it.  Frames that are well formed and lie are noise too: nobody but the controller can tell them from
its own.  What must hold: core raises nothing and leases nothing but what was authorised; the pressure stays
where the controller's own limits keep it; and whenever core has had no good status for as long as a dead-man
takes, the valve is open.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from drivers import nonin
from firmware_bridge import cuff as messages
from firmware_bridge import ecp
from gateway.simulation.bedside import TURN_MS, Bed, Bedside
from tests.runtime.conftest import READINGS_MS, People

DEAD_MAN_MS = 1_100  # the longest lease and a step of the controller
FRESH_MS = 500  # ten status frames
NEVER_ABOVE_DMMHG = 3_300
QUIET_MS = 1_500


class Noisy(Bedside):
    """A bedside with noise on its wires; ``leased`` keeps what core has leased."""

    def __init__(self, bed: Bed, journal: Path) -> None:
        self.burst: Burst | None = None
        self.deaf_ms = 0  # how long core has had no fresh status
        self.leased: list[messages.LeaseRequest] = []
        self._heard = ecp.Decoder(64)
        super().__init__(bed, journal)

    def _up(self, data: bytes, now: int) -> None:
        burst = self.burst
        if burst is None or burst.wire != "cuff":
            super()._up(data, now)
            return
        for chunk in burst.chunks(data, self._nonce()):
            super()._up(chunk, now)

    def _oximeter(self, now: int) -> None:
        burst = self.burst
        if burst is None or burst.wire != "oximeter" or self.core is None:
            super()._oximeter(now)
            return
        for chunk in burst.chunks(self.oximeter.step(now), 0):
            self.core.oximeter_bytes(chunk, self.core_ms)

    def _down(self, now: int) -> None:
        assert self.core is not None
        data = self.core.outgoing(self.core_ms)
        for packet in self._heard.feed(data):
            lease = messages.decode_lease_request(packet)
            if lease is not None:
                self.leased.append(lease)
        if data and self.controller is not None:
            self.controller.receive(data, now)
            self._up(self.controller.outgoing(), now)

    def _nonce(self) -> int:
        return self.controller.identity.nonce if self.controller is not None else 0


@dataclass
class Burst:
    """So many turns of noise on one wire; ``way`` says what becomes of the real bytes meanwhile."""

    wire: str
    way: str
    noise: list[bytes | messages.Status]
    turns: int
    seed: int

    def chunks(self, real: bytes, nonce: int) -> Iterator[bytes]:
        chance = random.Random(f"{self.seed} {len(real)}")
        noise = [_said(one, nonce) for one in self.noise]
        match self.way:
            case "beside":
                yield from [*noise, real]
            case "instead":
                yield from noise
            case "within":
                at = chance.randrange(len(real) + 1)
                yield real[:at] + b"".join(noise) + real[at:]
            case "damaged":
                yield bytes(byte ^ (chance.random() < 0.02) for byte in real)


NONCE_OF_THE_DEVICE = 0xA5A5_5A5A
"""Stands in a lie for the number that the controller really has."""


def _said(noise: bytes | messages.Status, nonce: int) -> bytes:
    """The noise as bytes; a status that lies about everything else may know the right number."""
    if isinstance(noise, bytes):
        return noise
    return messages.encode_status(
        noise._replace(nonce=nonce) if noise.nonce == NONCE_OF_THE_DEVICE else noise
    )


def _unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


pressures = st.none() | st.integers(-32_767, 32_767) | st.integers(0, 3_000)
numbers = _unsigned(32) | st.just(NONCE_OF_THE_DEVICE)
statuses = st.builds(
    messages.Status,
    *(_unsigned(16), _unsigned(32), numbers, pressures, pressures, pressures),
    *(_unsigned(8) | st.integers(0, 3), _unsigned(8), _unsigned(16)),
    *(_unsigned(32) | st.integers(0, 400_000) for _ in range(4)),
    *(_unsigned(8) | st.integers(0, 4), _unsigned(16), _unsigned(16), _unsigned(16)),
    *(_unsigned(16) | st.just(0), _unsigned(16) | st.just(0), _unsigned(8), _unsigned(8)),
)
hellos = st.builds(
    messages.Hello,
    *(_unsigned(8) for _ in range(5)),
    *(_unsigned(32), _unsigned(32), st.binary(max_size=16), st.binary(max_size=24)),
).map(messages.encode_hello_reply)
lies = (
    statuses
    | hellos
    | st.builds(messages.encode_tighten_reply, _unsigned(8), _unsigned(16))
    | st.builds(messages.encode_lease_reply, _unsigned(8), _unsigned(16))
    | st.builds(messages.encode_relay_reply, _unsigned(8), _unsigned(16))
    | st.builds(messages.encode_self_test_reply, _unsigned(8), pressures, pressures)
    | st.builds(messages.encode_clear_reply, _unsigned(8))
    | st.builds(messages.encode_annunciate_reply, _unsigned(8))
    | st.builds(ecp.encode_nack, _unsigned(8))
    | st.builds(ecp.encode_frame, _unsigned(8), st.binary(max_size=60))
)
marks = st.sampled_from([b"\xff", b"\xff\xf1", b"\xff\xf2", b"\xff\xf1\xc0", b"\xff\xf1" * 40])
readings = st.builds(
    nonin.encode_line,
    st.tuples(*(st.none() | st.integers(0, 99).map(lambda percent: percent * 10) for _ in range(4))),
    st.just("2000-01-01T00:00:00"),
    coverage=st.sampled_from(nonin.COVERAGES),
)
texts = st.text(alphabet="Ch1=0|-\r\nCKSUM9F,", max_size=600).map(str.encode)


@st.composite
def bursts(draw: st.DrawFn) -> Burst:
    wire = draw(st.sampled_from(["cuff", "cuff", "cuff", "oximeter"]))
    noise = st.binary(max_size=120) | marks | (lies if wire == "cuff" else readings | texts)
    return Burst(
        wire,
        draw(st.sampled_from(["beside", "instead", "within", "damaged"])),
        draw(st.lists(noise, max_size=4)),
        draw(st.integers(1, 60) | st.just(200)),
        draw(st.integers(0, 1 << 16)),
    )


@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@example([Burst("cuff", "instead", [], 200, 1)])
@example([Burst("cuff", "instead", [b"\xff\xf1", bytes(64)], 200, 1)])
@example([Burst("cuff", "damaged", [], 200, 1), Burst("oximeter", "instead", [bytes(700)], 200, 1)])
@given(st.lists(bursts(), min_size=1, max_size=4))
def test_nothing_on_the_wires_moves_the_cuff(plan: list[Burst]) -> None:
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="rvos-", dir=memory if memory.is_dir() else None) as name:
        people = People(Path(name) / "journal.db", bedside=Noisy)
        bedside = people.bedside
        assert isinstance(bedside, Noisy)
        bedside.run(READINGS_MS)
        assert people.start().exit_code == 0
        people.run_until("holding")
        target_dmmhg = bedside.leased[-1].target_dmmhg
        for burst in plan:
            _suffer(bedside, burst, target_dmmhg)
        bedside.close()


def _suffer(bedside: Noisy, burst: Burst, target_dmmhg: int) -> None:
    bedside.burst = burst
    for _ in range(burst.turns):
        _turn(bedside, target_dmmhg)
    bedside.burst = None
    for _ in range(0, QUIET_MS, TURN_MS):
        _turn(bedside, target_dmmhg)


def _turn(bedside: Noisy, target_dmmhg: int) -> None:
    """Ten milliseconds, and what core may have leased in them."""
    bedside.leased.clear()
    bedside.turn()
    assert bedside.core is not None
    for lease in bedside.leased:
        assert lease.target_dmmhg == target_dmmhg
        assert lease.duration_ms <= 1_000
        assert bedside.core.state.inflation is not None
        assert bedside.core.state.latched is None
    assert bedside.plant.control_dmmhg < NEVER_ABOVE_DMMHG
    bedside.deaf_ms = 0 if _hears(bedside) else bedside.deaf_ms + TURN_MS
    assert bedside.deaf_ms < DEAD_MAN_MS or not bedside.board.actuators.dump_closed


def _hears(bedside: Noisy) -> bool:
    core = bedside.core
    return core is not None and core.cuff is not None and bedside.core_ms - core.cuff.arrived_ms <= FRESH_MS
