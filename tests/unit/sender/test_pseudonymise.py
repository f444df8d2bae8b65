"""The sender's side: one file, any Python, random ids that come back, a table nobody else reads."""

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration import pseudonymise
from orchestration.cli.main import app
from orchestration.ingest.cell_scan import CellRules
from orchestration.pseudonymise import Dialect, Stopped

RANDOM_ID = re.compile(r"p[0-9]{18}")
EXPORT = 'chart,visit,note_state\n00123,V1,"a, b"\n00124,V2,\n00123,V3,x\n,V4,x\n'


def _run(folder: Path, text: str = EXPORT, out: str = "out.csv", **more: object) -> list[str]:
    (folder / "in.csv").write_text(text, newline="")
    pseudonymise.pseudonymise(
        folder / "in.csv",
        {"chart": "client"},
        folder / "table.csv",
        folder / out,
        **more,  # type: ignore[arg-type]
    )
    return (folder / out).read_text().splitlines()


def test_ids_are_replaced_and_all_else_stays(tmp_path: Path) -> None:
    lines = _run(tmp_path)
    ids = [line.split(",")[0] for line in lines]
    assert ids[0] == "chart"
    assert all(RANDOM_ID.fullmatch(made) for made in ids[1:4])
    assert ids[1] == ids[3] != ids[2]
    assert [line.partition(",")[2] for line in lines] == [
        line.partition(",")[2] for line in EXPORT.splitlines()
    ]
    assert lines[4] == ",V4,x"
    assert "00123" not in "\n".join(lines)
    assert (tmp_path / "in.csv").read_text() == EXPORT


def test_the_same_id_on_the_next_run_and_another_one_elsewhere(tmp_path: Path) -> None:
    first = _run(tmp_path)
    again = _run(tmp_path, EXPORT + "00125,V5,x\n", "again.csv")
    assert again[: len(first)] == first
    (tmp_path / "other").mkdir()
    assert _run(tmp_path / "other")[1] != first[1]


def test_the_table_is_the_owners_alone(tmp_path: Path) -> None:
    _run(tmp_path)
    table = tmp_path / "table.csv"
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert table.read_text().splitlines()[0] == "kind,id,pseudonym"
    table.chmod(0o644)
    with pytest.raises(Stopped, match="can be read by others"):
        _run(tmp_path, out="again.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv", "table.csv"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    _run(tmp_path)
    before = (tmp_path / "out.csv").read_bytes(), (tmp_path / "table.csv").read_bytes()
    with pytest.raises(Stopped, match="exists already"):
        _run(tmp_path)
    assert before == ((tmp_path / "out.csv").read_bytes(), (tmp_path / "table.csv").read_bytes())
    with pytest.raises(Stopped, match="three different files"):
        pseudonymise.pseudonymise(
            tmp_path / "in.csv", {"chart": "client"}, tmp_path / "in.csv", tmp_path / "new.csv"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chart,visit\n1\n", "row 2 has 1 cells"),
        ("patient,visit\n1,2\n", "columns not found"),
        ("chart,chart\n1,2\n", "found twice"),
        ('chart,visit\n"1,2\n', "cannot be read"),
    ],
)
def test_what_cannot_be_done_safely_is_not_done(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Stopped, match=message):
        _run(tmp_path, text)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("encoding", "line_end"), [("utf-8", "\n"), ("utf-16", "\r\n")])
def test_any_dialect(tmp_path: Path, delimiter: str, encoding: str, line_end: str) -> None:
    rows = [["chart", "état"], ["7", "fermé"], ["ND", "x"]]
    text = line_end.join(delimiter.join(row) for row in rows) + line_end
    (tmp_path / "in.csv").write_bytes(text.encode(encoding))
    done = pseudonymise.pseudonymise(
        tmp_path / "in.csv",
        {"chart": "client"},
        tmp_path / "t.csv",
        tmp_path / "out.csv",
        Dialect(encoding=encoding),
        ["ND"],
    )
    assert (done.n_rows, done.n_replaced, done.n_new) == (2, 1, 1)
    written = (tmp_path / "out.csv").read_bytes().decode(encoding)
    made = RANDOM_ID.findall(written)
    assert written == text.replace("7", made[0])
    assert done.columns_left == ["état"]


def test_a_byte_order_mark_stays_and_rows_of_a_header_are_no_ids(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbfchart,q\nwording,w\n5,1\n")
    pseudonymise.pseudonymise(
        tmp_path / "in.csv", {"chart": "id"}, tmp_path / "t.csv", tmp_path / "o.csv",
        Dialect(header_rows=2),
    )  # fmt: skip
    written = (tmp_path / "o.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbfchart,q\nwording,w\np")


def test_kinds_of_ids_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("client,therapist,friend\n7,7,7\n")
    named = pseudonymise.columns_named("client=person, therapist , friend=person")
    assert named == {"client": "person", "therapist": "id", "friend": "person"}
    out = tmp_path / "out.csv"
    pseudonymise.pseudonymise(tmp_path / "in.csv", named, tmp_path / "t.csv", out)
    client, therapist, friend = out.read_text().splitlines()[1].split(",")
    assert client == friend != therapist


def test_two_runs_at_once(tmp_path: Path) -> None:
    (tmp_path / "table.csv.lock").touch()
    with pytest.raises(Stopped, match="another run"):
        _run(tmp_path)


def test_random_ids_pass_the_gate(tmp_path: Path) -> None:
    import duckdb

    from orchestration.ingest.cell_scan import scan
    from orchestration.ingest.readers.opened import TextRelation

    text = "chart,visit,note_state\n" + "".join(f"{n},V,\n" for n in range(20_000))
    _run(tmp_path, text)
    con = duckdb.connect()
    path = tmp_path / "out.csv"
    con.execute(f"create table file as select * from read_csv('{path}', all_varchar = true)")
    columns = ("chart", "visit", "note_state")
    source = TextRelation(columns, "(select * from file)")
    assert scan(con, source, CellRules(ids=frozenset(columns[:1]))).n_rows == 20_000


def test_as_a_script_of_its_own_with_a_bare_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "copied.py"
    shutil.copy(pseudonymise.__file__, script)
    (tmp_path / "in.csv").write_text(EXPORT)
    bare = [sys.executable, "-I", "-S", str(script)]
    command = [*bare, "in.csv", "--columns", "chart", "--table", "t.csv", "--out", "o.csv"]
    ran = subprocess.run(
        [*command, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    document = json.loads(ran.stdout)
    assert (document["n_rows"], document["n_replaced"], document["n_new"]) == (4, 3, 2)
    assert "00123" not in (tmp_path / "o.csv").read_text()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    wrong = subprocess.run([*bare, "in.csv"], cwd=tmp_path, capture_output=True, timeout=60)
    assert wrong.returncode == 2
    usage = subprocess.run([*bare, "--help"], capture_output=True, text=True, timeout=60)
    assert "example:" in usage.stdout


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(EXPORT)
    arguments = ["pseudonymise", str(tmp_path / "in.csv"), "--columns", "chart"]
    arguments += ["--table", str(tmp_path / "t.csv"), "--out", str(tmp_path / "o.csv"), "--json"]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["n_new"] == 2
    assert CliRunner().invoke(app, arguments).exit_code == 1
    assert "Example:" in CliRunner().invoke(app, ["pseudonymise", "--help"]).stdout
