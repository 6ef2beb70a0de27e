"""Formulas against queues that are simulated, within the errors that their docstrings state."""

from __future__ import annotations

import numpy as np
import pytest
from capacity.simulation import first_come_first_served, processor_sharing

from capplan.capacity import queueing as q

SHARES = np.array([0.5, 0.95, 0.99])
NOISE = 0.04
"""What the simulation itself may be off, with the few requests that a test can afford."""

STATED = {
    0: [(-0.11, 0.0), (-0.03, 0.10), (0.0, 0.19)],
    0.25: [(-0.04, 0.0), (0.0, 0.03), (0.0, 0.06)],
    1: [(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)],
    2: [(0.0, 0.06), (-0.04, 0.02), (-0.02, 0.07)],
    4: [(0.0, 0.13), (-0.12, 0.02), (-0.01, 0.20)],
}


@pytest.mark.parametrize("cs2", STATED)
@pytest.mark.parametrize(("servers", "utilization"), [(1, 0.3), (1, 0.7), (4, 0.8), (16, 0.85), (64, 0.9)])
def test_percentiles_of_mgc(servers, utilization, cs2):
    response = first_come_first_served(servers, utilization, cs2, 200_000, seed=servers)
    exact = np.quantile(response, SHARES)
    error = q.ggc_response_percentile(SHARES, servers * utilization, 1, servers, cs2) / exact - 1
    for (low, high), off in zip(STATED[cs2], error, strict=True):
        assert low - NOISE <= off <= high + NOISE


@pytest.mark.parametrize("cs2", [0, 1, 4])
@pytest.mark.parametrize(("servers", "utilization"), [(1, 0.5), (4, 0.8), (16, 0.8)])
def test_percentiles_of_processor_sharing(servers, utilization, cs2):
    response = processor_sharing(servers, utilization, cs2, 100_000, seed=servers)
    assert float(q.ps_response_mean(servers * utilization, 1, servers)) == pytest.approx(
        response.mean(), rel=0.06
    )
    exact = np.quantile(response, SHARES)
    error = q.ps_response_percentile(SHARES, servers * utilization, 1, servers, cs2) / exact - 1
    for (low, high), off in zip([(-0.03, 0.14), (-0.14, 0.04), (-0.18, 0.07)], error, strict=True):
        assert low - NOISE <= off <= high + NOISE


def ciw_records(servers, rate, capacity, seed):
    ciw = pytest.importorskip("ciw")
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=rate)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[servers],
        queue_capacities=[capacity],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(6_000)
    return [r for r in simulation.get_all_records() if r.arrival_date > 200]


def test_a_simulator_of_others_agrees_on_mmc():
    served = [r.exit_date - r.arrival_date for r in ciw_records(3, 2.0, float("inf"), 3)]
    assert q.ggc_response_percentile([0.5, 0.95], 2, 1, 3) == pytest.approx(
        np.quantile(served, [0.5, 0.95]), rel=0.05
    )


def test_a_simulator_of_others_agrees_on_mmck():
    records = ciw_records(3, 3.0, 4, 5)
    refused = np.mean([r.record_type == "rejection" for r in records])
    response = np.mean([r.exit_date - r.arrival_date for r in records if r.record_type == "service"])
    exact = q.mmck(3.0, 1, 3, 7)
    assert float(exact.lost) == pytest.approx(refused, rel=0.1)
    assert float(exact.response_s) == pytest.approx(response, rel=0.05)


def test_a_simulator_of_others_agrees_on_erlang_a():
    ciw = pytest.importorskip("ciw")
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=4.0)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[3],
        reneging_time_distributions=[ciw.dists.Exponential(rate=0.5)],
    )
    ciw.seed(7)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(4_000)
    records = [r for r in simulation.get_all_records() if r.arrival_date > 100]
    exact = q.erlang_a(4.0, 1.0, 3, 2.0)
    gave_up = np.mean([r.record_type == "renege" for r in records])
    waits = np.mean([r.waiting_time for r in records])
    assert gave_up == pytest.approx(float(exact.lost), rel=0.05)
    assert waits == pytest.approx(float(exact.wait_s), rel=0.05)
