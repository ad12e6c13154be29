"""Where the page's own modules find what its handlers need."""

from api.services import Services

__all__ = ["Services"]
