"""The only reader and writer of JSON text.

The standard library's reader is the definition; a faster one is tried first (orjson from the
extra ``fast``, else the one pydantic brings) and must agree with it on everything it accepts.
What only the slow road takes: lone surrogates (a header cut in the middle of an emoji), raw
control characters in strings, a byte order mark. It knows nothing of AWS.
Next: :mod:`sesevent.sns`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["as_text", "decode", "decode_many", "encode", "fast_loads", "storable"]

fast_loads: Callable[[str | bytes], Any]
"""The fast reader itself. Raises ValueError also for some texts that `decode` takes."""
try:
    from orjson import loads as fast_loads
except ImportError:
    from pydantic_core import from_json as fast_loads

_SURROGATE = re.compile("[\ud800-\udfff]")
_WHITESPACE = re.compile(r"[ \t\r\n\x1e]*")  # \x1e: RFC 7464 record separator


def decode(text: str | bytes) -> Any:
    """Decode one JSON document.

    Raises ValueError with a reason that does not quote the text: not UTF-8, not JSON, nested
    too deeply. Duplicate keys: the last one wins. A lone surrogate becomes U+FFFD.
    """
    try:
        return fast_loads(text)
    except ValueError:
        return _decode_slowly(as_text(text))


def decode_many(text: str) -> list[tuple[int, str, Any]]:
    """Decode JSON documents that stand one behind the other, with or without white space between.

    That is what Firehose leaves in S3. Returns for each its 1-based line, its own text and its
    value; raises ValueError as :func:`decode` does.
    """
    documents: list[tuple[int, str, Any]] = []
    line, counted = 1, 0
    start = _skip_space(text, 0)
    while start < len(text):
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            raise ValueError(_reason(error)) from None
        line, counted = line + text.count("\n", counted, start), start
        documents.append((line, text[start:end], _without_lone_surrogates(value)))
        start = _skip_space(text, end)
    return documents


def as_text(text: str | bytes) -> str:
    """Read bytes as UTF-8, with or without a byte order mark. Raises ValueError naming the first bad byte."""
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 (byte {error.start})") from None


def encode(value: object) -> str:
    """Encode as compact JSON text. Raises ValueError where the value is no JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(_reason(error)) from None


def storable(text: str) -> str:
    """The same JSON text with lone surrogates escaped, since UTF-8 and BSON cannot hold them."""
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _decode_slowly(text: str) -> Any:
    try:
        value = json.loads(text, strict=False, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(_reason(error)) from None
    return _without_lone_surrogates(value)


def _without_lone_surrogates(value: Any) -> Any:
    """Mend the rare document that has them by a round trip through UTF-16, where pairs join and loners are replaced."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        if not _SURROGATE.search(text):
            return value
        return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    except RecursionError as error:
        raise ValueError(_reason(error)) from None


def _skip_space(text: str, position: int) -> int:
    match = _WHITESPACE.match(text, position)
    return position if match is None else match.end()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is not JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        # `error.msg` names the grammar, never the content.
        return f"is not JSON (line {error.lineno}, column {error.colno}: {error.msg})"
    return str(error) if str(error).startswith("holds ") else "is not JSON"


_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)
