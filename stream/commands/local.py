"""``accesswatch local``: a Kafka and a Valkey for development, from installed packages."""

import typer

from stream import settings as environment
from stream.embedded import local
from stream.settings import PREFIX

app = typer.Typer(help="A Kafka and a Valkey on this machine, for development.", no_args_is_help=True)


@app.command()
def up() -> None:
    """Start Kafka and Valkey, and print their addresses: export $(accesswatch local up)."""
    settings = environment.load()
    addresses = local.up(settings.state_dir, say=lambda line: typer.echo(line, err=True))
    # Nothing else may stand on stdout: it is read by the shell.
    typer.echo(f"{PREFIX}KAFKA={addresses.kafka}")
    typer.echo(f"{PREFIX}REDIS={addresses.redis}")


@app.command()
def down() -> None:
    """Stop them, and remove everything they kept."""
    settings = environment.load()
    found = local.down(settings.state_dir)
    typer.echo("Kafka and Valkey are stopped and removed." if found else "Nothing was running.", err=True)
