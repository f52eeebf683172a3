"""How fast the kernels of dsp/ are, beside the usual Python way and beside plain C.

``python -m bench.dsp [--json] [--only KERNEL] [--rounds N] [--lanes N]``, ``--import`` and ``--exams``

Needs numpy, scipy and a C compiler; NeuroKit2 and MNE (``pip install rvos[bench]``) for rows that say so.

Theory of operation
-------------------
``CONTESTS`` is a table of what ``bench.dsp_contest`` measures, made of the tables of the modules beside it,
one for each room of kernels.  Another kernel is a function there that returns a ``Contest``, and a line.

Columns: ``kernel``, ``chunk`` (frames; sweeps of ``sweep_mean``; the samples of what is analysed at once),
``ns`` (ours, a call), ``vs_python`` (how many times faster than the usual way; a word where its package is
not installed), ``vs_c`` (ours over plain C: below 1 is faster).  ``null`` where there is nothing to compare
with.  Ours is called from Python, C inside C: the row ``python_call`` is what that alone takes, and where C
needs no longer for a frame, no kernel can be as fast at one frame a call.

``--import``: what importing costs in fresh processes (``bench.dsp_imports``).  ``--exams``: how long the
examinations take for 40 minutes (``bench.dsp_exams``).
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from bench import dsp_call, dsp_cuff, dsp_emg, dsp_evoked, dsp_filters, dsp_nirs, dsp_plain, dsp_pulse
from bench.dsp_contest import Contest, Disagreement, Row, measure
from bench.dsp_imports import import_costs
from dsp.emg import WIDEST_LANES

ROUNDS = 15

CONTESTS: dict[str, tuple[Callable[[int, int], Contest], Sequence[int]]] = {
    name: contest
    for room in (dsp_call, dsp_emg, dsp_filters, dsp_nirs, dsp_cuff, dsp_evoked, dsp_pulse)
    for name, contest in room.CONTESTS.items()
}
"""Kernel to what makes its contest, and the chunk lengths."""


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [f"{'kernel':<24}{'chunk':>6}{'ns':>14}{'vs_python':>14}{'vs_c':>8}"]
    for row in rows:
        python, c = (("-" if value is None else str(value)) for value in (row.vs_python, row.vs_c))
        lines.append(f"{row.kernel:<24}{row.chunk:>6}{row.ns:>14}{python:>14}{c:>8}")
    return "\n".join(lines)


def contests(only: Sequence[str], rounds: int, lanes: int) -> list[Row]:
    """The rows of these kernels, of all where none is named."""
    return [
        measure(name, chunk, make(chunk, lanes), rounds)
        for name, (make, chunks) in CONTESTS.items()
        if not only or name in only
        for chunk in chunks
    ]


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="python -m bench.dsp", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", choices=sorted(CONTESTS), action="append", help="this kernel (again for more)"
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help=f"interleaved rounds ({ROUNDS})"
    )
    parser.add_argument("--json", action="store_true", help="a list of rows on stdout")
    parser.add_argument("--import", dest="imports", action="store_true", help="what importing costs instead")
    parser.add_argument("--exams", action="store_true", help="the examinations of 40 minutes instead")
    parser.add_argument(
        "--lanes", type=int, default=WIDEST_LANES, help="vectors of so many doubles (the widest there are)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    try:
        if options.imports:
            found, shown = _imports()
        elif options.exams:
            found, shown = _exams(options.rounds)
        else:
            rows = contests(options.only or (), options.rounds, options.lanes)
            found, shown = [asdict(row) for row in rows], table(rows)
    except (Disagreement, dsp_plain.NoCompiler) as error:
        print(f"bench.dsp: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found) if options.json else shown)
    return 0


def _imports() -> tuple[list[dict[str, object]], str]:
    costs = import_costs()
    return [cost._asdict() for cost in costs], "\n".join(map(str, costs))


def _exams(rounds: int) -> tuple[list[dict[str, object]], str]:
    from bench import dsp_exams  # only then the examinations are imported

    rows = dsp_exams.rows(rounds)
    return [asdict(row) for row in rows], dsp_exams.table(rows)


if __name__ == "__main__":
    sys.exit(main())
