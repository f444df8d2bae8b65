"""Names of files that are something else to a shell, an engine, a terminal or a path."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.integration import small_group as group

TAKEN = (
    "forms_20260901_'; drop table raw.deliveries; --.csv",
    'forms_20260902_".csv',
    "forms_20260904_*[a-z]?.csv",
    "forms_20260905_" + "x" * 200 + ".csv",
    "forms_20260906_..%2f..%2foutside.csv",
    "forms_20260907_$(touch outside).csv",
    "forms_20260910_{0.__class__}%s.csv",
    "forms_20260911_ .csv",
)
REFUSED = (
    "forms_20260903_\n.csv",
    "forms_20260908_\u202egnp.csv",
    "forms_20260909_\x1b[31m.csv",
    "forms_20260912_\udcff\udcfe.csv",
)
"""They cannot be shown. The last is no text at all: bytes that no encoding of names gives."""


@pytest.mark.slow
def test_a_hostile_name_is_a_name_and_nothing_else(tmp_path: Path) -> None:
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    folder = night.settings.landing / "brook"
    for number, name in enumerate((*TAKEN, *REFUSED), start=1):
        content = group.FORMS.replace(";x\n", f";{number}\n").encode()
        with open(os.path.join(os.fsencode(folder), os.fsencode(name)), "wb") as stream:  # noqa: PTH118, PTH123
            stream.write(content)
    outside = folder / "forms_20260930.csv"
    outside.symlink_to(tmp_path / "elsewhere.csv")
    (tmp_path / "elsewhere.csv").write_text(group.FORMS)
    outcomes = [outcome for found in group.run(night).values() for outcome in found]
    assert Counter((outcome.state, outcome.reason) for outcome in outcomes) == {
        ("loaded", None): len(TAKEN),
        ("refused", "identifier_in_file_name"): len(REFUSED),
    }
    with night.warehouse.connect() as con:
        names = con.execute("select file_name from raw.deliveries order by load_seq").fetchall()
    assert sorted(name or "" for (name,) in names) == sorted([*TAKEN, *([""] * len(REFUSED))])
    # What is refused waits; a link is no export, whatever it points to.
    left = {os.fsdecode(path.name) for path in folder.iterdir()}
    assert left == {*REFUSED, outside.name}
    assert (tmp_path / "elsewhere.csv").exists()
