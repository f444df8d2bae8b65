"""The declarations one practice's rows depend on, as one document that can be read again.

Only what the files say is kept, not what follows from defaults: some fields may be named only
where others have a certain value.

A contract may be mended in place after deliveries were taken in under it. Kept beside the archive,
that day's declarations make a rebuild the same as the first load, and a replay under them possible.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from expectations.instrument import Instrument
from expectations.model import Feed, Group
from expectations.practice import Practice
from expectations.registry import Registry, instruments_named


class RulesUnreadable(Exception):
    """Kept declarations that this version of the software does not read as what they were."""


def rules_document(registry: Registry, practice_id: str) -> str:
    """What `Registry.practice_digest` is taken of, as JSON. KeyError for an unknown practice."""
    practice = registry.practices[practice_id]
    named = sorted(instruments_named(practice) & set(registry.instruments))
    return json.dumps(
        {
            "practice": practice.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "feeds": [
                f.model_dump(mode="json", by_alias=True, exclude_unset=True)
                for f in registry.feeds.values()
            ],
            "instruments": [
                registry.instruments[key].model_dump(mode="json", by_alias=True, exclude_unset=True)
                for key in named
            ],
        },
        sort_keys=True,
    )


def registry_of(document: str, group: Group, digest: str | None = None) -> Registry:
    """A registry of that one practice. Raises RulesUnreadable, also when `digest` is not its."""
    try:
        content = json.loads(document)
        practice = Practice.model_validate_json(json.dumps(content["practice"]))
        feeds = [Feed.model_validate_json(json.dumps(each)) for each in content["feeds"]]
        instruments = [
            Instrument.model_validate_json(json.dumps(each)) for each in content["instruments"]
        ]
    except (ValueError, KeyError, ValidationError) as error:
        raise RulesUnreadable("this version cannot read the declarations of then") from error
    registry = Registry(
        group,
        {practice.practice_id: practice},
        {feed.feed: feed for feed in feeds},
        {(each.instrument_code, each.version): each for each in instruments},
        {},
    )
    if digest is not None and registry.practice_digest(practice.practice_id) != digest:
        raise RulesUnreadable("this version reads the declarations of then as other ones")
    return registry


def read_rules(path: Path, group: Group) -> Registry:
    """Kept declarations out of a file the run wrote for its reading worker."""
    return registry_of(path.read_text(encoding="utf-8"), group)
