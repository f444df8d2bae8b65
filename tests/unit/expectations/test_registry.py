import shutil
from datetime import date
from pathlib import Path

import pytest

from expectations.registry import SHIPPED, RegistryError, load_registry
from tests.unit.expectations.homes import GROUP, PRACTICE, home

OTHER = PRACTICE.replace("practice_id: lakeside\n", "practice_id: alpine\n")


def shipped_copy(folder: Path) -> Path:
    for part in ("feeds", "instruments"):
        shutil.copytree(SHIPPED / part, folder / part)
    (folder / "group.yml").write_text(GROUP)
    (folder / "practices").mkdir()
    return folder


def test_the_home_extends_what_is_shipped(tmp_path: Path) -> None:
    registry = load_registry([home(tmp_path, lakeside=PRACTICE, alpine=OTHER)])
    assert registry.group.group_id == "northern_group"
    assert list(registry.practices) == ["alpine", "lakeside"]
    assert list(registry.feeds) == ["episodes", "sessions", "administrations", "process_ratings"]
    assert {("wai_sr", "1"), ("wai_srt", "1"), ("srs", "3"), ("phq_9", "1")} <= set(
        registry.instruments
    )
    assert registry.broken == {}


def test_a_broken_practice_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    broken = PRACTICE.replace("privacy_class: limited_data_set", "privacy_class: none_at_all")
    registry = load_registry([home(tmp_path, lakeside=broken, alpine=OTHER)])
    assert list(registry.practices) == ["alpine"]
    (message,) = registry.broken["lakeside"]
    assert message.startswith(f"{tmp_path / 'practices' / 'lakeside.yml'}:10: ")
    assert "contracts[0].privacy_class" in message


def test_two_problems_of_one_practice_are_both_told(tmp_path: Path) -> None:
    broken = PRACTICE.replace("owners:", "owner:").replace('version: "3"', "version: 3")
    registry = load_registry([home(tmp_path, lakeside=broken)])
    assert len(registry.broken["lakeside"]) == 3


def test_a_practice_declared_in_two_homes_is_used_from_neither(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for folder in homes:
        folder.mkdir()
        home(folder, lakeside=PRACTICE)
    registry = load_registry(homes)
    assert registry.practices == {}
    assert "already declared in" in registry.broken["lakeside"][0]


def test_samples_load_only_where_the_group_wants_them(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    shipped_copy(shipped)
    (shipped / "practices" / "lakeside.yml").write_text(PRACTICE)
    assert load_registry(shipped=shipped).practices == {}
    (shipped / "group.yml").write_text(GROUP.replace("false", "true"))
    assert list(load_registry(shipped=shipped).practices) == ["lakeside"]
    own = tmp_path / "own"
    own.mkdir()
    assert load_registry([home(own)], shipped=shipped).practices == {}


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("group.yml", "Europe/Zurich", "Europe/Nowhere", "group.yml:3: time_zone: is no time zone"),
        ("group.yml", "name:", "nmae:", "group.yml:2: nmae: unknown key"),
        ("feeds/sessions.yml", "feed: sessions", "feed: episodes", "feed: must equal the file"),
        ("instruments/srs.yml", "n_items: 4", "n_items: 5", "items 5 belong to no scale"),
    ],
)
def test_a_broken_group_feed_or_instrument_stops_the_load(
    tmp_path: Path, path: str, old: str, new: str, message: str
) -> None:
    shipped = shipped_copy(tmp_path)
    text = (shipped / path).read_text()
    assert old in text
    (shipped / path).write_text(text.replace(old, new, 1))
    with pytest.raises(RegistryError) as caught:
        load_registry(shipped=shipped)
    assert message in str(caught.value)


def test_without_a_group_nothing_loads(tmp_path: Path) -> None:
    shipped = shipped_copy(tmp_path)
    (shipped / "group.yml").unlink()
    with pytest.raises(RegistryError, match="alliance init"):
        load_registry(shipped=shipped)


def test_an_instrument_is_not_replaced_in_silence(tmp_path: Path) -> None:
    own = home(tmp_path)
    shutil.copy(SHIPPED / "instruments" / "srs.yml", own / "instruments" / "srs.yml")
    with pytest.raises(RegistryError, match="srs version 3 is already declared"):
        load_registry([own])


def test_the_digest_follows_content_and_not_layout(tmp_path: Path) -> None:
    own = home(tmp_path, lakeside=PRACTICE, alpine=OTHER)
    first = load_registry([own])
    (own / "practices" / "lakeside.yml").write_text("# a comment\n\n" + PRACTICE)
    same = load_registry([own])
    assert same.digest == first.digest
    changed_text = PRACTICE.replace("name: Lakeside Practice", "name: Lakeside")
    (own / "practices" / "lakeside.yml").write_text(changed_text)
    changed = load_registry([own])
    assert changed.digest != first.digest
    assert changed.practice_digest("lakeside") != first.practice_digest("lakeside")
    assert changed.practice_digest("alpine") == first.practice_digest("alpine")


def test_a_broken_practice_counts_in_the_digest_and_its_removal_too(tmp_path: Path) -> None:
    own = home(tmp_path, lakeside=PRACTICE, alpine=OTHER)
    path = own / "practices" / "lakeside.yml"
    path.write_text("practice_id: lakeside\nname: [")
    broken = load_registry([own])
    path.write_text("practice_id: lakeside\nname: {")
    still_broken = load_registry([own])
    path.unlink()
    removed = load_registry([own])
    assert broken.digest == still_broken.digest
    assert broken.digest != removed.digest


def test_a_practice_digest_follows_only_the_instruments_it_names(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    shipped_copy(shipped)
    own = tmp_path / "own"
    own.mkdir()
    home(own, lakeside=PRACTICE)
    before = load_registry([own], shipped=shipped)

    def with_licence_of(code: str) -> str:
        path = shipped / "instruments" / f"{code}.yml"
        path.write_text(path.read_text().replace("licence: >-", "licence: >-\n  Changed.", 1))
        return load_registry([own], shipped=shipped).practice_digest("lakeside")

    after_unused = with_licence_of("wai_srt")
    assert after_unused == before.practice_digest("lakeside")
    assert with_licence_of("phq_9") != after_unused


def test_an_unknown_practice_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        load_registry([home(tmp_path)]).practice_digest("nobody")


def test_what_is_shipped_loads_without_a_problem() -> None:
    registry = load_registry()
    assert registry.broken == {}


_CHANGES = """\
interventions:
  - {starts_on: 2025-03-01, name: A new questionnaire}
  - starts_on: 2025-06-01
    name: Feedback in supervision
    practice_id: lakeside
    site_id: lakeside_main
"""


def _with_changes(folder: Path, changes: str, **practices: str) -> Path:
    own = home(folder, **practices)
    (own / "group.yml").write_text(GROUP + changes)
    return own


def test_interventions_of_the_group_are_read(tmp_path: Path) -> None:
    own = _with_changes(tmp_path, _CHANGES, lakeside=PRACTICE)
    everywhere, at_site = load_registry([own]).group.interventions
    assert (everywhere.practice_id, everywhere.site_id) == (None, None)
    assert (at_site.starts_on, at_site.site_id) == (date(2025, 6, 1), "lakeside_main")
    assert load_registry([own]).digest != load_registry([home(tmp_path)]).digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "practice_id: lakeside",
            "practice_id: lakesid",
            "group.yml:9: interventions[1].practice_id: no practice lakesid is declared; known "
            "are alpine, lakeside",
        ),
        (
            "site_id: lakeside_main",
            "site_id: main",
            "group.yml:10: interventions[1].site_id: practice lakeside has no site main; its "
            "sites are lakeside_main",
        ),
        ("    practice_id: lakeside\n", "", "group.yml:7: interventions[1]: site_id needs"),
        ("name: Feedback", f"name: {'x' * 90}", "group.yml:8: interventions[1].name: "),
        ("name: Feedback in supervision", 'name: "a\\nb"', "group.yml:8: interventions[1].name: "),
        ("2025-06-01", "June", "group.yml:7: interventions[1].starts_on: "),
        ("starts_on: 2025-06-01\n    ", "", "group.yml:7: interventions[1].starts_on: is missing"),
        (
            "  - starts_on: 2025-06-01",
            "  - {starts_on: 2025-03-01, name: A new questionnaire}\n  - starts_on: 2025-06-01",
            "group.yml:7: interventions[1]: is listed twice",
        ),
    ],
)
def test_a_wrong_intervention_stops_the_load_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in _CHANGES
    own = _with_changes(tmp_path, _CHANGES.replace(old, new, 1), lakeside=PRACTICE, alpine=OTHER)
    with pytest.raises(RegistryError) as caught:
        load_registry([own])
    (problem,) = caught.value.problems
    assert message in problem


def test_an_intervention_at_a_practice_whose_file_is_broken_stands(tmp_path: Path) -> None:
    """The others go on; whether the site is right is seen when the file is mended."""
    broken = PRACTICE.replace("owners:", "owner:")
    own = _with_changes(tmp_path, _CHANGES, lakeside=broken, alpine=OTHER)
    registry = load_registry([own])
    assert list(registry.practices) == ["alpine"]
    assert len(registry.group.interventions) == 2
