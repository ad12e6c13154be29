"""A rotation of the vector space that gathers what tells passages apart in the leading dimensions.

An orthogonal map leaves every cosine of whole vectors as it is, so a search with them finds the same. Vectors cut to
their leading dimensions keep most when those are the principal axes of the passages (Jolliffe 2002; for sentence
vectors Su et al. 2021, who also whiten). It is saved as a plain `Dense` module of sentence-transformers.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize

from core.types import EmbeddingMatrix

# Fewer passages than this do not tell where those to come will vary.
MINIMUM_PASSAGES = 200

Rotation = NDArray[np.float32]


def principal_rotation(vectors: EmbeddingMatrix) -> Rotation:
    """The orthogonal matrix R (d, d) for which `vectors @ R.T` has its variance in the leading dimensions.

    The direction of the mean, which all passages share and which therefore ranks none, comes last.
    """
    exact = vectors.astype(np.float64)
    mean = exact.mean(axis=0)
    length = np.linalg.norm(mean)
    shared = mean / length if length > 1e-9 else np.zeros_like(mean)
    centred = exact - mean
    centred -= np.outer(centred @ shared, shared)
    # Below every variance there is: so it is the last axis, and the basis stays orthogonal.
    moment = centred.T @ centred / len(exact) - np.outer(shared, shared)
    _, axes = np.linalg.eigh(moment)
    return np.ascontiguousarray(axes.T[::-1]).astype(np.float32)


def apply_matrix(model: SentenceTransformer, values: Rotation) -> None:
    """Put a linear map (d, d) behind the model's pooling, or into the linear layer that is there; in place."""
    matrix = torch.from_numpy(values).to(model.device)
    modules = list(model)
    end = len(modules) - 1 if isinstance(modules[-1], Normalize) else len(modules)
    last = modules[end - 1]
    if isinstance(last, Dense) and isinstance(last.activation_function, torch.nn.Identity) and not last.use_residual:
        with torch.no_grad():
            last.linear.weight.copy_(matrix @ last.linear.weight)
            if last.linear.bias is not None:
                last.linear.bias.copy_(matrix @ last.linear.bias)
        return
    dense = Dense(len(values), len(values), bias=False, activation_function=None)
    with torch.no_grad():
        dense.linear.weight.copy_(matrix)
    _insert(model, end, dense.to(model.device))


def _insert(model: SentenceTransformer, position: int, module: torch.nn.Module) -> None:
    """As `Sequential.insert`, with the names that saving gives the folders."""
    modules = list(model)
    modules.insert(position, module)
    for name in list(model._modules):
        del model._modules[name]
    for number, one in enumerate(modules):
        model.add_module(str(number), one)
