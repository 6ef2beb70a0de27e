"""Tables as text and as Markdown: aligned, cut where that is allowed, never a figure lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capplan.report.blocks import Report, Style
from capplan.report.formats import written
from capplan.report.table import Column, Table, text

COSTS = Table(
    [Column("Component", shrinks=True), Column("USD", right=True)],
    [["backend", "37.91"], ["a-very-long-name-of-a-component", "1,389.64"], ["total", "1,427.55"]],
    totalled=True,
)

words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=30)


def markdown(table: Table) -> str | bytes:
    return written(Report(lambda: [table]), "markdown", Style(80))


def test_text_is_aligned() -> None:
    assert text(COSTS) == (
        "COMPONENT                             USD\n"
        "backend                             37.91\n"
        "a-very-long-name-of-a-component  1,389.64\n"
        "─────────────────────────────────────────\n"
        "total                            1,427.55\n"
    )


def test_names_are_cut_in_the_middle_where_they_must() -> None:
    assert text(COSTS, width=25) == (
        "COMPONENT             USD\n"
        "backend             37.91\n"
        "a-very-…mponent  1,389.64\n"
        "─────────────────────────\n"
        "total            1,427.55\n"
    )


def test_names_that_would_look_alike_are_cut_less_and_figures_move_below() -> None:
    keyed = [f"services.{name}.calls.store.per_request" for name in ("api", "orders", "web")]
    table = Table([Column("Input", shrinks=True), *COSTS.columns[1:] * 3], [[key, *"123"] for key in keyed])
    shown = text(table, width=30).splitlines()
    names = {line.split()[0] for line in shown if "…" in line}
    assert len(names) == len(keyed), shown


def test_figures_are_never_cut() -> None:
    shown = text(COSTS, width=1)
    assert all(figure in shown for figure in ("37.91", "1,389.64", "1,427.55"))
    assert "a-ver…nent" in shown


def test_columns_shrink_from_left_to_right() -> None:
    table = Table([Column("A", shrinks=True), Column("B", shrinks=True)], [["a" * 20, "b" * 20]])
    assert text(table, width=35).splitlines()[1] == f"aaaaaa…aaaaaa  {'b' * 20}"
    assert text(table, width=30).splitlines()[1] == "aaaaa…aaaa  bbbbbbbbb…bbbbbbbb"


def test_title_stands_above() -> None:
    assert text(COSTS._replace(title="All of gcp")).startswith("All of gcp\nCOMPONENT")
    assert markdown(COSTS._replace(title="All of gcp")).startswith("**All of gcp**\n\n| Component")


def test_no_rows_leave_the_heading() -> None:
    assert text(Table(COSTS.columns, [])) == "COMPONENT  USD\n"


@given(st.lists(st.tuples(words, words), max_size=8), st.integers(1, 120))
def test_text_is_as_wide_as_asked_as_far_as_it_can_be(rows: list[tuple[str, str]], width: int) -> None:
    table = Table([Column("Name", shrinks=True), Column("Figure", right=True)], rows)
    shown = text(table, width).splitlines()
    figures = max((len(figure) for _, figure in rows), default=0)
    assert max(map(len, shown)) <= max(width, 10 + 2 + max(figures, len("Figure")))
    assert len(shown) == 1 + len(rows)
    for line, (name, figure) in zip(shown[1:], rows, strict=True):
        assert line.endswith(figure)
        assert line[0] == name[0]


def test_markdown_aligns_by_its_second_line() -> None:
    assert markdown(COSTS) == (
        "| Component | USD |\n"
        "|---|---:|\n"
        "| backend | 37.91 |\n"
        "| a-very-long-name-of-a-component | 1,389.64 |\n"
        "| **total** | **1,427.55** |\n"
    )


@pytest.mark.parametrize(("cell", "shown"), [("a|b", "a\\|b"), ("a\nb", "a\\\\nb"), ("", "")])
def test_markdown_cells_cannot_break_the_table(cell: str, shown: str) -> None:
    assert markdown(Table([Column("A")], [[cell]])).splitlines()[2] == f"| {shown} |"


def test_empty_cells_of_a_total_are_not_made_bold() -> None:
    table = Table([Column("A"), Column("B")], [["total", ""]], totalled=True)
    assert markdown(table).splitlines()[-1] == "| **total** |  |"


def test_columns_that_do_not_fit_stand_below_with_the_first_one_again() -> None:
    columns = [Column("Name"), *(Column(name, right=True) for name in ("First", "Second", "Third"))]
    assert text(Table(columns, [["api", "1.00", "2.00", "3.00"]]), width=20) == (
        "NAME  FIRST  SECOND\napi    1.00    2.00\n\nNAME  THIRD\napi    3.00\n"
    )


def test_a_table_without_keys_stays_whole() -> None:
    table = Table([Column("A"), Column("B"), Column("C")], [["a" * 9, "b" * 9, "c" * 9]], keys=0)
    assert text(table, width=20).splitlines()[1] == f"{'a' * 9}  {'b' * 9}  {'c' * 9}"
