"""Writing price tables: a line for each SKU and rate, a column for each region, in a fixed order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path

import yaml

FACTS = (
    *("unit", "vcpu", "memory_gib", "gpu", "gpu_count", "max_pods", "size_gib", "tier_of", "from"),
    *("retired", "successor"),
)
RATES = ("usd", "spot", "spot%", "commit_1y", "commit_1y%", "commit_3y", "commit_3y%")
NOT_SOLD = "-"
GLOBAL = "global"


class Matrix:
    """The prices of one service, on the way into the table beside its catalog file."""

    def __init__(self, catalogs: Path, provider: str, service: str) -> None:
        self.path = catalogs / provider / f"{service}.tsv"
        header = yaml.safe_load(self.path.with_suffix(".yaml").read_text())
        source = header.get("source", {})
        self.unit: str = header["unit"]
        self._implied: dict[str, str] = source if isinstance(source, dict) else {"default": source}
        self._sources = header.get("sources", {})
        self._cited: dict[str, tuple[str, ...]] = {}
        self._cells: dict[tuple[str, str], dict[str, str]] = {}
        self._facts: dict[str, dict[str, str]] = {}

    def add(self, sku: str, rate: str, region: str, value: float | str, source: str = "") -> None:
        """Put a price, a share or ``-`` into a cell; the source is written where the file implies another."""
        text = NOT_SOLD if value == NOT_SOLD else number(float(value))
        if source and source not in self._sources and source not in self._cited:
            raise SystemExit(f"{self.path}: the catalog file has no source '{source}'")
        implied = not source or source == self._implies(rate.removesuffix("%"), region)
        cells = self._cells.setdefault((sku, rate), {})
        if region in cells and cells[region].partition("@")[0] != text:
            raise SystemExit(f"{self.path}: two values of {sku} {rate} in {region}: {cells[region]}, {text}")
        cells[region] = text if implied or value == NOT_SOLD else f"{text}@{source}"

    def cite(self, text: str, as_of: str, name: str = "", unconfirmed: bool = False) -> str:
        """Return the name of a source that stands in the table itself, a new one where it is new."""
        name = name or re.sub(r"[^a-z0-9]+", "-", text.partition(" ")[0].rpartition("/")[2].lower()).strip(
            "-"
        )
        free = (name if n == 1 else f"{name}-{n}" for n in count(1))
        said = (as_of, text, *(["unconfirmed"] if unconfirmed else []))
        key = next(key for key in free if self._cited.get(key) in (None, said))
        self._cited[key] = said
        return key

    def describe(self, sku: str, **facts: float | str | None) -> None:
        """Say what ``sku`` is; None says nothing."""
        said = {
            k.rstrip("_"): v if isinstance(v, str) else number(v) for k, v in facts.items() if v is not None
        }
        self._facts.setdefault(sku, {}).update(said)

    def price(self, sku: str, region: str, rate: str = "usd") -> float | None:
        """Return what is in a cell so far."""
        text = self._cells.get((sku, rate), {}).get(region, "").partition("@")[0]
        return None if text in ("", NOT_SOLD) else float(text)

    def fact(self, sku: str, name: str) -> str:
        """Return what has been said of a SKU, empty where nothing has."""
        return self._facts.get(sku, {}).get(name, "")

    @property
    def skus(self) -> set[str]:
        """Every SKU that has a cell."""
        return {sku for sku, _ in self._cells}

    def drop(self, sku: str, rate: str, region: str) -> None:
        """Empty a cell."""
        self._cells.get((sku, rate), {}).pop(region, None)

    def regions(self, sku: str) -> list[str]:
        """Return the regions in which a SKU has a price on demand."""
        return [region for region in self._cells.get((sku, "usd"), {}) if self.price(sku, region) is not None]

    def lines(self) -> Iterable[str]:
        """Yield the lines of the table, SKUs in natural order."""
        kept = {
            key: cells for key, cells in self._cells.items() if any(v != NOT_SOLD for v in cells.values())
        }
        regions = sorted({region for cells in kept.values() for region in cells})
        cited = self._by_use(kept)
        for name in cited:
            yield f"# {name}\t" + "\t".join(self._cited[name])
        facts = [f for f in FACTS if any(f in known for known in self._facts.values())]
        yield "\t".join(("sku", "rate", *facts, *regions))
        described: set[str] = set()
        for sku, rate in sorted(kept, key=lambda key: (natural(key[0]), RATES.index(key[1]))):
            own: Mapping[str, str] = {} if sku in described else self._facts.get(sku, {})
            described.add(sku)
            cells = kept[sku, rate]
            yield "\t".join(
                (
                    sku,
                    rate,
                    *(own.get(f, "") for f in facts),
                    *(self._written(cells.get(r, ""), cited) for r in regions),
                )
            )

    def _by_use(self, kept: Mapping[tuple[str, str], Mapping[str, str]]) -> list[str]:
        """Return the sources of the table's own, that of most cells first: it is implied."""
        used = Counter(v.partition("@")[2] for cells in kept.values() for v in cells.values() if "@" in v)
        return sorted((name for name in self._cited if used[name]), key=lambda name: (-used[name], name))

    @staticmethod
    def _written(cell: str, cited: Sequence[str]) -> str:
        return cell.removesuffix(f"@{cited[0]}") if cited else cell

    def write(self) -> int:
        """Write the table; return how many prices it has."""
        lines = list(self.lines())
        self.path.write_text("\n".join(lines) + "\n")
        return sum(1 for cells in self._cells.values() for v in cells.values() if v != NOT_SOLD)

    def _implies(self, rate: str, region: str) -> str:
        if rate != "usd" and rate in self._implied:
            return self._implied[rate]
        return "" if self._cited else self._implied.get(region) or self._implied["default"]


def number(value: float) -> str:
    """Return a number as short as it is exact to eight digits.

    >>> number(0.19), number(2e-7), number(96.0)
    ('0.19', '0.0000002', '96')
    """
    text = f"{float(f'{value:.8g}'):.12f}".rstrip("0").rstrip(".")
    return text or "0"


def natural(name: str) -> list[tuple[int, float, str]]:
    """Return what sorts names by their words and numbers.

    >>> sorted(["m5.10xlarge", "m5.2xlarge"], key=natural)
    ['m5.2xlarge', 'm5.10xlarge']
    """
    parts = re.split(r"(\d+)", name)
    return [(1, float(part), "") if part.isdigit() else (0, 0.0, part) for part in parts]
