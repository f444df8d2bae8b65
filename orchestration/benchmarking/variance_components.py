"""How much of all variation of one form lies between sites, therapists, clients and sessions.

Of the sites that may be shown, since a share between sites would else say something of a hidden
one. What lies between therapists is an answer about the network; of no therapist is anything said.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.associations import TOO_FEW_CLIENTS, TOO_FEW_SITES
from orchestration.benchmarking.units import (
    FORM,
    NO_THERAPIST,
    SIZES,
    Row,
    Units,
    counted_together,
)
from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.mixed_model import MixedModel, fit_mixed_model
from orchestration.measures.variance_shares import Share

FEWEST_CLIENTS = 1_200
"""Ours: below it a therapist's share of a few percent is hardly told from none."""
FEWEST_SITES = 2
LEVELS = ("site", "therapist", "client")
SESSION = "session"
"""What is left: between the forms of one client, the errors of measurement among it."""
COLUMNS = (
    *FORM,
    "period",
    "level",
    "n_sites",
    *SIZES,
    "n_forms",
    "n_forms_without_therapist",
    "n_labels",
    "variance",
    "value",
    "lower95",
    "upper95",
    "is_singular",
    "sentence",
    "minimum",
    "null_reason",
    "interval_null_reason",
)
NOT_ESTIMABLE, NO_VARIANCE = "not_estimable", "no_variance_found"
_SINGULAR = (
    "No variation between the labels of {} was found beyond what the rest of the model explains; "
    "it was set to zero, which does not show that there is none (a singular fit)."
)


def variance_components_table(forms: Units, thresholds: Thresholds) -> pd.DataFrame:
    """Four rows, by `level`, per network (FORM); columns COLUMNS.

    `forms.rows`: one a form of the client or child with `total`. Random intercepts of site,
    therapist and client, a therapist of two sites being one (mixed_model.py); `variance` in squared
    scale points, `value` its share of all (0 to 1). Forms whose therapist is unknown are left out
    and counted. A share of exactly 0 has no interval and a `sentence` that says what that means.
    """
    rows: list[Row] = []
    known = forms.where(forms.rows["therapist_no"] != NO_THERAPIST).of_shown_sites(thresholds)
    shown_cells = known.rows["cell_no"].unique()
    left_out = forms.where(
        (forms.rows["therapist_no"] == NO_THERAPIST) & forms.rows["cell_no"].isin(shown_cells)
    )
    network_of = forms.cells.groupby(list(FORM), dropna=False).ngroup().to_numpy()
    n_left_out = np.bincount(network_of[left_out.cell_of_row], minlength=len(forms.cells))
    for names, units in known.by_network(FORM):
        network = network_of[units.rows["cell_no"].iloc[0]]
        common: Row = {
            **names,
            **counted_together(units),
            "period": "all",
            "n_forms": len(units.rows),
            "n_forms_without_therapist": int(n_left_out[network]),
            "minimum": FEWEST_CLIENTS,
        }
        rows += [common | row for row in _rows(units, common)]
    whole = ("n_sites", "n_clients", "n_therapists", "n_forms", "n_forms_without_therapist")
    types: dict[str, str] = dict.fromkeys(COLUMNS, "float64")
    types |= dict.fromkeys((*whole, "n_labels", "minimum"), "Int64") | {"is_singular": "boolean"}
    words = ("period", "level", "sentence", "null_reason", "interval_null_reason")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        types | dict.fromkeys((*FORM, *words), "str")
    )


def _rows(units: Units, sizes: Row) -> Iterator[Row]:
    reason = None
    model = None
    if sizes["n_clients"] < FEWEST_CLIENTS:
        reason = TOO_FEW_CLIENTS
    elif sizes["n_sites"] < FEWEST_SITES:
        reason = TOO_FEW_SITES
    else:
        try:
            model = _fitted(units)
        except MeasureUndefined:
            reason = NOT_ESTIMABLE
    if model is None:
        for level in (*LEVELS, SESSION):
            yield {"level": level, "null_reason": reason}
        return
    for each in model.components:
        is_zero = each.variance == 0
        yield {
            "level": each.group,
            "n_labels": each.n_labels,
            "variance": each.variance,
            "sentence": _SINGULAR.format(each.group) if is_zero else None,
        } | _share(each.share, model)
    yield {"level": SESSION, "variance": model.residual} | _share(model.residual_share, model)


def _fitted(units: Units) -> MixedModel:
    groups = {
        "site": units.cell_of_row.astype(np.int64),
        "therapist": units.rows["therapist_no"].to_numpy(dtype=np.int64),
        "client": units.rows["client_no"].to_numpy(dtype=np.int64),
    }
    return fit_mixed_model(units.rows["total"].to_numpy(dtype=np.float64), groups)


def _share(share: Share, model: MixedModel) -> Row:
    why = None
    if share.lower95 is None:
        why = NO_VARIANCE if share.value == 0 else NOT_ESTIMABLE
    return {
        "value": share.value,
        "lower95": share.lower95,
        "upper95": share.upper95,
        "is_singular": model.is_singular,
        "interval_null_reason": why,
    }
