"""`alliance contract draft` on the sample practices' exports: how much is left to a person, and
that no cell of a client stands in what it says.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from typer.testing import CliRunner

from expectations.fhir import FHIR_STATUSES
from expectations.registry import SHIPPED, Registry, load_registry
from orchestration.cli.main import app
from orchestration.contract_check import FileCheck, check_files
from orchestration.drafting.formats import read_sample
from orchestration.drafting.words import meaning
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import create_key
from orchestration.ingest.reading import ReadingWorker
from orchestration.landing import arrivals_of
from orchestration.settings import Settings
from orchestration.simulation import SimulationSettings, simulate
from tests.integration import small_group as group

TODAY = date(2026, 10, 1)
WORLD = SimulationSettings(n_clients=900, n_therapists=90, truth_clients=400, preview_share=0.02)
AGREEMENT = (
    "    agreements: []",
    "    agreements: [{kind: data_use_agreement, signed_on: 2024-01-01, "
    "expires_on: 2036-12-31, purpose: test}]",
)
FIVE = '                recode: {Lowest: "1", Low: "2", Middle: "3", High: "4", Highest: "5"}'
FOUR = '                recode: {None: "0", Some: "1", Much: "2", Most: "3"}'
# What a person edits, a line each: (start of the drafted line, what follows it or replaces it).
# The number of lines is the measure; it may not grow.
EDITS: dict[str, list[tuple[str, str]]] = {
    "bayview_counseling": [AGREEMENT],
    "cabinet_erable": [AGREEMENT],
    "cedar_valley_health": [AGREEMENT],
    "harbor_counseling": [AGREEMENT],
    "lakeside_psychology": [AGREEMENT],
    "meridian_telehealth": [AGREEMENT],
    # Codes are numbers: without the data dictionary a person has to say what they mean.
    "northgate_university_clinic": [
        AGREEMENT,
        (
            "              state:",
            '              state: {from: ep_state, recode: {"1": open, "2": closed, '
            '"3": never_started}}',
        ),
        (
            "              service_type:",
            '              service_type: {from: ep_service, recode: {"1": individual, "2": couple, '
            '"3": family, "4": group, "5": crisis, "6": assessment}}',
        ),
        (
            "              use_permission:",
            '              use_permission: {from: ep_consent, recode: {"2": all, "1": care_only, '
            '"0": none}}',
        ),
        (
            "              attendance:",
            '              attendance: {from: visit_attendance, recode: {"1": attended, '
            '"2": no_show, "3": cancelled_client_late, "4": cancelled_client_early, '
            '"5": cancelled_therapist, "6": rescheduled}}',
        ),
    ],
    "old_mill_practice": [AGREEMENT],
    "prairie_family_therapy": [
        AGREEMENT,
        ("                items: {1: A1,", f"+{FIVE}"),
        ("                items: {1: B1,", f"+{FIVE}"),
        ("                items: {1: D1,", f"+{FOUR}"),
    ],
    "riverside_collective": [AGREEMENT],
    "summit_behavioral": [
        AGREEMENT,
        (
            "              use_permission:",
            "              use_permission: {from: PERM, recode: "
            '{"2": all, "1": care_only, "0": none}}',
        ),
    ],
    "two_oaks": [AGREEMENT],
}
LINES_TO_EDIT = {
    "bayview_counseling": 1,
    "cabinet_erable": 1,
    "cedar_valley_health": 1,
    "harbor_counseling": 1,
    "lakeside_psychology": 1,
    "meridian_telehealth": 1,
    "northgate_university_clinic": 5,
    "old_mill_practice": 1,
    "prairie_family_therapy": 4,
    "riverside_collective": 1,
    "summit_behavioral": 2,
    "two_oaks": 1,
}
runner = CliRunner()
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Drafted:
    """A practice's exports, and what was said of them."""

    files: list[Path]
    text: str
    messages: str


@pytest.fixture(scope="module")
def shipped() -> Registry:
    return load_registry()


@pytest.fixture(scope="module")
def drafts(shipped: Registry, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Drafted]:
    landing = tmp_path_factory.mktemp("exports")
    simulate(shipped, landing, WORLD)
    found = {}
    for name in shipped.practices:
        files = sorted((landing / name).iterdir())
        arguments = ["contract", "draft", *map(str, files), "--practice", name]
        home = ["--home", str(landing / "no_home")]
        result = runner.invoke(app, [*arguments, *home])
        assert result.exit_code == 0, result.output
        found[name] = Drafted(files, result.stdout, result.stderr)
    return found


def _edited(text: str, edits: list[tuple[str, str]]) -> str:
    lines = text.splitlines()
    for start, new in edits:
        (place,) = [n for n, line in enumerate(lines) if line.startswith(start)]
        if new.startswith("+"):
            lines.insert(place + 1, new[1:])
        else:
            lines[place] = new
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def home(drafts: dict[str, Drafted], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with every draft after the edits, and keys."""
    settings = Settings(tmp_path_factory.mktemp("home"))
    (settings.home / "practices").mkdir()
    text = (SHIPPED / "group.yml").read_text(encoding="utf-8")
    settings.group_file.write_text(
        text.replace("sample_practices: true", "sample_practices: false"), encoding="utf-8"
    )
    for name, drafted in drafts.items():
        path = settings.home / "practices" / f"{name}.yml"
        path.write_text(_edited(drafted.text, EDITS[name]), encoding="utf-8")
        create_key(settings.keys, name)
    return settings


Known = dict[tuple[str, str, str], Outcome]


@dataclass
class KnownWorker(group.HereWorker):
    """Gives the outcomes of files that were read together with all others."""

    known: Known = field(kw_only=True)

    def take_in(self, jobs: Sequence[FileJob], scratch: Path) -> list[Outcome]:
        found = [self.known[(job.practice_id, job.feed, job.sha256)] for job in jobs]
        return [
            replace(outcome, delivery_id=job.delivery_id)
            for job, outcome in zip(jobs, found, strict=True)
        ]


_read: dict[str, Known] = {}


def _outcomes(home: Settings, registry: Registry, drafts: dict[str, Drafted]) -> Known:
    """All practices' files under one registry, in one go: a suite is run once for all of them."""
    if registry.digest not in _read:
        jobs = [
            FileJob(
                arrival.delivery_id,
                name,
                arrival.feed,
                arrival.spec.file if arrival.spec else None,
                str(arrival.path),
                arrival.sha256,
                TODAY.isoformat(),
            )
            for name, drafted in drafts.items()
            for file in drafted.files
            for arrival in arrivals_of(name, file, registry.practices[name].contract_on(TODAY))
        ]
        with TemporaryDirectory() as scratch:
            outcomes = group.HereWorker(home, registry=registry).take_in(jobs, Path(scratch))
        _read[registry.digest] = {
            (job.practice_id, job.feed, job.sha256): outcome
            for job, outcome in zip(jobs, outcomes, strict=True)
        }
    return _read[registry.digest]


def _checked(
    home: Settings, registry: Registry, drafts: dict[str, Drafted], name: str
) -> list[FileCheck]:
    """What a registry makes of a practice's files."""
    known = _outcomes(home, registry, drafts)

    def here(_: Settings) -> ReadingWorker:
        return KnownWorker(home, registry=registry, known=known)

    return check_files(home, registry, name, drafts[name].files, TODAY, here)


@pytest.mark.parametrize("name", EDITS)
def test_a_draft_loads_the_same_rows_after_few_edits(
    shipped: Registry, drafts: dict[str, Drafted], home: Settings, name: str
) -> None:
    assert len(EDITS[name]) == LINES_TO_EDIT[name] <= 5
    mine = load_registry([home.home])
    assert mine.broken == {}

    def accepted(checks: list[FileCheck]) -> list[tuple[str, str, int, int]]:
        return [(c.file, c.feed, c.outcome.n_rows_read, c.outcome.n_accepted) for c in checks]

    rows = accepted(_checked(home, mine, drafts, name))
    assert all(n for *_, n in rows)
    assert rows == accepted(_checked(home, shipped, drafts, name))


@pytest.mark.parametrize("name", EDITS)
def test_questionnaires_are_drafted_as_they_are(
    shipped: Registry, home: Settings, name: str
) -> None:
    def questionnaires(registry: Registry) -> set[tuple[object, ...]]:
        return {
            (spec.pattern, form.instrument_code, form.informant, form.shift, form.scale_by)
            for spec in registry.practices[name].contracts[0].files
            for mapping in spec.mappings
            for form in (
                *mapping.forms,
                *(mapping.long.identity.values() if mapping.long else ()),
            )
        }

    assert questionnaires(load_registry([home.home])) == questionnaires(shipped)


@pytest.mark.parametrize("name", EDITS)
def test_no_cell_of_a_client_is_said(
    shipped: Registry, drafts: dict[str, Drafted], home: Settings, name: str
) -> None:
    """Ids, dates, answers in words or with decimals, and enumeration words no dictionary knows."""
    drafted = drafts[name]
    outputs = drafted.text + drafted.messages
    mine = load_registry([home.home])
    said = _checked(home, mine, drafts, name)
    # The export's day stands in the file's name.
    outputs += "".join(json.dumps({**each.to_json(), "exported_on": None}) for each in said)
    for file in drafted.files:
        assert file.name in str([each.file for each in said])
        outputs = outputs.replace(file.name, " ")
    tokens = set(re.findall(r"[\w.+:/-]+", outputs))
    headers = {h for file in drafted.files for h in read_sample(file).columns}
    contract = mine.practices[name].contracts[0]
    n_checked = 0
    for spec in contract.files:
        (file,) = [f for f in drafted.files if f.match(spec.pattern)]
        columns = read_sample(file).columns
        for mapping in spec.mappings:
            feed = shipped.feeds[mapping.feed]
            secret: set[str] = set()
            for column, source in mapping.columns.items():
                if source.column is None or column == "site_id":
                    continue
                kind = feed.column(column)
                cells = {c for c in columns[source.column] if c and c not in spec.missing}
                if kind.type in ("id", "date"):
                    secret |= cells
                if kind.type == "enumeration":
                    known = {c for c in cells if meaning(column, c, kind.allowed) is not None}
                    secret |= {c for c in cells - known if not c.isdigit()}
            for form in mapping.forms:
                for column in form.items.values():
                    secret |= {c for c in columns[column] if not c.isdigit()}
            if mapping.long:
                secret |= {c for c in columns[mapping.long.value_column] if not c.isdigit()}
            # FHIR's own words for a status are no one's.
            secret -= {"", *spec.missing, *(FHIR_STATUSES if spec.format == "fhir" else ())}
            n_checked += len(secret)
            found = {cell for cell in secret if cell in tokens and cell not in headers}
            # A number with a decimal may be a tolerance or a day's part elsewhere.
            assert not {c for c in found if not re.fullmatch(r"\d\.\d+|0", c)}, spec.file
    assert n_checked > 100


def test_columns_that_must_not_be_sent_are_named_and_never_mapped(tmp_path: Path) -> None:
    file = tmp_path / "sessions_20260930.csv"
    notes = "\n".join(
        f"c{n:04},v{n:04},N,2026-09-{n % 28 + 1:02},kept,canary{n},who{n}@canary.org,"
        f"told me {n} things"
        for n in range(60)
    )
    file.write_text(
        f"client_no,visit_no,clinic,visit_date,outcome,first_name,contact,remarks\n{notes}\n"
    )
    result = runner.invoke(app, ["contract", "draft", str(file), "--home", str(tmp_path)])
    assert result.exit_code == 0
    assert "canary" not in result.output
    assert "told" not in result.output
    for column in ("first_name", "contact", "remarks"):
        assert f"must not be sent: column {column} " in result.output
        assert f"from: {column}" not in result.output
        assert "discard" not in result.output


def test_a_file_that_cannot_be_drafted_needs_a_person(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("2026-01-01,17\n2026-01-02,18\n")
    result = runner.invoke(app, ["contract", "draft", str(file)])
    assert result.exit_code == 1
    assert "no_header" in result.output
    assert "17" not in result.output
    assert runner.invoke(app, ["contract", "draft", str(file), "--practice", "A b"]).exit_code == 2
    assert (
        "Example: alliance contract draft"
        in runner.invoke(app, ["contract", "draft", "--help"]).output
    )
