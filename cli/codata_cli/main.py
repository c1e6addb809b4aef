"""The `codata` command."""

from __future__ import annotations

import os
import signal
import sys

import typer

from cid_store.errors import CidStoreError
from codata import process
from codata_cli import (
    add,
    cars,
    keep,
    look,
    output,
    pieces,
    proof,
    provider,
    stats,
    trace,
    trust,
    unixfs,
    work,
)
from codata_cli.common import JsonOption

# Newer versions of Typer carry a parser of their own, older ones use Click; its public errors lead to both.
_ParserError: type[Exception] = typer.BadParameter.__mro__[2]

_INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended. Newer versions of Typer return it, older ones raise."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Content-addressed datasets, deterministic jobs, results that anyone can verify.",
    epilog="A REF is a CID or a name. Exit codes: 0 done; 1 failed; 2 wrong usage; 3 a claim is false; "
    "4 bytes missing or corrupt; 5 not checkable here, or fewer checked than asked.",
)

for module in (add, look, stats, unixfs, work, proof, trace, keep, trust, cars, pieces, provider):
    module.register(app)


@app.command()
def version(json: JsonOption = False) -> None:
    """The version of codata."""
    from importlib.metadata import version as installed

    number = installed("codata-pipeline")
    output.Output(json).result({"version": number}, number)


def main() -> None:
    """Run the command line; no traceback reaches a user."""
    _fill_streams()
    process.hasten()
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(sys.argv[1:]))


class _TerminatedError(BaseException):
    """SIGTERM came: the command ends in good order, as by Ctrl-C. Ended at once, it would leave its worker
    processes to themselves, for ever."""


def _terminate(number: int, frame: object) -> None:
    raise _TerminatedError


def _fill_streams() -> None:
    """Let streams that the shell closed lead nowhere: the next file to be opened would be taken for them."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
        if fd == 2:
            sys.stderr = open(fd, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.close(fd)


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        result = app(arguments, prog_name="codata", standalone_mode=False)
        if result == _INTERRUPTED:
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except _ParserError as e:
        if type(e).__name__ == "NoArgsIsHelpError":
            output.note(str(getattr(e, "message", e)))
            return 2
        output.error(_usage(e), as_json=as_json)
        return 2
    except (typer.Abort, KeyboardInterrupt, _TerminatedError) as e:
        output.note("stopped; what was finished is kept, and the same command goes on from there")
        return 128 + signal.SIGTERM if isinstance(e, _TerminatedError) else _INTERRUPTED
    except CidStoreError as e:
        output.error(e, as_json=as_json)
        return e.exit_code
    except output.ReaderGoneError:
        return 0
    except Exception as e:
        if os.environ.get("CODATA_DEBUG"):
            raise
        output.error(_unexpected(e), as_json=as_json)
        return 1


def _usage(e: Exception) -> CidStoreError:
    from cid_store.errors import UsageError

    message = e.format_message() if hasattr(e, "format_message") else str(e)
    path = getattr(getattr(e, "ctx", None), "command_path", "codata")
    return UsageError(message, next_step=f"{path} --help")


def _unexpected(e: Exception) -> CidStoreError:
    if isinstance(e, OSError):
        where = f": {e.filename}" if e.filename else ""
        return CidStoreError(
            f"{e.strerror or e}{where}", next_step="check the path, its permissions and the space left"
        )
    return CidStoreError(
        f"a fault in codata: {type(e).__name__}: {e}",
        next_step="run it again with CODATA_DEBUG=1 and report what it prints",
    )
