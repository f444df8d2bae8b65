"""REDCap projects: one file of records with events, repeating instruments and blank parent rows.

Which rows are which follows from the contract's `only` rules, read backwards: a mapping's rows hold
the words it asks for. What REDCap adds of its own is added here: instances, the data access group
in every row of a record, statuses, and one parent row a record and event.
"""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from expectations.mapping import Only, Source
from expectations.practice import FileSpec
from orchestration.simulation.arrays import Ints, positions
from orchestration.simulation.frames import KINDS, NO_DAY, Days, Frame, Ids, Words, ids, taken
from orchestration.simulation.native_exported import Exported
from orchestration.simulation.native_rows import Cells, answers, attributes, in_order
from orchestration.simulation.native_words import Writing
from orchestration.simulation.records import MOST_COURSES
from orchestration.simulation.response import PARTIAL
from orchestration.simulation.schedules import identity_of

EVENT, INSTRUMENT = "redcap_event_name", "redcap_repeat_instrument"
INSTANCE, GROUP = "redcap_repeat_instance", "redcap_data_access_group"
STATUS_SUFFIX, TIMESTAMP_SUFFIX = "_complete", "_timestamp"
FINISHED = "2"


@dataclass(frozen=True)
class _Piece:
    """Rows of one instrument: their cells, the block's clients they are about, their instances."""

    instrument: str
    event: str
    cells: Cells
    client: Ints
    instance: Ints


def record_cells(spec: FileSpec, exported: Exported) -> Cells:
    """Cells of a project's export, record by record.

    A form that was due and not filled in leaves nothing. ValueError for a mapping that is no
    repeating instrument: a client has several of everything.
    """
    pieces = [piece for piece in _pieces(spec, exported) if len(piece.client)]
    if not pieces:
        return {}
    parents = _parents(pieces)
    record, writing = _record(spec)
    rows = [*pieces, *parents]
    client = np.concatenate([piece.client for piece in rows])
    named = ids("client", exported.numbering.client + client)
    cells: Cells = {record: writing.cells(_source(spec, record), named, {"client_id": named})}
    texts = [str(number) for number in range(int(max(p.instance.max() for p in rows)) + 1)]
    instance = np.concatenate([piece.instance for piece in rows])
    cells[INSTANCE] = writing.looked_up(np.where(instance > 0, instance, -1), texts, "")
    cells[INSTRUMENT] = _repeated([(piece.instrument, len(piece.client)) for piece in rows])
    cells[EVENT] = _repeated([(piece.event, len(piece.client)) for piece in rows])
    if any(GROUP in _columns(mapping.columns) for mapping in spec.mappings):
        cells[GROUP] = _groups(spec, exported, client)
    for column in (*spec.wanted_columns, *spec.discard):
        if column not in cells:
            cells[column] = _stacked(column, rows)
    order = _order(rows, client, instance)
    return _as_redcap(spec, {name: texts.take(order) for name, texts in cells.items()}, record)


def _pieces(spec: FileSpec, exported: Exported) -> list[_Piece]:
    found: list[_Piece] = []
    for mapping in spec.mappings:
        writing = Writing(spec, mapping)
        if mapping.layout == "table":
            frame = exported.frame(spec, mapping)
            cells = attributes(writing, mapping.columns, frame)
            client, instance = _of_table(exported, frame, mapping.feed)
            found.append(_piece(spec, mapping.only, cells, client, instance))
            continue
        if mapping.layout != "wide":
            raise ValueError(f"file {spec.file}: the forms of a REDCap project are written wide")
        for block in mapping.forms:
            identity = identity_of(block)
            own = exported.forms.shown(identity, with_missed=False)
            if not len(own):
                continue
            filled = exported.forms.filled[identity]
            frame = {
                name: taken(column, own) for name, column in exported.forms.frames[identity].items()
            }
            sources = {**mapping.columns, **block.columns}
            cells = attributes(writing, sources, _unstamped(frame, sources))
            cells |= answers(writing, block, filled, own)
            # Instances are counted over all time: a later window goes on where this one ended.
            numbers = np.zeros(len(filled.number), dtype=np.int64)
            came = np.flatnonzero(filled.is_answered)
            numbers[came] = _instances(filled.client[came], filled.day[came])
            rules = (*mapping.only, *block.only)
            found.append(_piece(spec, rules, cells, filled.client[own], numbers[own]))
    return found


def _piece(
    spec: FileSpec, rules: tuple[Only, ...], cells: Cells, client: Ints, instance: Ints
) -> _Piece:
    words = {rule.column: rule.words[0] for rule in rules}
    instrument = words.pop(INSTRUMENT, "")
    if not instrument:
        raise ValueError(
            f"file {spec.file}: the simulation writes repeating instruments; give the mapping or "
            f"the form an `only` rule with its word of {INSTRUMENT}"
        )
    event = words.pop(EVENT, "")
    n = len(client)
    more = {column: pa.repeat(pa.scalar(word), n) for column, word in words.items()}
    status = instrument + STATUS_SUFFIX
    if status in spec.discard:
        more[status] = pa.repeat(pa.scalar(FINISHED), n)
    return _Piece(instrument, event, {**cells, **more}, client, instance)


def _of_table(exported: Exported, frame: Frame, feed: str) -> tuple[Ints, Ints]:
    """The block's clients of a table's rows, and which episode or session of theirs each is."""
    client = _numbers(frame, "client_id") - exported.numbering.client
    if feed == "episodes":
        return client, _numbers(frame, "episode_id") % MOST_COURSES + 1
    block = exported.block
    instances = _instances(block.client, block.appointments.day[block.appointment])
    return client, instances[_numbers(frame, "session_id") - exported.numbering.session]


def _numbers(frame: Frame, column: str) -> Ints:
    named = frame[column]
    assert isinstance(named, Ids)
    return named.numbers // len(KINDS)


def _instances(client: Ints, day: Ints) -> Ints:
    """1, 2, ... for each client, by day."""
    order = np.lexsort((np.arange(len(client)), day, client))
    of = client[order]
    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]][: len(of)])
    lengths = np.diff(np.r_[starts, len(of)])
    found = np.empty(len(client), dtype=np.int64)
    found[order] = positions(lengths) + 1
    return found


def _unstamped(frame: Frame, sources: MappingType[str, Source]) -> Frame:
    """A survey gets its time stamp when it is finished: a form with a gap has none."""
    source, status = sources.get("completed_on"), frame["status"]
    if source is None or not (source.column or "").endswith(TIMESTAMP_SUFFIX):
        return frame
    day = frame["completed_on"]
    assert isinstance(day, Days)
    assert isinstance(status, Words)
    return {**frame, "completed_on": Days(np.where(status.codes == PARTIAL, NO_DAY, day.days))}


def _parents(pieces: list[_Piece]) -> list[_Piece]:
    """One row without an instrument for each record and event."""
    found = []
    for event in dict.fromkeys(piece.event for piece in pieces):
        client = np.unique(np.concatenate([p.client for p in pieces if p.event == event]))
        found.append(_Piece("", event, {}, client, np.zeros(len(client), dtype=np.int64)))
    return found


def _record(spec: FileSpec) -> tuple[str, Writing]:
    """The column of records, which is the client's, and how the file is written."""
    mapping = spec.mappings[0]
    column = mapping.columns["client_id"].column
    if column is None:
        raise ValueError(f"file {spec.file}: client_id comes from the column of records")
    return column, Writing(spec, mapping)


def _source(spec: FileSpec, column: str) -> Source:
    """The first source that reads a column."""
    sources = [source for mapping in spec.mappings for source in mapping.columns.values()]
    return next(source for source in sources if source.column == column)


def _columns(sources: MappingType[str, Source]) -> set[str]:
    return {source.column for source in sources.values() if source.column is not None}


def _groups(spec: FileSpec, exported: Exported, client: Ints) -> pa.Array:
    """The data access group of each row's record."""
    sites = tuple(site.site_id for site in exported.model.practice.sites)
    case = exported.block.clients.case[client]
    words = Words(exported.block.cases.site[case], sites)
    writing = _record(spec)[1]
    return writing.cells(_source(spec, GROUP), words, {})


def _repeated(words: list[tuple[str, int]]) -> pa.Array:
    return pa.chunked_array([pa.repeat(pa.scalar(word), n) for word, n in words]).combine_chunks()


def _stacked(column: str, rows: list[_Piece]) -> pa.Array:
    blank = pa.scalar("")
    return pa.chunked_array(
        [piece.cells.get(column, pa.repeat(blank, len(piece.client))) for piece in rows]
    ).combine_chunks()


def _order(rows: list[_Piece], client: Ints, instance: Ints) -> pa.Array:
    """By record, event, instrument (the parent first) and instance."""
    events = list(dict.fromkeys(piece.event for piece in rows))
    instruments = list(dict.fromkeys(["", *(piece.instrument for piece in rows)]))
    lengths = [len(piece.client) for piece in rows]
    event = np.repeat([events.index(piece.event) for piece in rows], lengths)
    instrument = np.repeat([instruments.index(piece.instrument) for piece in rows], lengths)
    return pa.array(np.lexsort((instance, instrument, event, client)))


def _as_redcap(spec: FileSpec, cells: Cells, record: str) -> Cells:
    """Columns as REDCap has them: its own first, an instrument's status after its fields."""
    found = in_order(spec, cells)
    own = [name for name in (record, EVENT, INSTRUMENT, INSTANCE, GROUP) if name in found]
    fields: list[str] = []
    for mapping in spec.mappings:
        sources = [mapping.columns, *(block.columns for block in mapping.forms)]
        items = [
            [*block.items.values(), *([block.total] if block.total else [])]
            for block in mapping.forms
        ]
        for number, source in enumerate(sources):
            columns = [each.column for each in source.values() if each.column is not None]
            fields += [name for name in columns if not name.endswith(STATUS_SUFFIX)]
            if number:
                fields += items[number - 1]
            fields += [name for name in columns if name.endswith(STATUS_SUFFIX)]
    order = dict.fromkeys([*own, *fields, *found])
    return {name: found[name] for name in order}
