"""The backup a night ends with: it restores, it is pruned, and its failure undoes nothing."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from orchestration.backup_folder import manifests
from orchestration.content_digest import content_digest
from orchestration.ingest.pseudonyms import create_key
from orchestration.nightly_backup import OWED
from orchestration.restore import restore
from orchestration.settings import Settings
from tests.integration import sample_nights as nights
from tests.parsed_project import give

DECLARATIONS = Path(__file__).parents[1] / "fixtures" / "published_trial"
HEADER = "id,treatment,time,age,sex,bdi,hamd,shaps,who"


def _declare(settings: Settings, **backup: Any) -> None:
    declared = yaml.safe_load((DECLARATIONS / "group.yml").read_text())
    settings.group_file.write_text(yaml.safe_dump({**declared, "backup": backup}))


def _send(settings: Settings, day: int) -> None:
    """A file with one client more than the day before."""
    rows = [f"{n},{'PA' if n % 2 else 'TAU'},1,{30 + n},Male,{n},{n},1,1" for n in range(9 + day)]
    path = settings.landing / "trial" / f"measures_{day}.csv"
    path.write_text("\n".join([HEADER, *rows, ""]))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Settings:
    settings = Settings(tmp_path_factory.mktemp("backed_up") / "home")
    shutil.copytree(DECLARATIONS, settings.home)
    create_key(settings.keys, "trial")
    (settings.landing / "trial").mkdir(parents=True)
    give(parsed, settings.dbt_target)
    return settings


def _digest(settings: Settings) -> Any:
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        return content_digest(con)


def test_nights_with_something_new_end_with_a_backup(home: Settings, tmp_path: Path) -> None:
    folder = home.home.parent / "backups"
    _declare(home, directory="../backups", keep=1)
    reports = []
    for day in (1, 2):
        _send(home, day)
        reports.append(nights.night(home))
        assert len(manifests(folder)) == 1
    assert [r.problems for r in reports] == [(), ()]
    quiet = nights.night(home)
    assert not quiet.did_anything
    assert len(manifests(folder)) == 1
    other = Settings(tmp_path / "other")
    assert restore(other, folder).release_id == reports[-1].release_id
    assert _digest(other) == _digest(home)

    # The disk is away: the release stands, a person is told once, the next night makes it good.
    _declare(home, directory="../away/backups", keep=1)
    _send(home, 3)
    failed = nights.night(home)
    assert failed.is_new_release
    assert failed.needs_a_person
    (problem,) = failed.problems
    assert "away is not there" in problem
    assert (home.home / OWED).exists()
    assert len(nights.night(home).problems) == 1
    (home.home.parent / "away").mkdir()
    assert not nights.night(home).problems
    assert len(manifests(home.home.parent / "away" / "backups")) == 1
    assert not (home.home / OWED).exists()
