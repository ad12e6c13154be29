"""The commands on what is worth a verdict: `queue` and `suggest`."""

import argparse
from dataclasses import asdict

from core.cli import DONE, add_home_argument, print_json, whole_id
from core.errors import TrainingError
from core.settings import Settings
from core.types import JobState
from storage import library, proposals
from storage.database import open_database
from training.data.suggestions import suggest_questions
from training.llm_questions import ask_for_questions


def add_queue_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    queue = commands.add_parser("queue", help="show which passages are worth a verdict next")
    suggest = commands.add_parser("suggest", help="questions to ask of a paper, from its terms and headings")
    suggest.add_argument("id", type=whole_id, metavar="ID", help="of the paper")
    for command in (queue, suggest):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")


def show_queue(settings: Settings, args: argparse.Namespace) -> int:
    """Look anew where anything changed since the last look, and print what waits for a verdict."""
    # Delayed: both import PyTorch, which takes seconds.
    from indexer.start import ensure_active_model
    from jobs.terminal import show_job
    from jobs.worker import run_or_wait
    from training.propose import queue_propose

    ensure_active_model(settings)
    with open_database(settings.database) as db:
        job = queue_propose(db)
    if job is not None:
        job = run_or_wait(settings, job, show_job)
        if job.state is not JobState.DONE:
            raise TrainingError(job.reason or f"The job ended as {job.state}.")
    with open_database(settings.database) as db:
        waiting = proposals.list_proposals(db)
    if args.json:
        print_json({"proposals": [_as_json(one) for one in waiting]})
        return DONE
    for one in waiting:
        print(f"{one.query}\n    {one.kind}: {one.reason}")
        print(f"    --chunk {one.chunk.id}  {one.chunk.document}, page {one.chunk.page}\n    {one.chunk.text}\n")
    if not waiting:
        print("Nothing waits for a verdict. Judge passages for a few questions first, then look again.")
    return DONE


def suggest(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        document = library.get_document(db, args.id)
        chunks = library.chunks_of_document(db, document.id)
    questions = ask_for_questions(settings, document, chunks) if settings.llm_url else suggest_questions(chunks)
    if args.json:
        print_json({"questions": [asdict(one) for one in questions]})
        return DONE
    for one in questions:
        print(one.query)
    if not questions:
        print("Neither a term that this paper explains nor a heading of its own was found to ask about.")
    return DONE


def _as_json(one: proposals.StoredProposal) -> dict[str, object]:
    return {
        "kind": one.kind,
        "query": one.query,
        "reason": one.reason,
        "rank": one.rank,
        "chunk_id": one.chunk.id,
        "document_id": one.chunk.document_id,
        "title": one.chunk.document,
        "page": one.chunk.page,
        "text": one.chunk.text,
    }
