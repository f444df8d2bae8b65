"""A night that finds nothing new pays for no engine: what its commands import decides its time."""

import subprocess
import sys

HEAVY = (
    "dagster",
    "dbt",
    "great_expectations",
    "numpy",
    "pandas",
    "pyarrow",
    "python_calamine",
    "scipy",
    "streamlit",
)


def test_the_command_and_an_idle_night_import_no_engine() -> None:
    told = (
        "import sys, orchestration.cli.main, orchestration.nightly\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
