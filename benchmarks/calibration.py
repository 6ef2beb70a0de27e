"""How often the 90 % intervals of a calibration hold the truth: simulated experiments, by ciw and in a loop.

    python benchmarks/calibration.py [EXPERIMENTS]

Each experiment draws a service (places, time, cs2), tests it at a few levels, and calibrates it.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Sequence

import ciw
import numpy as np

from capplan.calibrate.experiment import calibrated
from capplan.calibrate.runs import LoadRun

Times = np.ndarray
REQUESTS = 1500


def report(level: int, times: Times, seconds: float, arrivals: str, clients: float | None) -> LoadRun:
    """Return the run that a tool would report, without the times themselves."""
    return LoadRun(
        f"level-{level}",
        "k6",
        rate=times.size / seconds,
        mean_s=float(times.mean()),
        requests=float(times.size),
        duration_s=seconds,
        cs2=float(times.var() / times.mean() ** 2),
        max_s=float(times.max()),
        clients=clients,
        think_s=None if clients is None else 0.0,
        arrivals=arrivals,  # type: ignore[arg-type]
    )


def in_loop(rng: np.random.Generator, servers: int, mean_s: float, cs2: float) -> list[LoadRun]:
    """Return runs of clients in a loop without pauses: at every moment as many requests as clients."""
    runs = []
    sigma = np.sqrt(np.log1p(cs2))
    for level in (1, 2, servers, 2 * servers, 4 * servers):
        draws = iter(rng.lognormal(np.log(mean_s) - sigma**2 / 2, sigma, REQUESTS + level + servers).tolist())
        waiting, busy, times, now = [0.0] * level, [], [], 0.0
        while len(times) < REQUESTS:
            while waiting and len(busy) < servers:
                asked = waiting.pop(0)
                heapq.heappush(busy, (max(now, asked) + next(draws), asked))
            now, asked = heapq.heappop(busy)
            times.append(now - asked)
            waiting.append(now)
        runs.append(report(level, np.array(times), now, "closed", float(level)))
    return runs


def at_random(seed: int, servers: int, mean_s: float, cs2: float) -> list[LoadRun]:
    """Return runs of Poisson arrivals, simulated by ciw."""
    sigma = float(np.sqrt(np.log1p(cs2)))
    runs = []
    for level, share in enumerate((0.2, 0.5, 0.7, 0.85)):
        rate = share * servers / mean_s
        network = ciw.create_network(
            arrival_distributions=[ciw.dists.Exponential(rate)],
            service_distributions=[ciw.dists.Lognormal(float(np.log(mean_s)) - sigma**2 / 2, sigma)],
            number_of_servers=[servers],
        )
        ciw.seed(1000 * seed + level)
        simulation = ciw.Simulation(network)
        warm = 100 * mean_s
        simulation.simulate_until_max_time(warm + 2 * REQUESTS / rate)
        records = [r for r in simulation.get_all_records() if r.arrival_date > warm][: 2 * REQUESTS]
        times = np.array([r.exit_date - r.arrival_date for r in records])
        span = max(r.arrival_date for r in records) - warm
        runs.append(report(level, times, span, "random", None))
    return runs


def held(experiments: int, kind: str) -> dict[str, list[bool]]:
    """Return for each figure whether its interval held the truth, by experiment."""
    found: dict[str, list[bool]] = {"service_time_s": [], "cs2": [], "knee_rps": [], "concurrency": []}
    for number in range(experiments):
        rng = np.random.default_rng(number)
        servers, mean_s = int(rng.integers(2, 9)), float(rng.uniform(0.01, 0.1))
        cs2 = float(rng.uniform(0.2, 2.0))
        runs: Sequence[LoadRun]
        runs = (
            in_loop(rng, servers, mean_s, cs2) if kind == "loop" else at_random(number, servers, mean_s, cs2)
        )
        truth = {"service_time_s": mean_s, "cs2": cs2, "knee_rps": servers / mean_s, "concurrency": servers}
        figures = calibrated(runs).figures
        for name, value in truth.items():
            figure = figures.get(name)
            if figure is not None:
                found[name].append(figure.low * (1 - 1e-9) <= value <= figure.high * (1 + 1e-9))
    return found


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for kind in ("loop", "ciw"):
        for name, hits in held(count, kind).items():
            share = 100 * float(np.mean(hits)) if hits else float("nan")
            print(f"{kind:5} {name:15} {share:5.1f} % of {len(hits)} intervals hold the truth")
