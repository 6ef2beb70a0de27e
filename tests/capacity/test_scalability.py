"""USL: a fit returns the parameters of the curve it is given, and the published fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.capacity.scalability import fit_usl, fit_usl_linear, usl_peak, usl_throughput

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


SDM91 = (
    np.array([1.0, 18, 36, 72, 108, 144, 216]),
    np.array([64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775, 1702.2]),
)
"""SPEC SDM91 on a SPARCcenter 2000 (R package usl, data set specsdm91)."""


def test_normalised_and_held_parameters_describe_the_same_curve():
    fit = fit_usl_linear(*SDM91)
    normalised = fit_usl_linear(SDM91[0], SDM91[1] / 64.9)
    assert [normalised.gamma, normalised.alpha] == pytest.approx([1, fit.alpha])
    held = fit_usl(*SDM91, gamma=64.9)
    assert held.gamma == 64.9
    assert held.sigma < fit.sigma  # least squares on X itself cannot be beaten there


@pytest.mark.parametrize("fit", [fit_usl_linear, lambda n, x: fit_usl(n, x, gamma=20.0)])
def test_two_parameters_return_those_of_exact_points(fit):
    found = fit(N, usl_throughput(N, 20.0, 0.03, 0.0004))
    assert [found.gamma, found.alpha, found.beta] == pytest.approx([20, 0.03, 0.0004])
    assert fit(N, 20 * N).peak_throughput > 1e6
    assert fit(N, usl_throughput(N, 20.0, 0.05, 0.0)).peak_throughput == pytest.approx(400, rel=1e-3)


def test_two_parameters_need_the_throughput_of_one():
    with pytest.raises(ValueError, match="concurrency of 1"):
        fit_usl_linear(N[1:], 7 * N[1:])
    assert fit_usl_linear(N[1:], 7 * N[1:], 7.0).alpha == pytest.approx(0, abs=1e-9)
