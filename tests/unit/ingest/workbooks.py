"""Made-up workbooks, written by a program of its own, and ways to tamper with them."""

import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

Row = Sequence[Any]


def workbook(
    rows: Sequence[Row], touch: Callable[[Any, Any], None] | None = None, sheet: str = "Export"
) -> bytes:
    """A workbook of one sheet; `touch` gets the workbook and the sheet before it is closed."""
    stream = BytesIO()
    # An address in a cell stays a text there: a link is a part of the sheet, planted by itself.
    options = {"in_memory": True, "default_date_format": "yyyy-mm-dd", "strings_to_urls": False}
    book = xlsxwriter.Workbook(stream, options)
    page = book.add_worksheet(sheet)
    for number, row in enumerate(rows):
        page.write_row(number, 0, row)
    if touch:
        touch(book, page)
    book.close()
    return stream.getvalue()


def tampered(
    content: bytes,
    change: dict[str, Callable[[bytes], bytes]] | None = None,
    add: dict[str, bytes] | None = None,
) -> bytes:
    """The archive with some members changed and others added."""
    stream = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(content)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            member = old.read(name)
            for ending, edit in (change or {}).items():
                if name.endswith(ending):
                    edited = edit(member)
                    assert edited != member, "nothing was changed"
                    member = edited
            new.writestr(name, member)
        for name, member in (add or {}).items():
            new.writestr(name, member)
    return stream.getvalue()


def replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    """An edit for `tampered`."""
    return lambda content: content.replace(old.encode(), new.encode())
