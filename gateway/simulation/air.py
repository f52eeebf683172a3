"""Air in two volumes: the controller's manifold and the cuff, joined by a hose.

Theory of operation
-------------------
Every volume stores air in proportion to its pressure, every path carries air in proportion to the
difference of pressures, so both pressures obey two linear equations::

    cuff      C dP/dt = hose (M - P) - leak P
    manifold  c dM/dt = inflow - hose (M - P) - dump M - relief (M - opens)

The equations stay the same as long as no valve moves.  For each setting of valves and hose, ``Paths`` solves
them once, exactly, for one sub-step (a matrix exponential) and keeps the solution; a sub-step is
then two sums of products however stiff the hose is, and no sub-step can overshoot.  Only the pump's
inflow, which depends on the manifold's pressure, is held over the sub-step.

The relief valve is open when the manifold would otherwise end the sub-step above its opening pressure.

Units: mmHg, ml at room pressure, seconds.
"""

from math import exp

from gateway.simulation.models import Cuff

SUB_STEP_MS = 5

ROOM_MMHG = 760.0

HOSE_OPEN = 0
HOSE_KINKED = 1
HOSE_UNPLUGGED = 2
"""Where the hose leads: to the cuff, nowhere, or both of its ends (cuff and controller) to the air."""

_NOTHING = 1e-6

_TAYLOR_TERMS = 8
_SQUARINGS = 12

Matrix = list[list[float]]

Solution = tuple[float, float, float, float, float, float, float, float]
"""One sub-step: the new cuff as a sum over old cuff, old manifold, inflow and one; then the new manifold."""


class Paths:
    """The solutions of one cuff, made when first needed."""

    __slots__ = ("_cuff", "_solutions", "manifold_ml_mmhg")

    def __init__(self, cuff: Cuff) -> None:
        self._cuff = cuff
        self._solutions: dict[tuple[bool, int, float, bool], Solution] = {}
        self.manifold_ml_mmhg = cuff.manifold_ml / ROOM_MMHG

    def solution(self, dump_open: bool, hose: int, leak_factor: float, relief_open: bool) -> Solution:
        """One sub-step with these valves, this hose and this many times the usual leak."""
        key = (dump_open, hose, leak_factor, relief_open)
        found = self._solutions.get(key)
        if found is None:
            (cc, cm, ci, c1), (mc, mm, mi, m1) = exponential(
                self._rates(dump_open, hose, leak_factor, relief_open)
            )[:2]
            found = (cc, cm, ci, c1, mc, mm, mi, m1)
            self._solutions[key] = found
        return found

    def _rates(self, dump_open: bool, hose: int, leak_factor: float, relief_open: bool) -> Matrix:
        """Changes during one sub-step, first of the cuff, then of the manifold."""
        cuff = self._cuff
        dump = cuff.dump_ml_s_mmhg if dump_open else 0.0
        relief = cuff.relief_ml_s_mmhg if relief_open else 0.0
        joint = cuff.hose_ml_s_mmhg if hose == HOSE_OPEN else 0.0
        lost = cuff.hose_ml_s_mmhg if hose == HOSE_UNPLUGGED else 0.0
        leak = leak_factor * cuff.leak_ml_s_mmhg
        cuff_share = SUB_STEP_MS / 1000.0 / cuff.compliance_ml_mmhg
        share = SUB_STEP_MS / 1000.0 / self.manifold_ml_mmhg
        opens = cuff.relief_opens_mmhg
        return [
            [-(joint + lost + leak) * cuff_share, joint * cuff_share, 0.0, 0.0],
            [joint * share, -(joint + lost + dump + relief) * share, share, relief * opens * share],
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0],
        ]


def exponential(matrix: Matrix) -> Matrix:
    """e to the power of a square matrix: a Taylor series of a small part of it, squared up again."""
    size = range(len(matrix))
    small = [[value / 2.0**_SQUARINGS for value in row] for row in matrix]
    total = [[float(row == column) for column in size] for row in size]
    term = total
    for order in range(1, _TAYLOR_TERMS):
        term = [[value / order for value in row] for row in _product(term, small)]
        total = [[total[row][column] + term[row][column] for column in size] for row in size]
    for _ in range(_SQUARINGS):
        total = _product(total, total)
    return total


def _product(left: Matrix, right: Matrix) -> Matrix:
    size = range(len(left))
    return [[sum(left[row][k] * right[k][column] for k in size) for column in size] for row in size]


class Air:
    """The air of one cuff, at atmospheric pressure at first.

    ``drive`` (0 to 1) is what the pump is told, ``inflate_open`` whether its valve is open; hose, dump
    valve and leak are set by ``set_paths``.
    """

    __slots__ = (
        *("_closed", "_inverse_stall", "_paths", "_pump_flow", "_pump_lag", "_relief_opens"),
        *("cuff_mmhg", "drive", "dump_open", "hose", "inflate_open", "leak_factor", "manifold_mmhg", "pump"),
    )

    def __init__(self, cuff: Cuff) -> None:
        self._paths = Paths(cuff)
        self._pump_lag = 1.0 - exp(-SUB_STEP_MS / 1000.0 / cuff.pump_lag_s)
        self._pump_flow = cuff.pump_flow_ml_s
        self._inverse_stall = 1.0 / cuff.pump_stall_mmhg
        self._relief_opens = cuff.relief_opens_mmhg
        self.cuff_mmhg = 0.0
        self.manifold_mmhg = 0.0
        self.pump = 0.0
        self.drive = 0.0
        self.inflate_open = False
        self.set_paths(True, HOSE_OPEN, 1.0)

    def set_paths(self, dump_open: bool, hose: int, leak_factor: float) -> None:
        """Where air can go from now on."""
        self.dump_open = dump_open
        self.hose = hose
        self.leak_factor = leak_factor
        self._closed = self._paths.solution(dump_open, hose, leak_factor, False)

    # Local names on purpose: it runs hundreds of thousands of times in a session of virtual time, and
    # attribute look-ups and calls would be most of its cost.
    def blow(self, sub_steps: int) -> None:
        """Move the air for this many sub-steps."""
        cuff = self.cuff_mmhg
        manifold = self.manifold_mmhg
        pump = self.pump
        drive = self.drive
        filling = self.inflate_open and (pump > 0.0 or drive > 0.0)
        if not filling and cuff == 0.0 and manifold == 0.0 and pump == drive:
            return
        cc, cm, ci, _, mc, mm, mi, _ = self._closed
        relief_opens = self._relief_opens
        inflow = 0.0
        for _ in range(sub_steps):
            pump += (drive - pump) * self._pump_lag
            if filling:
                inflow = pump * self._pump_flow * (1.0 - manifold * self._inverse_stall)
            reached = mc * cuff + mm * manifold + mi * inflow
            if reached > relief_opens:
                cuff, manifold = self._relieve(cuff, manifold, inflow)
            else:
                cuff = cc * cuff + cm * manifold + ci * inflow
                manifold = reached
        self.cuff_mmhg = cuff
        self.manifold_mmhg = manifold
        self.pump = pump

    def _relieve(self, cuff: float, manifold: float, inflow: float) -> tuple[float, float]:
        """One sub-step with the relief valve open."""
        cc, cm, ci, c1, mc, mm, mi, m1 = self._paths.solution(
            self.dump_open, self.hose, self.leak_factor, True
        )
        return cc * cuff + cm * manifold + ci * inflow + c1, mc * cuff + mm * manifold + mi * inflow + m1

    def settle(self) -> None:
        """Nothing fades for ever: what is next to nothing is nothing."""
        if self.cuff_mmhg < _NOTHING and self.manifold_mmhg < _NOTHING:
            self.cuff_mmhg = 0.0
            self.manifold_mmhg = 0.0
        if self.pump < _NOTHING:
            self.pump = 0.0
