"""Several processes that train one model together, each on a GPU of its own: the same steps in less time.

Each embeds its share of a batch's texts; the vectors are put together, so that every rank has the loss of the whole
batch, and the gradients are summed, so that every rank takes the same step.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
from sentence_transformers import SentenceTransformer
from torch import distributed

from core.errors import TrainingError
from training.data.pairs import TrainingPair
from training.recipe.settings import TrainingSettings

_ROOT = Path(__file__).resolve().parents[2]
# A rank that is silent for so long is dead.
_LONGEST_SILENCE = timedelta(minutes=3)
_MODEL, _TASK = "model", "task.json"

T = TypeVar("T")


class Ranks:
    """This process among those that train together; alone, it has everything and waits for nobody."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self._rank, self._count = rank, count

    def share_of(self, parts: Sequence[T]) -> Sequence[T]:
        return parts[self._rank :: self._count]

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum of every rank's tensor, in place."""
        if self._count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, model: SentenceTransformer) -> None:
        if self._count > 1:
            for weight in model.parameters():
                # A rank without a text of the batch has no gradients.
                weight.grad = self.sum(torch.zeros_like(weight) if weight.grad is None else weight.grad)

    def do_together(self, work: Callable[[], T]) -> T:
        """What `work` gives. Raises OutOfMemoryError on every rank where one of them has run out of memory."""
        if self._count == 1:
            return work()
        failure: torch.OutOfMemoryError | None = None
        try:
            done = work()
        except torch.OutOfMemoryError as error:
            failure = error
        failures = self.sum(torch.tensor(float(failure is not None), device=_device()))
        if failures.item():
            raise failure or torch.OutOfMemoryError("Another rank has run out of memory.")
        return done


ALONE = Ranks()


def count_ranks() -> int:
    """How many processes may train together on this machine: one for each GPU."""
    return max(torch.cuda.device_count(), 1)


@contextmanager
def joined_ranks(
    model: SentenceTransformer, pairs: Sequence[TrainingPair], settings: TrainingSettings, count: int
) -> Iterator[Ranks]:
    """This process as the first of `count` ranks; the others are started, and ended with the training."""
    if count == 1:
        yield ALONE
        return
    with TemporaryDirectory(prefix="whetstone-ranks-") as name:
        folder = Path(name)
        model.save_pretrained(str(folder / _MODEL), create_model_card=False)
        task = {
            "pairs": [asdict(pair) | {"relevant": sorted(pair.relevant)} for pair in pairs],
            "settings": asdict(settings),
        }
        (folder / _TASK).write_text(json.dumps(task), encoding="utf-8")
        port = _free_port()
        others = [_start_rank(folder, rank, count, port) for rank in range(1, count)]
        try:
            _join(0, count, port)
            yield Ranks(0, count)
        except distributed.DistError as error:
            raise TrainingError(
                f"The processes on the {count} GPUs lost each other ({type(error).__name__}). Try again, or set "
                "CUDA_VISIBLE_DEVICES to one GPU."
            ) from error
        finally:
            for other in others:
                other.kill()
                other.wait()
            if distributed.is_initialized():
                distributed.destroy_process_group()


def read_task(folder: Path) -> tuple[Path, list[TrainingPair], dict[str, Any]]:
    """The model's folder, the pairs and the settings that a rank was started with."""
    task = json.loads((folder / _TASK).read_text(encoding="utf-8"))
    pairs = [
        TrainingPair(**pair | {"relevant": frozenset(pair["relevant"]), "negatives": tuple(pair["negatives"])})
        for pair in task["pairs"]
    ]
    return folder / _MODEL, pairs, task["settings"]


def join_as(rank: int, count: int, port: int) -> Ranks:
    """This process as one of the other ranks."""
    _join(rank, count, port)
    return Ranks(rank, count)


def _join(rank: int, count: int, port: int) -> None:
    distributed.init_process_group(
        "nccl" if torch.cuda.is_available() else "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=rank,
        world_size=count,
        timeout=_LONGEST_SILENCE,
    )


def _start_rank(folder: Path, rank: int, count: int, port: int) -> "subprocess.Popen[bytes]":
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count)))).split(",")
    environment = (
        os.environ | {"CUDA_VISIBLE_DEVICES": visible[rank]} if torch.cuda.is_available() else dict(os.environ)
    )
    command = [sys.executable, "-m", "training.recipe.rank", str(folder), str(rank), str(count), str(port)]
    return subprocess.Popen(command, cwd=_ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
