"""A frozen reference among the declarations: what follows it, and that its file stays as it is."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from expectations.frozen_reference import FrozenReference, Norm
from expectations.registry import load_registry
from orchestration.freezing import FreezeRefused, write_reference_file
from orchestration.release.contents import ReleaseMeta
from tests.unit.expectations.homes import PRACTICE, home


def test_a_frozen_reference_counts_in_the_digest_and_touches_no_practice(tmp_path: Path) -> None:
    own = home(tmp_path, lakeside=PRACTICE)
    first = load_registry([own])
    norm = Norm.model_validate(
        dict(zip(("instrument_code", "version", "language"), ("srs", "3", "en"), strict=True))
        | {"informant": "client", "stage": "all", "n_forms": 100, "n_clients": 15}
        | {"p10": 30, "p25": 33, "median": 36, "p75": 38, "p90": 40}
    )
    reference = FrozenReference(
        frozen_on=date(2026, 1, 12),
        data_through_on=date(2025, 12, 31),
        registry_version=first.digest,
        norms=(norm,),
    ).sealed()
    path = write_reference_file(own / "references", reference)
    second = load_registry([own])
    assert second.references == (reference,)
    assert second.digest != first.digest
    assert second.practice_digest("lakeside") == first.practice_digest("lakeside")
    now = datetime(2026, 2, 1, tzinfo=UTC)
    meta = ReleaseMeta.of(second, created_at=now, data_through_on=None, code_version="1")
    assert meta.settings["references"] == [{"frozen_on": "2026-01-12", "sha256": reference.sha256}]
    with pytest.raises(FreezeRefused, match="never rewritten"):
        write_reference_file(path.parent, reference)
