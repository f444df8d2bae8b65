"""Norms frozen out of a warehouse: percentiles worked out by hand, what is left out, and the file.

The SRS forms of each language are a network of their own. English: 120 forms of 12 clients and 3
therapists with the totals 0, .25, .5 ... 29.75, so that the quantile of type 7 lies at .25 x 119 p.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from expectations.registry import SHIPPED, Registry, RegistryError, load_registry
from orchestration.cli.main import app
from tests.integration.dbt.raw_rows import RawWarehouse, Row, practice, registry

OpenWarehouse = Callable[[Registry], RawWarehouse]
FIRST = date(2026, 1, 5)


@dataclass(frozen=True)
class Network:
    language: str
    n_clients: int
    n_forms: int
    n_therapists: int
    n_of_first_therapist: int = 0
    """Forms that are moved to the first client, whose therapist the first one is."""


NETWORKS = (
    Network("en", 12, 120, 3),
    Network("de", 12, 99, 3),  # a form too few
    Network("fr", 10, 100, 3),  # a client too few
    Network("nl", 12, 100, 2),  # a therapist too few
    Network("sv", 12, 105, 12, n_of_first_therapist=84),  # exactly 80 % are not too many
    Network("da", 12, 105, 12, n_of_first_therapist=85),
)


def _client(network: Network, form: int) -> str:
    if form < network.n_of_first_therapist:
        return f"{network.language}0"
    others = network.n_clients - bool(network.n_of_first_therapist)
    return f"{network.language}{network.n_clients - 1 - form % others}"


def _rows() -> tuple[list[Row], list[Row]]:
    episodes: list[Row] = [
        {
            "client_key": f"{network.language}{client}",
            "episode_key": f"e{network.language}{client}",
            "site_id": "east",
            "therapist_key": f"t{network.language}{client % network.n_therapists}",
            "opened_on": FIRST,
        }
        for network in NETWORKS
        for client in range(network.n_clients)
    ]
    forms: list[Row] = [
        {
            "form_key": f"f{network.language}{form}",
            "client_key": _client(network, form),
            "completed_on": FIRST + timedelta(days=form),
            "language": network.language,
            "stated_total": form / 4,
        }
        for network in NETWORKS
        for form in range(network.n_forms)
    ]
    return episodes, forms


@pytest.fixture(scope="module")
def home(open_warehouse: OpenWarehouse) -> Path:
    warehouse = open_warehouse(registry(practice("north", ["east"])))
    episodes, forms = _rows()
    warehouse.deliver("episodes", "north", episodes)
    warehouse.deliver("administrations", "north", forms)
    warehouse.build()
    folder = warehouse.path.parent
    shutil.copy(SHIPPED / "group.yml", folder / "group.yml")
    with warehouse.connect() as con:
        con.execute("update raw.builds set registry_digest = ?", [load_registry([folder]).digest])
    return folder


def _run(*words: str, home: Path) -> Any:
    return CliRunner().invoke(app, ["reference", *words, "--home", str(home)])


@pytest.fixture(scope="module")
def frozen(home: Path) -> dict[str, Any]:
    """The document of the first freeze."""
    before = _run(home=home)
    assert (before.exit_code, "No reference is frozen" in before.stdout) == (0, True)
    result = _run("freeze", "--json", home=home)
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_percentiles_are_the_network_s(frozen: dict[str, Any]) -> None:
    (english,) = [norm for norm in frozen["norms"] if norm["language"] == "en"]
    # .25 x 119 x (.1, .25, .5, .75, .9) = 2.975, 7.4375, 14.875, 22.3125, 26.775; 12 clients to 5.
    identity = {"instrument_code": "srs", "version": "3", "language": "en", "informant": "client"}
    counts = {"stage": "all", "n_forms": 120, "n_clients": 10}
    percentiles = {"p10": 3.0, "p25": 7.4, "median": 14.9, "p75": 22.3, "p90": 26.8}
    # Mean .25 x 59.5 = 14.875; SD of 0 .. 119 is sqrt(120 x 121 / 12) = 34.785, x .25 = 8.696.
    assert english == identity | counts | percentiles | {"mean": 14.9, "sd": 8.7}
    # The last of the forms is of 5 January + 119 days.
    assert frozen["data_through_on"] == "2026-05-04"


def test_what_no_release_could_show_has_no_norm(frozen: dict[str, Any]) -> None:
    assert [norm["language"] for norm in frozen["norms"]] == ["en", "sv"]


def test_a_frozen_file_is_read_and_never_rewritten(home: Path, frozen: dict[str, Any]) -> None:
    (path,) = (home / "references").iterdir()
    assert path.name == f"{frozen['frozen_on']}.yml"
    (reference,) = load_registry([home]).references
    assert reference.model_dump(mode="json") == frozen
    listed = _run("--json", home=home)
    assert json.loads(listed.stdout) == {"references": [frozen]}
    # Ten clients judge forms and are no band.
    words = " ".join(_run(home=home).stdout.split())
    assert f"In force since {frozen['frozen_on']}: 0 of 2 norms have 100 clients" in words

    # Its digest counts among the declarations, so the marts are older than they are.
    again = _run("freeze", home=home)
    assert (again.exit_code, "run `alliance nightly`" in again.stderr) == (1, True)
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        con.execute("update raw.builds set registry_digest = ?", [load_registry([home]).digest])
    again = _run("freeze", home=home)
    assert (again.exit_code, "never rewritten" in " ".join(again.stderr.split())) == (1, True)


def test_a_changed_file_is_refused_by_its_line(
    home: Path, frozen: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copy(home / "group.yml", tmp_path / "group.yml")
    (tmp_path / "references").mkdir()
    changed = tmp_path / "references" / f"{frozen['frozen_on']}.yml"
    text = (home / "references" / changed.name).read_text(encoding="utf-8")
    changed.write_text(text.replace("p10: 3.0", "p10: 2.0"), encoding="utf-8")
    with pytest.raises(RegistryError) as refused:
        load_registry([tmp_path])
    (problem,) = refused.value.problems
    assert problem.startswith(f"{changed}:")
    assert "sha256: the file was changed after it was frozen" in problem
    # Its day is part of it: put under another, it would judge other forms.
    other_day = f"frozen_on: {frozen['frozen_on']}", "frozen_on: 2026-01-01"
    (tmp_path / "references" / "2026-01-01.yml").write_text(text.replace(*other_day))
    changed.unlink()
    with pytest.raises(RegistryError, match="was changed after it was frozen"):
        load_registry([tmp_path])
    changed.write_text(text, encoding="utf-8")
    changed.rename(tmp_path / "references" / "2026-01-01.yml")
    with pytest.raises(RegistryError, match="the file of this day is called"):
        load_registry([tmp_path])
