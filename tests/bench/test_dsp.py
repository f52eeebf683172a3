"""The measurement of dsp: what imports take, that contenders agree, and what becomes of one that does not."""

import subprocess
import sys

import numpy as np
import pytest

from bench import dsp as bench
from bench.dsp_imports import STREAMING, import_cost


def test_what_streams_imports_no_numpy_and_little_else() -> None:
    program = (
        f"import sys; import {', '.join(STREAMING)}; "
        "print([name for name in ('numpy', 'scipy', 'typing', 're', 'enum') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_what_streams_takes_less_than_ten_megabytes() -> None:
    cost = import_cost(starts=1)
    assert cost.megabytes < 10.0
    assert not cost.imports_numpy


@pytest.mark.parametrize("kernel", bench.CONTESTS)
def test_contenders_agree_and_make_a_row(kernel: str) -> None:
    make, chunks = bench.CONTESTS[kernel]
    row = bench.measure(kernel, chunks[-1], make(chunks[-1], bench.WIDEST_LANES), rounds=1)
    assert (row.kernel, row.chunk) == (kernel, chunks[-1])
    assert row.ns > 0
    assert row.vs_python is not None
    assert row.vs_c is not None


def test_a_contender_that_makes_other_numbers_is_not_timed() -> None:
    ours = np.array([1.0, 2.0])
    bench.same("itself", ours, ours.copy(), 0.0)
    with pytest.raises(bench.Disagreement, match="another"):
        bench.same("another", ours, np.array([1.0, np.nextafter(2.0, 3.0)]), 0.0)
    with pytest.raises(bench.Disagreement, match="another"):
        bench.same("another", ours, np.array([1.0, 2.0001]), 1e-9)


def test_a_row_without_comparison_says_so() -> None:
    assert bench.table([bench.Row("kernel", 1, 10.0, None, None)]).splitlines()[1].split()[-2:] == ["-", "-"]
