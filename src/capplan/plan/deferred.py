"""Sections whose models are imported only when a plan has them.

Building a model costs start-up time that every command would pay. A field of the kind
``Annotated[Any, Deferred("module", "Model")]`` pays when there is something to validate.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import core_schema


class Deferred(NamedTuple):
    """Names the model of a section; complaints and JSON Schema are those of the model itself."""

    module: str
    name: str

    @property
    def model(self) -> type[BaseModel]:
        """The model, imported now."""
        found: type[BaseModel] = getattr(import_module(self.module), self.name)
        return found

    def _read(self, value: object) -> BaseModel:
        model = self.model
        return value if isinstance(value, model) else model.model_validate(value)

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: object, handler: Any) -> dict[str, Any]:
        model = self.model
        model.model_rebuild()
        found: dict[str, Any] = handler(
            _with_name(model.__pydantic_core_schema__, f"{self.module}.{self.name}:0")
        )
        return found


class Variants(NamedTuple):
    """Sections of several kinds, told apart by their ``platform``; only those in use build their schema."""

    kinds: tuple[tuple[str, Deferred], ...]

    @property
    def models(self) -> dict[str, type[BaseModel]]:
        """The model of each platform."""
        return {platform: kind.model for platform, kind in self.kinds}

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.tagged_union_schema(
            {
                platform: core_schema.no_info_plain_validator_function(kind._read)
                for platform, kind in self.kinds
            },
            discriminator=_platform_of,
        )

    def __get_pydantic_json_schema__(self, schema: object, handler: Any) -> dict[str, Any]:
        return {"oneOf": [kind.__get_pydantic_json_schema__(schema, handler) for _, kind in self.kinds]}


def variants(module: str, **names: str) -> Variants:
    """Return the variants that ``module`` holds: platform, with _ for -, and the name of its model."""
    return Variants(tuple((p.replace("_", "-"), Deferred(module, name)) for p, name in names.items()))


def _platform_of(value: object) -> object:
    """Return what tells the platform: of a mapping as written, or of a section already read."""
    found = value.get("platform") if isinstance(value, dict) else getattr(value, "platform", None)
    return found if isinstance(found, str) else None


def _with_name(schema: Any, name: str) -> Any:
    """Return the core schema under a name, so that the JSON Schema says it once and refers to it."""
    inner, definitions = schema, []
    if schema["type"] == "definitions":
        inner, definitions = schema["schema"], schema["definitions"]
    reference = core_schema.definition_reference_schema(name)
    return core_schema.definitions_schema(reference, [*definitions, {**inner, "ref": name}])
