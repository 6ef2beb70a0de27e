"""What claims may ask beyond the estimate: the JSON documents of other commands, of the claim's own case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from capplan.decide.world import Asked, names_of
from capplan.report.json_format import estimate_document

_Document = Mapping[str, Any]


def simulated(
    asked: Asked,
    trace: str | None = None,
    days: float | None = None,
    steady: bool = False,
    startup: float | None = None,
) -> _Document:
    """Return what `capplan simulate` says; ``trace`` is a file as `--trace` takes it, beside the plan."""
    from capplan.autoscale.scalers import usual_tick_s
    from capplan.autoscale.settings import Settings
    from capplan.autoscale.simulation import prepare, run
    from capplan.plan.demand import Trace
    from capplan.report.simulation import simulation_document

    tick_s = usual_tick_s(asked.file.plan.services.values())
    settings = Settings(tick_s=tick_s, days=days, random=not steady, startup_s=startup)
    columns = {"time": "timestamp", "value": "requests", "unit": "requests"}
    shape = None if trace is None else Trace.model_validate({"file": trace, **columns})
    return simulation_document(run(prepare(asked.file, asked.catalog, settings, shape)))


def breakeven(asked: Asked, comparison: str) -> _Document:
    """Return what `capplan breakeven` says about a comparison of the plan."""
    from capplan.decide.answers import answer
    from capplan.decide.questions import ComparisonOptions, questions
    from capplan.report.breakeven import breakeven_document

    def document(estimate: Any) -> _Document:
        return names_of(estimate, estimate_document)

    options = ComparisonOptions(comparison=comparison, sets=asked.case.sets, books=asked.case.books)
    (question,) = questions(asked.text, options, asked.catalog, document)
    found: _Document = breakeven_document([answer(question, document)])["comparisons"][0]
    return found


def recommended(asked: Asked) -> _Document:
    """Return what `capplan recommend` says."""
    from capplan.decide.recommend import recommend
    from capplan.report.recommend import recommend_document

    return recommend_document(recommend(asked.file, asked.catalog))


def verified(asked: Asked) -> _Document:
    """Return what `capplan verify` says about the manifests that the plan renders to."""
    from pathlib import PurePath

    from capplan.estimate import estimate
    from capplan.manifests.render import as_planned
    from capplan.manifests.site import Site
    from capplan.manifests.verify.run import verify_rendered
    from capplan.report.verified import verified_document

    site = Site(estimate(asked.file, asked.catalog))
    return verified_document(verify_rendered(site, as_planned(site)), PurePath())


ANSWERS: Mapping[str, Callable[..., _Document]] = {
    "simulated": simulated,
    "breakeven": breakeven,
    "recommended": recommended,
    "verified": verified,
}
