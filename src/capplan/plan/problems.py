"""pydantic's complaints, said the way that a user of a plan file reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from capplan.errors import Problem, nearest
from capplan.plan.deferred import Deferred, Variants
from capplan.plan.places import Places
from capplan.quantities import shown

Loc = tuple[int | str, ...]


def problems_of(error: ValidationError, model: type[BaseModel], raw: object, places: Places) -> list[Problem]:
    """Turn every complaint into a problem with file, line, column and the path of the field."""
    return [_problem(detail, model, raw, places) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, model: type[BaseModel], raw: object, places: Places) -> Problem:
    loc: Loc = detail["loc"]
    path = _path_in(raw, loc, keep_last=detail["type"] == "missing")
    what, remedy = _say(detail, model)
    return places.problem(path, what, remedy)


def _path_in(raw: object, loc: Loc, keep_last: bool) -> tuple[int | str, ...]:
    """Drop from pydantic's location what is not in the file: union tags and validator names."""
    path: list[int | str] = []
    for index, part in enumerate(loc):
        if isinstance(raw, Mapping) and part in raw:
            raw = raw[part]
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[int(part)]
        elif not (keep_last and index == len(loc) - 1):
            continue
        path.append(part)
    return tuple(path)


def _say(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind, got, context = detail["type"], shown(detail["input"]), detail.get("ctx", {})
    if kind == "missing":
        return "is required, but missing", ""
    if kind == "extra_forbidden":
        name = str(detail["loc"][-1])
        return "unknown field", nearest(name, _fields_at(model, detail["loc"][:-1]))
    if kind == "literal_error":
        return f"must be {context['expected']}, got {got}", ""
    if kind == "union_tag_not_found":
        return "needs a 'platform'", f"Known: {', '.join(_tags_at(model, detail['loc']))}."
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return f"unknown platform '{context['tag']}'", nearest(context["tag"], tags)
    if kind == "value_error":
        return str(context["error"]), ""
    return _SAID.get(kind, "is not valid").format_map(context) + f", got {got}", ""


# Our words, not pydantic's, which change with its version.
_SAID = {
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "list_type": "expected a list",
    "date_type": "expected a day as YYYY-MM-DD",
    "too_short": "must not be empty",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
}


def _fields_at(model: type[BaseModel], loc: Loc) -> list[str]:
    found = _model_at(model, loc)
    return [field.alias or name for name, field in found.model_fields.items()] if found else []


def _tags_at(model: type[BaseModel], loc: Loc) -> list[str]:
    kind = _annotation_at(model, loc)
    return list(kind.models) if isinstance(kind, Variants) else []


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    found = _annotation_at(model, loc)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _annotation_at(model: type[BaseModel], loc: Loc) -> Any:
    """Follow a pydantic location through the types of the plan."""
    kind: Any = model
    for part in loc:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            kind = field.annotation if field else None
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, Variants):
            kind = kind.models.get(str(part))
        else:
            kind = None
        kind = _bare(kind)
    return kind


def _bare(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        notes = kind.__metadata__
        chosen = next((note for note in notes if isinstance(note, Deferred | Variants)), None)
        if isinstance(chosen, Variants):
            return chosen
        kind = chosen.model if chosen else get_args(kind)[0]
    members = [member for member in get_args(kind) if member is not type(None)]
    return _bare(members[0]) if get_origin(kind) is not dict and len(members) == 1 else kind
