"""The command line: ``accesswatch``. Exit 0 ok, 1 failed with plain sentences on stderr, 2 wrong usage."""

import os
import signal
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from console.inherited import put_in_order
from enrichment.errors import UserError
from stream import RELEASE
from stream.printing import say

#: Each command, the module under ``console`` that has it, and its name there: one function, or a group.
COMMANDS = {
    "demo": ("demo", "demo"),
    "local": ("local", "app"),
    "worker": ("worker", "worker"),
    "topics": ("topics", "app"),
    "reference": ("load", "reference"),
    "access": ("load", "access"),
    "path": ("reference", "path"),
    "simulate": ("simulate", "app"),
    "config": ("config", "app"),
    "dlq": ("dlq", "app"),
    "alerts": ("alerts", "app"),
    "notices": ("notices", "app"),
    "canary": ("canary", "app"),
    "history": ("history", "app"),
    "footprint": ("footprint", "footprint"),
    "requests": ("footprint", "app"),
    "report": ("report", "app"),
    "cases": ("cases", "app"),
    "er": ("cases", "er"),
    "watch": ("watch", "watch"),
    "deliveries": ("deliveries", "app"),
    "explain": ("explain", "explain"),
    "rules": ("rules", "app"),
    "mapping": ("mapping", "app"),
    "adapt": ("adapt", "app"),
}
_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
_COMPLETION = {"install_completion", "show_completion"}
_WRONG_USAGE = 2
_INTERRUPTED = 130
_TERMINATED = 143


class _Group(TyperGroup):
    """Imports a command when it is asked for: nobody waits for Kafka's client to list alerts."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 click's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 click's signature
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        found = getattr(import_module(f"console.{module}"), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(pretty_exceptions_enable=False, context_settings=_SETTINGS, add_completion=False)
            alone.command(cmd_name)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = cmd_name
        command.context_settings = {**_SETTINGS, **command.context_settings}
        # The completion is the whole command line's, not each command's.
        command.params = [option for option in command.params if option.name not in _COMPLETION]
        return command


app = typer.Typer(
    name="accesswatch",
    help="Watches every access to client records as it happens, explains the ordinary ones, and asks about the rest.",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)


def _version(wanted: bool) -> None:
    if wanted:
        say(RELEASE)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    pass


def _say_wrong_usage(error: TyperException) -> None:
    """Print what is wrong with a command line; it may hold anything, such as names that others gave to files."""
    context: typer.Context | None = getattr(error, "ctx", None)
    message = error.format_message()
    if not message:
        # The help was shown instead.
        return
    if context is not None:
        say(*context.get_usage().split("\n"), f"Try '{context.command_path} --help' for help.", err=True)
    say(*message.split("\n"), err=True)


def main() -> None:
    """Run the command line."""
    put_in_order()
    if os.getpid() == 1:
        # PID 1 of a container has no default for SIGTERM: what has not its own handler yet would not hear it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        sys.exit(app(standalone_mode=False))
    except UserError as error:
        say(*error.sentences, err=True)
        sys.exit(1)
    except TyperException as error:
        _say_wrong_usage(error)
        sys.exit(error.exit_code)
    except UnicodeEncodeError:
        # Bytes of an argument or of a setting that stand for no character; what was to take them could not.
        say("Something that was given, an argument or a setting, is no text in UTF-8.", err=True)
        sys.exit(_WRONG_USAGE)
    except typer.Abort:
        say("Stopped.", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does.
        sys.stderr.close()
        sys.exit(0)
