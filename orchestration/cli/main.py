"""The `alliance` command. Exit status: 0 done, 1 something needs a person, 2 wrong use."""

import typer

from orchestration.cli import (
    benchmark,
    careless,
    change,
    contract,
    deliveries,
    disclose,
    doctor,
    gains,
    home,
    keys,
    night,
    pseudonymise,
    quarantine,
    recovery,
    reference,
    release,
    reliability,
    score,
    serve,
    variance,
    withdraw,
)

app = typer.Typer(
    name="alliance",
    help="Take practices' exports in, check and score them, compare the alliance between sites.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)
app.command("init")(home.init)
app.command("simulate")(home.simulate)
app.command("nightly")(night.nightly)
app.add_typer(deliveries.app)
app.add_typer(quarantine.app)
app.add_typer(reference.app)
app.command("withdraw")(withdraw.withdraw)
app.command("dashboard")(serve.dashboard)
app.command("orchestrator")(serve.orchestrator)
app.command("doctor")(doctor.doctor)
app.command("replay")(recovery.replay)
app.command("rebuild")(recovery.rebuild)
app.command("backup")(recovery.backup)
app.command("restore")(recovery.restore)
app.command("score")(score.score)
app.command("change")(change.change)
app.command("gains")(gains.gains)
app.command("reliability")(reliability.reliability)
app.command("careless")(careless.careless)
app.command("variance")(variance.variance)
app.add_typer(benchmark.app)
app.command("disclose")(disclose.disclose)
app.command("pseudonymise")(pseudonymise.pseudonymise)
app.add_typer(contract.app)
app.add_typer(keys.app)
app.add_typer(release.app)


if __name__ == "__main__":
    app()
