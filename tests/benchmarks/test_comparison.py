"""What is timed does what it says: every cell has its funnel, its adjusted value and its parts."""

import pytest

from tests.benchmarks.comparison import benchmarks, mixed_model


def test_every_cell_of_the_benchmark_gets_everything() -> None:
    found = benchmarks(12, 2, 3)
    assert found["n_cells"] == found["n_flagged"] == found["n_adjusted"] == 12 * 2 * 3
    assert found["n_gaps"] == 12 * 2 * 3
    assert found["n_clients"] == 12 * 2 * 30 * (4 + 1 + 1)
    assert set(found["seconds"]) == {
        "funnels and shrinkage",
        "case mix and parts of gaps",
        "adjusted funnels and shrinkage",
    }


@pytest.mark.parametrize("is_crossed", [False, True])
def test_the_mixed_model_is_fitted(is_crossed: bool) -> None:
    found = mixed_model(20_000, is_crossed=is_crossed)
    assert found["n_sessions"] == 20_000
    assert len(found["variances"]) == 3
    assert found["variances"][2] == pytest.approx(0.45, abs=0.1)
