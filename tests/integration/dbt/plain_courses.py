"""The crowd's courses out of the arrays that measured_crowd.py draws, without any SQL."""

from typing import Any

import numpy as np
import pytest

from orchestration.measures.trajectories import FEWEST_FORMS_CURVED, site_courses
from tests.integration.dbt.measured_crowd import CROWD, SITES


def plain_courses(totals: str) -> list[tuple[Any, ...]]:
    """Site (None for both together), figure, value, lower95, n_clients, n_clients_short, n_forms,
    n_sites of the forms in this field of a client; everybody has a form at each session."""
    therapists = sorted({one.therapist for one in CROWD})
    forms = [
        (SITES.index(one.site), number, place + 1.0, total, therapists.index(one.therapist))
        for number, one in enumerate(CROWD)
        for place, total in enumerate(getattr(one, totals))
    ]
    columns = [np.array(each) for each in zip(*forms, strict=True)]
    is_long = np.array([one.n_sessions >= FEWEST_FORMS_CURVED for one in CROWD])[columns[1]]
    models = {}
    for degree, some in ((1, columns), (2, [each[is_long] for each in columns])):
        *form, therapist = some
        models[degree] = site_courses(*form, degree=degree, therapist=therapist)
    rows: list[tuple[Any, ...]] = []
    for place, site_id in enumerate((*SITES, None)):
        line, curve = ((*each.sites, each.network)[place] for each in models.values())
        for figure, course, term in (
            ("curvature", curve, 2),
            ("level", line, 0),
            ("slope", line, 1),
        ):
            one = course.terms[term]
            assert one is not None
            found = (pytest.approx(each, abs=1e-5) for each in (one.value, one.lower95))
            n_short = line.n_clients - course.n_clients
            counts = (course.n_clients, n_short, course.n_forms, 1 if site_id else len(SITES))
            rows.append((site_id, figure, *found, *counts))
    return rows
