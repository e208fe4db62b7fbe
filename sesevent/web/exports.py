"""Answers of any length as files: CSV in which no spreadsheet finds a formula, or JSON lines; streamed row by row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Final

from fastapi import Request
from fastapi.responses import StreamingResponse

from sesevent import csvtext, jsontext
from sesevent.web.problems import Refused
from sesevent.web.routing import may_unmask, principal_of, unmasked, web_of
from sesevent.web.veil import veiled

__all__ = ["responses", "streamed"]

MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
_CHUNK: Final = 64 * 1024  # characters that are sent at once


def responses(*formats: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of an export."""
    kinds = {MEDIA_TYPES[name].partition(";")[0]: {"schema": {"type": "string"}} for name in formats}
    return {200: {"description": "The file, streamed.", "content": kinds}}


async def streamed(
    request: Request,
    rows: AsyncIterator[dict[str, Any]],
    format: str,  # noqa: A002  # the word for it
    name: str,
    columns: Sequence[str],
) -> StreamingResponse:
    """A response that streams *rows*, masked for whom they must be; to be shown in clear is written down first."""
    exporting, who = web_of(request).exporting, principal_of(request).name
    if exporting.get(who, 0) >= web_of(request).limits.exports:
        raise Refused(429, "Too many exports at once.", retryable=True, headers={"Retry-After": "10"})
    clear = may_unmask(request)
    detail = {"route": request.state.template, "format": format, "masked": not clear}
    await web_of(request).store.audit.note("exported", name, by=who, detail=detail)
    if clear:
        await unmasked(request)

    async def lines() -> AsyncIterator[str]:
        exporting[who] = exporting.get(who, 0) + 1
        try:
            async with aclosing(_chunks(_lines(rows, columns, format == "csv", clear))) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    yield chunk
        finally:
            exporting[who] -= 1

    ending = "csv" if format == "csv" else "ndjson"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines(), headers=headers, media_type=MEDIA_TYPES[format])


async def _lines(
    rows: AsyncIterator[dict[str, Any]], columns: Sequence[str], as_csv: bool, clear: bool
) -> AsyncIterator[str]:
    if as_csv:
        yield csvtext.line(columns)
    async for row in rows:
        shown: dict[str, Any] = row if clear else veiled(row)
        if as_csv:
            yield csvtext.line([csvtext.escaped(_cell(shown[column])) for column in columns])
        else:
            yield jsontext.encode(shown) + "\n"


async def _chunks(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    held: list[str] = []
    size = 0
    async for line in lines:
        held.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)


def _cell(value: Any) -> str:
    """A value as text: lists are joined, what is deeper is JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        value = " ".join(value)
    text = jsontext.encode(value) if isinstance(value, (dict, list)) else str(value)
    return text.replace("\r", " ").replace("\n", " ").replace("\x00", " ")
