"""The floor is written for the sample practices' files; this says when they have moved on."""

from pathlib import Path

from expectations.registry import load_registry
from tests.benchmarks import floor, history


def test_the_floor_reads_every_form_of_every_practice(tmp_path: Path) -> None:
    history.declare(tmp_path / "home")
    made = history.simulate_history(tmp_path / "home", n_forms=2_000, n_nights=1)
    read = floor.run(made.landing, tmp_path / "floor.duckdb")
    assert read["n_forms"] == made.n_forms
    assert read["n_answers"] == 12 * made.n_forms
    assert read["n_sites"] == sum(
        len(practice.sites) for practice in load_registry([tmp_path / "home"]).practices.values()
    )


def test_the_bench_practices_carry_one_schedule(tmp_path: Path) -> None:
    history.declare(tmp_path / "home")
    registry = load_registry([tmp_path / "home"])
    assert not registry.broken
    for practice in registry.practices.values():
        for contract in practice.contracts:
            assert [due.schedule_id for due in contract.schedules] == ["wai_sr_each_session"]
