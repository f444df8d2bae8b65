"""What must be true of the repository as a whole; part of `make lint`."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LONGEST_FILE = 400
OUR_PACKAGES = {"dashboards", "dbt_project", "expectations", "orchestration"}
GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc"}
WRITTEN_BY_TOOLS = re.compile(r"requirements/\w+\.txt|LICENSE|.*\.(png|csv|parquet)|.*/\.gitignore")

# Spelt in pieces, or this file would name what it forbids.
FORBIDDEN = {
    "the address of a package index": re.compile(
        "|".join(
            [r"--(extra-)?index-" + r"url", r"py" + r"pi\.org", r"python" + r"hosted\.org"],
        )
    ),
    "a path of one machine": re.compile(
        r"(?<![\w.\-$}/])/(?:" + "|".join(["work", "root", "farm", "home", "Users"]) + r")/\w"
        r"|/tmp/" + r"boot"
    ),
}


def _committed(repository: Path) -> list[Path]:
    """Files that are, or would be, committed; relative to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git clone: which files are committed cannot be told")
    names = (Path(name) for name in listed.stdout.split("\0") if name)
    return [name for name in names if (repository / name).is_file()]


@pytest.fixture(scope="module")
def committed(repository: Path) -> list[Path]:
    return _committed(repository)


def _text(path: Path) -> str | None:
    content = path.read_bytes()
    return None if b"\0" in content else content.decode("utf-8", "replace")


def test_every_file_can_be_read_in_one_go(repository: Path, committed: list[Path]) -> None:
    long = {
        str(name): n_lines
        for name in committed
        if not WRITTEN_BY_TOOLS.fullmatch(name.as_posix())
        and (text := _text(repository / name)) is not None
        and (n_lines := text.count("\n")) > LONGEST_FILE
    }
    assert not long, f"over {LONGEST_FILE} lines, split them: {long}"


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_names(what: str, repository: Path, committed: list[Path]) -> None:
    found = [
        f"{name}:{line_no}"
        for name in committed
        if (text := _text(repository / name)) is not None
        for line_no, line in enumerate(text.splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]
    assert not found, f"{what}: {', '.join(found)}"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("the address of a package index", "--index-" + "url https://example.invalid/simple"),
        ("a path of one machine", 'open("/' + 'home/someone/data.csv")'),
        ("a path of one machine", "cd /" + "work/main"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, line: str) -> None:
    assert FORBIDDEN[what].search(line)


def test_the_top_level_has_our_packages_only(committed: list[Path]) -> None:
    packages = {name.parts[0] for name in committed if name.suffix == ".py" and len(name.parts) > 1}
    assert packages - {"tests"} <= OUR_PACKAGES


def test_no_module_is_a_grab_bag(committed: list[Path]) -> None:
    assert not [str(name) for name in committed if {name.stem, *name.parts} & GRAB_BAGS]


def _requirements(path: Path) -> list[Requirement]:
    """Requirements of an input or a lock, hashes and comments left out."""
    lines = re.findall(r"^([A-Za-z0-9][^\\#\n]*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [Requirement(line.strip()) for line in lines]


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, list[Requirement]]:
    """Dependencies as pyproject.toml declares them, by lock."""
    table = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    declared = table["project"]
    build = table["build-system"]["requires"]
    return {
        "runtime": [Requirement(line) for line in [*declared["dependencies"], *build]],
        "dev": [Requirement(line) for line in declared["optional-dependencies"]["dev"]],
    }


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_pyproject_and_the_lock_s_input_name_the_same(
    lock: str, repository: Path, project: dict[str, list[Requirement]]
) -> None:
    asked = {
        canonicalize_name(r.name) for r in _requirements(repository / f"requirements/{lock}.in")
    }
    assert asked == {canonicalize_name(r.name) for r in project[lock]}


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_locked_versions_are_what_pyproject_allows(
    lock: str, repository: Path, project: dict[str, list[Requirement]]
) -> None:
    locked = _requirements(repository / f"requirements/{lock}.txt")
    for wanted in project[lock]:
        pins = [r for r in locked if canonicalize_name(r.name) == canonicalize_name(wanted.name)]
        assert pins, f"{wanted.name} is not locked: make lock"
        for pin in pins:
            (specifier,) = pin.specifier
            assert wanted.specifier.contains(specifier.version), f"{pin} against {wanted}"


def test_both_locks_agree_where_they_overlap(repository: Path) -> None:
    runtime = {str(r) for r in _requirements(repository / "requirements/runtime.txt")}
    dev = {str(r) for r in _requirements(repository / "requirements/dev.txt")}
    assert runtime <= dev


@pytest.mark.parametrize("lock", ["bootstrap", "runtime", "dev"])
def test_everything_locked_has_a_version_and_hashes(lock: str, repository: Path) -> None:
    path = repository / f"requirements/{lock}.txt"
    entries = re.split(r"\n(?=[A-Za-z0-9])", path.read_text(encoding="utf-8"))
    bad = [
        entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry
    ]
    assert not bad, f"{path.name}: {bad}"
