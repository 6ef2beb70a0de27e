"""The server for agents: tools of the Model Context Protocol over the interface for programs.

An answer is text for reading, and the same as figures. Both are bounded, since an agent pays for every word;
what is left out is named.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from mcp.server.fastmcp import FastMCP
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

import capplan
from capplan.agents.confined import Confined
from capplan.errors import InputError

MOST_TEXT = 6_000
MOST_FIGURES = 30_000
"""Characters of an answer, as text and as JSON."""

_LONGEST_SERIES = 24
_ABOUT = (
    "Capacity and cost of plans: YAML files that say what runs, under which load. Figures are USD a month. "
    "A null is unknown, never zero, and a total that is not complete is a lower bound. "
    "The tools only read; edit the file of a plan to change it, or try a change with 'set'."
)

PlanPath = Annotated[str, Field(description="File of a plan, or a directory with plan.yaml.")]
Changes = Annotated[
    dict[str, Any] | None,
    Field(description="Fields to change for this answer, such as {'services.api.instances.max': 20}."),
]
Alternative = Annotated[str | None, Field(description="Use this alternative of the plan.")]


class Tools:
    """What agents may ask. Each method is a tool, and its docstring what they read of it."""

    def __init__(self, confined: Confined, catalogs: Path | None, books: Sequence[str]) -> None:
        self._confined, self._catalogs, self._books = confined, catalogs, books

    def estimate(
        self, plan: PlanPath, set: Changes = None, alternative: Alternative = None
    ) -> CallToolResult:
        """Count the instances and the monthly cost of a plan, and say what is wrong with it."""
        return self._answer(lambda: self._load(plan, set, alternative).estimate())

    def breakeven(
        self,
        plan: PlanPath,
        comparison: Annotated[
            str | None, Field(description="Comparison of the plan, instead of all.")
        ] = None,
        between: Annotated[list[str] | None, Field(description="Alternatives; `plan` is itself.")] = None,
        over: Annotated[str | None, Field(description="What varies: a driver or a path.")] = None,
        set: Changes = None,
    ) -> CallToolResult:
        """Find where another alternative becomes cheapest, by a plan's comparisons or between others."""
        return self._answer(
            lambda: self._load(plan, set).breakeven(comparison=comparison, between=between or (), over=over)
        )

    def explain(
        self,
        plan: Annotated[str, Field(description="Plan whose numbers to explain.")] = ".",
        component: Annotated[str, Field(description="One component of the plan.")] = "all",
        finding: Annotated[str | None, Field(description="Code of a finding, instead of a plan.")] = None,
        set: Changes = None,
    ) -> CallToolResult:
        """Say where each number of a plan comes from, or what a finding means and how to fix it."""
        if finding is not None:
            return self._answer(lambda: capplan.explain(finding))
        return self._answer(lambda: self._load(plan, set).estimate().explain(component), figures=False)

    def check(
        self,
        plan: PlanPath,
        base: Annotated[str | None, Field(description="Plan that increases are measured from.")] = None,
        set: Changes = None,
        alternative: Alternative = None,
    ) -> CallToolResult:
        """Check a plan against its budgets, capacity, prices and policies; exit_code 0 passes."""

        def checked() -> capplan.Answer:
            before = None if base is None else self._load(base)
            return self._load(plan, set, alternative).check(base=before)

        return self._answer(checked)

    def catalog(
        self,
        provider: Annotated[str | None, Field(description="gcp, aws or azure.")] = None,
        service: Annotated[str | None, Field(description="Service, such as ec2.")] = None,
        region: Annotated[str | None, Field(description="Region, such as us-east-1.")] = None,
        name: Annotated[str | None, Field(description="Part of a SKU's name.")] = None,
        vcpu: Annotated[str | None, Field(description="vCPU: 4, 4-8, 4+ or -8.")] = None,
        memory: Annotated[str | None, Field(description="GiB of memory: 16, 8-32, 16+.")] = None,
        gpu: Annotated[str | None, Field(description="GPU, such as L4.")] = None,
    ) -> CallToolResult:
        """Look up prices and machines, a row for each SKU and region; narrow it down by all that you know."""
        wanted = {"provider": provider, "service": service, "region": region, "name": name}
        sizes = {"vcpu": vcpu, "memory": memory, "gpu": gpu}
        return self._answer(lambda: capplan.prices(**wanted, **sizes, catalogs=self._catalogs))

    def diff(
        self,
        base: Annotated[str, Field(description="Plan before.")],
        head: Annotated[str, Field(description="Plan after.")],
    ) -> CallToolResult:
        """Say what changes from one plan to another: cost, counts, what binds, findings."""
        return self._answer(lambda: self._load(base).diff(self._load(head)))

    def _load(self, plan: str, set: Changes = None, alternative: Alternative = None) -> capplan.LoadedPlan:
        return capplan.load(
            self._confined.path(plan),
            set=set,
            alternative=alternative,
            books=self._books,
            catalogs=self._catalogs,
        )

    def _answer(self, ask: Callable[[], capplan.Answer], figures: bool = True) -> CallToolResult:
        try:
            with self._confined.call():
                answer = ask()
                text, document = str(answer), answer.document if figures else None
        except InputError as error:
            return CallToolResult(content=[_text(str(error))], isError=True)
        return CallToolResult(
            content=[_text(text)], structuredContent=None if document is None else bounded(document)
        )


def _text(text: str) -> TextContent:
    """Return the first lines of a text, and how many more there are."""
    if len(text) > MOST_TEXT:
        kept = text[:MOST_TEXT].rpartition("\n")[0]
        more = text[len(kept) :].count("\n")
        text = f"{kept}\n… {more} more lines; ask for less, such as one component."
    return TextContent(type="text", text=text)


def bounded(document: Any) -> dict[str, Any]:
    """Return a document without long series and, where it is still too long, without its largest parts.

    ``left_out`` names both. Of a list as many rows stay as there is room for.
    """
    left: dict[str, None] = {}
    if isinstance(document, list):
        return _rows(document)
    found: dict[str, Any] = _without_series(document, left)
    while len(json.dumps(found)) > MOST_FIGURES:
        largest = max(found, key=lambda part: len(json.dumps(found[part])))
        del found[largest]
        left[largest] = None
    return found | {"left_out": list(left)} if left else found


def _rows(rows: Sequence[Any]) -> dict[str, Any]:
    each = max((len(json.dumps(row)) for row in rows), default=1)
    kept = rows[: max(1, MOST_FIGURES // each)]
    return {"rows": kept, "rows_left_out": len(rows) - len(kept)}


def _without_series(node: Any, left: dict[str, None], *path: str) -> Any:
    if isinstance(node, list):
        return [_without_series(inner, left, *path) for inner in node]
    if not isinstance(node, dict):
        return node
    long = [key for key, value in node.items() if isinstance(value, list) and _is_series(value)]
    left.update(dict.fromkeys(".".join((*path, key)) for key in long))
    return {key: _without_series(value, left, *path, key) for key, value in node.items() if key not in long}


def _is_series(values: Sequence[Any]) -> bool:
    return len(values) > _LONGEST_SERIES and all(isinstance(one, float | int | None) for one in values)


def serve(roots: Sequence[Path], catalogs: Path | None, books: Sequence[str]) -> None:
    """Answer over stdin and stdout until the client leaves.

    roots: directories that may be read; relative paths start at the first.
    """
    sys.dont_write_bytecode = True
    own = [*([catalogs] if catalogs else []), *(Path(book) for book in books if Path(book).is_file())]
    tools = Tools(Confined(roots, own), catalogs, books)
    server = FastMCP("capplan", instructions=_ABOUT, log_level="WARNING")
    server._mcp_server.version = capplan.__version__
    reads = ToolAnnotations(readOnlyHint=True, idempotentHint=True, openWorldHint=False)
    for tool in (tools.estimate, tools.breakeven, tools.explain, tools.check, tools.catalog, tools.diff):
        server.add_tool(tool, annotations=reads)
    with _streams_to_close():
        server.run()


@contextmanager
def _streams_to_close() -> Iterator[None]:
    """Lend the server streams of its own: it closes them, and the process still flushes its own."""
    ours = sys.stdin, sys.stdout
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    try:
        yield
    finally:
        sys.stdin, sys.stdout = ours
