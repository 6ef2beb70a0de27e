"""What the tests of LLM serving share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from capplan.catalog.catalog import Catalog
from capplan.components.llm.facts import facts_of
from capplan.llm.configuration import Configuration
from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision


@pytest.fixture(scope="session")
def facts() -> Mapping[str, Any]:
    return facts_of(Catalog())


@pytest.fixture(scope="session")
def configuration(facts: Mapping[str, Any]) -> Callable[..., Configuration]:
    def made(model: str, precision: str, gpu: str, count: float = 1, engine: str = "vllm") -> Configuration:
        return Configuration(
            find_model(model, facts),
            find_precision(precision),
            find_gpu(gpu, facts),
            count,
            find_engine(engine, facts),
        )

    return made
