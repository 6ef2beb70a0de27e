"""Run a file of queueing cases: ``python -m tests.conformance.queueing FILE.json``.

A file has ``items``, each with ``id``, ``model``, ``inputs``, ``expected``, and the tolerances ``rtol`` and
``atol``: a computed value v passes when abs(v − expected) ≤ atol + rtol·abs(expected). An expected null asks
for no finite value. Prints every failure and a last line ``N passed, M failed``; exits with 1 if any failed.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from capplan.capacity import queueing as q
from capplan.capacity.scalability import Usl, fit_usl, fit_usl_linear, usl_peak, usl_throughput

Values = Mapping[str, Any]


def erlang_b(i: Values) -> dict[str, Any]:
    blocked = q.erlang_b(i["c"], _load(i))
    return {"blocking": blocked, "carried": _load(i) * (1 - blocked), "PK": blocked}


def erlang_c(i: Values) -> dict[str, Any]:
    return {"p_wait": q.erlang_c(i["c"], _load(i)), "rho": _load(i) / i["c"]}


def erlang_b_table(i: Values) -> dict[str, Any]:
    shares = i["blocking"] if isinstance(i["blocking"], list) else [i["blocking"]]
    loads = q.load_for_blocking(i["c"], np.array(shares, dtype=float))
    table = dict(zip(map(float, shares), loads, strict=True))
    return {"a": loads[0], **{key: table[float(key)] for key in i["_expected"] if key != "a"}}


def erlang_b_sizing(i: Values) -> dict[str, Any]:
    servers = q.servers_for_blocking(_load(i), i["max_blocking"])
    blocked = q.erlang_b(servers, _load(i))
    occupancy = _load(i) * (1 - blocked) / servers
    return {"servers": servers, "blocking": blocked, "occupancy": occupancy}


def mmc(i: Values) -> dict[str, Any]:
    lam, time, c = i["lam"], _time(i), i.get("c", 1)
    response, wait = q.mmc_response_mean(lam, time, c), q.mmc_wait_mean(lam, time, c)
    return {
        **_means(i, lam, response, wait),
        "p0": q.mmc_empty_share(lam, time, c),
        "p_wait": q.erlang_c(c, lam * time),
        "rho": lam * time / c,
        "a": lam * time,
    }


def mmc_distribution(i: Values) -> dict[str, Any]:
    where = (i["lam"], _time(i), i.get("c", 1))
    found = {**mmc(i)}
    if "t" in i:
        late, waits = q.mmc_response_survival(i["t"], *where), q.mmc_wait_survival(i["t"], *where)
        found |= {"P_T_le_t": 1 - late, "P_Wq_le_t": 1 - waits, "P_T_gt_t": late, "P_Wq_gt_t": waits}
    share = i.get("p", i.get("q"))
    if share is not None:
        response = q.ggc_response_percentile(share, *where)
        found |= {"T": response, "T_p": response, "Wq_p": q.mmc_wait_percentile(share, *where)}
    for percent in (50, 75, 80, 90, 95, 99):
        found[f"T{percent}"] = q.ggc_response_percentile(percent / 100, *where)
        found[f"Wq{percent}"] = q.mmc_wait_percentile(percent / 100, *where)
    return found


def mmc_sizing(i: Values) -> dict[str, Any]:
    lam, time = i["lam"], _time(i)
    occupancy = i.get("max_occupancy", 1.0)
    if "max_p_wait" in i:
        servers = q.servers_for_wait(lam, time, 0.0, 1 - i["max_p_wait"], occupancy)
    else:
        servers = q.servers_for_wait(lam, time, i["slo_wait"], i["service_level"], occupancy)
    late = q.mmc_wait_survival(i.get("slo_wait", 0.0), lam, time, servers)
    return {**mmc({**i, "c": float(servers)}), "servers": servers, "service_level": 1 - late} | {
        "occupancy": lam * time / servers
    }


def mgc(i: Values) -> dict[str, Any]:
    where = (i["lam"], _time(i), i.get("c", 1), _scv(i, "s", i.get("_cs2", 1.0)), _scv(i, "a", 1.0))
    wait = q.kimura_wait(*where)
    found = _means(i, i["lam"], wait + _time(i), wait)
    for percent in (50, 75, 80, 90, 95, 99):
        found[f"T{percent}"] = q.ggc_response_percentile(percent / 100, *where)
    return {**found, "Wq_allen_cunneen": q.allen_cunneen_wait(*where), "rho": q.utilization(*where[:3])}


def mdc(i: Values) -> dict[str, Any]:
    return mgc({**i, "_cs2": 0.0})


def mmck(i: Values) -> dict[str, Any]:
    c = i.get("c", 1)
    s = q.mmck(i["lam"], _time(i), c, i["K"])
    return {
        **_means(i, s.throughput, s.response_s, s.wait_s),
        "p0": s.empty,
        "PK": s.lost,
        "blocking": s.lost,
        "p_wait": s.waits,
        "X": s.throughput,
        "U0": s.throughput * _time(i) / c,
        "rho": s.throughput * _time(i) / c,
    }


def erlang_a(i: Values) -> dict[str, Any]:
    patience = i.get("patience", 1 / i["theta"] if "theta" in i else None)
    s = q.erlang_a(i["lam"], _time(i), i["c"], patience)
    means = _means(i, i["lam"], s.response_s, s.wait_s)
    return {**means, "p0": s.empty, "p_wait": s.waits, "p_abandon": s.lost, "X": s.throughput}


def closed_mmm(i: Values) -> dict[str, Any]:
    m = i.get("m", i.get("c", 1))
    s = q.closed_mmm(i["N"], i.get("Z", 0.0), _time(i), m)
    means = _means(i, s.throughput, s.response_s, s.wait_s)
    return {**means, "p0": s.empty, "X": s.throughput, "R": s.response_s, "U0": s.throughput * _time(i) / m}


def mva_closed(i: Values) -> dict[str, Any]:
    times = np.array(i["S"], dtype=float)
    visits = np.array(i.get("V", [1.0] * times.size), dtype=float)
    s = q.mean_value_analysis(int(i["N"]), times, visits, i.get("Z", 0.0), np.array(i.get("m", 1.0)))
    rows = {"R": s.residence_s, "Q": s.number, "U": s.utilization, "X": s.throughput * visits}
    by_station = {f"{name}{k}": value for name, values in rows.items() for k, value in enumerate(values)}
    return {**by_station, "X": s.throughput, "R": s.response_s}


def asymptotic_bounds(i: Values) -> dict[str, Any]:
    demands = i["D"] if "D" in i else np.array(i["S"], dtype=float) * np.array(i["V"], dtype=float)
    bounds = q.asymptotic_bounds(i["N"], np.array(demands, dtype=float), i.get("Z", 0.0))
    upper = {"X": bounds.throughput, "X_max": bounds.throughput, "Xu": bounds.throughput}
    return {**upper, "R": bounds.response_s, "R_min": bounds.response_s, "knee": bounds.knee}


def usl_fit(i: Values) -> dict[str, Any]:
    return _usl(fit_usl(_points(i["N"]), _points(i["X"]), i.get("gamma")))


def usl_fit_linear(i: Values) -> dict[str, Any]:
    return _usl(fit_usl_linear(_points(i["N"]), _points(i["X"]), i.get("gamma")))


def _usl(fit: Usl) -> dict[str, Any]:
    formula = usl_formula({"alpha": fit.alpha, "beta": fit.beta, "gamma": fit.gamma})
    return {**formula, **fit._asdict(), "kappa": fit.beta, "peak_N": fit.peak, "peak_X": fit.peak_throughput}


def _points(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(values, dtype=float)


def usl_formula(i: Values) -> dict[str, Any]:
    alpha, beta, gamma = i["alpha"], i["beta"], i.get("gamma", 1.0)
    peak = usl_peak(alpha, beta)
    scale = {"limit_X": gamma / alpha, "opt_N": 1 / alpha} if alpha > 0 else {}
    found = {**scale, "peak_N": peak}
    if np.isfinite(peak):
        found["peak_X"] = usl_throughput(peak, gamma, alpha, beta)
    if "N" in i:
        found["X"] = usl_throughput(i["N"], gamma, alpha, beta)
    return found


MODELS: dict[str, Callable[[Values], dict[str, Any]]] = {
    "erlang_a": erlang_a,
    "erlang_b": erlang_b,
    "erlang_b_inverse_traffic_table": erlang_b_table,
    "erlang_b_sizing": erlang_b_sizing,
    "erlang_c": erlang_c,
    "mm1": mmc,
    "mmc": mmc_distribution,
    "mmc_cdf": mmc_distribution,
    "mmc_percentile": mmc_distribution,
    "mmc_sizing": mmc_sizing,
    "erlang_c_sizing": mmc_sizing,
    "mg1": mgc,
    "mgc": mgc,
    "ggc": mgc,
    "md1": mdc,
    "mdc": mdc,
    "mm1k": mmck,
    "mmcc": lambda i: mmck({**i, "K": i["c"]}),
    "mmcn": closed_mmm,
    "mmck": mmck,
    "closed_mmm": closed_mmm,
    "mva_closed": mva_closed,
    "asymptotic_bounds": asymptotic_bounds,
    "usl_fit_2param": usl_fit_linear,
    "usl_fit_3param": usl_fit,
    "usl_formula": usl_formula,
}


def failures(item: Values) -> list[str]:
    """Return what is wrong with one case, a line each."""
    name, model = item.get("id", "?"), MODELS.get(item.get("model", ""))
    if model is None:
        return [f"{name}: unknown model {item.get('model')!r}"]
    try:
        computed = model({**item["inputs"], "_expected": item["expected"]})
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        return [f"{name}: {type(error).__name__}: {error}"]
    return [
        f"{name}: {key}: expected {expected}, computed {computed.get(key, 'nothing')}"
        for key, expected in item["expected"].items()
        if not _agrees(computed.get(key), expected, item.get("rtol", 0), item.get("atol", 0))
    ]


def main(arguments: list[str]) -> int:
    """Run every file that is named."""
    if not arguments:
        print("usage: python -m tests.conformance.queueing FILE.json ...", file=sys.stderr)
        return 2
    passed = failed = 0
    for argument in arguments:
        for item in json.loads(Path(argument).read_text(encoding="utf-8"))["items"]:
            wrong = failures(item)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            for line in wrong:
                print(line)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def _agrees(computed: Any, expected: float | None, rtol: float, atol: float) -> bool:
    if computed is None:
        return False
    value = float(computed)
    if expected is None or not math.isfinite(expected):
        return not math.isfinite(value)
    return abs(value - expected) <= atol + rtol * abs(expected)


def _load(i: Values) -> float:
    load: float = i["a"] if "a" in i else i["lam"] * _time(i)
    return float(load)


def _time(i: Values) -> float:
    return float(i["S"]) if "S" in i else 1.0 / i["mu"]


def _scv(i: Values, of: str, default: float) -> float:
    names = (f"c{of}2", f"C{of}2", f"scv_{of}")
    return float(next((i[name] for name in names if name in i), default))


def _means(i: Values, rate: Any, response: Any, wait: Any) -> dict[str, Any]:
    """Return W, Wq, L and Lq; a unit of 1/h also gives the wait in minutes and seconds."""
    minutes = {"1/h": 60.0, "1/min": 1.0, "1/s": 1 / 60}.get(str(i.get("unit", "1/s")), math.nan)
    return {
        "W": response,
        "Wq": wait,
        "W_min": response * minutes,
        "Wq_min": wait * minutes,
        "L": rate * response,
        "Lq": rate * wait,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
