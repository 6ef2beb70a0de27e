"""Write the price tables of catalogs/ from raw price files.

    python tools/catalogs RAW [RAW...]

Each RAW is a directory; a file is taken from the first that has it. docs/price-lists.md lists the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import aws_services
import azure_services
import gcp
from matrix import Matrix
from raw import Raw

CATALOGS = Path(__file__).parents[2] / "catalogs"
PROVIDERS = {"aws": aws_services.TABLES, "azure": azure_services.TABLES, "gcp": gcp.TABLES}


def build(raw: Raw, catalogs: Path) -> None:
    """Write every table and say how many prices it has."""
    for provider, tables in PROVIDERS.items():
        for service, fill in tables.items():
            matrix = Matrix(catalogs, provider, service)
            fill(raw, matrix)
            print(f"{provider}/{service}: {matrix.write():,} prices", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    build(Raw([Path(directory) for directory in sys.argv[1:]]), CATALOGS)
