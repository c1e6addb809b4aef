"""Commands on identity: trust, key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codata_cli.common import HomeOption, JsonOption, session
from codata_cli.output import table

PasswordOption = Annotated[
    str | None,
    typer.Option(
        "--password",
        envvar="CODATA_KEY_PASSWORD",
        help="Protects the exported file. Better given by environment.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(trust)
    key = typer.Typer(help="This home's private key.", no_args_is_help=True)
    key.command("show")(show)
    key.command("export")(export)
    key.command("import")(import_)
    app.add_typer(key, name="key")


def trust(
    did: Annotated[
        str | None, typer.Argument(metavar="DID", help="A did:key. Without one: list who is trusted.")
    ] = None,
    note: Annotated[str, typer.Option(help="Who this is, for people.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take trust back.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let receipts of another executor count as done work. One's own always do."""
    with session(home, json) as (opened, out):
        if did is not None:
            opened.trust.withdraw(did) if remove else opened.trust.give(did, note)
        rows = [{"did": d, "note": n} for d, n in opened.trusted().items()]
        out.result({"trusted": rows}, table(["did", "note"], [tuple(r.values()) for r in rows]))


def show(home: HomeOption = None, json: JsonOption = False) -> None:
    """This home's DID."""
    with session(home, json) as (opened, out):
        out.result({"did": opened.identity.did}, opened.identity.did)


def export(
    dest: Annotated[Path, typer.Argument(help="The file to write; it is readable by you alone.")],
    password: PasswordOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write the private key to a PEM file."""
    from cid_store.errors import UsageError
    from codata import identity

    with session(home, json) as (opened, out):
        if dest.exists():
            raise UsageError(f"{dest} is there already", next_step="choose another path")
        identity.save(
            dest, identity.to_pem(opened.identity, password.encode() if password else None), replace=False
        )
        out.result({"did": opened.identity.did, "path": str(dest)})


def import_(
    source: Annotated[Path, typer.Argument(help="A PEM file of an ed25519 key.")],
    password: PasswordOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the key that this home has.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a private key from a PEM file as this home's own."""
    from cid_store.errors import UsageError
    from codata import identity

    with session(home, json) as (opened, out):
        path = opened.path / "identity.pem"
        if path.exists() and not force:
            raise UsageError(
                f"this home has a key already: {opened.identity.did}",
                next_step="`codata key export` it first, then import with --force",
            )
        if not source.is_file():
            raise UsageError(f"there is no file {source}")
        found = identity.from_pem(source.read_bytes(), password.encode() if password else None)
        identity.save(path, identity.to_pem(found, None), replace=True)
        out.result({"did": found.did})
