"""Case mix of every network: adjusted cells, and what the models behind them are worth.

One model for each instrument, version, language, informant, collection mode and stage, fitted on
the longest period there is: what a covariate does to alliance is taken to be the same all the time,
while every period is adjusted to the clients of that period. A year's clients alone would give less
certain coefficients, and other ones for each year. Whether a covariate can be told from a site is
asked of the longest period too: in a short one a site may have a single mode by chance.

Cells that are not shown take no part, neither in coefficients nor in a network's mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.asked_networks import NetworksAsked
from orchestration.benchmarking.case_mix import (
    COVARIATE_NOT_IDENTIFIABLE,
    Adjusted,
    CaseMixModel,
    adjust,
    fit_case_mix,
)
from orchestration.benchmarking.case_mix_covariates import Clients, columns_of, is_missing
from orchestration.benchmarking.case_mix_quality import Quality, model_quality
from orchestration.benchmarking.cells import CELL_COLUMNS
from orchestration.benchmarking.decomposition import GapParts, decompose
from orchestration.benchmarking.units import SITE, Row, Units
from orchestration.measures.arrays import Estimate, MeasureUndefined
from orchestration.measures.fixed_design import Words

FAMILY = ("instrument_code", "version", "language", "informant", "collection_mode", "stage")
NO_MODEL = "no_case_mix_model"
"""The clients of this network carry no model; `models` says why."""
CELLS = (
    *CELL_COLUMNS,
    "n_clients",
    "raw",
    "expected",
    "adjusted",
    "adjusted_standard_error",
    "network_mean",
    "largest_share_missing",
    "not_identifiable",
    "reason",
    "gap",
    "gap_case_mix",
    "gap_response",
    "gap_therapists",
    "gap_rest",
    "therapists_share",
)
MODELS = (
    *FAMILY,
    "period",
    "n_sites",
    "n_therapists",
    "n_clients",
    "n_clients_therapist_unknown",
    "variance_therapist",
    "variance_client",
    "r2_within",
    "r2_between",
    "slope",
    "slope_lower95",
    "slope_upper95",
    "reason",
)
COEFFICIENTS = (
    *FAMILY,
    "covariate",
    "category",
    "n_clients",
    "share_missing",
    "reliability",
    "value",
    "standard_error",
    "lower95",
    "upper95",
    "reason",
)
CALIBRATION = (*FAMILY, "decile", "n_clients", "expected", "observed")
_COUNTS = {"n_sites", "n_therapists", "n_clients", "n_clients_therapist_unknown", "decile"}
_TEXTS = {*CELL_COLUMNS, "period", "covariate", "category", "not_identifiable", "reason"}
DETERMINED = "determined_by_others"
WORDS = ("age_band", "service_type", "delivery_mode")


@dataclass(frozen=True)
class CaseMixTables:
    """Columns CELLS, MODELS, COEFFICIENTS and CALIBRATION (deviations from the clients' own sites,
    about the mean of all clients)."""

    cells: pd.DataFrame
    models: pd.DataFrame
    coefficients: pd.DataFrame
    calibration: pd.DataFrame


def case_mix_tables(
    described: Units,
    names: Mapping[str, Sequence[str]],
    published: pd.DataFrame,
    asked: NetworksAsked | None = None,
) -> CaseMixTables:
    """Adjusted values of the `published` cells (CELL_COLUMNS) that `described` has clients of, and
    the parts of their distance from the network; the part of response needs `asked`.

    `described.rows`: one a client of a cell, with `value`, `baseline_severity` (percent of the
    scale), `mean_session_no` and a code of each of WORDS, whose `names` they count, below 0 or NaN
    where unknown. `described.cells`: SITE, FAMILY, `period` and `baseline_error_sd`, in percent of
    the scale and NaN where the instrument's reliability is not known.
    """
    shown = described.cells.merge(
        published.loc[published["metric"] == "mean_score", list(CELL_COLUMNS)],
        how="left",
        on=[name for name in CELL_COLUMNS if name != "metric"],
        indicator=True,
        validate="one_to_one",
    )
    is_shown = (shown["_merge"] == "both").to_numpy(dtype=np.bool_)
    units = Units(described.cells, described.rows.loc[is_shown[described.cell_of_row]])
    found = _Rows([], [], [], [])
    for family, of_family in units.by_network(FAMILY):
        _family(family, of_family, names, asked, found)
    cells = [frame.reindex(columns=list(CELLS)) for frame in found.cells]
    return CaseMixTables(
        pd.concat(cells, ignore_index=True) if cells else _typed([], CELLS),
        _typed(found.models, MODELS),
        _typed(found.coefficients, COEFFICIENTS),
        _typed(found.calibration, CALIBRATION),
    )


def _typed(rows: list[Row], columns: tuple[str, ...]) -> pd.DataFrame:
    """Columns with a type where every value is null, or no row is."""
    types: dict[str, str] = dict.fromkeys(columns, "float64")
    types |= dict.fromkeys(_COUNTS.intersection(columns), "Int64")
    types |= dict.fromkeys(_TEXTS.intersection(columns), "str")
    return pd.DataFrame(rows, columns=list(columns)).astype(types)


@dataclass(frozen=True)
class _Rows:
    cells: list[pd.DataFrame]
    models: list[Row]
    coefficients: list[Row]
    calibration: list[Row]


def _family(
    family: Row,
    units: Units,
    names: Mapping[str, Sequence[str]],
    asked: NetworksAsked | None,
    found: _Rows,
) -> None:
    periods = dict(_periods(units))
    longest = max(periods, key=lambda period: (len(periods[period].rows), period))
    clients = clients_of(periods[longest], names)
    try:
        model = fit_case_mix(clients)
    except MeasureUndefined as undefined:
        found.models.append(family | {"period": longest, "reason": str(undefined)})
        for of_period in periods.values():
            found.cells.append(_cells_without(of_period, names))
        return
    quality = model_quality(model, clients)
    found.models.append(family | {"period": longest} | _model_row(model, quality))
    found.coefficients.extend(family | row for row in _coefficients(model, clients))
    middle = float(clients.value.mean())
    found.calibration.extend(
        family
        | {"decile": number, "n_clients": each.n_clients}
        | {"expected": middle + each.expected, "observed": middle + each.observed}
        for number, each in enumerate(quality.deciles, start=1)
    )
    constant = adjust(model, clients).not_identifiable
    order = _places(periods[longest]).set_index(list(SITE)).index
    for of_period in periods.values():
        at = order.get_indexer(_places(of_period).set_index(list(SITE)).index)
        of_sites = np.where((at >= 0)[:, None], constant[at], True)
        of_period_clients = clients_of(of_period, names)
        adjusted = adjust(model, of_period_clients, of_sites)
        weight = None if asked is None else asked.weights(family, of_period)
        parts = decompose(of_period_clients, adjusted, weight)
        found.cells.append(_cells(of_period, adjusted, model.coding.covariates, parts))


def _periods(units: Units) -> Iterator[tuple[str, Units]]:
    for named, of_period in units.by_network(("period",)):
        yield str(named["period"]), of_period


def clients_of(units: Units, names: Mapping[str, Sequence[str]]) -> Clients:
    """The clients of one network, its sites numbered in the order of their cells."""
    rows = units.rows
    cells, site = np.unique(units.cell_of_row, return_inverse=True)
    session = rows["mean_session_no"].to_numpy(dtype=np.float64)
    error = units.cells["baseline_error_sd"].astype("float64").iloc[int(cells[0])]
    return Clients(
        site=site.astype(np.intp),
        n_sites=int(cells.size),
        therapist=rows["therapist_no"].to_numpy(dtype=np.intp),
        value=rows["value"].to_numpy(dtype=np.float64),
        numbers={
            "baseline_severity": rows["baseline_severity"].to_numpy(dtype=np.float64),
            # The first sessions matter more, and the longest treatments must not decide the slope.
            "log_session_no": np.log(session),
        },
        words={
            name: Words(rows[name].fillna(-1).to_numpy(dtype=np.int64), names[name])
            for name in WORDS
        },
        error_sd={"baseline_severity": float(error)} if np.isfinite(error) else {},
    )


def _places(units: Units) -> pd.DataFrame:
    cells = units.cells.iloc[np.unique(units.cell_of_row)]
    return cells[[*SITE, *FAMILY, "period"]].assign(metric="mean_score")


def _cells(
    units: Units, adjusted: Adjusted, covariates: Sequence[str], parts: GapParts
) -> pd.DataFrame:
    lacking = np.full(adjusted.raw.size, "", dtype=object)
    for place, covariate in enumerate(covariates):
        has = adjusted.not_identifiable[:, place]
        lacking[has] += np.where(lacking[has] == "", "", ",").astype(object) + covariate
    reason = np.full(lacking.size, None, dtype=object)
    reason[lacking != ""] = COVARIATE_NOT_IDENTIFIABLE
    lacking[lacking == ""] = None
    return _places(units).assign(
        n_clients=adjusted.n_clients.astype(np.int64),
        raw=adjusted.raw,
        expected=adjusted.expected,
        adjusted=adjusted.adjusted,
        adjusted_standard_error=adjusted.adjusted_standard_error,
        network_mean=adjusted.network_mean,
        largest_share_missing=adjusted.share_missing.max(axis=1, initial=0.0),
        not_identifiable=lacking,
        reason=reason,
        gap=parts.gap,
        gap_case_mix=parts.case_mix,
        gap_response=parts.response,
        gap_therapists=parts.therapists,
        gap_rest=parts.rest,
        therapists_share=parts.therapists_share,
    )


def _cells_without(units: Units, names: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    clients = clients_of(units, names)
    n = np.bincount(clients.site, minlength=clients.n_sites)
    raw = np.bincount(clients.site, weights=clients.value, minlength=clients.n_sites) / n
    return _places(units).assign(n_clients=n, raw=raw, reason=NO_MODEL)


def _model_row(model: CaseMixModel, quality: Quality) -> Row:
    slope = quality.slope or Estimate(*(float("nan"),) * 4)
    return {
        "n_sites": model.n_sites,
        "n_therapists": model.n_therapists,
        "n_clients": model.n_clients,
        "n_clients_therapist_unknown": model.n_therapist_unknown,
        "variance_therapist": model.variance_therapist,
        "variance_client": model.variance_client,
        "r2_within": quality.r2_within,
        "r2_between": quality.r2_between,
        "slope": slope.value,
        "slope_lower95": slope.lower95,
        "slope_upper95": slope.upper95,
    }


def _coefficients(model: CaseMixModel, clients: Clients) -> Iterator[Row]:
    """Every column of the model, then the covariates left out of it."""
    coding = model.coding
    matrix = columns_of(coding, clients)
    missing = is_missing(coding, matrix).mean(axis=0)
    reliability = model.within.reliability
    for place, (column, estimate) in enumerate(zip(coding.columns, model.estimates(), strict=True)):
        covariate, _, category = column.partition(": ")
        known = matrix[np.isfinite(matrix[:, place]), place]
        row: Row = {
            "covariate": covariate,
            "category": category or None,
            "n_clients": int(known.sum()) if category else known.size,
            "share_missing": float(missing[coding.owner[place]]),
            "reliability": float(reliability[place]) if coding.error_variance[place] else None,
        }
        if model.is_dropped[place]:
            yield row | {"reason": DETERMINED}
        else:
            yield row | {
                "value": estimate.value,
                "standard_error": estimate.standard_error,
                "lower95": estimate.lower95,
                "upper95": estimate.upper95,
            }
    for covariate, reason in coding.left_out.items():
        yield {"covariate": covariate, "reason": reason}
