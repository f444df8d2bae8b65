"""Writes a simulated network out: each practice's export in its own shape, the truth beside."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from expectations.practice import Contract
from expectations.registry import Registry
from orchestration.simulation.block import Block, draw_block
from orchestration.simulation.filled import Filled, fill
from orchestration.simulation.instruments import UNANSWERED, ScoreModel, score_model
from orchestration.simulation.native_exported import Exported
from orchestration.simulation.native_files import NativeFile, file_name
from orchestration.simulation.native_formats import CELLS, FILES, carried_forms
from orchestration.simulation.native_rows import FormTable, length
from orchestration.simulation.native_types import Feeds
from orchestration.simulation.network import (
    BLOCKS,
    PracticeModel,
    build_network,
    day_number,
    practice_number,
    stream,
)
from orchestration.simulation.records import Numbering, Window, administrations
from orchestration.simulation.schedules import FormIdentity, identity_of
from orchestration.simulation.settings import SimulationSettings
from orchestration.simulation.truth import Realised, site_truths

BLOCK_CLIENTS = 2_500
"""Clients simulated at a time: what bounds memory. Part of the world, hence no setting."""
LATER_DAYS = 90
"""Clients who come after the world's `through_on` are drawn by stretches of that many days."""
Progress = Callable[[str], None]

_TRUTH_SCHEMA = pa.schema(
    [
        ("practice_id", pa.string()),
        ("site_id", pa.string()),
        ("instrument_code", pa.string()),
        ("version", pa.string()),
        ("informant", pa.string()),
        ("truth", pa.float64()),
        ("truth_se", pa.float64()),
        ("planted_sd", pa.float64()),
        ("missing_bias", pa.float64()),
        ("missing_bias_se", pa.float64()),
        ("realised_mean_all_forms", pa.float64()),
        ("n_clients_all_forms", pa.int64()),
    ]
)


@dataclass
class SimulationSummary:
    """What was written: rows by feed, forms that came back, item answers, files."""

    n_practices: int = 0
    n_sites: int = 0
    n_therapists: int = 0
    n_clients: int = 0
    n_episodes: int = 0
    n_sessions: int = 0
    n_due_forms: int = 0
    n_forms: int = 0
    n_answers: int = 0
    files: list[Path] = field(default_factory=list)
    truth_path: Path | None = None


@dataclass(frozen=True)
class _Plan:
    """A practice as it is simulated and written."""

    model: PracticeModel
    contract: Contract
    feeds: Feeds
    scores: Mapping[FormIdentity, ScoreModel]


def simulate(
    registry: Registry,
    out_dir: Path,
    settings: SimulationSettings | None = None,
    progress: Progress | None = None,
    *,
    truth_path: Path | None = None,
) -> SimulationSummary:
    """Write the exports of every practice of the registry to `out_dir/<practice_id>/`.

    `truth_path` (outside the landing folder, Parquet) gets one row a site, instrument and
    informant; without it no truth is computed. Same registry, settings and seed: same bytes.
    ValueError names the practice whose contract or schedules cannot be simulated.
    """
    settings = settings or SimulationSettings()
    network = build_network(registry, settings)
    summary = SimulationSummary(truth_path=truth_path)
    truths: list[dict[str, object]] = []
    for model in network:
        try:
            plan = _plan(registry, model, settings)
            realised = _write_practice(plan, out_dir, settings, summary, progress or _silent)
            if truth_path is not None:
                truths += _truth_rows(plan, realised, settings)
        except ValueError as error:
            raise ValueError(f"practice {model.practice.practice_id}: {error}") from error
    if truth_path is not None:
        truth_path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(truths, schema=_TRUTH_SCHEMA), truth_path)
    return summary


def _silent(_: str) -> None:
    return


def _plan(registry: Registry, model: PracticeModel, settings: SimulationSettings) -> _Plan:
    practice = model.practice
    contract = practice.contract_on(settings.exported[1]) or practice.contracts[-1]
    wanted = {identity_of(schedule) for schedule in contract.schedules}
    carried = carried_forms(contract)
    for identity in sorted(wanted - carried):
        raise ValueError(
            f"a schedule asks for {' '.join(identity)}, which no file of the contract carries; "
            "add a form to a file, or drop the schedule"
        )
    scores = {
        identity: score_model(registry.instruments[identity[:2]], settings)
        for identity in sorted(wanted)
    }
    return _Plan(model, contract, registry.feeds, scores)


def _blocks(model: PracticeModel, settings: SimulationSettings) -> Iterator[tuple[int, int, int]]:
    """(clients, first day, last day) of each block, those who come after the world's end last."""
    first, last = day_number(settings.from_on), day_number(settings.through_on)
    for start in range(0, model.n_clients, BLOCK_CLIENTS):
        yield min(BLOCK_CLIENTS, model.n_clients - start), first, last
    later = round(model.n_clients / (last - first + 1) * LATER_DAYS)
    day = settings.through_on + timedelta(days=1)
    while later and day <= settings.exported[1]:
        start = day_number(day)
        yield later, start, start + LATER_DAYS - 1
        day += timedelta(days=LATER_DAYS)


def _write_practice(
    plan: _Plan,
    out_dir: Path,
    settings: SimulationSettings,
    summary: SimulationSummary,
    progress: Progress,
) -> dict[FormIdentity, Realised]:
    model, practice = plan.model, plan.model.practice
    window = Window(*(day_number(day) for day in settings.exported))
    realised = {identity: Realised.nothing(len(practice.sites)) for identity in plan.scores}
    numbering = Numbering()
    with ExitStack() as stack:
        files: dict[str, NativeFile] = {}
        for spec in plan.contract.files:
            path = out_dir / practice.practice_id / file_name(spec, settings.exported[1])
            file = FILES[spec.format](path, spec, plan.feeds)
            files[spec.file] = stack.enter_context(file)
        for number, (n_clients, *days) in enumerate(_blocks(model, settings)):
            progress(f"{practice.practice_id}: clients {numbering.client + 1} and on")
            rng = stream(settings, BLOCKS, practice_number(practice.practice_id), number)
            block = draw_block(
                model,
                model.therapists,
                n_clients,
                (days[0], days[1]),
                plan.contract.schedules,
                plan.scores,
                settings,
                rng,
            )
            filled, complete, next_form = fill(
                block.forms, plan.scores, numbering.form, settings, rng
            )
            for identity, totals in complete.items():
                due = block.forms[identity]
                seen = (due.day <= window.last) & block.is_alone[due.client]
                realised[identity].add(
                    totals[seen],
                    due.client[seen],
                    block.cases.site[block.clients.case],
                )
            _write_block(plan, block, filled, numbering, window, settings, files, summary)
            numbering = Numbering(
                client=numbering.client + n_clients,
                session=numbering.session + len(block.appointment),
                form=next_form,
            )
    summary.n_practices += 1
    summary.n_sites += len(practice.sites)
    summary.n_therapists += len(model.therapists.site)
    summary.n_clients += numbering.client
    summary.files += [file.path for file in files.values() if file.n_rows]
    return realised


def _write_block(
    plan: _Plan,
    block: Block,
    filled: Mapping[FormIdentity, Filled],
    numbering: Numbering,
    window: Window,
    settings: SimulationSettings,
    files: Mapping[str, NativeFile],
    summary: SimulationSummary,
) -> None:
    frames = administrations(block, filled, numbering, settings)
    table = FormTable(filled, frames, window, settings.preview_share)
    for forms in filled.values():
        shown = window.holds(forms.day) & ~forms.is_copy
        summary.n_due_forms += int(shown.sum())
        summary.n_forms += int((shown & forms.is_answered).sum())
        summary.n_answers += int((forms.points[shown] != UNANSWERED).sum())
    exported = Exported(plan.model, block, numbering, window, table)
    for spec in plan.contract.files:
        files[spec.file].append(CELLS[spec.format](spec, exported))
        for mapping in spec.mappings:
            if mapping.feed == "episodes":
                summary.n_episodes += length(exported.frame(spec, mapping))
            elif mapping.feed == "sessions":
                summary.n_sessions += length(exported.frame(spec, mapping))


def _truth_rows(
    plan: _Plan, realised: Mapping[FormIdentity, Realised], settings: SimulationSettings
) -> list[dict[str, object]]:
    practice = plan.model.practice
    rows: list[dict[str, object]] = []
    for found in site_truths(plan.model, plan.contract.schedules, plan.scores, settings):
        instrument_code, version, informant = found.identity
        rows.append(
            {
                "practice_id": practice.practice_id,
                "site_id": practice.sites[found.site].site_id,
                "instrument_code": instrument_code,
                "version": version,
                "informant": informant,
                "truth": found.truth,
                "truth_se": found.truth_se,
                "planted_sd": found.planted_sd,
                "missing_bias": found.missing_bias,
                "missing_bias_se": found.missing_bias_se,
                "realised_mean_all_forms": realised[found.identity].mean(found.site),
                "n_clients_all_forms": int(realised[found.identity].counts[found.site]),
            }
        )
    return rows
