"""The OpenAPI document as a plain page: no script, nothing from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of what is sent or answered; `schema` names the shape it has, where that has a name."""

    name: str
    kind: str
    schema: str
    limits: str
    needed: bool
    said: str


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    said: str
    parameters: tuple[Field, ...]
    sends: str
    answers: str


def render_docs(openapi: Mapping[str, Any], address: str) -> str:
    """The page; its examples ask the app at this address."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in openapi["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                groups.setdefault(operation["tags"][0], []).append(_read_operation(method, path, operation))
    shapes = openapi["components"]["schemas"]
    described = {name: (shape.get("description", ""), tuple(_fields(shape))) for name, shape in shapes.items()}
    return _template().render(info=openapi["info"], address=address, groups=groups, shapes=described)


def _read_operation(method: str, path: str, operation: Mapping[str, Any]) -> Operation:
    parameters = tuple(
        Field(
            one["name"],
            _kind(one["schema"]),
            _schema(one["schema"]),
            _limits(one["schema"]),
            one.get("required", False),
            one.get("description", ""),
        )
        for one in operation.get("parameters", ())
    )
    sent = operation.get("requestBody", {}).get("content", {})
    answered = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    said = operation.get("description") or operation["summary"]
    return Operation(method.upper(), path, said, parameters, _content(sent), _content(answered.get("content", {})))


def _content(content: Mapping[str, Any]) -> str:
    """The shape's name, else the kind of file."""
    for media_type, value in content.items():
        return _schema(value.get("schema", {})) or media_type
    return "a file"


def _fields(shape: Mapping[str, Any]) -> Iterator[Field]:
    needed = shape.get("required", ())
    for name, schema in shape.get("properties", {}).items():
        said = schema.get("description", "")
        yield Field(name, _kind(schema), _schema(schema), _limits(schema), name in needed, said)


def _kind(schema: Mapping[str, Any]) -> str:
    """Its type in a few words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "$ref" in schema:
        return _name(schema["$ref"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _limits(schema: Mapping[str, Any]) -> str:
    """Its least and greatest, and what it is unless it is given; empty for none."""
    least, most = schema.get("minimum"), schema.get("maximum")
    told = [f"{least:g} to {most:g}" if least is not None and most is not None else ""]
    told += [f"{json.dumps(schema['default'])} unless given"] if schema.get("default") not in (None, "", [], {}) else []
    return ", ".join(filter(None, told))


def _schema(schema: Mapping[str, Any]) -> str:
    """The name of the shape that it is, holds, or may be."""
    if "$ref" in schema:
        return _name(schema["$ref"])
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    return next(filter(None, map(_schema, inner)), "")


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


@cache
def _template() -> Any:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    return environment.get_template("docs.html")


def _prose(text: str) -> Markup:
    """What stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
