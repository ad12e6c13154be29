# PYTHON_ARGCOMPLETE_OK
"""`python -m training`: judge passages, retrain the model from judgements, switch between versions."""

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.cli import DONE, REFUSED, add_home_argument, print_json, run_command, say, unicode_text, whole_id
from core.errors import NotFoundError, TrainingError
from core.files import written_whole
from core.settings import Settings
from core.types import Job, JobState, ModelVersion
from storage import judgements, models, proposals
from storage.commands import settings_from
from storage.database import open_database
from storage.jobs import request_cancel
from training.data.exchange import export_judgements, import_judgements, read_lines
from training.data.lineage import learnt_from_removed
from training.queueing import make_recipe, queue_retrain
from training.recipe.settings import PRESETS

# Characters of a passage, beside its question.
_SHOWN = 100


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Judge passages, retrain from the judgements, switch models."
    )
    add_home_argument(parser)
    commands = parser.add_subparsers(dest="command", required=True)

    judge = commands.add_parser("judge", help="say whether a passage answers a question")
    judge.add_argument("--query", required=True, type=unicode_text)
    judge.add_argument(
        "--chunk", required=True, type=whole_id, metavar="ID", help="as 'python -m search --json' gives it"
    )
    judge.add_argument("--part", type=unicode_text, metavar="TEXT", help="the words of the passage it is about (all)")
    judge.add_argument("--judge", type=unicode_text, metavar="NAME", help="who says so")
    verdict = judge.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--relevant", dest="relevance", action="store_const", const=1)
    verdict.add_argument("--not-relevant", dest="relevance", action="store_const", const=0)

    judged = commands.add_parser("judgements", help="show what was judged")
    judged.add_argument("--query", type=unicode_text, help="only on this question")
    proposing = commands.add_parser("propose", help="look for passages that are worth a verdict, and show them")
    skipping = commands.add_parser("skip", help="ask for proposed passages no more, until they are found again")
    skipping.add_argument(
        "ids", nargs="+", type=whole_id, metavar="ID", help="as 'python -m training propose' shows them"
    )
    suggesting = commands.add_parser("questions", help="show questions that a paper may answer")
    suggesting.add_argument("id", type=whole_id, metavar="ID", help="as 'python -m indexer list' shows it")
    withdrawing = commands.add_parser("withdraw", help="forget judgements")
    withdrawing.add_argument(
        "ids", nargs="+", type=whole_id, metavar="ID", help="as 'python -m training judgements' shows them"
    )

    importing = commands.add_parser("import", help="take judgements in, one JSON object a line")
    importing.add_argument("file", type=Path, metavar="FILE.jsonl")
    exporting = commands.add_parser("export", help="write all judgements, one JSON object a line")
    exporting.add_argument("file", type=Path, nargs="?", metavar="FILE.jsonl", help="(standard output)")

    retrain = commands.add_parser("retrain", help="train a new model version and compare it with its base")
    retrain.add_argument("--preset", choices=sorted(PRESETS), default="default")
    retrain.add_argument("--base", type=whole_id, metavar="ID", help="the version to start from (the active one)")
    retrain.add_argument("--batch-size", type=int)
    retrain.add_argument("--epochs", type=int)
    retrain.add_argument("--learning-rate", type=float)
    retrain.add_argument("--dims", type=_dimensions, metavar="384,128,64", help="Matryoshka dimensions")

    retrain.add_argument("--promote", action="store_true", help="make it the active version if it is recommended")

    compare = commands.add_parser("compare", help="compare a version once more, with all that is judged by now")
    compare.add_argument("id", type=whole_id, metavar="ID")
    exporting_model = commands.add_parser("export-model", help="write a version as one zip")
    exporting_model.add_argument("id", type=whole_id, metavar="ID")
    exporting_model.add_argument("file", type=Path, metavar="FILE.zip")
    importing_model = commands.add_parser("import-model", help="take a version in and compare it with the active one")
    importing_model.add_argument("file", type=Path, metavar="FILE.zip")
    pushing = commands.add_parser("push", help="upload a version to a model hub, with the token in HF_TOKEN")
    pushing.add_argument("id", type=whole_id, metavar="ID")
    pushing.add_argument("repository", metavar="OWNER/NAME")
    pushing.add_argument("--public", action="store_true", help="make the repository public where it is made")

    listing = commands.add_parser("models", help="show the model versions")
    promote = commands.add_parser("promote", help="make a version the active one")
    promote.add_argument("id", type=whole_id, metavar="ID")
    using = commands.add_parser("use", help="load another model and make it the active one")
    using.add_argument("source", type=unicode_text, metavar="MODEL", help="packaged-minilm, a hub id, or a folder")
    undo = commands.add_parser("undo", help="go back to the version that was active before")
    judging = (judge, judged, withdrawing, importing, proposing, skipping, suggesting)
    every = (*judging, retrain, compare, exporting_model, importing_model, pushing, listing, promote, using, undo)
    for command in (*every, exporting):
        add_home_argument(command)
    for command in every:
        command.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def main(args: argparse.Namespace) -> int:
    commands = {
        "judge": judge,
        "judgements": list_judged,
        "propose": propose,
        "skip": skip,
        "questions": show_questions,
        "withdraw": withdraw,
        "import": import_file,
        "export": export_file,
        "retrain": retrain,
        "compare": compare,
        "export-model": export_model,
        "import-model": import_model,
        "push": push_model,
        "models": list_models,
        "promote": promote,
        "use": use_source,
        "undo": undo,
    }
    return commands[args.command](settings_from(args), args)


def judge(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        active = models.active_model(db)
        new = judgements.store_judgement(
            db,
            args.query,
            args.chunk,
            args.relevance,
            model_id=active.id if active else None,
            part=args.part,
            judge=args.judge,
        )
    _answer(args, {"stored": new}, "Stored." if new else "This judgement was there already.")
    return DONE


def list_judged(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        given = judgements.list_judgements(db)
    if args.query is not None:
        given = [one for one in given if one.query == judgements.normalise_query(args.query)]
    if args.json:
        print_json({"judgements": [asdict(one) for one in given]})
        return DONE
    several = len({one.giver for one in given}) > 1
    for one in given:
        verdict = "approved" if one.relevance else "rejected"
        # Where one person judges, it is theirs without saying.
        by = f" by {one.judge or 'somebody'}" if several else ""
        print(f"{one.id:>5}  {verdict}{by}  {one.query}\n{'':>7}{one.document}, page {one.page}: {one.text[:_SHOWN]}")
    if not given:
        print("Nothing is judged. Judge passages on the page, or with 'python -m training judge'.")
    return DONE


def propose(settings: Settings, args: argparse.Namespace) -> int:
    # Delayed, as below: it imports PyTorch, which takes seconds.
    from indexer.start import ensure_active_model
    from training.propose import queue_propose

    ensure_active_model(settings)
    with open_database(settings.database) as db:
        job = queue_propose(db)
    if job is not None:
        _work(settings, job)
    with open_database(settings.database) as db:
        waiting = proposals.list_proposals(db)
    if args.json:
        print_json({"proposals": [asdict(one) for one in waiting]})
        return DONE
    for one in waiting:
        print(f"{one.id:>5}  {one.query}  ({one.reason})\n{'':>7}passage {one.chunk.id}: {one.chunk.text[:_SHOWN]}")
    if not waiting:
        print("Nothing waits for a verdict. Ask more questions, or look again after the next retrain.")
    return DONE


def skip(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        proposals.skip_proposals(db, args.ids)
    _answer(args, {"skipped": args.ids}, "Skipped.")
    return DONE


def show_questions(settings: Settings, args: argparse.Namespace) -> int:
    from training.questions import questions_of

    suggested = questions_of(settings, args.id)
    if args.json:
        print_json(asdict(suggested))
        return DONE
    for one in suggested.questions:
        print(one.query)
    say(suggested.source if suggested.questions else "Nothing was found to ask about this paper.")
    return DONE


def withdraw(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        known = {one.id for one in judgements.list_judgements(db)}
        if missing := [number for number in args.ids if number not in known]:
            raise NotFoundError(
                f"There is no judgement with id {missing[0]}. 'python -m training judgements' shows the ids."
            )
        taken = judgements.delete_judgements(db, args.ids)
    _answer(args, {"withdrawn": taken}, f"{taken} withdrawn.")
    return DONE


def import_file(settings: Settings, args: argparse.Namespace) -> int:
    lines = read_lines(args.file)
    with open_database(settings.database) as db:
        imported = import_judgements(db, lines)
    for sentence in imported.refused:
        say(sentence)
    summary = f"{imported.stored} stored, {imported.known} there already, {len(imported.refused)} refused."
    _answer(args, asdict(imported), summary)
    return REFUSED if imported.refused else DONE


def export_file(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        lines = "".join(f"{line}\n" for line in export_judgements(db))
    if args.file is None:
        sys.stdout.write(lines)
        return DONE
    settings.require_outside(args.file)
    with written_whole(args.file) as half_done:
        half_done.write_text(lines, encoding="utf-8")
    return DONE


def retrain(settings: Settings, args: argparse.Namespace) -> int:
    # Delayed, here and below: ensure_active_model imports PyTorch, which takes seconds.
    from indexer.start import ensure_active_model

    given = {
        "base_model_id": args.base,
        "batch_size": args.batch_size,
        "epochs": args.epochs,
        "learning_rate": args.learning_rate,
        "matryoshka_dims": args.dims,
        "promote": args.promote or None,
    }
    recipe = make_recipe(args.preset, given)
    from jobs.worker import settle_interrupted

    settle_interrupted(settings)
    ensure_active_model(settings)
    with open_database(settings.database) as db:
        job = queue_retrain(db, recipe, join=True)
    job = _work(settings, job)
    with open_database(settings.database) as db:
        version = models.get_model(db, job.result["model_id"])
    _answer(args, _as_json(version), f"{version.name} (id {version.id}): {version.report['decision']}")
    return DONE


def compare(settings: Settings, args: argparse.Namespace) -> int:
    from indexer.start import ensure_active_model
    from training.proof.compare_again import queue_comparison

    ensure_active_model(settings)
    with open_database(settings.database) as db:
        job = queue_comparison(db, args.id)
    _work(settings, job)
    with open_database(settings.database) as db:
        version = models.get_model(db, args.id)
    _answer(args, _as_json(version), f"{version.name} (id {version.id}): {version.report['decision']}")
    return DONE


def export_model(settings: Settings, args: argparse.Namespace) -> int:
    from training.archive import export_version

    settings.require_outside(args.file)
    export_version(settings, args.id, args.file.absolute())
    _answer(args, {"file": str(args.file)}, f"Written to {args.file}.")
    return DONE


def import_model(settings: Settings, args: argparse.Namespace) -> int:
    from training.archive import import_version

    version = import_version(settings, args.file)
    say(f"{version.name} (id {version.id}) is in the library; now it is compared with the model that answers.")
    args.id = version.id
    try:
        return compare(settings, args)
    except TrainingError as error:
        _answer(args, _as_json(version), f"It could not be compared: {error}")
        return DONE


def push_model(settings: Settings, args: argparse.Namespace) -> int:
    from training.hub import push_version

    address = push_version(settings, args.id, args.repository, os.environ.get("HF_TOKEN"), public=args.public)
    _answer(args, {"address": address}, f"It is at {address}.")
    return DONE


def list_models(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        versions, active = models.list_models(db), models.active_model(db)
        of_removed = {version.id for version in versions if learnt_from_removed(db, version)}
    if args.json:
        print_json({"active": active.id if active else None, "models": [_as_json(version) for version in versions]})
        return DONE
    for version in versions:
        mark = "active" if active and version.id == active.id else ""
        print(f"{version.id:>4}  {version.name:<28} {version.dimension:>5} dims  {version.state:<10} {mark}")
        if "decision" in version.report:
            print(f"      {version.report['decision']}")
        if version.id in of_removed:
            print("      It has learnt from a paper since removed.")
    if not versions:
        print("No model yet: the first 'python -m indexer add' or the app chooses one.")
    return DONE


def promote(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        if not models.get_model(db, args.id).advised:
            say("Its comparison did not recommend it; that it is promoted all the same is recorded.")
    return _switch(settings, args, {"model_id": args.id})


def use_source(settings: Settings, args: argparse.Namespace) -> int:
    return _switch(settings, args, {"source": args.source})


def undo(settings: Settings, args: argparse.Namespace) -> int:
    return _switch(settings, args, {"undo": True})


def _switch(settings: Settings, args: argparse.Namespace, params: dict[str, Any]) -> int:
    from training.promotion import switch_now_or_later

    job = switch_now_or_later(settings, params)
    if job is not None:
        _work(settings, job)
    with open_database(settings.database) as db:
        active = models.active_model(db)
    assert active is not None
    _answer(args, _as_json(active), f"{active.name} (id {active.id}) answers now.")
    return DONE


def _work(settings: Settings, job: Job) -> Job:
    """The job when it is done, here or in the app's worker; raises TrainingError where it failed."""
    # The worker runs every package's jobs, so it stands above them; only this command line reaches up to it.
    from jobs.terminal import show_job
    from jobs.worker import run_or_wait

    try:
        job = run_or_wait(settings, job, show_job)
    except KeyboardInterrupt:
        # Else whoever works next would take it for a job that died, and do it once more.
        with open_database(settings.database) as db:
            request_cancel(db, job.id)
        raise
    if job.state is not JobState.DONE:
        raise TrainingError(job.reason or f"The job ended as {job.state}.")
    return job


def _answer(args: argparse.Namespace, value: dict[str, Any], sentence: str) -> None:
    if args.json:
        print_json(value)
    else:
        print(sentence)


def _as_json(version: ModelVersion) -> dict[str, Any]:
    return asdict(version)


def _dimensions(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of whole numbers between commas") from None


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
