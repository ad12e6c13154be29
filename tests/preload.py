"""What the processes forked for tests have imported already: see tests/warm.py. Nothing is loaded or begun by it."""

import faiss
import gradio
import sentence_transformers
import sklearn.manifold
import sqlite_utils
import transformers.models.bert.modeling_bert
import uvicorn

import tests.kills

__all__ = ["faiss", "gradio", "sentence_transformers", "sklearn", "sqlite_utils", "tests", "transformers", "uvicorn"]
