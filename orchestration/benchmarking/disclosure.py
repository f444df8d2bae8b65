"""Disclosure control of a release's cells, given all that was published before.

`protect` says what of tonight's cells is written and what is hidden; `attack_release` tries to undo
it. Both look at the ledger: one row for each time a cell, its content or what was written of it
changed. A cell that was written stands, shown or hidden, until as many of its clients have changed
as a cell needs, and its block has rested if it was written often; then it is judged anew.
"""

from collections.abc import MutableSet
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure_cells import (
    EXACT,
    SHOWN,
    Rules,
    is_change_safe,
    is_primary,
    written,
)
from orchestration.benchmarking.disclosure_knowledge import Knowledge, system_of
from orchestration.benchmarking.disclosure_pace import is_rested
from orchestration.benchmarking.disclosure_relations import Layout, joined, relations
from orchestration.benchmarking.disclosure_shards import attack_all, suppress_all
from orchestration.benchmarking.disclosure_system import ALWAYS
from orchestration.measures.arrays import Bools

_DESCRIBED = (*EXACT, "width", "top_therapist_form_share")
_WRITTEN = (*SHOWN, "is_suppressed", "is_primary", "written_content", "written_release")
CHANGES: tuple[str, ...] = ("against", "release_no", "n_changed", "n_entered", "n_left")
"""How many clients of a cell changed by a release, against what was written of it in an earlier
one (`against`); one whose values changed has both left and entered."""
STATE: tuple[str, ...] = ("release_no", "content", *_DESCRIBED, *_WRITTEN, "is_offered")
"""The ledger's columns besides the cell's own."""


@dataclass(frozen=True)
class Report:
    """Counts of cells, and the weight (log of 1 + clients) of what was hidden for others' sake."""

    n_cells: int
    n_primary: int
    n_complementary: int
    n_standing: int
    information_lost: float
    information_lost_at_least: float
    n_exposed: int
    """Needs that what was published before has already broken."""


@dataclass(frozen=True)
class Protected:
    """`cells`: tonight's, in their order, STATE beside their names. `ledger`: the rows to add."""

    cells: pd.DataFrame
    ledger: pd.DataFrame
    report: Report


@dataclass(frozen=True)
class Finding:
    """Something an attacker can work out: which cells of which need, and what gives it away."""

    what: str
    cell: tuple[object, ...]
    by: tuple[tuple[object, ...], ...]


def empty_ledger(layout: Layout) -> pd.DataFrame:
    """A ledger in which nothing was ever published."""
    types: dict[str, str] = dict.fromkeys((*layout.cell, "content", "written_content"), "str")
    types |= dict.fromkeys((*_DESCRIBED, *SHOWN), "float64")
    types |= dict.fromkeys(("release_no", "written_release"), "int64")
    types |= dict.fromkeys(("is_suppressed", "is_primary", "is_offered"), "bool")
    return pd.DataFrame({name: pd.Series(dtype=types[name]) for name in [*layout.cell, *STATE]})


def protect(
    candidates: pd.DataFrame,
    ledger: pd.DataFrame,
    changes: pd.DataFrame,
    rules: Rules,
    layout: Layout,
    release_no: int,
    *,
    in_whole_numbers: bool = False,
    n_processes: int = 1,
) -> Protected:
    """What of tonight's cells may be written.

    `candidates`: one row a cell with its exact numbers and its `content` (equal when the same
    clients stand in it with the same values). `changes`: CHANGES of cells whose content is not the
    one last written, against everything that was ever written of them; without such rows a cell
    stands. `in_whole_numbers` as in disclosure_attack.attack. Raises KnowledgeContradictory when
    the ledger contradicts itself.
    """
    now = _judged(candidates, ledger, changes, rules, layout, release_no)
    known = ledger if rules.protections.history else ledger.iloc[:0]
    knowledge, of_now = _knowledge(known, now, layout)
    system = system_of(knowledge, rules.believed)
    hidden = system.must_hide.copy()
    loss = least = 0.0
    n_exposed = 0
    if rules.protections.complementary:
        found = suppress_all(system, in_whole_numbers=in_whole_numbers, n_processes=n_processes)
        hidden, loss, least = found.hidden, found.loss, found.least_loss
        n_exposed = int(found.exposed.size)
    fresh = of_now >= 0
    now.loc[fresh, "is_suppressed"] = hidden[of_now[fresh]]
    now.loc[now["is_suppressed"].to_numpy(dtype=np.bool_), list(SHOWN)] = np.nan
    offered = now["is_offered"].to_numpy(dtype=np.bool_)
    primary = now["is_primary"].to_numpy(dtype=np.bool_) & offered
    suppressed = now["is_suppressed"].to_numpy(dtype=np.bool_) & offered
    report = Report(
        n_cells=int(offered.sum()),
        n_primary=int((primary & suppressed).sum()),
        n_complementary=int((suppressed & ~primary).sum()),
        n_standing=int((offered & ~fresh).sum()),
        information_lost=loss,
        information_lost_at_least=least,
        n_exposed=n_exposed,
    )
    columns = [*layout.cell, *STATE]
    new = now.loc[now["is_news"].to_numpy(dtype=np.bool_) | fresh, columns]
    return Protected(now.loc[offered, columns], new.reset_index(drop=True), report)


def attack_release(
    ledger: pd.DataFrame,
    changes: pd.DataFrame,
    rules: Rules,
    layout: Layout,
    *,
    in_whole_numbers: bool = False,
    is_told_of_changes: bool = True,
    n_processes: int = 1,
    held: MutableSet[str] | None = None,
) -> list[Finding]:
    """All that can be worked out from everything ever published; empty when nothing can.

    `ledger` holds tonight's rows, too, and `changes` those of all releases. The rules are those the
    releases were written under; the attacker looks at everything whatever their protections, which
    only tell him how numbers were coded. `in_whole_numbers` as in disclosure_attack.attack.

    `is_told_of_changes`: whether he also knows, of every hidden cell, in which nights nothing in it
    changed. No release says so; protection counts on it as far as it can, and what earlier releases
    showed before a change may then be past protecting. Without it he has the newest release, each
    number as old as it is, and the rule by which a number stands.
    """
    findings = _shown_against_the_rule(ledger, rules, layout)
    findings += _told_by_changes(ledger, changes, rules, layout)
    known = ledger if is_told_of_changes else _as_it_stands(ledger, layout)
    knowledge, _ = _knowledge(known, known.iloc[:0].assign(is_fresh=False), layout)
    system = system_of(knowledge, rules)
    items = knowledge.items
    hidden = items["is_suppressed"].to_numpy(dtype=np.bool_)
    leaks = attack_all(
        system, hidden, in_whole_numbers=in_whole_numbers, n_processes=n_processes, held=held
    )
    cells = [tuple(row) for row in items[[*layout.cell, "written_release"]].itertuples(index=False)]
    for number, need in enumerate(leaks.needs.tolist()):
        at = int(system.needs.item[need])
        if at == ALWAYS and not is_told_of_changes:
            continue  # what a shown cell that stands has come to: nothing of it is hidden
        # What has changed since it was written has no cell of its own in any release.
        cell = () if at == ALWAYS else cells[at]
        by = tuple(cells[item] for item in leaks.proof(number).tolist())
        findings.append(Finding("count or score", cell, by))
    return findings


def _as_it_stands(ledger: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The newest release as a ledger of its own: what is hidden is hidden in it, what is shown says
    what a cell was when it was written, and tonight's cell is another one, few clients apart."""
    cell = list(layout.cell)
    last = ledger.sort_values("release_no", kind="stable").drop_duplicates(cell, keep="last")
    last = last[last["is_offered"].to_numpy(dtype=np.bool_)]
    newest = int(ledger["release_no"].max()) if len(ledger) else 0
    hidden = last["is_suppressed"].to_numpy(dtype=np.bool_)
    stands = ~hidden & (last["written_release"] != newest).to_numpy()
    then = ledger.merge(last.loc[stands, [*cell, "written_release"]], on=[*cell, "written_release"])
    then = then[then["release_no"] == then["written_release"]]
    now = last.assign(
        release_no=newest,
        content=last["content"].where(~stands, last["content"] + " of tonight"),
        written_release=last["written_release"].where(~hidden, newest),
        written_content=last["written_content"].where(~hidden, last["content"]),
    )
    return pd.concat([then, now], ignore_index=True)


def _judged(
    candidates: pd.DataFrame,
    ledger: pd.DataFrame,
    changes: pd.DataFrame,
    rules: Rules,
    layout: Layout,
    release_no: int,
) -> pd.DataFrame:
    """Tonight's cells with what stands of them, or what would be written; `is_fresh` are judged
    anew. Cells written before that are gone, or no longer offered, are among them."""
    cell = list(layout.cell)
    last = ledger.sort_values("release_no", kind="stable").drop_duplicates(cell, keep="last")
    last = (
        last.assign(is_before=True)
        .add_suffix("_before")
        .rename(columns={f"{name}_before": name for name in cell})
    )
    now = candidates.merge(last, on=cell, how="outer", indicator="side")
    before = now["is_before_before"].eq(True).to_numpy(dtype=np.bool_)
    gone = (now["side"] == "right_only").to_numpy()
    offered = now[layout.period].isin(candidates[layout.period].unique()).to_numpy(dtype=np.bool_)
    dropped = gone & ~offered
    now["is_offered"] = ~dropped
    _fill_gone(now, gone & offered, dropped)
    same = before & (now["content"] == now["content_before"]).to_numpy(dtype=np.bool_)
    written_same = before & (now["content"] == now["written_content_before"]).to_numpy()
    on = rules.protections
    now = now.join(written(now, rules))
    enough = _may_be_written_anew(now, ledger, changes, rules, layout)
    enough = enough & is_rested(now, ~before & ~dropped, ledger, layout, release_no)
    fresh = ~before | (~written_same & (enough if on.refresh else True))
    if not on.history:
        fresh = np.ones(len(now), dtype=np.bool_)
    fresh &= ~dropped
    now["is_fresh"] = fresh
    now["is_news"] = ~before | ~same | (dropped & now["is_offered_before"].eq(True))
    now["release_no"] = release_no
    primary = is_primary(now, rules)
    for name in SHOWN:
        now[name] = now[name].where(fresh, now[f"{name}_before"].astype("float64"))
    hidden_before = now["is_suppressed_before"].eq(True).to_numpy(dtype=np.bool_)
    primary_before = now["is_primary_before"].eq(True).to_numpy(dtype=np.bool_)
    now["is_suppressed"] = np.where(fresh, primary, hidden_before)
    now["is_primary"] = np.where(fresh, primary, primary_before)
    now["written_content"] = now["content"].where(fresh, now["written_content_before"])
    now["written_release"] = np.where(
        fresh, release_no, now["written_release_before"].fillna(release_no).astype("int64")
    )
    return now


def _may_be_written_anew(
    now: pd.DataFrame, ledger: pd.DataFrame, changes: pd.DataFrame, rules: Rules, layout: Layout
) -> Bools:
    """Tonight's cells that differ enough from everything that was ever written of them."""
    cell = list(layout.cell)
    tonight = changes.merge(now[[*cell, *EXACT, *SHOWN, "width"]], on=cell)
    pairs = _against(tonight, ledger, cell)
    shown = pairs["is_suppressed_before"].eq(False).to_numpy(dtype=np.bool_)
    enough = pairs["n_changed"].to_numpy(dtype=np.float64) >= rules.minimum_clients
    pairs = pairs.assign(is_enough=enough & (~shown | _is_safe(pairs, rules)))
    found = pairs.groupby(cell)["is_enough"].all().rename("is_enough").reset_index()
    return (
        now[cell].merge(found, on=cell, how="left")["is_enough"].eq(True).to_numpy(dtype=np.bool_)
    )


def _against(after: pd.DataFrame, ledger: pd.DataFrame, cell: list[str]) -> pd.DataFrame:
    """Changes with what was written before beside them, `_before` behind its columns' names."""
    events = ledger[ledger["release_no"] == ledger["written_release"]]
    before = events[[*cell, "written_release", *EXACT, *SHOWN, "is_suppressed"]]
    renamed = {name: f"{name}_before" for name in (*EXACT, *SHOWN, "is_suppressed")}
    before = before.rename(columns={**renamed, "written_release": "against"})
    return after.merge(before, on=[*cell, "against"])


def _is_safe(pairs: pd.DataFrame, rules: Rules) -> Bools:
    """See is_change_safe."""
    names = {f"{name}_before": name for name in (*EXACT, *SHOWN)}
    before = pairs[[*names, "width"]].rename(columns=names)
    return is_change_safe(before, pairs, rules)


def _fill_gone(now: pd.DataFrame, gone: Bools, dropped: Bools) -> None:
    """A cell that no one is in any more has no clients; of one no longer offered nothing is new."""
    now.loc[gone, ["n_clients", "n_forms"]] = 0.0
    now.loc[gone, "content"] = ""
    now.loc[gone, "width"] = now.loc[gone, "width_before"]
    for name in ("content", *_DESCRIBED):
        now.loc[dropped, name] = now.loc[dropped, f"{name}_before"]


def _knowledge(
    ledger: pd.DataFrame, now: pd.DataFrame, layout: Layout
) -> tuple[Knowledge, np.ndarray]:
    """Everything known, tonight's cells included; and each of tonight's rows' item, or -1."""
    cell = list(layout.cell)
    columns = [*cell, *STATE]
    fresh = now["is_fresh"].to_numpy(dtype=np.bool_)
    rows = pd.concat(
        [ledger[columns].assign(is_fresh=False), now[[*columns, "is_fresh"]]], ignore_index=True
    )
    rows["block"] = rows.groupby(list(layout.block), dropna=False).ngroup()
    rows["family"] = rows.groupby(layout.family, dropna=False).ngroup()
    number, first = _numbered(rows, [*cell, "content"])
    rows["content_text"], rows["content"] = rows["content"], number
    contents = rows.iloc[first][[*layout.people, "release_no", *_DESCRIBED]].reset_index(drop=True)
    contents["is_listed"] = contents["n_clients"].to_numpy(dtype=np.float64) > 0
    if layout.partition is not None:
        contents["is_listed"] &= ~contents[layout.partition].isin(layout.client_partitions)
    # Of one release: that equal counts of two releases count the same people, nobody is told.
    counts = ["n_clients", "n_forms", "n_therapists"]
    people, same = _numbered(contents, [*layout.people, "release_no", *counts])
    contents["people"] = same[people]
    events = rows[
        (rows["release_no"] == rows["written_release"])
        & (rows["written_content"] == rows["content_text"])
    ]
    events = events.drop_duplicates([*cell, "written_release"])
    items = events.reset_index(names="row")
    items["is_standing"] = ~items["is_fresh"].to_numpy(dtype=np.bool_)
    items["must_hide"] = items["is_suppressed"].to_numpy(dtype=np.bool_)
    items["weight"] = np.log1p(items["n_clients"].to_numpy(dtype=np.float64))
    of_now = np.full(len(now), -1, dtype=np.intp)
    at = items["row"].to_numpy(dtype=np.intp) - len(ledger)
    mine = at >= 0
    of_now[at[mine]] = np.flatnonzero(mine)
    of_now[~fresh] = -1
    found = [
        relations(_as_of(rows, release_no, cell), layout, contents)
        for release_no in np.unique(rows["release_no"].to_numpy()).tolist()
    ]
    written_at = rows.merge(
        rows[[*cell, "content_text", "content"]].drop_duplicates(),
        left_on=[*cell, "written_content"],
        right_on=[*cell, "content_text"],
        how="left",
    )["content_y"].to_numpy(dtype=np.float64)
    drifted = (
        ~rows["is_suppressed"].to_numpy(dtype=np.bool_)
        & rows["is_offered"].to_numpy(dtype=np.bool_)
        & (written_at != rows["content"].to_numpy())
        & ~np.isnan(written_at)
    )
    drifts = (number[drifted].astype(np.intp), written_at[drifted].astype(np.intp))
    own, of_people = joined(found), joined(found, contents["people"].to_numpy(dtype=np.intp))
    return Knowledge(contents, items, own, of_people, drifts), of_now


def _numbered(rows: pd.DataFrame, by: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """A number for each row's key, and the first row of each number."""
    number = rows.groupby(by, dropna=False, sort=False).ngroup().to_numpy()
    _, first = np.unique(number, return_index=True)
    return number.astype(np.intp), first


def _as_of(rows: pd.DataFrame, release_no: int, cell: list[str]) -> pd.DataFrame:
    """The cells of one release, of families of blocks in which it changed anything."""
    changed = rows.loc[rows["release_no"] == release_no, "family"].unique()
    then = rows[(rows["release_no"] <= release_no) & rows["family"].isin(changed)]
    then = then.sort_values("release_no", kind="stable").drop_duplicates(cell, keep="last")
    return then[then["is_offered"].to_numpy(dtype=np.bool_)]


def _shown_against_the_rule(ledger: pd.DataFrame, rules: Rules, layout: Layout) -> list[Finding]:
    strict = Rules(rules.minimum_clients, rules.minimum_therapists)
    events = ledger[ledger["release_no"] == ledger["written_release"]]
    shown = events[~events["is_suppressed"].to_numpy(dtype=np.bool_)]
    wrong = shown[is_primary(shown, strict)]
    return [
        Finding("shown against the rule", tuple(row), ())
        for row in wrong[[*layout.cell, "written_release"]].itertuples(index=False)
    ]


def _told_by_changes(
    ledger: pd.DataFrame, changes: pd.DataFrame, rules: Rules, layout: Layout
) -> list[Finding]:
    """Cells shown twice whose difference bounds the score of a client who came or left."""
    cell = list(layout.cell)
    events = ledger[ledger["release_no"] == ledger["written_release"]]
    shown = events[~events["is_suppressed"].to_numpy(dtype=np.bool_)]
    after = shown[[*cell, "release_no", *EXACT, *SHOWN, "width"]]
    pairs = _against(changes.merge(after, on=[*cell, "release_no"]), ledger, cell)
    pairs = pairs[pairs["is_suppressed_before"].eq(False)]
    unsafe = pairs[~_is_safe(pairs, rules)]
    named = unsafe[[*cell, "release_no", "against"]].itertuples(index=False)
    return [Finding("a client's score", tuple(row[:-1]), ((*row[:-2], row[-1]),)) for row in named]
