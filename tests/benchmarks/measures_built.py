"""Everything dbt builds in a home that is loaded, from scratch, in a process of its own.

Prints the seconds of every model and data test, longest first, as JSON.

    python -m tests.benchmarks.measures_built HOME
"""

import json
import sys
from pathlib import Path

from orchestration.dbt_runner import build
from orchestration.settings import Settings

if __name__ == "__main__":
    settings = Settings(Path(sys.argv[1]))
    results = build(
        settings.warehouse,
        settings.dbt_target,
        full_refresh=True,
        memory_limit=settings.limits.warehouse_duckdb_memory,
    )
    seconds = {result.name: result.seconds for result in results}
    print(json.dumps({name: seconds[name] for name in sorted(seconds, key=lambda n: -seconds[n])}))
