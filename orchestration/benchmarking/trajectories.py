"""The course of the alliance over a treatment, by site and over all shown sites.

Descriptive: its shape does not predict outcome (Stevens et al. 2007). Sites that may not be shown
have no part in any model, since all of a network's sites share its variances; of theirs there are
counts alone, and the release says that they are too few.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.associations import TOO_FEW_CLIENTS, estimated
from orchestration.benchmarking.units import FORM, SITE, SIZES, Row, Units, counted_together
from orchestration.measures.trajectories import (
    FEWEST_CLIENTS,
    FEWEST_FORMS,
    FEWEST_FORMS_CURVED,
    Course,
    Courses,
    site_courses,
)

FIGURES = {"level": (1, 0), "slope": (1, 1), "curvature": (2, 2)}
"""Degree of the model a figure is taken from, and which of its terms."""
COLUMNS = (
    *SITE,
    *FORM,
    "period",
    "figure",
    "n_sites",
    *SIZES,
    "n_clients_short",
    "n_forms",
    "n_forms_wanted",
    "value",
    "standard_error",
    "lower95",
    "upper95",
    "minimum",
    "null_reason",
)
NOT_SHOWN, NOT_ESTIMABLE = "not_shown", "not_estimable"


def trajectories_table(forms: Units, thresholds: Thresholds) -> pd.DataFrame:
    """Three rows, `level`, `slope` and `curvature`, per site x FORM and per network (site null);
    columns COLUMNS.

    `forms.rows`: one a form of the client or child with `treatment_no`, `session_no` and `total`.
    The level is that at session 1 (scale points), the slope its change a session, the curvature the
    coefficient of the squared session number. A treatment, not a client, has a course: whoever
    begins again begins at session 1. `n_forms_wanted` are the sessions with a form that it needs,
    `minimum` the treatments of that kind that a site needs, and n_clients_short the people who have
    a form and no such treatment.
    """
    rows: list[Row] = []
    at_sessions = forms.rows.groupby(["cell_no", "treatment_no"])["session_no"]
    n_sessions = at_sessions.transform("nunique")
    for degree, wanted in ((1, FEWEST_FORMS), (2, FEWEST_FORMS_CURVED)):
        has_course = n_sessions >= wanted
        short = _clients_short(forms, has_course)
        shown = forms.where(has_course).of_shown_sites(thresholds)
        figures = [figure for figure, (of, _) in FIGURES.items() if of == degree]
        for names, network in shown.by_network(FORM):
            found = _courses(network, degree)
            kept = [course.site for course in found.sites if course.terms]
            together = network.where(network.rows["cell_no"].isin(kept))
            common: Row = {
                **names,
                **counted_together(together),
                "n_clients_short": int(short.reindex(kept, fill_value=0).sum()),
                "n_forms": len(together.rows),
                "n_forms_wanted": wanted,
            }
            rows += [common | row for row in _rows(found.network, figures)]
            by_site = {course.site: course for course in found.sites}
            for cell, units in network.by_cell():
                number = int(units.rows["cell_no"].iloc[0])
                common = _counted(cell, int(short[number]), units, wanted)
                rows += [common | row for row in _rows(by_site[number], figures)]
        # Every other site, those without a single such treatment among them.
        all_courses = forms.where(has_course)
        for number in sorted(set(forms.rows["cell_no"]) - set(shown.rows["cell_no"])):
            units = all_courses.where(all_courses.rows["cell_no"] == number)
            common = _counted(forms.cells.iloc[number], int(short[number]), units, wanted)
            reason = NOT_SHOWN if len(units.rows) else TOO_FEW_CLIENTS
            rows += [common | _row(figure) | {"null_reason": reason} for figure in figures]
    whole = ("n_sites", "n_clients", "n_therapists", "n_clients_short", "n_forms")
    types: dict[str, str] = dict.fromkeys(COLUMNS, "float64")
    types |= dict.fromkeys((*whole, "n_forms_wanted", "minimum"), "Int64")
    types |= dict.fromkeys((*SITE, *FORM, "period", "figure", "null_reason"), "str")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types)


def _courses(network: Units, degree: int) -> Courses:
    return site_courses(
        network.cell_of_row.astype(np.int64),
        network.rows["treatment_no"].to_numpy(dtype=np.int64),
        network.rows["session_no"].to_numpy(dtype=np.float64),
        network.rows["total"].to_numpy(dtype=np.float64),
        degree=degree,
        therapist=network.rows["therapist_no"].to_numpy(dtype=np.int64),
    )


def _clients_short(forms: Units, has_course: "pd.Series[bool]") -> "pd.Series[int]":
    """Of each cell, clients with a form and without a treatment that has a course."""
    by_client = has_course.groupby([forms.rows["cell_no"], forms.rows["client_no"]]).any()
    return (~by_client).groupby(level=0).sum().astype("int64")


def _counted(cell: "pd.Series[Any]", n_short: int, units: Units, wanted: int) -> Row:
    return {
        **cell[[*SITE, *FORM]].to_dict(),
        **counted_together(units),
        "n_clients_short": n_short,
        "n_forms": len(units.rows),
        "n_forms_wanted": wanted,
    }


def _rows(course: Course, figures: list[str]) -> Iterator[Row]:
    for figure in figures:
        estimate = course.terms[FIGURES[figure][1]] if course.terms else None
        reason = None
        if estimate is None:
            is_few = not course.terms and course.n_clients < FEWEST_CLIENTS
            reason = TOO_FEW_CLIENTS if is_few else NOT_ESTIMABLE
        yield _row(figure) | estimated(estimate) | {"null_reason": reason}


def _row(figure: str) -> Row:
    return {"period": "all", "figure": figure, "minimum": FEWEST_CLIENTS}
