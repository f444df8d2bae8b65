"""One sound delivery of each shape, with a text planted in its cells that must never come back.

Every shape can be written again from its cells, so that a mutation may change the bytes or what
they say.
"""

import copy
import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from expectations.model import FeedName
from tests.integration import small_group as group
from tests.unit.ingest import declarations, fhir_declarations, survey_exports
from tests.unit.ingest.workbooks import workbook

PLANTED = "zqplanted"
"""In ids, in a discarded column and in FHIR's wording; in no name of a column."""
PRACTICE = "brook"
DAY = "20260930"

Grid = list[list[Any]]
Kind = Literal["text", "gzip", "xlsx", "parquet", "json"]


@dataclass(frozen=True)
class Delivery:
    """A shape's sound delivery. `grid` are its cells with `n_headers` rows of names before them;
    a FHIR delivery has `responses` in their place. `written` makes bytes of either."""

    shape: str
    kind: Kind
    feed: FeedName
    name: str
    declared: dict[str, Any]
    written: Callable[[Any], bytes]
    grid: Grid
    responses: tuple[dict[str, Any], ...] = ()
    n_headers: int = 1
    delimiter: str = ","
    encoding: str = "utf-8"

    @property
    def content(self) -> bytes:
        """The sound bytes."""
        return self.written(self.responses or self.grid)

    def file_name(self, number: int) -> str:
        """A name that the contract's pattern fits, a new one for each number."""
        stem, ending = self.name.split(".", 1)
        return f"{stem}_{number:06d}.{ending}"


def delimited(
    rows: Sequence[Sequence[Any]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    quote_all: bool = False,
    line_end: str = "\n",
    mark: bytes = b"",
) -> bytes:
    """Cells as delimited text; `mark` is the byte order mark of an export that has one."""
    out = io.StringIO(newline="")
    csv.writer(
        out,
        delimiter=delimiter,
        lineterminator=line_end,
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
    ).writerows(rows)
    # Half characters go through as they are; a letter that Latin-1 lacks, as its programs write it.
    unfit = "replace" if encoding == "latin-1" else "surrogatepass"
    return mark + out.getvalue().encode(encoding, unfit)


def _gzipped(rows: Grid) -> bytes:
    return gzip.compress(delimited(rows, delimiter=";"), mtime=0)


def _typed(row: Sequence[Any]) -> list[Any]:
    """As a spreadsheet holds it: days as days, answers as numbers, nothing where nothing was."""

    def cell(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(text) < 10:
            return int(text)
        try:
            return datetime.strptime(text, "%d.%m.%Y").date()
        except ValueError:
            return text or None

    return [cell(each) for each in row]


def _xlsx(rows: Grid) -> bytes:
    return workbook([rows[0], *map(_typed, rows[1:])])


def _parquet(rows: Grid) -> bytes:
    """Columns of one type where their cells are, else of text; names may repeat, as in a file."""
    header, *lines = [row[: len(rows[0])] for row in rows]
    typed = [_typed(row) for row in lines]
    columns = []
    for number in range(len(header)):
        cells = [row[number] if number < len(row) else None for row in typed]
        if len({type(cell) for cell in cells if cell is not None}) > 1:
            cells = [None if cell is None else str(cell) for cell in cells]
        columns.append(pa.array(cells))
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=header), stream)
    return stream.getvalue()


def _of(declared: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A declaration under another name; formats that know days have them as such."""
    changed = {**copy.deepcopy(declared), **options}
    if options.get("format") in ("xlsx", "parquet"):
        changed["mappings"][0]["date_format"] = "%Y-%m-%d"
    return changed


def _planted(text: str) -> Grid:
    """The small group's rows with planted ids and a planted word in the discarded column."""
    rows = [line.split(";") for line in text.splitlines()]
    for row in rows[1:]:
        row[0], row[1] = PLANTED + row[0], PLANTED + row[1]
        row[-1] = PLANTED
    return rows


_WIDE = _planted(group.FORMS)
_ACCENTED: Grid = [_WIDE[0], *([*row[:-1], f"{PLANTED} \u00e9t\u00e9"] for row in _WIDE[1:])]
_LONG: Grid = [
    ["client", "visit", "day", "measure", "item", "answer"],
    *(
        [f"{PLANTED}{client}", f"{PLANTED}v{client}", "2026-02-03", "SF", f"Q{item}", str(answer)]
        for client, answers in enumerate(((1, 2, 3), (4, 5, 1), (2, 2, 2)), start=1)
        for item, answer in enumerate(answers, start=1)
    ),
]
_TOTALS: Grid = [
    ["id", "time", "when", "score"],
    *([f"{PLANTED}{n}", str(n % 2), f"2026-02-{n:02d}", str(7 * n % 64)] for n in range(1, 7)),
]
_EPISODES: Grid = [
    ["episode", "client", "place", "start", "state", "age"],
    *(
        [f"{PLANTED}e{n}", f"{PLANTED}{n}", "NS"[n % 2], f"2026-01-{n:02d}", "open", str(15 + n)]
        for n in range(1, 6)
    ),
]
_TOTALS_FILE: dict[str, Any] = {
    "file": "totals",
    "pattern": "totals_*.csv",
    "mappings": [
        {
            "feed": "administrations",
            "layout": "wide",
            "columns": {
                "client_id": {"from": "id"},
                "occasion": {"from": "time"},
                "completed_on": {"from": "when"},
                "status": {"constant": "completed"},
            },
            "forms": [
                {
                    "instrument_code": "bdi",
                    "version": "2",
                    "language": "de",
                    "informant": "client",
                    "total": "score",
                }
            ],
        }
    ],
}


def _long_file() -> dict[str, Any]:
    declared = _of(declarations.LONG_FILE)
    declared["mappings"][0]["columns"]["status"] = {"constant": "completed"}
    return declared


def _survey(content: bytes, n_headers: int, id_column: str, encoding: str = "utf-8-sig") -> Grid:
    rows = list(csv.reader(io.StringIO(content.decode(encoding), newline="")))
    at = rows[0].index(id_column)
    for row in rows[n_headers:]:
        row[at] = PLANTED + row[at]
    return rows


def _fhir(name: str) -> list[dict[str, Any]]:
    """Three responses of a client each, all wording planted."""
    made = [
        fhir_declarations.response(f"{PLANTED}-{name}{n}", [(n + i) % 4 for i in range(9)])
        for n in range(1, 4)
    ]
    for number, each in enumerate(made, start=1):
        each["subject"] = {"reference": f"Patient/{PLANTED}-{number}"}
        for item in each["item"]:
            item["text"] = f"{PLANTED} question"
            item["answer"][0]["valueCoding"]["display"] = f"{PLANTED} answer"
    return made


def _stu3() -> list[dict[str, Any]]:
    made = []
    for number in range(1, 4):
        each = copy.deepcopy(fhir_declarations.NESTED_STU3)
        each["id"] = f"{PLANTED}-s{number}"
        each["subject"] = {"reference": f"Patient/{PLANTED}-{number}"}
        made.append(each)
    return made


def _ndjson(responses: Sequence[Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in responses).encode()


def _bundle(responses: Sequence[Any]) -> bytes:
    entries = [{"resource": each} for each in responses]
    document = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(document, indent=1).encode()


def deliveries() -> dict[str, Delivery]:
    """Every shape by its name."""
    semicolons = {"delimiter": ";", "decimal_mark": ","}
    wide = declarations.WIDE_FILE
    mark = b"\xef\xbb\xbf"
    found = [
        Delivery("wide", "text", "administrations", f"forms_{DAY}.csv", _of(wide),
                 partial(delimited, delimiter=";"), _WIDE, delimiter=";"),
        Delivery("tsv", "text", "administrations", f"tabs_{DAY}.tsv",
                 _of(wide, file="tabs", pattern="tabs_*.tsv", exported_at=r"tabs_(\d{8})",
                     dialect={"delimiter": "\t", "decimal_mark": ","}),
                 partial(delimited, delimiter="\t"), _WIDE, delimiter="\t"),
        Delivery("latin_1", "text", "administrations", f"west_{DAY}.csv",
                 _of(wide, file="west", pattern="west_*.csv", exported_at=None,
                     dialect={**semicolons, "encoding": "latin-1"}),
                 partial(delimited, delimiter=";", encoding="latin-1"), _ACCENTED, delimiter=";",
                 encoding="latin-1"),
        Delivery("utf_16", "text", "administrations", f"two_bytes_{DAY}.csv",
                 _of(wide, file="two_bytes", pattern="two_bytes_*.csv", exported_at=None,
                     dialect={**semicolons, "encoding": "utf-16"}),
                 partial(delimited, delimiter=";", encoding="utf-16"), _WIDE, delimiter=";",
                 encoding="utf-16"),
        Delivery("gzip", "gzip", "administrations", f"packed_{DAY}.csv.gz",
                 _of(wide, file="packed", pattern="packed_*.csv.gz", exported_at=None,
                     dialect={**semicolons, "compression": "gzip"}),
                 _gzipped, _WIDE, delimiter=";"),
        Delivery("xlsx", "xlsx", "administrations", f"book_{DAY}.xlsx",
                 _of(wide, file="book", format="xlsx", pattern="book_*.xlsx", exported_at=None,
                     dialect={"decimal_mark": ","}),
                 _xlsx, _WIDE),
        Delivery("parquet", "parquet", "administrations", f"columns_{DAY}.parquet",
                 _of(wide, file="columns", format="parquet", pattern="columns_*.parquet",
                     exported_at=None, dialect={"decimal_mark": ","}),
                 _parquet, _WIDE),
        Delivery("long", "text", "administrations", f"answers_{DAY}.csv",
                 _long_file(), delimited, _LONG),
        Delivery("totals", "text", "administrations", f"totals_{DAY}.csv", _of(_TOTALS_FILE),
                 delimited, _TOTALS),
        Delivery("episodes", "text", "episodes", f"episodes_{DAY}.csv",
                 _of(declarations.EPISODES_FILE), delimited, _EPISODES),
        Delivery("redcap", "text", "administrations", f"records_{DAY}.csv",
                 _of(survey_exports.REDCAP), delimited,
                 _survey(survey_exports.redcap(), 1, "record_id")),
        Delivery("qualtrics", "text", "administrations", f"survey_{DAY}.csv",
                 _of(survey_exports.QUALTRICS), partial(delimited, mark=mark),
                 _survey(survey_exports.qualtrics(), 3, "ExternalReference"), n_headers=3),
        Delivery("qualtrics_legacy", "text", "administrations", f"legacy_{DAY}.csv",
                 _of(survey_exports.LEGACY, file="legacy", pattern="legacy_*.csv"),
                 partial(delimited, mark=mark),
                 _survey(survey_exports.qualtrics(ids=None), 2, "ExternalReference"), n_headers=2),
        Delivery("fhir", "json", "administrations", f"responses_{DAY}.json",
                 _of(fhir_declarations.FHIR_FILE), _ndjson, [], tuple(_fhir("r"))),
        Delivery("fhir_bundle", "json", "administrations", f"bundle_{DAY}.json",
                 _of(fhir_declarations.FHIR_FILE, file="bundle", pattern="bundle_*"),
                 _bundle, [], tuple(_stu3())),
    ]  # fmt: skip
    return {each.shape: each for each in found}


_EXAMPLES = [
    {
        "name": name,
        "arithmetic": arithmetic,
        "items": dict(enumerate(items, start=1)),
        "scores": {"total": total},
        **({} if total is None else {"pomp": {"total": (total - 3) / 12 * 100}}),
    }
    for name, arithmetic, items, total in (
        ("lowest", "1 + (6 - 5) + 1 = 3", (1, 5, 1), 3),
        ("highest", "5 + (6 - 1) + 5 = 15", (5, 1, 5), 15),
        ("unlike", "2 + (6 - 4) + 5 = 9", (2, 4, 5), 9),
        ("one left out", "complete forms only", (2, None, 5), None),
    )
]


def write_home(home: Path, shapes: Sequence[Delivery]) -> None:
    """A home whose one practice sends every shape."""
    practice = declarations.practice(*(each.declared for each in shapes))
    documents = {
        "group.yml": {
            "group_id": "fuzzed",
            "name": "Fuzzed",
            "time_zone": "Europe/Zurich",
            "sample_practices": False,
        },
        f"practices/{PRACTICE}.yml": practice.model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        ),
        "instruments/short_form.yml": {
            **declarations.INSTRUMENT.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            "examples": _EXAMPLES,
        },
    }
    for name, document in documents.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))
    bdi = Path(__file__).parents[1] / "fixtures/published_trial/instruments/bdi.yml"
    (home / "instruments" / "bdi.yml").write_bytes(bdi.read_bytes())
