"""``accesswatch local``: a Kafka and a Valkey for development, from installed packages."""

import typer

from console.sandboxed import require_sandbox
from stream import settings as environment
from stream.printing import say
from stream.settings import PREFIX

app = typer.Typer(help="A Kafka and a Valkey on this machine, for development.", no_args_is_help=True)


@app.command()
def up() -> None:
    """Start Kafka and Valkey, and print their addresses: export $(accesswatch local up)."""
    require_sandbox()
    from sandbox import local  # noqa: PLC0415 an image has none

    settings = environment.load()
    addresses = local.up(settings.state_directory(), say=lambda line: say(line, err=True))
    # Nothing else may stand on stdout: it is read by the shell.
    say(f"{PREFIX}KAFKA={addresses.kafka}")
    say(f"{PREFIX}REDIS={addresses.redis}")


@app.command()
def down() -> None:
    """Stop them, and remove everything they kept."""
    require_sandbox()
    from sandbox import local  # noqa: PLC0415 an image has none

    settings = environment.load()
    found = local.down(settings.state_directory())
    say("Kafka and Valkey are stopped and removed." if found else "Nothing was running.", err=True)
