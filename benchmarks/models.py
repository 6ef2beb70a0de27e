"""How right imported models are: the config.json of a directory against the weights that others count.

Usage: python benchmarks/models.py DIRECTORY [--published benchmarks/models.tsv]

Prints a table. Files are called OWNER--MODEL_config.json, as aiconfigurator-core ships them in model_configs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.llm.architecture import Architecture
from capplan.llm.facts import architecture_of
from capplan.llm.importing import row_of

_END = "_config.json"
_COLUMNS = (
    "model",
    "billion weights",
    "counted",
    "off by",
    "active",
    "published",
    "GB stored",
    "KV bytes/token",
    "in a window",
    "state MB",
)


class Published(NamedTuple):
    """Billions of weights, and of those used for a token, as publishers round them; empty if unknown."""

    total: float
    active: str


def published(path: Path) -> dict[str, Published]:
    """Return what is known of each model, by the name of its file."""
    lines = [line.split("\t") for line in path.read_text().splitlines() if line and line[0] != "#"]
    return {name: Published(float(total), active) for name, total, active in lines}


def imported(path: Path, keys: dict[str, object]) -> Architecture:
    """Return the model of a config, with the quantisation that stands in a file of its own beside it."""
    config = json.loads(path.read_text())
    beside = path.with_name(path.name.replace(_END, "_hf_quant_config.json"))
    if beside.is_file():
        config.setdefault("quantization_config", json.loads(beside.read_text())["quantization"])
    return architecture_of(path.name, row_of(config, path.name, path.name, keys))


def row(name: str, model: Architecture, known: Published | None) -> str:
    """Return a line of the table."""
    billions, cache = model.total_parameters / 1e9, model.held(2.0)
    with_embeddings = model.active_parameters + (0 if model.tied else model.head_parameters)
    cells = [
        name,
        f"{billions:,.2f}",
        f"{known.total:,.2f}" if known else "",
        f"{billions / known.total - 1:+.2%}" if known else "",
        f"{model.active_parameters / 1e9:.1f} to {with_embeddings / 1e9:.1f}",
        known.active if known else "",
        f"{model.stored_bytes / 1e9:,.1f}",
        f"{cache.full:,.0f}",
        f"{cache.bounded:,.0f}" if cache.bounded else "",
        f"{cache.fixed / 1e6:,.1f}" if cache.fixed else "",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, and how many files are right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--published", type=Path, default=Path(__file__).with_name("models.tsv"))
    asked = parser.parse_args()
    known, keys = published(asked.published), dict(Catalog().facts("configs"))
    files = sorted(asked.directory.glob(f"*{_END}"))
    files = [path for path in files if not path.name.endswith(f"_hf_quant{_END}")]
    print(f"| {' | '.join(_COLUMNS)} |")
    print("|---|" + "---:|" * (len(_COLUMNS) - 1))
    right = refused = 0
    for path in files:
        name = path.name.removesuffix(_END).replace("--", "/")
        try:
            model = imported(path, keys)
        except InputError as why:
            refused += 1
            print(f"| {name} | refused: {str(why).splitlines()[0]} |{' |' * 8}")
            continue
        of = known.get(name)
        right += of is not None and abs(model.total_parameters / 1e9 / of.total - 1) < 0.01
        print(row(name, model, of))
    print(f"\n{len(files)} files, {refused} refused, {right} within 1 % of the weights counted.")


if __name__ == "__main__":
    main()
