"""Clients of one form each, who come in one night or another."""

from collections.abc import Sequence
from datetime import date

from tests.integration.dbt.raw_rows import RawWarehouse


def send_clients(
    warehouse: RawWarehouse, clients: Sequence[tuple[str, str, date, tuple[int, ...] | None]]
) -> None:
    """Of each client one session on a day, with a form of these answers or none."""
    for practice_id in dict.fromkeys(name for name, *_ in clients):
        own = [each for each in clients if each[0] == practice_id]
        keys = [{"client_key": f"c{name}", "session_key": f"s{name}"} for _, name, _, _ in own]
        warehouse.deliver(
            "episodes",
            practice_id,
            [
                {
                    "client_key": f"c{name}",
                    "episode_key": f"e{name}",
                    "site_id": f"{practice_id}_site",
                    "opened_on": day,
                }
                for _, name, day, _ in own
            ],
        )
        sessions = [
            {
                **key,
                "episode_key": f"e{name}",
                "site_id": f"{practice_id}_site",
                "therapist_key": f"t{number % 5}",
                "scheduled_on": day,
            }
            for number, (key, (_, name, day, _)) in enumerate(zip(keys, own, strict=True))
        ]
        warehouse.deliver("sessions", practice_id, sessions)
        forms = [
            {**key, "form_key": f"f{name}", "completed_on": day, "answers": answers}
            for key, (_, name, day, answers) in zip(keys, own, strict=True)
            if answers
        ]
        if forms:
            warehouse.deliver("administrations", practice_id, forms)
