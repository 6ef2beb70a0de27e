"""First-order indices against Ishigami's function, whose values are known in closed form."""

import numpy as np

from capplan.uncertainty.sensitivity import first_order_indices


def test_indices_of_ishigamis_function():
    rng = np.random.default_rng(0)
    x = {(name,): rng.uniform(-np.pi, np.pi, 50_000) for name in "abc"}
    y = np.sin(x[("a",)]) + 7 * np.sin(x[("b",)]) ** 2 + 0.1 * x[("c",)] ** 4 * np.sin(x[("a",)])
    found = first_order_indices(x, y)
    # Ishigami and Homma (1990): 0.3139, 0.4424, 0
    assert np.allclose([found[(name,)] for name in "abc"], [0.3139, 0.4424, 0.0], atol=0.01)


def test_a_result_that_does_not_vary_is_explained_by_nothing():
    assert first_order_indices({("a",): np.arange(100.0)}, np.ones(100)) == {("a",): 0.0}
