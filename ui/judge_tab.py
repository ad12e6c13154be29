"""The Judge tab: what is worth a verdict next, several at once if you like, and questions to ask of a paper."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from sqlite_utils import Database

from api.services import Services
from core.types import Job, JobKind, JobState, ProposalKind
from storage import jobs, judgements, library, proposals
from storage.database import open_database
from training.propose import propose_mark, queue_propose
from training.questions import questions_of
from ui.job_line import current_job, make_cancel, make_dismiss, render_job
from ui.judging import make_judge_many
from ui.messages import answer_script, warn_user
from ui.parts import SILENT, PlainHTML
from ui.render import read_asset, render

_KINDS = {
    ProposalKind.DISPUTED: "people disagree",
    ProposalKind.DISAGREEMENT: "models disagree",
    ProposalKind.BORDER: "near the border",
    ProposalKind.UNCOVERED: "not covered yet",
}


@dataclass(frozen=True, slots=True)
class JudgeTab:
    queue: gr.HTML
    papers: gr.Dropdown


def build_judge_tab(services: Services, news: gr.HTML) -> JudgeTab:
    # Above the queue, which may be long.
    papers = gr.Dropdown([], value=None, label="Questions to ask of this paper", elem_id="ask-of", min_width=240)
    asked = PlainHTML("", elem_id="suggested", js_on_load=read_asset("common.js") + read_asset("suggested.js"))
    script = "".join(map(read_asset, ("common.js", "judging.js", "judge.js")))
    queue = PlainHTML(
        render_queue(services),
        elem_id="judge",
        js_on_load=script,
        server_functions=[
            make_judge_many(services),
            _make_skip(services),
            _make_look(services),
            make_cancel(services),
            make_dismiss(services),
        ],
    )
    PlainHTML(
        render("who_judges.html"),
        elem_id="who",
        js_on_load=read_asset("common.js") + read_asset("who_judges.js"),
    )

    @warn_user(outputs=2)
    def show(document_id: int | None) -> list[Any]:
        return [render_suggestions(services, document_id), gr.skip()]

    papers.input(show, papers, [asked, news], **SILENT)
    return JudgeTab(queue, papers)


def render_queue(services: Services) -> str:
    with open_database(services.settings.database) as db:
        waiting = proposals.list_proposals(db)
        job = current_job(db, JobKind.PROPOSE)
        papers = library.count_searchable(db)
        title, text, tab = _hint(db, job)
        mark = propose_mark(db)
        line = render_job(db, job)
    return render(
        "judge.html",
        proposals=waiting,
        kinds=_KINDS,
        job=line,
        papers=papers,
        title=title,
        text=text,
        tab=tab,
        look=not tab and (job is None or not job.open),
        mark=mark,
    )


def _hint(db: Database, job: Job | None) -> tuple[str, str, str]:
    """Title and text of why nothing is proposed, and the tab to go to first where there is one."""
    if not library.count_searchable(db):
        return "Nothing to judge yet", "Add papers first; then what is worth a verdict comes here.", "library"
    if not judgements.count_judged_queries(db):
        return (
            "Nothing is proposed yet",
            "Once you have approved passages for a few questions, those on which a verdict tells most come here: where "
            "people or models disagree, where a score is near the border, and papers of which nothing is judged.",
            "search",
        )
    if job is not None and job.open:
        return "Nothing to judge yet", "What is worth judging is being looked for; it comes here by itself.", ""
    return "Nothing waits for a verdict", "Ask more questions, or look again after the next retrain.", ""


def render_suggestions(services: Services, document_id: int | None) -> str:
    """Questions to ask of the paper."""
    if document_id is None:
        return ""
    suggested = questions_of(services.settings, int(document_id))
    return render("suggested.html", questions=suggested.questions, source=suggested.source)


# --- what the page's script asks for ---


def _make_skip(services: Services) -> Any:
    @answer_script
    def skip_many(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            proposals.skip_proposals(db, [int(one) for one in arguments])
        return {}

    return skip_many


def _make_look(services: Services) -> Any:
    @answer_script
    def look_again(arguments: list) -> dict:
        """[whether it was asked for, or only is out of date]"""
        with open_database(services.settings.database) as db:
            last = jobs.last_job(db, JobKind.PROPOSE)
            given_up = last is not None and last.state in (JobState.FAILED, JobState.CANCELLED) and not last.dismissed
            if library.count_searchable(db) and (arguments[0] or not given_up):
                queue_propose(db, anew=bool(arguments[0]))
        return {}

    return look_again
