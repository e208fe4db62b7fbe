"""Classification: why it bounced, whose fault it is, and what should be done.

Two stages: gather what the words, the codes and SES say; then take the strongest, by the table of
`sesevent.bounces.priority`. Pure: no clock, no chance, no network; any text is answered, none
raises. Next: the caller, who stores the reason or decides suppression by it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from sesevent.bounces import ses_words
from sesevent.bounces.classification import Classification, Verdict
from sesevent.bounces.engine import Engine, Hit, the_engine
from sesevent.bounces.priority import ENHANCED_CODES, PRIORITY, REPLIES, REPLY_CODES, SILENT, Finding, code_reason
from sesevent.bounces.rulebook import load_rules
from sesevent.bounces.ses_words import SesWord
from sesevent.bounces.text import LIMIT, after_prefix, words_of

__all__ = ["classify", "classify_delay", "classify_reject", "classify_rendering_failure"]

_RANK: Final = {row.name: place for place, row in enumerate(PRIORITY)}
_CONFIDENCE: Final = {row.name: row.confidence for row in PRIORITY}
_ENHANCED: Final = re.compile(r"(?<![0-9.])[45]\.[0-9]\.[0-9]{1,3}(?![0-9]|\.[0-9])")
_GENERAL: Final = frozenset(("3.0", "4.0", "5.0", "6.0", "7.0", "7.1"))
_is_code: Final = (ENHANCED_CODES | REPLY_CODES).__contains__
_NOT_FAILED: Final = frozenset(("delivered", "relayed", "expanded"))  # RFC 3464 section 2.3.3
_STATUS_RANK: Final = _RANK["status"]
_STATUS: Final = 64  # characters of a status field that are read


_made: Final = tuple.__new__  # a named tuple without the detour over its own constructor: one is made for every bounce
_NONE: Final = Finding("none", "undetermined", "none")


def classify(
    *,
    status: str | None = None,
    diagnostic: str | None = None,
    bounce_type: str | None = None,
    bounce_subtype: str | None = None,
    action: str | None = None,
    reporting_mta: str | None = None,
) -> Classification:
    """Classify one bounced recipient from the fields SES gives.

    *status*, *diagnostic* and *action* are the recipient's own (``diagnosticCode``, …);
    *reporting_mta* only helps to name the provider. Whatever is missing is None. The first
    2,000 characters of the diagnostic are read.
    """
    settled = ses_words.settled(bounce_subtype) if bounce_subtype else None
    if settled is not None:
        return Classification(_verdict(Finding("ses", settled.reason, f"ses.{bounce_subtype}"), "5", None, 0))
    engine = the_engine()
    if not diagnostic:
        return _from_codes(engine, status, bounce_type, bounce_subtype, action, reporting_mta)
    start = after_prefix(diagnostic) if ";" in diagnostic[:24] else 0
    words = words_of(diagnostic, start)
    signs = engine.alphabet.signs(words)
    said, code = _codes(words)
    enhanced = _better(said, _enhanced(status[:_STATUS])) if status else said
    digit = _digit(enhanced, code, bounce_type)
    hit = engine.find(signs, digit)
    if hit is not None and enhanced is None:
        best, agreement = hit[0], 0
    else:
        best, agreement = _weigh(hit, enhanced, code, bounce_type, bounce_subtype, action)
    provider = best.provider or engine.provider(signs) or (_provider(engine, reporting_mta) if reporting_mta else None)
    key = (best, digit, provider, agreement)
    verdict = _verdicts.get(key) or _verdict(*key)
    if hit is None or best is not hit[0]:
        return Classification(verdict)
    return _made(Classification, (verdict, diagnostic, (hit[1], hit[2])))


def classify_delay(
    *, delay_type: str | None = None, status: str | None = None, diagnostic: str | None = None
) -> Classification:
    """Classify one recipient of a DeliveryDelay: always for now, since SES goes on trying."""
    found = classify(status=status, diagnostic=diagnostic, bounce_type="Transient", action="delayed")
    told = ses_words.DELAY_TYPES.get(delay_type or "")
    known = told is not None and told.reason != "undetermined"
    if found.reason == "expired":  # it has not: SES goes on trying
        found = _as_network(found)
    if told is None or (found.reason != "undetermined" and not (known and found.confidence < _CONFIDENCE["sub_type"])):
        return _for_now(found)
    return Classification(_verdict(Finding("sub_type", told.reason, f"ses.delay.{delay_type}"), "4", found.provider, 0))


def classify_reject(reason: str | None = None) -> Classification:
    """Classify a Reject: SES did not take the message. An unknown reason concerns the content, as the known one."""
    told = ses_words.REJECTS.get((reason or "").strip().capitalize(), SesWord("content_rejected", ""))
    return Classification(_verdict(Finding("ses", told.reason, "ses.reject"), "5", None, 0))


def classify_rendering_failure(error_message: str | None = None) -> Classification:
    """Classify a Rendering Failure: the template and its data do not fit. The message may name data; it is not kept."""
    rule = "ses.rendering.missing_data" if "missing" in (error_message or "").lower() else "ses.rendering"
    return Classification(_verdict(Finding("ses", "content_rejected", rule), "5", None, 0))


def _from_codes(
    engine: Engine, status: str | None, bounce_type: str | None, sub_type: str | None, action: str | None,
    reporting_mta: str | None,
) -> Classification:  # fmt: skip
    """Where there are no words."""
    said = _enhanced(status[:_STATUS]) if status else None
    best, agreement = _weigh(None, said, None, bounce_type, sub_type, action)
    provider = _provider(engine, reporting_mta) if reporting_mta else None
    return Classification(_verdict(best, _digit(said, None, bounce_type), provider, agreement))


def _codes(words: list[str]) -> tuple[str | None, str | None]:
    """The first enhanced code and the first reply code among the words of a reply."""
    enhanced = code = None
    for word in filter(_is_code, words):
        if len(word) == 3:
            code = code or word
        elif word[0] != "2":
            enhanced = enhanced or word
        if code and enhanced:
            break
    return enhanced, code


@lru_cache(maxsize=4096)
def _enhanced(status: str) -> str | None:
    """The code in a status field, which may hold a comment too. There are few, so they are kept."""
    found = _ENHANCED.search(status)
    return found[0] if found else None


@lru_cache(maxsize=4096)
def _better(said: str | None, reported: str | None) -> str | None:
    """The receiving server's own code, unless it is a general one: SES and mailers fill in the report's themselves."""
    if said is None or reported is None:
        return said or reported
    return reported if _telling(reported) > _telling(said) else said


def _telling(code: str) -> tuple[bool, bool]:
    return code[2:] not in SILENT, code[2:] not in _GENERAL


def _digit(enhanced: str | None, code: str | None, bounce_type: str | None) -> str | None:
    """4 for a reply that may be different later, 5 for one that will not, None where nothing tells."""
    if code is not None and (enhanced is None or code[0] != enhanced[0]):
        return code[0]  # RFC 3463 section 2: they must agree; the reply code is the one that mail servers act upon
    if enhanced is not None:
        return enhanced[0]
    return {"Permanent": "5", "Transient": "4"}.get(bounce_type or "")


def _weigh(
    hit: Hit | None, enhanced: str | None, code: str | None, bounce_type: str | None, sub_type: str | None,
    action: str | None,
) -> tuple[Finding, int]:  # fmt: skip
    """The strongest evidence, and whether the code agrees with it (1), disagrees (-1) or says nothing (0)."""
    meant, kind = _meaning(enhanced) if enhanced else ("", "none")
    exact = _RANK[kind] <= _STATUS_RANK
    if hit is not None:
        words = hit[0]
        if not exact or _RANK[words.evidence] < _RANK[kind]:
            return words, _agreement(words.reason, meant if exact else "")
        return Finding(kind, meant, f"status.{enhanced}"), _agreement(words.reason, meant)
    if exact:
        return Finding(kind, meant, f"status.{enhanced}"), 0
    return _without_words(meant, enhanced, code, bounce_type, sub_type, action), 0


_meaning = lru_cache(maxsize=4096)(code_reason)


def _without_words(
    meant: str, enhanced: str | None, code: str | None, bounce_type: str | None, sub_type: str | None,
    action: str | None,
) -> Finding:  # fmt: skip
    """The rows of the table below the words and the exact codes."""
    read = ses_words.SUB_TYPES.get(sub_type or "")
    if read is not None:
        return Finding("sub_type", read.reason, f"ses.{sub_type}")
    if meant:
        return Finding("general_status", meant, f"status.{enhanced}")
    if code in REPLIES:
        return Finding("reply", REPLIES[code][0], f"reply.{code}")
    if (action or "").lower() in _NOT_FAILED or (bounce_type == "Transient" and not (action or enhanced or code)):
        return Finding("ses_type", "auto_reply", "ses.no_failure")
    if bounce_type == "Permanent":
        return Finding("ses_type", "user_unknown", "ses.permanent")
    return _NONE


def _agreement(reason: str, other: str) -> int:
    return 0 if not other else 1 if reason == other else -1


def _for_now(found: Classification) -> Classification:
    """The same, of a mail that SES still tries to deliver: nothing is final."""
    kept = found.verdict
    if kept.bounce_class != "hard":
        return found
    soft = kept._replace(bounce_class="soft", recommendation="count", retry_after=kept.retry_after or 3600)
    return Classification(soft, found.diagnostic, found.hit)


def _as_network(found: Classification) -> Classification:
    """A time-out, seen while the mail is still on its way."""
    kept = found.verdict
    made = _verdict(Finding(kept.evidence, "network", kept.rule), "4", kept.provider, 0)
    return Classification(made, found.diagnostic, found.hit)


def _provider(engine: Engine, reporting_mta: str) -> str | None:
    sign = engine.alphabet.host_sign(reporting_mta[:LIMIT].rpartition(";")[2].strip().lower())
    return engine.provider_signs.get(sign) if sign else None


_verdicts: dict[tuple[Finding, str | None, str | None, int], Verdict] = {}


def _verdict(finding: Finding, digit: str | None, provider: str | None, agreement: int) -> Verdict:
    """The shared part of an answer. As many exist as rules times replies, so they are kept."""
    key = (finding, digit, provider, agreement)
    if key not in _verdicts:
        _verdicts[key] = _new_verdict(*key)
    return _verdicts[key]


def _new_verdict(finding: Finding, digit: str | None, provider: str | None, agreement: int) -> Verdict:
    reason = load_rules().reasons[finding.reason]
    later = digit == "4"
    confidence = min(1.0, round(_CONFIDENCE[finding.evidence] + 0.04 * agreement, 2))
    return Verdict(
        reason.name,
        reason.fault,
        reason.transient_class if later else reason.bounce_class,
        reason.transient_recommendation if later else reason.recommendation,
        reason.advice,
        finding.rule,
        finding.evidence,
        confidence,
        provider,
        reason.transient_retry_after if later else reason.retry_after,
    )
