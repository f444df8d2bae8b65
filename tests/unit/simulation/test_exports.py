"""What is written: reproducible bytes, the contract's columns, windows that add up."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

import pytest

from expectations.practice import FileSpec, Practice
from expectations.registry import Registry
from orchestration.simulation import SimulationSettings, SimulationSummary, simulate
from tests.unit.simulation.conftest import SMALL, only

Write = Callable[[str, SimulationSettings], tuple[Path, SimulationSummary]]


def _bytes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _lines(path: Path, spec: FileSpec) -> list[str]:
    return path.read_bytes().decode(spec.dialect.encoding).split("\n")


def _file(folder: Path, practice: Practice, spec: FileSpec) -> Path:
    (path,) = [
        path
        for path in (folder / practice.practice_id).iterdir()
        if fnmatchcase(path.name, spec.pattern)
    ]
    return path


def _specs(registry: Registry) -> list[tuple[Practice, FileSpec]]:
    return [
        (practice, spec)
        for practice in registry.practices.values()
        for spec in practice.contracts[-1].files
    ]


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(written: Write) -> None:
    first, _ = written("first", SMALL)
    again, _ = written("again", SMALL)
    other, _ = written("other", replace(SMALL, seed=1))
    assert _bytes(first) == _bytes(again)
    changed = {name for name, digest in _bytes(first).items() if _bytes(other)[name] != digest}
    assert changed == set(_bytes(first))


def test_every_file_has_exactly_the_contracts_columns(registry: Registry, written: Write) -> None:
    folder, _ = written("landing", SMALL)
    for practice, spec in _specs(registry):
        lines = _lines(_file(folder, practice, spec), spec)
        header = lines[0].removeprefix("\ufeff").split(spec.dialect.delimiter)
        assert header == [*spec.wanted_columns, *spec.discard]
        assert lines[-1] == ""
        widths = {line.count(spec.dialect.delimiter) for line in lines[:-1]}
        assert widths == {len(header) - 1}


def test_windows_deliver_each_row_once(registry: Registry, written: Write) -> None:
    split = SMALL.through_on - timedelta(days=42)
    everything, _ = written("whole", SMALL)
    early, _ = written("early", replace(SMALL, window=(date.min, split)))
    late, _ = written("late", replace(SMALL, window=(split + timedelta(days=1), SMALL.through_on)))
    n_rows = 0
    for practice, spec in _specs(registry):
        if spec.mappings[0].feed == "episodes":
            continue
        whole = Counter(_lines(_file(everything, practice, spec), spec)[1:-1])
        parts = Counter(_lines(_file(early, practice, spec), spec)[1:-1])
        parts.update(_lines(_file(late, practice, spec), spec)[1:-1])
        assert parts == whole
        n_rows += whole.total()
    assert n_rows > 3_000


def test_a_later_window_holds_new_and_changed_episodes_only(
    registry: Registry, written: Write
) -> None:
    split = SMALL.through_on - timedelta(days=42)
    early, _ = written("early", replace(SMALL, window=(date.min, split)))
    late, _ = written("late", replace(SMALL, window=(split + timedelta(days=1), SMALL.through_on)))
    everything, _ = written("whole", SMALL)
    for practice, spec in _specs(registry):
        if spec.mappings[0].feed != "episodes":
            continue
        known = set(_lines(_file(early, practice, spec), spec)[1:-1])
        later = set(_lines(_file(late, practice, spec), spec)[1:-1])
        whole = set(_lines(_file(everything, practice, spec), spec)[1:-1])
        if spec.delivery_scope == "snapshot":
            assert later == whole
        else:
            assert later == whole - known
            assert later


def test_a_night_after_the_world_brings_new_clients(written: Write) -> None:
    month = (SMALL.through_on + timedelta(days=1), SMALL.through_on + timedelta(days=31))
    _, summary = written("later", replace(SMALL, window=month))
    assert summary.n_clients > SMALL.n_clients
    assert 60 < summary.n_sessions < 300


def test_nothing_half_written_stays(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("orchestration.simulation.native_files._text_of", fail)
    with pytest.raises(OSError, match="disk full"):
        simulate(registry, tmp_path, SMALL)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_contract_beyond_the_simulation_is_named(registry: Registry, tmp_path: Path) -> None:
    alone = only(registry, "two_oaks")
    practice = alone.practices["two_oaks"]
    contract = practice.contracts[0]
    bare = contract.model_copy(update={"files": contract.files[:2]})
    broken = practice.model_copy(update={"contracts": (bare,)})
    with pytest.raises(ValueError, match=r"practice two_oaks: a schedule asks for phq_9 1 client"):
        simulate(replace(alone, practices={"two_oaks": broken}), tmp_path, SMALL)


def test_a_site_has_sessions_only_while_it_is_open(registry: Registry, tmp_path: Path) -> None:
    alone = only(registry, "cabinet_erable")
    practice = alone.practices["cabinet_erable"]
    opens, closes = date(2025, 4, 1), date(2026, 3, 31)
    sites = tuple(
        site.model_copy(update={"open_from": opens, "open_to": closes}) for site in practice.sites
    )
    moved = practice.model_copy(update={"sites": sites})
    simulate(replace(alone, practices={practice.practice_id: moved}), tmp_path, SMALL)
    spec = practice.contracts[0].files[1]
    lines = _lines(_file(tmp_path, practice, spec), spec)
    days = [line.split(";")[6].split("/") for line in lines[1:-1]]
    spoken = [date(int(year), int(month), int(day)) for day, month, year in days]
    assert opens <= min(spoken)
    assert max(spoken) <= closes


def test_default_network_has_the_size_asked_for(samples: Registry, tmp_path: Path) -> None:
    summary = simulate(samples, tmp_path)
    assert (summary.n_practices, summary.n_sites, summary.n_therapists) == (12, 21, 120)
    assert summary.n_clients == 3_600
    assert 30_000 < summary.n_sessions < 40_000
    assert 0.4 < summary.n_forms / summary.n_due_forms < 0.7
