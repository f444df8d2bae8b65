"""Which writer writes which format. Adding a format is a module beside this one and a line here."""

from collections.abc import Callable, Mapping
from pathlib import Path

from expectations.practice import Contract, FileSpec
from orchestration.simulation.native_exported import Exported
from orchestration.simulation.native_fhir import ResponseFile, response_cells
from orchestration.simulation.native_files import NativeFile, TextFile
from orchestration.simulation.native_parquet import ParquetFile
from orchestration.simulation.native_qualtrics import SurveyFile, survey_cells
from orchestration.simulation.native_redcap import record_cells
from orchestration.simulation.native_rows import Cells, long_cells, table_cells, wide_cells
from orchestration.simulation.native_types import Feeds
from orchestration.simulation.native_workbook import WorkbookFile
from orchestration.simulation.schedules import FormIdentity, identity_of


def one_feed_cells(spec: FileSpec, exported: Exported) -> Cells:
    """Cells of a file that carries one feed, in the mapping's layout."""
    (mapping,) = spec.mappings
    if mapping.layout == "table":
        return table_cells(spec, mapping, exported.frame(spec, mapping))
    if mapping.layout == "wide":
        return wide_cells(spec, mapping, exported.forms)
    return long_cells(spec, mapping, exported.forms)


CELLS: Mapping[str, Callable[[FileSpec, Exported], Cells]] = {
    "csv": one_feed_cells,
    "xlsx": one_feed_cells,
    "parquet": one_feed_cells,
    "redcap": record_cells,
    "qualtrics": survey_cells,
    "fhir": response_cells,
}
FILES: Mapping[str, Callable[[Path, FileSpec, Feeds], NativeFile]] = {
    "csv": lambda path, spec, _: TextFile(path, spec),
    "xlsx": WorkbookFile,
    "parquet": ParquetFile,
    "redcap": lambda path, spec, _: TextFile(path, spec),
    "qualtrics": lambda path, spec, _: SurveyFile(path, spec),
    "fhir": lambda path, spec, _: ResponseFile(path, spec),
}
_WITH_SEVERAL_FEEDS = ("redcap",)


def carried_forms(contract: Contract) -> set[FormIdentity]:
    """The questionnaires that the files of a contract carry.

    ValueError for a file of several feeds in a format that is written with one alone.
    """
    found: set[FormIdentity] = set()
    for spec in contract.files:
        if len(spec.mappings) != 1 and spec.format not in _WITH_SEVERAL_FEEDS:
            raise ValueError(
                f"file {spec.file} carries {len(spec.mappings)} feeds; in format {spec.format} "
                "the simulation writes one feed a file"
            )
        for mapping in spec.mappings:
            found |= {identity_of(form) for form in mapping.forms}
            if mapping.long is not None:
                found |= {identity_of(form) for form in mapping.long.identity.values()}
    return found
