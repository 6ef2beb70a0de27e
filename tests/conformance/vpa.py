"""Run files of VPA cases: ``python -m tests.conformance.vpa FILE.json``.

A case describes a usage series and the recommendation for it. Prints every failure and a last line
``N passed, M failed``; exits with 1 if any failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from capplan.autoscale.rightsize.vpa import Recommender

Case = Mapping[str, Any]


def value(series: Case, i: int, t: float) -> int:
    """Return sample ``i`` of a series, at second ``t``."""
    a, b = series["a"], series.get("b", 0)
    if series["kind"] == "const":
        return int(a)
    if series["kind"] == "noise":
        return int(a + (i * 7919) % (b - a + 1))
    if series["kind"] == "saw":
        return int(a + (b - a) * (t % series["period_s"]) // series["period_s"])
    steps = series["steps"]
    return int(next(level for until, level in zip(steps[::2], steps[1::2], strict=True) if t < until))


def failures(case: Case) -> Iterator[str]:
    """Yield what is wrong with one case."""
    recommender, oom = Recommender(), case.get("oom_at_s_and_request_bytes")
    ooms = [oom] if oom and not isinstance(oom[0], list) else list(oom or [])
    for i in range(-(-case["duration_s"] // case["sample_interval_s"])):
        t = float(i * case["sample_interval_s"])
        recommender.cpu(t, value(case["cpu_milli"], i, t) / 1000)
        recommender.memory(t, value(case["memory_bytes"], i, t))
        while ooms and t >= ooms[0][0]:
            recommender.out_of_memory(t, ooms.pop(0)[1])
    found = recommender.recommendation(case["containers_in_pod"])
    for bound, expected in case["expect_per_container"].items():
        computed = getattr(found, bound)._asdict()
        if computed != expected:
            yield f"{case['id']}: {bound}: expected {expected}, computed {computed}"


def failed_bounds(case: Case) -> Iterator[str]:
    """Yield what is wrong with one case, or why it cannot be run."""
    try:
        yield from failures(case)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        yield f"{case.get('id', '?')}: {type(error).__name__}: {error}"


def main(arguments: list[str]) -> int:
    """Run every file that is named."""
    if not arguments:
        print("usage: python -m tests.conformance.vpa FILE.json ...", file=sys.stderr)
        return 2
    passed = failed = 0
    for argument in arguments:
        for case in json.loads(Path(argument).read_text(encoding="utf-8"))["cases"]:
            wrong = list(failed_bounds(case))
            passed, failed = passed + (not wrong), failed + bool(wrong)
            for line in wrong:
                print(line)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
