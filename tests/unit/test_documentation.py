"""What the documents tell a newcomer to do must work: paths, targets, commands, the example."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from expectations.registry import SHIPPED, load_registry

DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "docs/analyst_commands.md", "docs/de-identification.md"),
    *("docs/reading_the_comparison.md", "docs/runbooks"),
)


@pytest.fixture(scope="module")
def documents(repository: Path) -> dict[Path, str]:
    paths = [repository / name for name in DOCUMENTS]
    files = [file for path in paths for file in (path.glob("*.md") if path.is_dir() else [path])]
    return {file: file.read_text(encoding="utf-8") for file in files}


def test_every_link_leads_somewhere(documents: dict[Path, str]) -> None:
    broken = [
        f"{path.name}: {target}"
        for path, text in documents.items()
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        if not target.startswith("http") and not (path.parent / target).exists()
    ]
    assert not broken


def test_every_path_named_exists(repository: Path, documents: dict[Path, str]) -> None:
    folders = "expectations|orchestration|dbt_project|dashboards|tests|docs|requirements"
    named = rf"`((?:{folders})/[\w./*]*)`"
    broken = [
        f"{path.name}: {name}"
        for path, text in documents.items()
        for name in re.findall(named, text)
        if not list(repository.glob(name.rstrip("/")))
    ]
    assert not broken


def test_every_folder_of_tests_in_the_layout_exists(
    repository: Path, documents: dict[Path, str]
) -> None:
    (line,) = re.findall(r"^tests/ +(.+)$", documents[repository / "README.md"], re.MULTILINE)
    named = set(line.split(", "))
    assert {"unit", "integration"} <= named
    assert [name for name in sorted(named) if not (repository / "tests" / name).is_dir()] == []


def test_every_target_named_is_in_the_makefile(
    repository: Path, documents: dict[Path, str]
) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (repository / "Makefile").read_text(), re.MULTILINE))
    named = {
        word
        for text in documents.values()
        for word in re.findall(r"(?:`|\n)make ([a-z]+)(?:`| +#)", text)
    }
    assert named
    assert named <= targets


def test_every_command_named_exists(documents: dict[Path, str]) -> None:
    from orchestration.cli.main import app

    commands = {command.name for command in app.registered_commands}
    commands |= {
        group.typer_instance.info.name for group in app.registered_groups if group.typer_instance
    }
    named = {
        word
        for text in documents.values()
        for word in re.findall(r"`(?:\w+=\S+ )?alliance ([a-z]+)", text)
    }
    assert named
    assert named <= commands


def test_the_example_instrument_of_the_runbook_holds_together(
    repository: Path, tmp_path: Path
) -> None:
    text = (repository / "docs/runbooks/a_new_instrument.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "instruments").mkdir()
    (tmp_path / "instruments" / "own_scale.yml").write_text(example, encoding="utf-8")
    shutil.copy(SHIPPED / "group.yml", tmp_path / "group.yml")
    assert ("own_scale", "1") in load_registry([tmp_path]).instruments


def test_the_example_contract_of_the_runbook_holds_together(
    repository: Path, tmp_path: Path
) -> None:
    text = (repository / "docs/runbooks/a_new_practice.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    name = yaml.safe_load(example)["practice_id"]
    (tmp_path / "practices").mkdir()
    (tmp_path / "practices" / f"{name}.yml").write_text(example, encoding="utf-8")
    shutil.copy(SHIPPED / "group.yml", tmp_path / "group.yml")
    registry = load_registry([tmp_path])
    assert registry.broken == {}
    assert name in registry.practices


def test_the_example_of_interventions_holds_together(repository: Path, tmp_path: Path) -> None:
    text = (repository / "docs/runbooks/the_nightly_run.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    shipped = (SHIPPED / "group.yml").read_text(encoding="utf-8")
    (tmp_path / "group.yml").write_text(shipped + example, encoding="utf-8")
    assert len(load_registry([tmp_path]).group.interventions) == 3
