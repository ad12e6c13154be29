"""The tools as an assistant uses them: the real MCP client, over the standard input and output of the command."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from api.tokens import make_token
from client.whetstone import Whetstone
from storage.corrections import correct_document
from storage.database import open_database
from tests.coroutines import run_to_its_end
from tests.papers import make_paper, write
from tests.served import serve_library
from tests.ui.site import PASSWORD, Site
from tests.ui.topics import TOPICS
from tests.warm import ROOT

pytest.importorskip("mcp", reason="mcp is not installed; requirements-mcp.txt names it")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A library with two papers behind a password."""
    folder = tmp_path_factory.mktemp("mcp")
    with serve_library(folder, PASSWORD) as site:
        library = whetstone(site)
        for topic in TOPICS[:2]:
            added = library.upload(write(folder, topic.file_name, make_paper(topic.title, topic.paragraphs)))
            paper = library.wait(added.documents[0])
            with open_database(site.settings.database) as db:
                correct_document(db, paper.id, {"authors": ("Ada Loaf",)})
        yield site


def whetstone(site: Site) -> Whetstone:
    names = {"test": make_token(site.settings.tokens, f"test {id(object())}")}
    return Whetstone(f"http://127.0.0.1:{site.port}", names["test"])


def talk(site: Site, token: str, say: Callable[[Any], Awaitable[Any]]) -> Any:
    """What comes of talking to the command."""
    from mcp import Client, StdioServerParameters

    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mcp_server", "--url", f"http://127.0.0.1:{site.port}"],
        env={"WHETSTONE_TOKEN": token},
        cwd=ROOT,
    )

    async def session() -> Any:
        async with Client(command) as client:
            return await say(client)

    return run_to_its_end(session())


def test_an_assistant_searches_opens_and_judges(site: Site) -> None:
    async def work(client: Any) -> tuple[Any, ...]:
        tools = await client.list_tools()
        found = await client.call_tool("search_papers", {"question": "Lactic acid bacteria make the dough sour"})
        assert not found.is_error, found.content
        first = found.structured_content["passages"][0]
        opened = await client.call_tool("open_passage", {"passage_id": first["passage_id"]})
        verdict = {"question": "what makes dough sour?", "passage_id": first["passage_id"], "answers": True}
        judged = await client.call_tool("judge_passage", verdict)
        gone = await client.call_tool("open_passage", {"passage_id": 99999})
        return tools, first, opened, judged, gone

    tools, first, opened, judged, gone = talk(site, make_token(site.settings.tokens, "assistant"), work)
    assert {tool.name for tool in tools.tools} == {"search_papers", "open_passage", "judge_passage"}
    assert (first["paper"], first["page"]) == ("Microbes of Sourdough Bread", 1)
    assert first["text"] in opened.structured_content["citation"]
    assert "Microbes of Sourdough Bread" in opened.structured_content["bibtex"]
    assert judged.content[0].text == "Noted."
    (stored,) = whetstone(site).judgements("what makes dough sour?")
    assert (stored.chunk_id, stored.relevance) == (first["passage_id"], 1)
    assert gone.is_error
    assert "There is no passage with id 99999" in gone.content[0].text


def test_what_is_wrong_is_one_sentence_for_the_assistant(site: Site) -> None:
    async def ask(client: Any) -> Any:
        return await client.call_tool("search_papers", {"question": "ice"})

    refused = talk(site, "withdrawn", ask)
    assert refused.is_error
    assert "This token is not known here, or was withdrawn." in json.dumps(refused.content[0].text)
    done = subprocess.run(
        [sys.executable, "-m", "mcp_server", "--url", "7860"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "'7860' is not an address of an app" in done.stderr
