"""Write what tuning found into the text of a plan, as its alternative ``tuned``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capplan.plan.edit import edited_plan
from capplan.plan.overlay import merge
from capplan.strictyaml import load

ALTERNATIVE = "tuned"


def with_tuned(
    text: str, services: Mapping[str, Any], name: str, directory: Path, alternative: str | None = None
) -> str:
    """Return the plan ``text`` with an alternative of these ``services``; comments and layout stay.

    They are those of the plan, or of its ``alternative``, which the new one then repeats. An alternative of
    that name is replaced. Raises :class:`InputError` if the result is not a plan.
    """
    old = {} if alternative is None else load(text, name)["alternatives"][alternative]
    overlay = merge(old, {"services": services})
    return edited_plan(text, {("alternatives", ALTERNATIVE): overlay}, name, directory, ALTERNATIVE)
