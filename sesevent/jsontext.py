"""The only reader and writer of JSON text.

The standard library's reader is the definition; a faster one is tried first (orjson from the
extra ``fast``, else the one pydantic brings) and must agree with it on everything it accepts.
What only the slow road takes: lone surrogates (a header cut in the middle of an emoji), raw
control characters in strings, a byte order mark, numbers that are too large. Readers differ in how
they hold numbers of more than 64 bits, and in how deep they go; `settled` makes them one.
It knows nothing of AWS.
Next: :mod:`sesevent.sns`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from pydantic_core import from_json

__all__ = [
    "as_text",
    "decode",
    "decode_many",
    "encode",
    "fast_loads",
    "is_document",
    "plain_loads",
    "settled",
    "storable",
]

# Levels that every reader takes; how many more it takes depends on it, and on how deep the caller's own calls are.
_DEEPEST = 500


def plain_loads(text: str | bytes) -> Any:
    """The reader that is always there. Raises ValueError also for some texts that `decode` takes."""
    try:
        return from_json(text, allow_inf_nan=False)  # NaN and Infinity are no JSON
    except TypeError:  # what it calls text with a lone surrogate
        raise ValueError("is not JSON") from None


fast_loads: Callable[[str | bytes], Any]
"""The fastest reader at hand. Raises ValueError also for some texts that `decode` takes."""
try:
    from orjson import loads as fast_loads
except ImportError:
    fast_loads = plain_loads

_SURROGATE = re.compile("[\ud800-\udfff]")
_WHITESPACE = re.compile(r"[ \t\r\n\x1e]*")  # \x1e: RFC 7464 record separator


def decode(text: str | bytes) -> Any:
    """Decode one JSON document.

    Raises ValueError with a reason that does not quote the text: not UTF-8, not JSON, nested
    too deeply. Duplicate keys: the last one wins. A lone surrogate becomes U+FFFD, a number that no
    double can hold infinite.
    """
    try:
        return fast_loads(text)
    except ValueError:
        return _decode_slowly(as_text(text))


def is_document(text: str | bytes) -> bool:
    """Whether this is one JSON document, an object or a list."""
    try:
        return isinstance(decode(text), (dict, list))
    except ValueError:
        return False


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
        documents.append((line, text[start:end], _checked(value)))
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
    """Encode as compact JSON text; what is infinite becomes null. Raises ValueError where the value is no JSON."""
    try:
        try:
            return _dumps(value, allow_nan=False)
        except ValueError:
            finite = json.loads(_dumps(value), parse_constant=_null_for_infinity)
            return _dumps(finite, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(_reason(error)) from None


def settled(value: Any, levels: int = 100) -> Any:
    """A decoded value as it is from every reader: numbers fit into 64 bits, and no more than so many *levels* deep.

    Larger integers become floats, as in JavaScript; what is infinite, or nested deeper, becomes None.
    So whoever walks it needs no limits of their own.
    """
    kind = type(value)
    if kind is dict:
        return {key: settled(member, levels - 1) for key, member in value.items()} if levels else None
    if kind is list:
        return [settled(member, levels - 1) for member in value] if levels else None
    if kind is int and not -(2**63) <= value < 2**64:
        try:
            return float(value)
        except OverflowError:
            return None
    return None if kind is float and value in _INFINITE else value


def storable(text: str) -> str:
    """The same JSON text with lone surrogates escaped, since UTF-8 and BSON cannot hold them."""
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _decode_slowly(text: str) -> Any:
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(_reason(error)) from None
    return _checked(value)


def _checked(value: Any) -> Any:
    if _is_deeper(value, _DEEPEST):
        raise ValueError("is nested too deeply")
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


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand more than so many *levels* inside each other."""
    level = [value]
    for _ in range(levels + 1):
        holders = [holder.values() if type(holder) is dict else holder for holder in level if type(holder) in _HOLDERS]
        if not holders:
            return False
        level = [member for members in holders for member in members]
    return True


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


def _null_for_infinity(name: str) -> None:
    return _refuse_constant(name) if name == "NaN" else None


def _whole(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # thousands of digits, which Python does not read, as it would take long
        return float(digits)


_INFINITE = (float("inf"), float("-inf"))
_HOLDERS = (dict, list)
_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant, parse_int=_whole)
_dumps = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
