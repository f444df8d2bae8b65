"""The `alliance` command. Exit status: 0 done, 1 something needs a person, 2 wrong use."""

import typer

from orchestration.cli import contract, deliveries, doctor, home, night, pseudonymise, score, serve

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
app.command("deliveries")(deliveries.deliveries)
app.command("quarantine")(deliveries.quarantine)
app.command("dashboard")(serve.dashboard)
app.command("orchestrator")(serve.orchestrator)
app.command("doctor")(doctor.doctor)
app.command("score")(score.score)
app.command("pseudonymise")(pseudonymise.pseudonymise)
app.add_typer(contract.app)


if __name__ == "__main__":
    app()
