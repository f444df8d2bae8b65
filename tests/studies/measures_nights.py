"""A small network's nights: what its warehouse holds of measures, released and remembered.

Between two nights clients arrive late in closed months, values are corrected, clients are withdrawn
and a month closes. Some nights hardly anything changes. Some deliveries are wrong, and are put
right the next night but for a few clients.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration import disclosure_ledger as ledger
from orchestration.disclosure_rows import CELL, digest
from orchestration.release.contents import ALL_PROTECTIONS, MeasureProtections, prepare_measures
from orchestration.release.measure_checks import OF_STRATA
from orchestration.release.measures_gate import attacked_cells
from orchestration.release.publish import ReleaseRefused, write_release
from orchestration.release.standing_rows import let_stand
from orchestration.release.tables import tables_of_measures
from tests.studies.measures_drawn import (
    CHANGES,
    LASTING,
    MONTHS,
    NAME,
    cells_of,
    drawn_people,
    drawn_units,
    fill_cells,
    fill_sketches,
    members_of,
    periods_of,
)
from tests.unit.release.measured_warehouse import measured_warehouse, measuring_registry
from tests.unit.release.small_warehouse import NIGHT, small_meta

THRESHOLDS = Thresholds()
_STEADY = 4
"""One network in so many has a site that only grows, besides two others."""
_MONTHS_BEFORE_A_YEAR_CLOSES = 10
"""There. When a year closes its row has no earlier one to be held against, and of such a site all
periods as they were, less the other years, leave a month of it: that is not covered (docs/runbooks/
a_release_is_refused.md)."""


@dataclass
class Site:
    """The units of one site; `wrong` are those of a delivery that the next night puts right."""

    rng: np.random.Generator
    number: int
    units: pd.DataFrame
    right: pd.DataFrame | None = None

    @classmethod
    def drawn(cls, rng: np.random.Generator, number: int, months: Sequence[str]) -> "Site":
        """A site of 25 to 160 clients."""
        people = drawn_people(rng, number, months)
        return cls(rng, number, drawn_units(rng, people, months))

    def pass_night(self, months: Sequence[str]) -> None:
        """What comes until the next release; `months` are those closed by then."""
        rng = self.rng
        if self.right is not None:
            self.units, self.right = self.right, None
            self._correct(0.01)
            self._withdraw(int(rng.integers(0, 3)))
            return
        kind = rng.choice(["quiet", "calm", "usual", "wrong"], p=[0.15, 0.35, 0.3, 0.2])
        if kind == "quiet":
            self._withdraw(1)
        elif kind == "calm":
            self._arrive(int(rng.choice([4, 14, 30])), months[-1:])
        elif kind == "usual":
            self._withdraw(int(rng.integers(0, 4)))
            self._correct(0.03)
            self._arrive(int(rng.integers(0, 4)), months)
            self._arrive(int(rng.choice([0, 4, 14, 30])), months[-1:])
        else:
            self.right = self.units.copy()
            self._correct(0.5)

    def _arrive(self, n: int, months: Sequence[str]) -> None:
        people = drawn_people(self.rng, self.number, months, n)
        people["client"] += int(self.units["client"].max()) + 1
        self.units = pd.concat(
            [self.units, drawn_units(self.rng, people, months)], ignore_index=True
        )

    def _withdraw(self, n: int) -> None:
        gone = self.rng.choice(self.units["client"].unique(), n, replace=False)
        self.units = self.units[~self.units["client"].isin(gone)].reset_index(drop=True)

    def _correct(self, share: float) -> None:
        """Scores, and of clients their outcome and whether they were reached."""
        rng, units = self.rng, self.units
        value = units["value"].to_numpy(dtype=np.float64).copy()
        metric = units["metric"].to_numpy()
        is_scored = np.isin(metric, ("mean_score", "early_alliance"))
        new = is_scored & (rng.random(len(units)) < share)
        value[new] = np.clip(np.round(value[new] + rng.normal(-3, 4, int(new.sum()))), 0, 40)
        other = (metric == "flow_reached_3") & (rng.random(len(units)) < share)
        value[other] = 1 - value[other]
        clients = units["client"].unique()
        moved = clients[rng.random(clients.size) < share]
        becomes = dict(zip(moved.tolist(), rng.choice(CHANGES, moved.size).tolist(), strict=True))
        of_change = np.isin(metric, CHANGES) & units["client"].isin(moved).to_numpy()
        now = units.loc[of_change, "client"].map(becomes)
        value[of_change] = (metric[of_change] == now.to_numpy()).astype(np.float64)
        self.units = units.assign(value=value)


class SteadySite(Site):
    """200 clients, and a month of fourteen more before each release: nothing else changes, and so
    the difference of two releases is that month's."""

    OUTCOMES = (*((name, 60) for name in CHANGES[:3]), ("deteriorated", 8), ("harmed", 12))
    OF_A_MONTH = (("unchanged", 9), ("improved", 5))

    @classmethod
    def drawn(cls, rng: np.random.Generator, number: int, months: Sequence[str]) -> "Site":
        """All of them, in the months but the last."""
        return cls(rng, number, cls._of(rng, number, months[:-1], cls.OUTCOMES))

    @staticmethod
    def _of(
        rng: np.random.Generator,
        number: int,
        months: Sequence[str],
        outcomes: Sequence[tuple[str, int]],
    ) -> pd.DataFrame:
        change = [name for name, n in outcomes for _ in range(n)]
        people = drawn_people(rng, number, months, len(change)).assign(change=change)
        return drawn_units(rng, people, months)

    def pass_night(self, months: Sequence[str]) -> None:
        """The month's clients."""
        new = self._of(self.rng, self.number, months[-1:], self.OF_A_MONTH)
        new["client"] += int(self.units["client"].max()) + 1
        self.units = pd.concat([self.units, new], ignore_index=True)


def changed_clients(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """LASTING and `n_changed`: clients who give a cell something else in two nights' members."""
    gives = [*LASTING, "client", "count", "sum"]
    both = before[gives].merge(after[gives], on=gives, how="outer", indicator="side")
    other = both[both["side"] != "both"]
    return other.groupby(list(LASTING))["client"].nunique().rename("n_changed").reset_index()


@dataclass
class World:
    """One network, the releases made of it, and what each of them was made of.

    `shown` has a row a cell and release: CELLS and SEQUENCE of measures_known, NAME, `family`,
    `is_written` where a row says something else than it said last.
    """

    seed: int
    folder: Path
    protections: MeasureProtections = ALL_PROTECTIONS
    n_refused: int = 0
    n_withheld: int = 0
    n_kept: int = 0
    members: dict[int, pd.DataFrame] = field(default_factory=dict)
    shown: list[pd.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._n_months = int(self._rng.integers(10, 16))
        has_steady = self.seed % _STEADY == 0
        if has_steady:
            self._n_months = _MONTHS_BEFORE_A_YEAR_CLOSES
        months = MONTHS[: self._n_months]
        self._sites = [Site.drawn(self._rng, number, months) for number in range(2)]
        if has_steady:
            self._sites.append(SteadySite.drawn(self._rng, 2, months))
        self._con = measured_warehouse()
        self._night = 0

    def pass_night(self) -> None:
        """What comes until the next release."""
        self._n_months += int(self._rng.random() < 0.5)
        for site in self._sites:
            site.pass_night(MONTHS[: self._n_months])

    def release(self) -> bool:
        """Make tonight's release; whether one went out."""
        con = self._con
        units = pd.concat([site.units for site in self._sites], ignore_index=True)
        periods = periods_of(MONTHS[: self._n_months])
        members = members_of(units, periods)
        fill_cells(con, cells_of(members))
        fill_sketches(con, units, periods)
        con.execute("drop table if exists withheld_families")
        self._night += 1
        candidate = self._published() if self.protections == ALL_PROTECTIONS else self._made()
        if candidate is None:
            return False
        with candidate:
            cells = attacked_cells(candidate, con, THRESHOLDS)
        number = ledger.last_number(con)
        self.n_withheld += _count(con, "withheld_families")
        self.n_kept += _count(con, "standing_rows")
        self._remember(cells, members, number)
        ledger.put_out(con)
        return True

    def _published(self) -> duckdb.DuckDBPyConnection | None:
        """The file that readers have, through every check; None where none went out."""
        registry = measuring_registry()
        meta = small_meta(registry, NIGHT + timedelta(days=self._night))
        try:
            made = write_release(self._con, self.folder, meta, registry, is_other_code=False)
        except ReleaseRefused:
            self.n_refused += 1
            return None
        if not made.is_new:
            return None
        return duckdb.connect(str(self.folder / f"{made.release_id}.duckdb"), read_only=True)

    def _made(self) -> duckdb.DuckDBPyConnection:
        """Without a protection: the rows that would go out, past the checks that would refuse."""
        prepare_measures(self._con, THRESHOLDS, self.protections)
        let_stand(self._con, THRESHOLDS, NIGHT.date(), self.protections)
        candidate = duckdb.connect()
        for table in tables_of_measures():
            candidate.execute(table.create_statement)
            rows = self._con.sql(f"from released_{table.table}").to_arrow_table()
            candidate.register("incoming", rows)
            candidate.execute(f"insert into {table.table} from incoming")
        candidate.execute("create table release as select current_timestamp as created_at")
        return candidate

    def _remember(self, cells: pd.DataFrame, members: pd.DataFrame, number: int) -> None:
        found = cells.merge(_writings(self._con, number), on="cell_no").assign(release_no=number)
        given = pd.util.hash_pandas_object(members[["client", "count", "sum"]], index=False)
        contents = members.assign(content=given).groupby([*NAME, "lasting"])["content"].sum()
        found = found.merge(contents.reset_index(), on=list(NAME), how="left")
        found["row_no"] = np.arange(len(found)) + sum(len(each) for each in self.shown)
        # Whether a row stands, or says tonight what it said before, no reader can tell.
        is_old = found["is_shown"] & ~found["is_written"].eq(True)
        found["against"] = found["against"].where(is_old)
        for column in ("shown_at_least", "shown_value"):
            found[column] = found[column].where(~is_old)
        found = found.merge(self._written(), on=[*LASTING, "against"], how="left")
        releases = found["written_release"].dropna().unique().tolist()
        moved = [
            changed_clients(self.members[int(release)], members).assign(written_release=release)
            for release in releases
        ]
        none = pd.DataFrame(columns=[*LASTING, "n_changed", "written_release"])
        counted = pd.concat(moved) if moved else none.astype({"written_release": "float64"})
        found = found.merge(counted, on=[*LASTING, "written_release"], how="left")
        least = THRESHOLDS.minimum_clients - 1
        found["n_changed"] = found["n_changed"].astype("float64").fillna(least).clip(lower=least)
        self.members[number] = members
        self.shown.append(found)

    def _written(self) -> pd.DataFrame:
        """The row, and its release, that what the ledger has of a release was written as: of one
        that said again what it said before, the earlier one."""
        columns = [*LASTING, "against", "written_row", "written_release"]
        if not self.shown:
            none = pd.DataFrame(columns=columns)
            return none.astype(dict.fromkeys(columns[-3:], "float64"))
        before = pd.concat(self.shown)[[*LASTING, "release_no", "row_no", *columns[-2:]]]
        before = before.astype(dict.fromkeys(("release_no", "row_no", *columns[-2:]), "float64"))
        return before.assign(
            against=before["release_no"],
            written_row=before["written_row"].fillna(before["row_no"]),
            written_release=before["written_release"].fillna(before["release_no"]),
        )[columns]


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    ((n,),) = con.execute(f"select count(*) from {table}").fetchall()
    return int(n)


def _writings(con: duckdb.DuckDBPyConnection, number: int) -> pd.DataFrame:
    """cell_no with NAME, family, the release a row stands from, and whether it is written anew."""
    keys = " union all ".join(
        f"select cell_no, '{table.table}' as table_name, {digest(table.key)} as row_digest "
        f"from measured_cells where release_table = '{table.table}'"
        for table in tables_of_measures()
        if table.table in OF_STRATA and set(table.key) <= set(CELL)
    )
    names = ", ".join(f"cells.{name}" for name in NAME)
    return con.execute(
        f"""
        select cells.cell_no, {names}, cells.family, cells.n_people_not_counted as n_not_counted,
            coalesce(standing.against, last.release_no)::double as against,
            last.release_no = {number} and standing.said is null as is_written
        from measured_cells as cells
        inner join ({keys}) as keys using (cell_no)
        left join standing_rows as standing using (table_name, row_digest)
        left join (
            select table_name, row_digest, max(release_no) as release_no
            from benchmark.disclosure_measures group by all
        ) as last using (table_name, row_digest)
        """
    ).df()
