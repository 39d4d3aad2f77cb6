"""The command's entry: global settings, and one line for every subcommand."""

from __future__ import annotations

import logging
import os
import sys

import typer

from app.cli import (
    adapter_versions,
    adapters,
    admin,
    agent,
    collections,
    configuration,
    deploy,
    doctor,
    drift,
    engine,
    evaluate,
    finetune,
    finetune_datasets,
    finetune_runs,
    gate,
    guard,
    ingest,
    library,
    mcp,
    questions,
    serve,
    threads,
)
from app.cli.output import Exit, fail
from core.errors import ConfigurationError, FootnoteError, InvalidFilter, NotFound, Unavailable

cli = typer.Typer(
    name="footnote",
    help="Answers questions over your documents, with a footnote for every statement.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

cli.command("serve")(serve.serve)
cli.command("worker")(serve.worker)
cli.command("engine")(engine.engine)
cli.command("ingest")(ingest.ingest)
cli.command("search")(questions.search)
cli.command("ask")(questions.ask)
cli.command("agent")(agent.agent)
cli.command("mcp")(mcp.mcp)
cli.add_typer(threads.threads, name="threads")
cli.add_typer(library.documents, name="documents")
cli.add_typer(library.jobs, name="jobs")
cli.add_typer(collections.collections, name="collections")
adapter_versions.add(adapters.adapters)
cli.add_typer(adapters.adapters, name="adapters")
cli.add_typer(deploy.deploy, name="deploy")
cli.add_typer(gate.gate, name="gate")
cli.command("drift")(drift.drift)
cli.command("reindex")(admin.reindex)
cli.command("backup")(admin.backup)
cli.command("restore")(admin.restore)
cli.command("settings")(configuration.settings)
cli.command("doctor")(doctor.doctor)
cli.add_typer(evaluate.cli, name="eval")
cli.add_typer(guard.guard, name="guard")
finetune_datasets.add(finetune.finetune)
finetune_runs.add(finetune.finetune)
cli.add_typer(finetune.finetune, name="finetune")


def main() -> None:
    """Runs the command line; errors that were foreseen end in a sentence and an exit code, not in a traceback."""
    os.umask(0o077)  # what is kept of people's documents is nobody else's on this machine, whatever the folder's mode
    _log_to_stderr()
    try:
        cli()
    except ConfigurationError as error:
        fail(error.message, Exit.CONFIGURATION)
    except InvalidFilter as error:
        fail(f"{error.code}: {error.message}", Exit.USAGE)
    except NotFound as error:
        fail(error.message, Exit.NOT_FOUND)
    except Unavailable as error:
        fail(error.message, Exit.UNREACHABLE)
    except FootnoteError as error:
        fail(error.message)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(Exit.OK)


class OneRecord(logging.Formatter):
    """Lines that begin with a time are records, and nothing else: what callers sent can neither forge one nor speak
    to the terminal that shows it. A traceback's lines are indented."""

    def format(self, record: logging.LogRecord) -> str:
        first, *more = super().format(record).split("\n")
        return "\n".join([_visible(first), *(f"  {_visible(line)}" for line in more)])


def _visible(line: str) -> str:
    return "".join(each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in line)


def _log_to_stderr() -> None:
    from app.middleware import RequestIdFilter

    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(OneRecord("%(asctime)s %(levelname)s %(name)s %(request_id)s: %(message)s"))
    # Commands speak for themselves; `serve` and `worker` set the level that the settings name.
    logging.basicConfig(level=os.environ.get("FOOTNOTE_LOG_LEVEL", "warning").upper(), handlers=[handler])
    for chatty in ("httpx", "httpcore", "alembic", "dbos"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
