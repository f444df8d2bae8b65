"""Canonical frames -> the columns of one export file, in each of the three layouts."""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expectations.mapping import FormBlock, LongForms, Mapping, Source
from expectations.practice import FileSpec
from orchestration.simulation.arrays import Flags, Ints
from orchestration.simulation.filled import Filled
from orchestration.simulation.frames import NOTHING, Frame, Ids, joined, taken
from orchestration.simulation.native_words import Writing, answer_codes, answer_words, scattered
from orchestration.simulation.records import Window
from orchestration.simulation.schedules import FormIdentity, identity_of

Cells = dict[str, pa.Array]
"""Column of the file -> its cells."""


@dataclass(frozen=True)
class FormTable:
    """The recorded forms of a block: answers and canonical attributes, by questionnaire."""

    filled: MappingType[FormIdentity, Filled]
    frames: MappingType[FormIdentity, Frame]
    window: Window
    preview_share: float

    def shown(self, identity: FormIdentity, *, with_missed: bool) -> Ints:
        """Rows of a questionnaire's forms that the window shows."""
        forms = self.filled.get(identity)
        if forms is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(self.window.holds(forms.day) & (forms.is_answered | with_missed))


def table_cells(spec: FileSpec, mapping: Mapping, frame: Frame) -> Cells:
    """Cells of a file whose rows are the frame's."""
    n = length(frame)
    return _complete(
        spec, mapping, attributes(Writing(spec, mapping), mapping.columns, frame), n, None
    )


@dataclass(frozen=True)
class WideRows:
    """Rows with one form, or with all forms of a client's session: cells of attributes and answers.

    `marked` are rows that the export has once more as something the contract leaves out.
    """

    cells: Cells
    frame: Frame
    marked: Flags


def wide_cells(spec: FileSpec, mapping: Mapping, table: FormTable) -> Cells:
    """Cells of a file with one row a form, or a row for all forms of a client's session."""
    status = mapping.columns.get("status")
    with_missed = len(mapping.forms) == 1 and status is not None and status.column is not None
    rows = wide_rows(spec, mapping, table, with_missed=with_missed)
    if rows is None:
        return {}
    return _complete(spec, mapping, rows.cells, len(rows.marked), rows.marked)


def wide_rows(
    spec: FileSpec, mapping: Mapping, table: FormTable, *, with_missed: bool
) -> WideRows | None:
    """The forms of a wide file as rows; None when none of its questionnaires was asked."""
    writing = Writing(spec, mapping)
    blocks = [(block, identity_of(block)) for block in mapping.forms]
    blocks = [(block, identity) for block, identity in blocks if identity in table.filled]
    if not blocks:
        return None
    shown = [table.shown(identity, with_missed=with_missed) for _, identity in blocks]
    rows = [
        table.filled[identity].session[own] * 2 + table.filled[identity].is_copy[own]
        for (_, identity), own in zip(blocks, shown, strict=True)
    ]
    # A row stands where its first form stands; the other forms of the session join it.
    keys, first = np.unique(np.concatenate(rows), return_index=True)
    frame = _stacked([table.frames[identity] for _, identity in blocks], shown, first)
    repeated = previews(mapping, frame, table.preview_share)
    order = np.concatenate([np.arange(len(keys)), np.flatnonzero(repeated)])
    frame = {name: taken(column, order) for name, column in frame.items()}
    cells = attributes(writing, mapping.columns, frame)
    for (block, identity), own, key in zip(blocks, shown, rows, strict=True):
        form = np.full(len(keys), NOTHING)
        form[np.searchsorted(keys, key)] = own
        cells.update(answers(writing, block, table.filled[identity], form[order]))
    for block in mapping.forms:
        for column in (*block.items.values(), *([block.total] if block.total else [])):
            if column not in cells:
                cells[column] = writing.repeated(writing.missing(), len(order))
    return WideRows(cells, frame, np.arange(len(order)) >= len(keys))


def long_cells(spec: FileSpec, mapping: Mapping, table: FormTable) -> Cells:
    """Cells of a file with one row an answer; a form without answers is one row without item."""
    assert mapping.long is not None
    long, writing = mapping.long, Writing(spec, mapping)
    with_missed = "status" in mapping.columns
    words: list[str] = []
    frames, shown, values, items, tools = [], [], [], [], []
    for tool, (_, form) in enumerate(long.identity.items()):
        identity = identity_of(form)
        if identity not in table.filled:
            continue
        filled = table.filled[identity]
        own = table.shown(identity, with_missed=with_missed)
        codes = answer_codes(filled.points[own], filled.score)
        row, item = np.nonzero(codes >= 0)
        blank = np.flatnonzero((codes < 0).all(axis=1))
        frames.append(table.frames[identity])
        shown.append(own[np.concatenate([row, blank])])
        values.append(np.r_[codes[row, item] + len(words), np.full(len(blank), NOTHING)])
        items.append(np.r_[item, np.full(len(blank), NOTHING)])
        tools.append(np.full(len(row) + len(blank), tool))
        words += answer_words(writing, filled.score, form)
    if not frames:
        return {}
    n = sum(len(own) for own in shown)
    frame = _stacked(frames, shown, np.arange(n))
    repeated = previews(mapping, frame, table.preview_share)
    order = np.concatenate([np.arange(n), np.flatnonzero(repeated)])
    marked = np.arange(len(order)) >= n
    cells = attributes(
        writing, mapping.columns, {name: taken(column, order) for name, column in frame.items()}
    )
    value, item = np.concatenate(values)[order], np.concatenate(items)[order]
    names = [f"{long.item_prefix}{number}" for number in range(1, int(item.max(initial=0)) + 2)]
    tool_words = list(long.identity)
    cells[long.instrument_column] = writing.looked_up(np.concatenate(tools)[order], tool_words, "")
    cells[long.item_column] = writing.looked_up(item, names, writing.missing())
    cells[long.value_column] = writing.looked_up(value, words, writing.missing())
    _require_form_columns(spec, long, cells)
    return _complete(spec, mapping, cells, len(order), marked)


def _require_form_columns(spec: FileSpec, long: LongForms, cells: Cells) -> None:
    unknown = [column for column in long.form_columns if column not in cells]
    if unknown:
        raise ValueError(
            f"file {spec.file}: form_columns {', '.join(unknown)} are mapped to nothing, so the "
            "simulation cannot write them; map them, e.g. to administration_id"
        )


def attributes(writing: Writing, sources: MappingType[str, Source], frame: Frame) -> Cells:
    """The columns of the file that canonical columns come from."""
    cells: Cells = {}
    for name, source in sources.items():
        if source.column is None or source.column in cells:
            continue
        if name in frame:
            cells[source.column] = writing.cells(source, frame[name], frame)
        else:
            cells[source.column] = writing.repeated(writing.missing(source), length(frame))
    return cells


def answers(writing: Writing, block: FormBlock, filled: Filled, form: Ints) -> Cells:
    """Item and total cells of a block; `form` is the row's form, NOTHING for a row without."""
    words = answer_words(writing, filled.score, block)
    codes = answer_codes(filled.points, filled.score)
    has_form = form != NOTHING
    cells: Cells = {}
    for item, column in block.items.items():
        own = np.where(has_form, codes[form, item - 1], NOTHING) if len(codes) else form
        cells[column] = writing.looked_up(own, words, writing.missing())
    if block.total is not None:
        total = np.where(has_form, filled.total[form], np.nan) if len(codes) else form * np.nan
        known = np.unique(total[~np.isnan(total)])
        places = np.searchsorted(known, total)
        texts = [writing.number(value) for value in known.tolist()]
        places = np.where(np.isnan(total), NOTHING, places)
        cells[block.total] = writing.looked_up(places, texts, writing.missing())
    return cells


def _stacked(frames: list[Frame], shown: list[Ints], rows: Ints) -> Frame:
    """The shown rows of several frames below each other, and of those the rows given."""
    return {
        name: taken(
            joined([taken(frame[name], own) for frame, own in zip(frames, shown, strict=True)]),
            rows,
        )
        for name in frames[0]
    }


def previews(mapping: Mapping, frame: Frame, share: float) -> Flags:
    """Rows of forms that are exported once more as what the contract leaves out."""
    numbers = frame["administration_id"]
    assert isinstance(numbers, Ids)
    if not mapping.exclude:
        return np.zeros(len(numbers.numbers), dtype=bool)
    return np.asarray(scattered(frame, 1_000_003) < share * 1_000_003, dtype=bool)


def _complete(
    spec: FileSpec, mapping: Mapping, cells: Cells, n: int, marked: Flags | None
) -> Cells:
    """Exclusion and discarded columns added, columns in the contract's order."""
    writing = Writing(spec, mapping)
    for position, rule in enumerate(mapping.exclude):
        usual = cells.get(rule.column)
        if usual is None:
            usual = writing.repeated(writing.missing(), n)
        if marked is not None and position == 0:
            word = pa.scalar(writing.cell(rule.words[0]))
            usual = pc.if_else(pa.array(marked), word, usual)
        cells[rule.column] = usual
    for column in spec.discard:
        cells[column] = writing.repeated("", n)
    return in_order(spec, cells)


def in_order(spec: FileSpec, cells: Cells) -> Cells:
    """The columns in the contract's order. ValueError names those that nothing fills."""
    wanted = (*spec.wanted_columns, *spec.discard)
    unfilled = [column for column in wanted if column not in cells]
    if unfilled:
        raise ValueError(
            f"file {spec.file}: the simulation does not know what to write into "
            f"{', '.join(unfilled)}; map them as columns of the mapping"
        )
    return {column: cells[column] for column in wanted}


def length(frame: Frame) -> int:
    """Number of rows."""
    client = frame["client_id"]
    assert isinstance(client, Ids)
    return len(client.numbers)
