"""Qualtrics surveys: rows of header, Qualtrics' own columns, previews and unfinished answers.

What an export by name brings beside the answers is written as Qualtrics writes it; where wording
stands in a real one, the column's name stands here.
"""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expectations.mapping import Mapping, Source
from expectations.practice import FileSpec
from orchestration.simulation.arrays import Flags, Ints
from orchestration.simulation.frames import Frame
from orchestration.simulation.native_exported import Exported
from orchestration.simulation.native_files import TextFile
from orchestration.simulation.native_rows import Cells, in_order, wide_rows
from orchestration.simulation.native_words import Writing, scattered

STATUS, FINISHED = "Status", "Finished"
ANSWERED = {
    STATUS: {"raw": "0", "label": "IP Address"},
    FINISHED: {"raw": "1", "label": "True"},
    "Progress": {"raw": "100", "label": "100"},
    "DistributionChannel": {"raw": "anonymous", "label": "anonymous"},
    "UserLanguage": {"raw": "EN", "label": "EN"},
}
"""What an ordinary answer has in Qualtrics' own columns."""
MOMENTS = ("StartDate", "EndDate", "RecordedDate")
RESPONSE_ID, DURATION = "ResponseId", "Duration (in seconds)"
IMPORT_IDS = {
    "StartDate": "startDate",
    "EndDate": "endDate",
    STATUS: "status",
    "Progress": "progress",
    DURATION: "duration",
    FINISHED: "finished",
    "RecordedDate": "recordedDate",
    RESPONSE_ID: "_recordId",
    "ExternalReference": "externalDataReference",
    "DistributionChannel": "distributionChannel",
    "UserLanguage": "userLanguage",
}
TEXTS = {
    "StartDate": "Start Date",
    "EndDate": "End Date",
    STATUS: "Response Type",
    "RecordedDate": "Recorded Date",
    RESPONSE_ID: "Response ID",
    "ExternalReference": "External Data Reference",
    "DistributionChannel": "Distribution Channel",
    "UserLanguage": "User Language",
}
_MARK = b"\xef\xbb\xbf"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LETTERS = 15


class SurveyFile(TextFile):
    """A survey's CSV: byte order mark, names, wording and, but for the older form, import ids."""

    def begin(self, header: Sequence[str]) -> None:
        """See TextFile."""
        self._stream.write(_MARK)
        (mapping,) = self.spec.mappings
        items = [column for block in mapping.forms for column in block.items.values()]
        questions = {column: f"QID{number}" for number, column in enumerate(items, start=1)}
        self.write_line(header)
        self.write_line([_text(name, questions) for name in header])
        if self.spec.header_rows == 3:
            self.write_line([_import_id(name, questions) for name in header])


def _text(name: str, questions: dict[str, str]) -> str:
    if name in questions:
        return f"Question {questions[name].removeprefix('QID')},\nplease mark one"
    return TEXTS.get(name, name)


def _import_id(name: str, questions: dict[str, str]) -> str:
    found = {"ImportId": IMPORT_IDS.get(name) or questions.get(name, name)}
    if name in MOMENTS:
        found["timeZone"] = "America/New_York"
    return json.dumps(found, separators=(",", ":"))


def survey_cells(spec: FileSpec, exported: Exported) -> Cells:
    """Cells of a survey: one row a form, or one for all forms that a survey asks at a session.

    A form that was due and not filled in leaves nothing: nobody opened the survey.
    """
    (mapping,) = spec.mappings
    if mapping.layout != "wide":
        raise ValueError(f"file {spec.file}: a Qualtrics survey is written wide")
    rows = wide_rows(spec, mapping, exported.forms, with_missed=False)
    if rows is None:
        return {}
    writing = Writing(spec, mapping)
    n = len(rows.marked)
    cells = {
        column: writing.repeated(words[spec.coding], n) for column, words in ANSWERED.items()
    } | rows.cells
    for column in MOMENTS:
        if column not in cells:
            source = Source.model_validate({"from": column})
            cells[column] = writing.cells(source, rows.frame["completed_on"], rows.frame)
    cells[RESPONSE_ID] = _response_ids(rows.frame, rows.marked)
    seconds = [str(second) for second in range(40, 400)]
    cells[DURATION] = writing.looked_up(scattered(rows.frame, len(seconds)), seconds, "")
    left_out = _left_out(mapping, rows.frame, rows.marked)
    for number, rule in enumerate(mapping.exclude):
        usual = cells.get(rule.column)
        if usual is None:
            raise ValueError(
                f"file {spec.file}: the simulation leaves rows out by columns that are mapped or "
                f"Qualtrics' own; {rule.column} is neither"
            )
        word = writing.cell(_word(rule.words, spec, rule.column))
        cells[rule.column] = pc.if_else(pa.array(left_out == number), pa.scalar(word), usual)
    _leave_unfinished(mapping, cells, left_out)
    for column in spec.discard:
        if column not in cells:
            cells[column] = writing.repeated("", n)
    return in_order(spec, cells)


def _word(words: Sequence[str], spec: FileSpec, column: str) -> str:
    """The excluded word of this file's coding: contracts may name both kinds' words."""
    if column not in (STATUS, FINISHED) or len(words) == 1:
        return words[0]
    is_code = [word.isdigit() for word in words]
    wanted = spec.coding == "raw"
    return words[is_code.index(wanted)] if wanted in is_code else words[0]


def _left_out(mapping: Mapping, frame: Frame, marked: Flags) -> Ints:
    """Which of the contract's rules leaves each row out; -1 for none."""
    if not mapping.exclude:
        return np.full(len(marked), -1)
    return np.where(marked, scattered(frame, len(mapping.exclude)), -1)


def _leave_unfinished(mapping: Mapping, cells: Cells, left_out: Ints) -> None:
    """Who did not finish left the last questions empty."""
    rules = [rule.column for rule in mapping.exclude]
    if FINISHED not in rules:
        return
    items = [column for block in mapping.forms for column in block.items.values()]
    is_unfinished = pa.array(left_out == rules.index(FINISHED))
    for column in items[len(items) // 2 :]:
        cells[column] = pc.if_else(is_unfinished, pa.scalar(""), cells[column])


def _response_ids(frame: Frame, marked: Flags) -> pa.Array:
    """`R_` and fifteen letters and digits, different for every row."""
    seeds = scattered(frame, 1_000_003) * 2 + marked
    texts = np.empty((len(seeds), _ID_LETTERS), dtype="U1")
    letters = np.array(list(_LETTERS))
    rest = seeds.astype(np.uint64)
    for place in range(_ID_LETTERS):
        rest = rest * np.uint64(6_364_136_223_846_793_005) + np.uint64(1_442_695_040_888_963_407)
        texts[:, place] = letters[(rest >> np.uint64(40)) % np.uint64(len(letters))]
    return pa.array(["R_" + "".join(row) for row in texts.tolist()], pa.string())
