"""`denial_of`: the shapes in which clients that others wrote deliver a denial, found by form and not by class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from .denial import (
    LONGEST_TEXT,
    Denial,
    DeniedError,
    denial_in_headers,
    denial_in_members,
    denial_in_text,
    member,
)

META_KEY = "narrowgate/denial"
_MOST_LOOKS = 100
"""At parts of one value, which may contain itself."""
_FIRST_FAILURE = 400
# What the OpenAI Agents SDK puts before the message of an error, for the model.
_TOLD_AS_FAILURE = (
    "An error occurred while running the tool",
    "Error: ",
    "Error calling tool ",
    "Error executing tool ",
)


def denial_of(value: object) -> Denial | None:
    """Returns the denial that an error, a response or a tool's result contains; None if it contains none.

    It knows responses of httpx, httpx2, requests and aiohttp and their errors; results and errors of MCP's Python SDK
    (`mcp` 1.x and 2.x, `input_required` included); `ToolError` of fastmcp; `ToolException` and `ToolMessage` of
    LangChain; what tools of the OpenAI Agents SDK return; JSON-RPC; groups, causes and contexts of errors. Of anything
    else, and of a shape that cannot be read, the result is None and never an exception.

    A denial is a claim of the server that answered. A tool behind the gateway can forge one: see `until_allowed`.
    """
    try:
        return _within(value, iter(range(_MOST_LOOKS)))
    except Exception:
        return None


def _within(value: object, looks: Iterator[int]) -> Denial | None:
    if value is None or next(looks, None) is None:
        return None
    if isinstance(value, Denial):
        return value
    if isinstance(value, DeniedError):
        return value.denial
    if isinstance(value, BaseException):
        return _in_error(value, looks)
    if isinstance(value, str):
        return _in_returned_text(value)
    if isinstance(value, Mapping):
        return _in_mapping(value, looks)
    if isinstance(value, (list, tuple)):
        return _first(value, looks)
    return _in_response(value, looks) or _in_result(value)


def _first(values: Iterable[object], looks: Iterator[int]) -> Denial | None:
    for each in values:
        found = _within(each, looks)
        if found:
            return found
    return None


def _in_error(error: BaseException, looks: Iterator[int]) -> Denial | None:
    """Returns the denial in what the error carries, in its sentence, in what it groups, or in what led to it."""
    group = getattr(error, "exceptions", None)
    if isinstance(group, tuple):
        return _first(group, looks)
    response = getattr(error, "response", None)
    return (
        (_in_response(response, looks) if response is not None else None)
        or _in_json_rpc_error(getattr(error, "error", None))
        or denial_in_text(str(error), whole=False)
        or _within(error.__cause__, looks)
        or _within(error.__context__, looks)
    )


def _in_returned_text(text: str) -> Denial | None:
    """Text that a tool returned, without a sign of failure: a denial is all that there is."""
    if len(text) > LONGEST_TEXT:
        return None
    if text.startswith(_TOLD_AS_FAILURE):
        return denial_in_text(text, whole=False)
    if text.startswith(("{", "[")) and '"Narrowgate denied ' in text:
        return _first([json.loads(text)], iter(range(_MOST_LOOKS)))
    return denial_in_text(text, whole=True)


def _in_response(response: object, looks: Iterator[int]) -> Denial | None:
    """An HTTP response: its body if it has been read, otherwise what its headers state."""
    status = getattr(response, "status_code", getattr(response, "status", None))
    headers = getattr(response, "headers", None)
    if not isinstance(status, int) or not isinstance(headers, Mapping):
        return None
    stated = denial_in_headers(headers) if status >= _FIRST_FAILURE else None
    members = _body_of(response)
    # What an allowed call returned may look like a denial; JSON-RPC says itself that it failed.
    is_answer = isinstance(members, Mapping) and (status >= _FIRST_FAILURE or "jsonrpc" in members)
    found = _in_mapping(members, looks) if isinstance(members, Mapping) and is_answer else None
    if found is None or stated is None:
        return found or stated
    more = {name: getattr(stated, name) for name in ("retry_after", "step_up") if getattr(stated, name)}
    return replace(found, **more)


def _body_of(response: object) -> object:
    try:
        content = response.content  # type: ignore[attr-defined]
        return json.loads(content) if isinstance(content, bytes) and len(content) <= LONGEST_TEXT else None
    except Exception:
        # It has not been read, or is no JSON.
        return None


def _in_mapping(value: Mapping[object, object], looks: Iterator[int]) -> Denial | None:
    if isinstance(value.get("jsonrpc"), str):
        return _in_json_rpc_error(value.get("error")) or _in_result(value.get("result"))
    if value.get("type") == "text" and isinstance(value.get("text"), str):
        return _in_returned_text(str(value["text"]))
    if isinstance(value.get("content"), list) and not _has_failed(value):
        return _in_result(value)
    return (
        denial_in_members(value)
        or _in_json_rpc_error(value.get("error"))
        or _in_json_rpc_error(value)
        or _in_result(value)
        or _first(
            [each for name in ("result", "output", "content") if isinstance(each := value.get(name), (list, dict))],
            looks,
        )
    )


def _in_json_rpc_error(error: object) -> Denial | None:
    """The error of a JSON-RPC response, as an object or as parsed JSON: members in `data`, words in `message`."""
    code, message = member(error, "code"), member(error, "message")
    if not isinstance(code, int) or not isinstance(message, str):
        return None
    return denial_in_members(member(error, "data"), text=message) or denial_in_text(message, whole=False)


def _in_result(result: object) -> Denial | None:
    """A tool's result: members in its `_meta`, words in its content if it says that it has failed."""
    content, has_failed = member(result, "content"), _has_failed(result)
    words = "\n".join(_texts_in(content)) if has_failed else None
    # Of an allowed call the server writes `_meta`: there is a denial only where the result says so.
    asks = member(result, "result_type", "resultType") == "input_required"
    meta = member(result, "meta", "_meta")
    found = (
        denial_in_members(meta.get(META_KEY), text=words)
        if isinstance(meta, Mapping) and (has_failed or asks)
        else None
    )
    return found or (denial_in_text(words, whole=False) if words else None)


def _has_failed(result: object) -> bool:
    return member(result, "is_error", "isError") is True or member(result, "status") == "error"


def _texts_in(content: object) -> Iterable[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, (list, tuple)):
        for each in content:
            text = each if isinstance(each, str) else member(each, "text")
            if isinstance(text, str):
                yield text
