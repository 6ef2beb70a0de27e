"""The credits that Google's billing export lists in a cell of each row."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from capplan.gate.exports import DISCOUNT
from capplan.plan.fields import LARGEST
from capplan.tabular import Column


def credits_of(column: Column, row: int) -> tuple[float, float]:
    """Return the discounts and the other credits that a cell lists."""
    found: Any = column.cells[row] or "[]"
    with suppress(ValueError, RecursionError):
        found = json.loads(found)
    found = found if isinstance(found, list) else [found] if found else []
    try:
        each = [(str(credit.get("type") or credit.get("name")), float(credit["amount"])) for credit in found]
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError):
        raise column.error(row, "is no list of credits with amounts") from None
    if not all(abs(amount) <= LARGEST for _, amount in each):
        raise column.error(row, "has a credit that is too large for a bill")
    off = sum(amount for kind, amount in each if re.fullmatch(DISCOUNT, kind, re.IGNORECASE))
    return off, sum(amount for _, amount in each) - off
