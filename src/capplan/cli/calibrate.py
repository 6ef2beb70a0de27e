"""`capplan calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capplan.cli.options import Catalogs, Force, OutputFile

calibrate = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Fit the model's constants to measurements.\n\n"
    "Example: capplan calibrate llm examples/llm-serving/bench.csv",
)


@calibrate.callback()
def _group() -> None:
    """Fit the model's constants to measurements."""


@calibrate.command()
def llm(
    file: Annotated[Path, typer.Argument(metavar="BENCH.csv", help="Measurements of LLM serving.")],
    architectures: Annotated[
        Path | None, typer.Option("--architectures", help="Models of your own, from catalog import-model.")
    ] = None,
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """Fit the speed constants to a benchmark of your own, and write them for `calibration:` in a plan.

    Example: capplan calibrate llm examples/llm-serving/bench.csv
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import emit, note
    from capplan.components.llm.facts import facts_of
    from capplan.errors import InputError, Problem
    from capplan.llm.calibrate import calibrate as fit
    from capplan.llm.calibrate import overlay, paths_for
    from capplan.llm.measured import read_rows, sample_of, unpredictable

    facts = facts_of(Catalog(catalogs), architectures)
    rows = read_rows(file)
    reasons = [unpredictable(row, facts) for row in rows]
    kept = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    if len(kept) < _LEAST:
        what = f"has {len(kept)} usable rows of {len(rows)}, at least {_LEAST} are needed"
        raise InputError(Problem(str(file), what, "; ".join(dict.fromkeys(filter(None, reasons)))))
    sample = sample_of(kept, facts)
    found = fit(sample, facts, paths_for(sample, facts))
    note(
        f"{len(kept)} of {len(rows)} rows, mean error {found.error_before:.1%} before, "
        f"{found.error_after:.1%} after"
    )
    emit(overlay(found, file.name, len(kept)), output, force)


_LEAST = 3
"""Fewer rows say nothing that a constant could be fitted to."""
