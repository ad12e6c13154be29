"""Whether anything is lost, made twice or shown half done when processes are killed at random moments of every job.

    python -m benchmarks.kills [--kills 50] [--kinds ingest,switch,retrain,compare,map] [--seed 1] [--json]

For each kind of job: a small library with the job waiting, copied for each kill. Worker, server or both are killed with
SIGKILL at a random moment and started again. Searches, asked all the time, must answer exactly as before the job or as
after it, and in the end papers, passages, vectors, judgements, versions, files and jobs must be those of a run that
nobody interrupted, none of them twice. Then as many jobs are cancelled at random moments: what they leave, and the time
until they end. tests/kills.py tells what is compared. The first difference ends it with an error.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core.cli import print_json, quieten_libraries, say
from core.types import JobKind


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of each kind of job, and as many cancels")
    parser.add_argument(
        "--kinds", default="ingest,switch,retrain,compare,map,propose", help="which kinds of jobs, with commas"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    figures = {}
    for name in args.kinds.split(","):
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = kill_and_cancel(JobKind(name), args.kills, random.Random(args.seed), Path(folder))
    print_json({"kills_of_each": args.kills, "differences": 0, "kinds": figures})
    return 0


def kill_and_cancel(kind: JobKind, times: int, chance: random.Random, folder: Path) -> dict[str, Any]:
    # Delayed: it imports PyTorch and Gradio, which takes seconds.
    from tests import kills

    began = time.monotonic()
    home = folder / "library"
    kills.in_a_process(kills.make_judged_library, home)
    kills.in_a_process(kills.queue_job, home, kind)
    undisturbed = kills.run_undisturbed(home)
    victims = list(kills.Victim)
    moments, cancels = [], []
    for number in range(times):
        with tempfile.TemporaryDirectory(dir=folder) as trial:
            moments.append(kills.kill_once(undisturbed, Path(trial) / "killed", victims[number % 3], chance))
            cancels.append(kills.cancel_once(undisturbed, Path(trial) / "cancelled", chance))
        if number % 10 == 9:
            say(f"{kind}: {number + 1} kills and cancels, no difference")
    return {
        "seconds_undisturbed": round(undisturbed.seconds, 2),
        "killed_at_seconds": [round(min(moments), 2), round(max(moments), 2)],
        "cancelled_within_seconds": round(max(cancels), 2),
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
