"""Laws over every price that ships: tools/catalogs drops what breaks one, or hardware/laws.yaml says why."""

import re
from datetime import date

import pytest
from helpers import SHIPPED

from capplan.catalog.lint import lint, lint_facts
from capplan.catalog.query import rows_of

FACTS = lint_facts(SHIPPED, date(2026, 11, 1))
FILES = SHIPPED.services()
NAMES = [f"{f.provider}/{f.service}" for f in FILES]
UNEVEN = [
    (provider, pattern, reason)
    for provider, patterns in SHIPPED.facts("laws", "uneven").items()
    for pattern, reason in patterns.items()
]


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_nothing_but_its_age_is_odd_about_a_list_that_ships(file):
    """Spot and commitments, what a core costs in a family, and what a region costs more: see the checks."""
    assert [odd.message for odd in lint(file, FACTS) if odd.code != "age"] == []


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_every_way_to_pay_less_costs_less(file):
    for row in rows_of(file):
        known = [usd for usd in (row.commit_3y_usd, row.commit_1y_usd, row.usd) if usd is not None]
        assert known == sorted(known), row
        assert len(set(known)) == len(known), row
        assert row.spot_usd is None or row.usd is None or 0 < row.spot_usd < row.usd, row


@pytest.mark.parametrize(("provider", "pattern", "reason"), UNEVEN)
def test_every_exception_is_of_something_that_ships_and_has_a_reason(provider, pattern, reason):
    assert any(re.match(pattern, name) for file in SHIPPED.services(provider) for name in file.skus)
    assert len(reason) > 20
