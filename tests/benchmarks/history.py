"""A home with a long history waiting in its landing folder, and small nights after it.

The sample practices that send items as text, with one change: the WAI-SR is due at every session
and nothing else is, which makes 840,000 forms of twelve answers out of about as many attended
sessions. Where measures are timed four forms are due, so that each of them has something to count.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from expectations.registry import SHIPPED, load_registry
from orchestration.simulation import SimulationSettings, simulate
from tests.text_practices import of_items_as_text

FROM_ON = date(2024, 1, 1)
HISTORY_DAYS = 1000
"""Practices see more clients in later days than in the first: nine days are a night of 1 %."""
NIGHT_DAYS = 9
CLIENTS_FOR_FORMS = 0.149
"""Clients a form: with every form returned a client fills in about 6.7 of them."""
CLIENTS_PER_THERAPIST = 150

EVERY_SESSION: dict[str, Any] = {
    "schedule_id": "wai_sr_each_session",
    "instrument_code": "wai_sr",
    "version": "1",
    "informant": "client",
    "rule": "every_session",
    "valid_from": date(2024, 1, 1),
}

_LANDMARKS = (3, 5, 8, 12, 16, 20, 24, 28, 32, 36, 40)
MEASURED: tuple[dict[str, Any], ...] = (
    {
        **EVERY_SESSION,
        "schedule_id": "srs_each_session",
        "instrument_code": "srs",
        "version": "3",
    },
    {**EVERY_SESSION, "schedule_id": "phq_9_each_session", "instrument_code": "phq_9"},
    {
        **EVERY_SESSION,
        "schedule_id": "wai_sr_landmarks",
        "rule": "session_list",
        "sessions": list(_LANDMARKS),
    },
    {
        **EVERY_SESSION,
        "schedule_id": "wai_srt_landmarks",
        "instrument_code": "wai_srt",
        "informant": "therapist",
        "rule": "session_list",
        "sessions": list(_LANDMARKS),
    },
)
"""Something for each family of metrics: alliance and outcome at every session, and two views of one
alliance at landmarks."""


@dataclass(frozen=True)
class History:
    """`landing` holds the history's files; `nights` are folders shaped like it, in order."""

    home: Path
    landing: Path
    nights: tuple[Path, ...]
    n_forms: int


def declare(home: Path, schedules: Sequence[dict[str, Any]] = (EVERY_SESSION,)) -> None:
    """Write the group and its practices into `home`; `alliance init` makes the rest."""
    (home / "practices").mkdir(parents=True)
    group = yaml.safe_load((SHIPPED / "group.yml").read_text(encoding="utf-8"))
    group["sample_practices"] = False
    _write(home / "group.yml", group)
    for practice_id in of_items_as_text(load_registry()).practices:
        path = SHIPPED / "practices" / f"{practice_id}.yml"
        practice = yaml.safe_load(path.read_text(encoding="utf-8"))
        for contract in practice["contracts"]:
            contract["schedules"] = list(schedules)
        _write(home / "practices" / path.name, practice)


def simulate_history(home: Path, n_forms: int, n_nights: int) -> History:
    """Exports of about `n_forms` forms, and `n_nights` folders of about 1 % more each."""
    registry = load_registry([home])
    through_on = FROM_ON + timedelta(days=HISTORY_DAYS - 1)
    n_clients = max(round(n_forms * CLIENTS_FOR_FORMS), len(registry.practices))
    world = SimulationSettings(
        seed=12,
        n_clients=n_clients,
        n_therapists=max(round(n_clients / CLIENTS_PER_THERAPIST), 60),
        from_on=FROM_ON,
        through_on=through_on,
        response=(1.0, 1.0),
        never_respond_share=0.0,
        lost_before_dropout=0.0,
        missing_at_random=True,
        dirt=0.0,
        preview_share=0.0,
        partial_share=0.0,
    )
    landing = home.parent / "history"
    written = simulate(registry, landing, world)
    nights = []
    for night in range(n_nights):
        first = through_on + timedelta(days=1 + night * NIGHT_DAYS)
        folder = home.parent / f"night_{night + 1}"
        window = (first, first + timedelta(days=NIGHT_DAYS - 1))
        simulate(registry, folder, replace(world, window=window))
        nights.append(folder)
    return History(home, landing, tuple(nights), written.n_forms)


def deliver(exports: Path, landing: Path) -> None:
    """Put every export of a folder into a landing folder."""
    for path in files(exports):
        target = landing / path.relative_to(exports)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def files(exports: Path) -> Iterator[Path]:
    """The exports in a folder, by practice and name."""
    return (path for path in sorted(exports.glob("*/*")) if path.is_file())


def _write(path: Path, declaration: Any) -> None:
    text = yaml.safe_dump(declaration, allow_unicode=True, sort_keys=False)
    path.write_text(text, encoding="utf-8")
