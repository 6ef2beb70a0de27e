"""USL: a fit returns the parameters of the curve it is given, and the published fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.capacity.scalability import fit_usl, usl_peak, usl_throughput

N = np.array([1.0, 2, 4, 8, 16, 32, 64])


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 1e4), st.floats(0.001, 0.5), st.floats(1e-5, 0.01))
def test_exact_points_return_their_parameters(gamma, alpha, beta):
    fit = fit_usl(N, usl_throughput(N, gamma, alpha, beta))
    assert [fit.gamma, fit.alpha, fit.beta] == pytest.approx([gamma, alpha, beta], rel=1e-4, abs=1e-9)


def test_a_straight_line_has_no_contention_and_no_peak():
    fit = fit_usl(N, 7 * N)
    assert fit.gamma == pytest.approx(7)
    assert fit.alpha == pytest.approx(0, abs=1e-9)
    assert np.isinf(usl_peak(fit.alpha, 0.0))


def test_one_server_gains_nothing_from_concurrency():
    fit = fit_usl(N, np.full(7, 50.0))
    assert fit.alpha == pytest.approx(1)
    assert usl_peak(1.0, 0.001) == 1


@pytest.mark.parametrize("points", [([1.0, 2], [3.0, 4]), ([1.0, 2, 0], [1.0, 2, 3])])
def test_too_few_or_impossible_points_are_refused(points):
    with pytest.raises(ValueError, match="three points"):
        fit_usl(*map(np.array, points))
