"""What is known of models, GPUs and engines: the catalog's, with a user's own over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from capplan.catalog.books import Book
from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.llm import own
from capplan.plan.gpus import OwnGpu, OwnGpus
from capplan.plan.places import Places
from capplan.plan.problems import problems_of
from capplan.stdin import name_of
from capplan.strictyaml import Locator, load, read_text


def facts_of(
    catalog: Catalog,
    architectures: Path | None = None,
    calibration: Path | None = None,
    gpus: Mapping[str, OwnGpu] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return models, GPUs and constants; the files of a user, price books and ``gpus`` add to them."""
    facts = {**catalog.facts("gpus"), **catalog.facts("models")}
    for described in (*map(_described, catalog.books), gpus):
        facts["gpus"] = {**facts["gpus"], **{name: gpu.row for name, gpu in described.items()}}
    if architectures is not None:
        facts["models"] = {**facts["models"], **own.models(_content(architectures), name_of(architectures))}
    if calibration is not None:
        content, where = _content(calibration), name_of(calibration)
        facts["speed"] = own.constants(content, facts["speed"], where)
        facts["measured"] = own.measured(content, where)
    return facts


def _described(book: Book) -> Mapping[str, OwnGpu]:
    """Return the GPUs that a price book describes; they are written as in a plan."""
    raw = {"gpus": book.gpus}
    try:
        return OwnGpus.model_validate(raw).gpus
    except ValidationError as error:
        places = Places(Locator(book.text, str(book.path)))
        raise InputError(*problems_of(error, OwnGpus, raw, places)) from None


def _content(path: Path) -> object:
    return load(read_text(path), name_of(path))
