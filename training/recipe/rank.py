"""One of the other ranks of a training on several GPUs: `python -m training.recipe.rank FOLDER RANK COUNT PORT`."""

import sys
from pathlib import Path

from indexer.encoder import load_encoder
from training.recipe.ranks import join_as, read_task
from training.recipe.settings import make_settings
from training.recipe.train import train_beside


def main(folder: str, rank: str, count: str, port: str) -> int:
    model, pairs, settings = read_task(Path(folder))
    encoder = load_encoder(str(model), Path(folder))
    train_beside(encoder, pairs, make_settings(settings), join_as(int(rank), int(count), int(port)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
