"""The command line: ``accesswatch``. Exit 0 ok, 1 failed with plain sentences on stderr, 2 wrong usage."""

import sys

import typer

from stream import RELEASE
from stream.commands import alerts, config, demo, explain, load, local, topics, worker
from stream.commands.failure import TOLD, sentences

app = typer.Typer(
    name="accesswatch",
    help="Watches every access to client records as it happens, explains the ordinary ones, and asks about the rest.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.add_typer(local.app, name="local")
app.command()(worker.worker)
app.add_typer(topics.app, name="topics")
app.add_typer(load.reference, name="reference")
app.add_typer(load.access, name="access")
app.add_typer(config.app, name="config")
app.add_typer(alerts.app, name="alerts")
app.command()(explain.explain)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(RELEASE)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    try:
        app()
    except TOLD as error:
        for sentence in sentences(error):
            typer.echo(sentence, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does.
        sys.stderr.close()
        sys.exit(0)
