"""What `capplan estimate` was asked for: which of its results answers the options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.adopt.run import Adopted
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import Estimate
    from capplan.plan.read import PlanFile
    from capplan.report.render import Result

DEFAULT_SAMPLES = 1000


class EstimateOptions(NamedTuple):
    """The options of `capplan estimate` that decide what is computed."""

    plan: Path | Adopted
    sets: Sequence[str] = ()
    books: Sequence[str] = ()
    catalogs: Path | None = None
    sweeps: Sequence[str] = ()
    months: str | None = None
    alternative: str | None = None
    samples: int | None = None
    seed: int = 1
    sensitivity: bool = False
    sobol: bool = False
    budget: float | None = None
    middle: bool = False
    """Whether one estimate with every number in its middle is enough."""
    told: Callable[[str], None] = lambda _: None
    """Hears what is not wrong and should be known."""


def result_of(asked: EstimateOptions) -> Result:
    """Return the estimate, or the several, that ``asked`` is answered by."""
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate

    alternative = None if asked.alternative == "all" else asked.alternative
    file = _read(asked, alternative)
    _check_compatible(asked)
    catalog = Catalog(asked.catalogs)
    uncertain = _is_uncertain(asked, file)
    if asked.sensitivity or asked.sobol:
        return _sensitive(asked, file, catalog, uncertain)
    if asked.months and (uncertain or asked.budget is not None) and not asked.sweeps:
        return _forecasted(asked, file, catalog)
    if asked.sweeps or asked.months:
        return _swept(asked, file, catalog)
    if asked.alternative == "all":
        return _compared(asked, file, catalog)
    single = estimate(file, catalog)
    if asked.middle or not uncertain:
        return single
    from capplan.report.uncertain import Sampled
    from capplan.uncertainty.sample import sample

    # The estimate's own file: whatever the plan leaves open has been decided in it.
    return Sampled(single, sample(single.file, catalog, _samples(asked), asked.seed))


def _is_uncertain(asked: EstimateOptions, file: PlanFile) -> bool:
    """Say whether there is anything to draw; a number of draws that nothing is drawn with is told."""
    from capplan.plan.draws import intervals_of

    if intervals_of(file):
        return True
    if asked.samples is not None or asked.sobol:
        _samples(asked)
        asked.told(
            "nothing is drawn: no number of the plan is an interval, such as {p5: 7k, p50: 10k, p95: 15k}"
        )
    return False


def _read(asked: EstimateOptions, alternative: str | None) -> PlanFile:
    if not isinstance(asked.plan, Path):
        return asked.plan.file(asked.sets, asked.books, alternative)
    from capplan.plan.read import read_plan

    return read_plan(asked.plan, asked.sets, alternative, asked.books)


def _check_compatible(asked: EstimateOptions) -> None:
    several = bool(asked.sweeps) or asked.alternative == "all"
    if several and (asked.sensitivity or asked.sobol or asked.samples):
        what = "draws are possible for one plan only, not for a sweep or for all alternatives"
        raise InputError(Problem("--samples", what, "Remove --sweep and --alternative all."))
    if asked.budget is not None and not asked.months:
        raise InputError(Problem("--budget", "shows when a budget is crossed, so it needs --months"))


def _samples(asked: EstimateOptions, *most: int) -> int:
    from capplan.plan.draws import checked_samples

    return DEFAULT_SAMPLES if asked.samples is None else checked_samples(asked.samples, *most)


def _sensitive(asked: EstimateOptions, file: PlanFile, catalog: Catalog, uncertain: bool) -> Result:
    from capplan.estimate import estimate
    from capplan.many import estimate_many
    from capplan.plan.draws import MAX_SAMPLES, draw
    from capplan.report.uncertain import Sensitive
    from capplan.uncertainty.grounds import grounds_of
    from capplan.uncertainty.measuring import to_measure
    from capplan.uncertainty.sensitivity import first_order_indices, tornado

    indices = None
    if asked.sobol and uncertain:
        drawn = draw(file, _samples(asked, MAX_SAMPLES), asked.seed)
        indices = first_order_indices(drawn.values, estimate_many(file, catalog, drawn).expected)
    single = estimate(file, catalog)
    return Sensitive(single, tornado(file, catalog), indices, to_measure(grounds_of(single)))


def _forecasted(asked: EstimateOptions, file: PlanFile, catalog: Catalog) -> Result:
    from capplan.estimate import estimate
    from capplan.plan.sweep import months_ahead
    from capplan.report.uncertain import Forecasted
    from capplan.uncertainty.forecast import forecast

    months = months_ahead(asked.months or "", file.plan)
    ahead = forecast(file, catalog, months, _samples(asked), asked.seed, asked.budget)
    return Forecasted(estimate(file, catalog), ahead)


def _swept(asked: EstimateOptions, file: PlanFile, catalog: Catalog) -> Result:
    from capplan.estimate import context_of, estimate_on
    from capplan.plan.sweep import month_sweep, read_sweeps
    from capplan.report.render import Swept

    sweep = read_sweeps(file, [*asked.sweeps, *month_sweep(asked.months, file.plan)])
    swept = Swept(context_of(file, catalog), sweep.scenarios, sweep.axes)
    if asked.sweeps:
        return swept
    from capplan.many import summary_of
    from capplan.uncertainty.forecast import crossings_of

    months = estimate_on(swept.context, sweep.scenarios)
    return swept._replace(crossings=crossings_of(months, summary_of(months)))


def _compared(asked: EstimateOptions, file: PlanFile, catalog: Catalog) -> Result:
    from capplan.estimate import estimate
    from capplan.plan.read import alternatives_of
    from capplan.report.render import Compared

    others = {n: _read(asked, n) for n in alternatives_of(file)}
    return Compared({n: estimate(f, catalog) for n, f in {"plan": file, **others}.items()})


def estimated(
    plan: Path, sets: Sequence[str], alternative: str | None, books: Sequence[str], catalogs: Path | None
) -> tuple[Estimate, dict[str, Any]]:
    """Return the estimate, and its JSON: with percentiles where the plan has intervals."""
    from capplan.estimate import Estimate
    from capplan.report.json_format import estimate_document
    from capplan.report.uncertain import Sampled, sampled_document

    asked = EstimateOptions(plan, sets, books, catalogs, alternative=alternative)
    result = result_of(asked)
    if isinstance(result, Sampled):
        return result.estimate, sampled_document(result)
    assert isinstance(result, Estimate)
    return result, estimate_document(result)
