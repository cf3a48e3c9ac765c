"""``billing-mirror prove``: a page for an auditor about what was compared, and what was not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from billing_mirror.core import times

from ..failures import Failure, usage
from ..json_text import indented
from ..past_time import past_time
from ..proof.page import html
from ..proof.statement import Finding, Proof
from ..proof.statement import prove as read_proof
from ..stack.session import Session
from ..words import since


def prove(
    session: Session,
    *,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="Such as 2026-11-28T14:00:00Z, or a day; UTC without an offset; by default now.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="A folder for an HTML page and its JSON; or a .html or .json file."),
    ] = None,
) -> None:
    """Show by type when it was last compared with Stripe, what was found, and what is never compared.

    Exit code 0: every type was compared and left equal; 3: something cannot be stored as Stripe shows it; 4: not known.
    """
    proof = read_proof(session, past_time(as_of, session.now()))
    session.output.value(proof.to_json())
    _show(session, proof)
    if out is not None:
        for path in _write(proof, out):
            session.output.note(f"Written: {path}")
    if not proof.holds:
        raise typer.Exit(proof.exit_code)


def _show(session: Session, proof: Proof) -> None:
    output = session.output
    output.line(f"{proof.verdict}  {proof.sentence}", "bold green" if proof.holds else "bold yellow")
    output.line(f"as of {since(times.iso(proof.as_of), session.now())}, {proof.scope}", "dim")
    for one in proof.types:
        if one.finding not in (Finding.EQUAL, Finding.ABSENT):
            output.line(f"  {one.type}  {one.finding}: {one.reason}")
    compared = [one for one in proof.types if one.run is not None]
    if compared:
        output.line()
        output.lines(
            [
                (
                    one.type,
                    f"{one.run.counts.compared:,}",
                    f"found {one.run.counts.found:,}",
                    since(one.run.finished_at or "", proof.as_of).replace(" ago)", " before)"),
                )
                for one in compared
                if one.run is not None
            ],
            indent="  ",
        )


def _write(proof: Proof, out: Path) -> list[Path]:
    """The files that were written. Raises :class:`Failure`."""
    texts = {".html": html(proof), ".json": f"{indented(proof.to_json())}\n"}
    if out.suffix in texts:
        wanted = {out: texts[out.suffix]}
    elif out.suffix and not out.is_dir():
        raise usage(f"{out} ends neither with .html nor with .json", "Name a folder for both")
    else:
        moment = datetime.fromtimestamp(proof.as_of, UTC)
        name = f"billing-mirror-{proof.scope.replace('/', '-')}-{moment:%Y%m%dT%H%M%SZ}"
        wanted = {out / f"{name}{suffix}": text for suffix, text in texts.items()}
    try:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise Failure(f"{error.filename} cannot be written: {error.strerror}", "Give another --out") from error
    return [*wanted]
