"""The XML of a workbook, read as a stream by a parser that expands nothing.

What the reader of cells does not tell is told here and in `sheet_xml`: which sheets there are, and
which texts stand outside the cells.
"""

import re
from dataclasses import dataclass
from io import BytesIO
from xml.sax.handler import ContentHandler, property_lexical_handler
from xml.sax.xmlreader import AttributesImpl

import defusedxml.expatreader

from orchestration.ingest.readers.damage import refused_when_damaged

MAX_DEPTH = 64
_STANDARD_ADDRESS = re.compile(
    r"(?:https?://(?:schemas\.openxmlformats\.org|schemas\.microsoft\.com|purl\.oclc\.org|purl\.org"
    r"|www\.w3\.org|purl\.openoffice\.org)|urn:schemas-microsoft-com|[a-z]+:[a-z]+:schemas-[a-z-]+)"
    r"[A-Za-z0-9/.:#_-]*"
)
"""Names of the format's own parts. They look like web addresses and lead nowhere."""
_OWN_WORDS = re.compile(
    r"\{[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}"
    r"|LibreOffice/[0-9.]+\$[A-Za-z0-9_/ .:()$-]*"
)
"""Identifiers of parts, which can look like a card's number, and the name of a program, whose
version can look like a network address."""
_NAMESPACE = re.compile(r"[a-z]+:[\w/.:#-]*")
_ENCODING = re.compile(rb"""^[^>]*?encoding\s*=\s*["']([^"']*)["']""")


class Texts(ContentHandler):
    """Every text and attribute of a part, notes of the XML itself included."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self._depth = 0
        self._pieces: list[str] = []

    def parse(self, content: bytes) -> None:
        """Read one part. Raises DeliveryRefused: damaged_file."""
        with refused_when_damaged("XLSX"):
            if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:4]:
                raise ValueError("not UTF-8")
            declared = _ENCODING.match(content[:200])
            if declared and declared.group(1).lower() not in (b"utf-8", b"us-ascii"):
                raise ValueError("not UTF-8")
            parser = defusedxml.expatreader.create_parser(forbid_dtd=True)
            parser.setContentHandler(self)
            parser.setProperty(property_lexical_handler, _Notes(self))
            parser.parse(BytesIO(content))

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        """See ContentHandler."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if self._pieces:
            self.flush()
        self.opened(name.rpartition(":")[2] if ":" in name else name, attrs)

    def endElement(self, name: str) -> None:  # noqa: N802
        """See ContentHandler."""
        self._depth -= 1
        self.closed(name.rpartition(":")[2] if ":" in name else name)
        if self._pieces:
            self.flush()

    def characters(self, content: str) -> None:
        """A piece of text; the parser may hand over one text in several."""
        self._pieces.append(content)

    def processingInstruction(self, target: str, data: str) -> None:  # noqa: N802
        """See ContentHandler."""
        self.texts.add(f"{target} {data}")

    def opened(self, name: str, attrs: AttributesImpl) -> None:
        """An element begins; `name` is without its prefix."""
        self.keep(attrs)

    def closed(self, name: str) -> None:
        """An element ends; `taken` gives its last text."""

    def keep(self, attrs: AttributesImpl) -> None:
        """Keep an element's attributes for the search."""
        for name, value in attrs.items():
            is_namespace = name.partition(":")[0] == "xmlns" and _NAMESPACE.fullmatch(value)
            if not is_namespace and not _STANDARD_ADDRESS.fullmatch(value):
                self._add(value)

    def taken(self) -> str:
        """The text since the last tag, which is then not kept for the search."""
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    def flush(self) -> None:
        """Keep the text since the last tag."""
        if self._pieces and (text := self.taken().strip()):
            self._add(text)

    def _add(self, text: str) -> None:
        if not _OWN_WORDS.fullmatch(text):
            self.texts.add(text)


class _Notes:
    """Comments of the XML; the other events of this interface are of no interest."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def comment(self, content: str) -> None:
        self._texts.texts.add(content)

    def startDTD(self, *_: object) -> None: ...  # noqa: N802
    def endDTD(self) -> None: ...  # noqa: N802
    def startCDATA(self) -> None: ...  # noqa: N802
    def endCDATA(self) -> None: ...  # noqa: N802


@dataclass(frozen=True)
class SheetEntry:
    """A sheet as the workbook lists it."""

    name: str
    is_hidden: bool
    relation_id: str


class WorkbookPart(Texts):
    """The list of sheets."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[SheetEntry] = []
        self.is_computed_on_load = False

    def opened(self, name: str, attrs: AttributesImpl) -> None:
        """See Texts."""
        self.keep(attrs)
        if name == "sheet":
            relation = next((value for key, value in attrs.items() if key.endswith(":id")), "")
            hidden = attrs.get("state", "visible") != "visible"
            self.sheets.append(SheetEntry(attrs.get("name", ""), hidden, relation))
        if name == "calcPr":
            self.is_computed_on_load = attrs.get("fullCalcOnLoad", "0") in ("1", "true")


class Relations(Texts):
    """Relation id -> target and kind of a part's relations."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[str, tuple[str, str]] = {}

    def opened(self, name: str, attrs: AttributesImpl) -> None:
        """See Texts."""
        self.keep(attrs)
        if name == "Relationship":
            kind = attrs.get("Type", "").rpartition("/")[2]
            self.targets[attrs.get("Id", "")] = (attrs.get("Target", ""), kind)


class SharedStrings(Texts):
    """The table of texts that cells point to, in its order; phonetic guides are kept apart."""

    def __init__(self) -> None:
        super().__init__()
        self.strings: list[str] = []
        self._current: list[str] = []
        self._in_guide = False

    def opened(self, name: str, attrs: AttributesImpl) -> None:
        """See Texts."""
        self.keep(attrs)
        if name == "si":
            self._current = []
        self._in_guide = self._in_guide or name == "rPh"

    def closed(self, name: str) -> None:
        """See Texts."""
        if name == "t" and not self._in_guide:
            self._current.append(self.taken())
        elif name == "si":
            self.strings.append("".join(self._current))
        elif name == "rPh":
            self.flush()
            self._in_guide = False
