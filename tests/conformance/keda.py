"""Run files of KEDA cases: ``python -m tests.conformance.keda FILE.json``.

Sections ``executor`` (what the operator writes) and ``fallback`` (the metric while a scaler fails). Prints
every failure and a last line ``N passed, M failed``; exits with 1 if any failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from capplan.autoscale.compiled import reals
from capplan.autoscale.keda import NEVER_S, NO_WRITE, UNSET, ScaledObject, fallback_metric, poll

Case = Mapping[str, Any]


def executor(case: Case) -> Iterator[str]:
    """Yield what is wrong with one decision; the cooldown has passed in all of them."""
    annotations = {str(name).rpartition("/")[2] for name in case.get("annotations") or []}
    spec = ScaledObject(
        low=case.get("min") or 0,
        idle=UNSET if case.get("idle") is None else case["idle"],
        fallback=UNSET if case.get("fallback_replicas") is None else case["fallback_replicas"],
        # The executor leaves a paused object alone, with or without a number of replicas to pause at.
        paused=any(name == "paused" or name.startswith("paused-replicas") for name in annotations),
        paused_in="paused-scale-in" in annotations,
        paused_out="paused-scale-out" in annotations,
        forced="force-activation" in annotations,
    )
    failed = bool(case.get("error", False))
    written = poll(spec, reals([NEVER_S]), case["current"], case["active"], failed, 1e6)
    found = None if written == NO_WRITE else written
    if found != case["replicas_after"]:
        yield f"{case['test']}: expected {case['replicas_after']}, computed {found}"


def fallback(case: Case) -> Iterator[str]:
    """Yield what is wrong with one metric; this failure comes on top of those before."""
    threshold = case.get("failure_threshold", 0)
    is_value = case.get("target_average_value") is None
    found = fallback_metric(
        failures=case.get("failures_before", threshold) + 1,
        threshold=threshold,
        behavior=case.get("behavior") or "static",
        replicas=case.get("fallback_replicas", 0),
        current=case.get("current", 0),
        target=case["target_value"] if is_value else case["target_average_value"],
        ready=case.get("ready") if is_value else None,
    )
    if found != case["metric_value"]:
        yield f"{case['test']}: expected {case['metric_value']}, computed {found}"


SECTIONS = {"executor": executor, "fallback": fallback}


def failures(section: str, case: Case) -> Iterator[str]:
    """Yield what is wrong with one case of a section."""
    try:
        yield from SECTIONS[section](case)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        yield f"{section}: {type(error).__name__}: {error}"


def main(arguments: list[str]) -> int:
    """Run every file that is named."""
    if not arguments:
        print("usage: python -m tests.conformance.keda FILE.json ...", file=sys.stderr)
        return 2
    passed = failed = 0
    for argument in arguments:
        for section, cases in json.loads(Path(argument).read_text(encoding="utf-8")).items():
            for case in cases if isinstance(cases, list) else []:
                wrong = list(failures(section, case))
                passed, failed = passed + (not wrong), failed + bool(wrong)
                for line in wrong:
                    print(line)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
