"""What some forms mean nothing without: who rated, or which group it is about."""

from collections.abc import Iterator
from collections.abc import Mapping as MappingType

from expectations.instrument import Instrument
from expectations.mapping import FormBlock, LongIdentity, Mapping
from expectations.practice import Contract
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]
Instruments = MappingType[tuple[str, str], Instrument]


def needs_findings(at: Path, contract: Contract, instruments: Instruments) -> Iterator[Finding]:
    """Forms whose instrument needs a rater or a group that the contract does not map."""
    has_groups = any(
        mapping.feed == "sessions" and "group_session_id" in mapping.columns
        for spec in contract.files
        for mapping in spec.mappings
    )
    for file_no, spec in enumerate(contract.files):
        for mapping_no, mapping in enumerate(spec.mappings):
            place = (*at, "files", file_no, "mappings", mapping_no)
            for path, identity, columns in _forms(mapping):
                instrument = instruments.get((identity.instrument_code, identity.version))
                if instrument is None:
                    continue
                if identity.informant in instrument.rater_for and "rater_id" not in columns:
                    yield (
                        (*place, *path),
                        f"{identity.instrument_code} rated by the {identity.informant} means "
                        "nothing without who rated: map `rater_id`",
                    )
                if instrument.needs_group and not (has_groups and "session_id" in columns):
                    yield (
                        (*place, *path),
                        f"{identity.instrument_code} is about a group: map `session_id` here and "
                        "`group_session_id` in the sessions",
                    )


def _forms(mapping: Mapping) -> Iterator[tuple[Path, FormBlock | LongIdentity, set[str]]]:
    """Each questionnaire of a mapping with its place and the canonical columns its forms have."""
    for number, block in enumerate(mapping.forms):
        yield ("forms", number), block, {*mapping.columns, *block.columns}
    if mapping.long is not None:
        for word, identity in mapping.long.identity.items():
            yield ("long", "identity", word), identity, set(mapping.columns)
