"""The kinds of value a plan can hold.

A field is declared with one of these names, and gets its parser, its bounds and its JSON schema. Seen
by a type checker each numeric kind is a ``Floats``: a float in a plan as read, an array of shape
(scenarios, 1) in a plan that :func:`capplan.plan.bind.bind` has bound to scenarios.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import core_schema

from capplan import quantities
from capplan.plan.intervals import BOUNDS, PERCENTILES, SOURCES, Domain, is_interval, parse_interval
from capplan.quantities import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from pydantic.fields import FieldInfo

    Floats = float | NDArray[np.float64]


class Section(BaseModel):
    """A mapping in a plan: no unknown keys, and not changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


DEFAULTS: Any = Field({}, validate_default=True)
"""A section that may be left out: its own defaults. Not an instance, which would build its schema twice."""


LARGEST = 1e18
"""The largest number in a plan: products of several such numbers are still finite."""


def _at_least(low: float) -> Callable[[float], float]:
    def check(value: float) -> float:
        if value < low:
            raise ValueError(f"must be at least {plain(low, 12)}, got {plain(value, 12)}")
        return value

    return check


def _above_zero(value: float) -> float:
    if value <= 0:
        raise ValueError(f"must be above 0, got {plain(value, 12)}")
    return value


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"must lie between 0% and 100%, got {100 * value:g}%")
    return value


def _utilization(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"must be above 0% and at most 100%, got {100 * value:g}%")
    return value


def check_commitments(committed: Floats) -> None:
    """Raise ValueError if more than the whole is committed."""
    if committed > 1 + 1e-9:
        raise ValueError(f"commitments add up to {100 * committed:g}%, more than 100%")


def _whole(value: float) -> float:
    if value != int(value) or value < 0:
        raise ValueError(f"must be a whole number, 0 or more, got {plain(value, 12)}")
    return value


def _count(value: float) -> float:
    if value != int(value) or value < 1:
        raise ValueError(f"must be a whole number, 1 or more, got {plain(value, 12)}")
    return value


_POSITIVE = Domain()
_SHARE = Domain(highest=1.0)
_WRITTEN = {"anyOf": [{"type": "number"}, {"type": "string"}]}
_POINTS = {
    "p5": ("Value that it stays below with 5 % probability.", "5k"),
    "p50": (
        "Value that it stays below with 50 % probability; estimated from the others where left out.",
        "8k",
    ),
    "p95": ("Value that it stays below with 95 % probability.", "15k"),
    "low": ("Smallest value.", "5k"),
    "mid": ("Most probable value; estimated from the others where left out.", "8k"),
    "high": ("Largest value.", "15k"),
    "value": ("The number itself.", "10k"),
}
INTERVAL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Interval",
    "description": "An interval: values that it stays below with 5, 50 and 95 % probability, or its bounds. "
    "It may have a source.",
    "properties": {
        **{
            name: {**_WRITTEN, "description": said, "examples": [example]}
            for name, (said, example) in _POINTS.items()
        },
        "source": {"enum": list(SOURCES), "description": "Where the number comes from."},
        "from": {
            "type": "string",
            "default": "",
            "description": "Who or what says so.",
            "examples": ["load test of 2026-03-01"],
        },
    },
    "anyOf": [
        {"required": [low, high], "properties": {low: True, high: True}}
        for low, _, high in (PERCENTILES, BOUNDS)
    ],
    "additionalProperties": False,
}


class _Kind:
    """Tells pydantic how one kind of number is read, and editors what it looks like."""

    def __init__(
        self,
        parse: Callable[[object], float],
        check: Callable[[float], float],
        example: str,
        domain: Domain = _POSITIVE,
        number: bool = True,
        unit: str = "",
    ) -> None:
        self._parse = parse
        self.unit = unit
        self._check = check
        self.domain = domain
        text: dict[str, Any] = {"type": "string", "examples": [example]}
        one = [{"type": "number"}, text] if number else [text]
        self._schema = {"anyOf": [*one, INTERVAL_SCHEMA]}

    def _read(self, value: object) -> float:
        if is_interval(value):
            return parse_interval(value, self._read_one, self.domain)  # type: ignore[arg-type]
        if isinstance(value, dict) and ("value" in value or "source" in value):
            written = "{value: …, source: …}, the source being"
            raise ValueError(f"a number with its source is {written} {', '.join(SOURCES)}")
        return self._read_one(value)

    def _read_one(self, value: object) -> float:
        number = self._check(self._parse(value))
        if number > LARGEST:
            raise ValueError(f"must be at most {LARGEST:g}, got {number:g}")
        return number

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return self.domain.whole

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        return dict(self._schema)


if TYPE_CHECKING:
    Number: TypeAlias = Floats
    Positive: TypeAlias = Floats
    Whole: TypeAlias = Floats
    Count: TypeAlias = Floats
    Cores: TypeAlias = Floats
    Memory: TypeAlias = Floats
    Duration: TypeAlias = Floats
    Share: TypeAlias = Floats
    Utilization: TypeAlias = Floats
    Rate: TypeAlias = Floats
    Money: TypeAlias = Floats
    Growth: TypeAlias = Floats
else:
    Number = Annotated[float, _Kind(quantities.parse_number, _at_least(0), "10k")]
    Positive = Annotated[float, _Kind(quantities.parse_number, _above_zero, "1.5")]
    Whole = Annotated[float, _Kind(quantities.parse_number, _whole, "3", Domain(whole=True))]
    Count = Annotated[float, _Kind(quantities.parse_number, _count, "3", Domain(lowest=1.0, whole=True))]
    Cores = Annotated[float, _Kind(quantities.parse_cpu, _above_zero, "500m", unit="vCPU")]
    Memory = Annotated[float, _Kind(quantities.parse_memory, _at_least(0), "2Gi", number=False, unit="GiB")]
    Duration = Annotated[
        float, _Kind(quantities.parse_duration, _at_least(0), "300ms", number=False, unit="s")
    ]
    Share = Annotated[float, _Kind(quantities.parse_share, _share, "30%", _SHARE, unit="%")]
    Utilization = Annotated[float, _Kind(quantities.parse_share, _utilization, "70%", _SHARE, unit="%")]
    Growth = Annotated[
        float, _Kind(quantities.parse_share, _at_least(-0.99), "5%", Domain(lowest=-1.0), unit="%")
    ]
    Rate = Annotated[float, _Kind(quantities.parse_rate, _above_zero, "75/s", unit="/s")]
    Money = Annotated[float, _Kind(quantities.parse_money, _at_least(0), "$0.05", unit="USD")]
"""Units: Cores in vCPU, Memory in GiB, Duration in seconds, Share of 1, Rate per second, Money in USD."""


def unit_of(field: FieldInfo) -> str:
    """Return the unit of a field of a section: s, GiB, vCPU, /s, USD, % of a share, or none."""
    return next((kind.unit for kind in _kinds(field)), "")


def is_whole(field: FieldInfo) -> bool:
    """Say whether a field of a section holds a whole number."""
    return any(kind.whole for kind in _kinds(field))


def lowest(field: FieldInfo) -> float:
    """Return the smallest number that a field of a section may hold."""
    return max((kind.domain.lowest for kind in _kinds(field)), default=-float("inf"))


def highest(field: FieldInfo) -> float:
    """Return the largest number that a field of a section may hold."""
    return min((kind.domain.highest for kind in _kinds(field)), default=float("inf"))


def _kinds(field: FieldInfo) -> list[_Kind]:
    notes = [*field.metadata, *(m for part in get_args(field.annotation) for m in get_args(part)[1:])]
    return [note for note in notes if isinstance(note, _Kind)]


_NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"


def _name(value: str) -> str:
    import re

    if not re.fullmatch(_NAME, value):
        rule = "lower-case letters, digits and '-', at most 63, as Kubernetes names"
        raise ValueError(f"'{value[:80]}' is not a usable name: {rule}")
    return value


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"expected a day as YYYY-MM-DD, got '{value[:40]}'") from None  # type: ignore[index]


Day = Annotated[date, BeforeValidator(_day)]


def _currency(value: str) -> str:
    import re

    if not re.fullmatch("[A-Z]{3}", value):
        raise ValueError(f"expected an ISO 4217 code such as EUR, got '{value[:40]}'")
    return value


Currency = Annotated[str, AfterValidator(_currency)]
Name = Annotated[str, AfterValidator(_name)]
Words = Annotated[str, Field(description="What it is, in a sentence for readers.")]
