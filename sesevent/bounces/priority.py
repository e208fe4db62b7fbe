"""What wins where the evidence disagrees: one table, strongest first, with a reason beside each row.

The servers' words stand above their codes, because codes are often generic and sometimes wrong;
but a code that means one thing stands above words that may mean several. It reads no text.
Next: :mod:`sesevent.bounces.engine`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "CODES", "ENHANCED_CODES", "GENERAL_CODES", "OWN_CODES", "PRIORITY", "REASON_ORDER", "REPLIES",
    "REPLY_CODES", "SILENT", "STRENGTHS", "Evidence", "Finding", "code_reason",
]  # fmt: skip


class Finding(NamedTuple):
    """One piece of evidence: its kind, the reason it speaks for, and what said so."""

    evidence: str
    """A row of `PRIORITY`."""
    reason: str
    rule: str
    provider: str | None = None


class Evidence(NamedTuple):
    """One kind of evidence."""

    name: str
    confidence: float
    """How far a reason found this way can be relied on; raised where a second kind of evidence agrees."""
    why: str


PRIORITY: Final = (
    Evidence("ses", 1.0, "SES speaks of its own act here (a list, a time-out); no other server was involved"),
    Evidence("code", 0.98, "a provider's own code is documented to mean one thing"),
    Evidence("exact", 0.97, "a phrase that leaves no other reading, though single words of it do"),
    Evidence("own_code", 0.95, "an enhanced code that no server sends by default: who sets it means it"),
    Evidence("strong", 0.93, "a phrase that means one thing wherever it is said"),
    Evidence("plain", 0.85, "a phrase that nearly always means one thing: words are chosen for people to read"),
    Evidence("status", 0.75, "an enhanced code with one meaning (5.2.2); below most words: 5.1.1 is sent for much"),
    Evidence("weak", 0.6, "single words that only lean one way: they count where nothing better is there"),
    Evidence("sub_type", 0.55, "SES's reading of the reply, from the same words and codes"),
    Evidence("general_status", 0.45, "a code that names a field only (5.7.1: some policy)"),
    Evidence("reply", 0.3, "basic reply codes were made before most of the reasons"),
    Evidence("ses_type", 0.25, "SES's bare word: Permanent mostly means a dead mailbox, Transient alone no failure"),
    Evidence("none", 0.0, "nothing says why"),
)  # fmt: skip
"""The kinds of evidence, strongest first."""

STRENGTHS: Final = ("code", "exact", "strong", "plain", "weak")
"""The kinds that are wordings: what a rule's ``strength`` may be."""

REASON_ORDER: Final = {
    "auto_reply": "an absence is told in words that also stand in refusals (unavailable, no longer)",
    "virus": "mail with malware is also called spam or rejected content",
    "greylisted": "«try again later» also stands in refusals for load and for rate",
    "mailbox_full": "a full mailbox is also said to be unavailable or over a limit",
    "expired": "what was given up after days also names the network trouble behind it",
    "too_large": "a size over the limit also says that the message is rejected",
    "relocated": "an address that moved is also said to be unknown",
    "authentication": "a failed check of SPF, DKIM, DMARC or PTR is also called a block or a policy",
    "blocked": "what a list names is also called spam",
    "rate_limited": "a limit is also called a block or a policy",
    "spam_content": "…and mail that is spam is refused by a policy",
    "sender_rejected": "«sender address rejected: domain not found» is not about the recipient's domain",
    "relaying_denied": "«relaying denied» is told of recipients and of senders alike",
    "inactive": "a disabled mailbox is also said not to be available or not to exist any more",
    "domain_not_found": "«domain not found» is also said with the user's name",
    "network": "a time-out or an unreachable host may be told by any part",
    "user_unknown": "the commonest answer; the words around it may mean something narrower, which stands above",
    "recipient_filtered": "a person's own refusal is told with weaker words than any of the above",
    "content_rejected": "refusals of form, after the narrower ones",
    "not_accepting": "the host as a whole, after what is said of one mailbox",
    "protocol": "errors of syntax are sometimes the wrapping of something else",
    "system_error": "a fault of the receiver, if nothing else is said",
    "policy": "the refuge of refusals that say no more",
    "unsubscribed": "only SES says so",
    "suppressed": "only SES says so",
    "undetermined": "nothing is said",
}
"""Which reason is tried first, among wordings of the same strength."""

CODES: Final = {
    # Enhanced code without its class → reason, and whether the code alone settles it. RFC 3463, 5248, 7505, 7372, 4468.
    "1.1": ("user_unknown", "bad destination mailbox address"),
    "1.2": ("domain_not_found", "bad destination system address"),
    "1.3": ("user_unknown", "bad syntax of the destination address"),
    "1.4": ("user_unknown", "ambiguous destination address"),
    "1.7": ("sender_rejected", "bad syntax of the sender's address"),
    "1.8": ("sender_rejected", "bad system address of the sender"),
    "1.9": ("content_rejected", "relayed to a non-compliant mailer"),
    "1.10": ("domain_not_found", "null MX (RFC 7505)"),
    "2.1": ("inactive", "mailbox disabled, not accepting messages"),
    "2.2": ("mailbox_full", "mailbox full"),
    "2.3": ("too_large", "message length exceeds an administrative limit"),
    "3.1": ("system_error", "mail system full"),
    "3.2": ("not_accepting", "system not accepting network messages"),
    "3.4": ("too_large", "message too big for the system"),
    "3.5": ("system_error", "system incorrectly configured"),
    "4.1": ("network", "no answer from the host"),
    "4.2": ("network", "bad connection"),
    "4.3": ("network", "directory server failure"),
    "4.4": ("domain_not_found", "unable to route"),
    "4.5": ("system_error", "mail system congestion"),
    "4.6": ("system_error", "routing loop"),
    "4.7": ("expired", "delivery time expired"),
    "6.7": ("content_rejected", "non-ASCII addresses not permitted (RFC 6531)"),
    "7.17": ("inactive", "mailbox owner has changed (RFC 7293)"),
    "7.18": ("inactive", "domain owner has changed (RFC 7293)"),
    "7.27": ("sender_rejected", "sender address has null MX (RFC 7505)"),
}
"""Enhanced codes that mean one thing: after the class digit → reason, and the registry's words."""

OWN_CODES: Final = {
    "1.6": ("relocated", "mailbox has moved, no forwarding address"),
    "2.121": ("rate_limited", "Exchange Online: the recipient's hourly limit for one sender"),
    "2.122": ("rate_limited", "Exchange Online: the recipient's hourly limit"),
    "4.310": ("domain_not_found", "Exchange Online: the DNS domain does not exist"),
    "4.312": ("network", "Exchange Online: the DNS query failed"),
    "4.316": ("network", "Exchange Online: connection refused until the message expired"),
    "4.317": ("network", "Exchange Online: no connection to the remote server until the message expired"),
    "7.13": ("inactive", "user account disabled (RFC 5248)"),
    "7.20": ("authentication", "no passing DKIM signature (RFC 7372)"),
    "7.21": ("authentication", "no acceptable DKIM signature (RFC 7372)"),
    "7.22": ("authentication", "no valid author-matched DKIM signature (RFC 7372)"),
    "7.23": ("authentication", "SPF validation failed (RFC 7372)"),
    "7.24": ("authentication", "SPF validation error (RFC 7372)"),
    "7.25": ("authentication", "reverse DNS validation failed (RFC 7372)"),
    "7.26": ("authentication", "multiple authentication checks failed (RFC 7372)"),
    "7.28": ("rate_limited", "mail flood detected"),
    "7.124": ("recipient_filtered", "Exchange Online: the sender is not on the group's list of allowed senders"),
    "7.133": ("recipient_filtered", "Exchange Online: the group takes mail from its own organisation only"),
    "7.134": ("recipient_filtered", "Exchange Online: the mailbox takes mail from its own organisation only"),
    "7.136": ("recipient_filtered", "Exchange Online: the mail user takes mail from its own organisation only"),
    "7.508": ("rate_limited", "Exchange Online: too much mail from an IPv6 range"),
    "7.511": ("blocked", "Exchange Online: banned sender"),
    "7.515": ("authentication", "Outlook: the sending domain does not meet the required authentication level"),
    "7.606": ("blocked", "Exchange Online: banned sending IP; so are the numbers up to 649"),
    "7.705": ("rate_limited", "Exchange Online: the tenant sent too much"),
    "7.708": ("blocked", "Exchange Online: traffic not accepted from this IP"),
}
"""Enhanced codes that stand above strong words, since no server sends them by default.
Exchange Online's own: https://learn.microsoft.com/en-us/exchange/troubleshoot/email-delivery/ndr/non-delivery-reports-in-exchange-online"""

GENERAL_CODES: Final = {
    "1": ("user_unknown", "addressing"),
    "2": ("inactive", "mailbox"),
    "3": ("system_error", "mail system"),
    "4": ("network", "network and routing"),
    "5": ("protocol", "mail delivery protocol"),
    "6": ("content_rejected", "content or media"),
    "7": ("policy", "security or policy"),
}
"""The subject digit alone (RFC 3463 section 3) → reason, for every other code of that subject."""

REPLIES: Final = {
    "421": ("system_error", "service not available, closing the channel"),
    "450": ("system_error", "mailbox unavailable for now"),
    "451": ("system_error", "local error in processing"),
    "452": ("mailbox_full", "insufficient storage"),
    "500": ("protocol", "syntax error"),
    "501": ("protocol", "syntax error in parameters"),
    "502": ("protocol", "command not implemented"),
    "503": ("protocol", "bad sequence of commands"),
    "504": ("protocol", "parameter not implemented"),
    "521": ("not_accepting", "host does not accept mail (RFC 7504)"),
    "530": ("policy", "authentication required"),
    "535": ("policy", "authentication failed"),
    "552": ("mailbox_full", "exceeded storage allocation"),
    "556": ("not_accepting", "domain does not accept mail (RFC 7504)"),
}
"""Basic reply codes (RFC 5321 section 4.2.3) that lean to a reason. 550, 553 and 554 say nothing by themselves."""


REPLY_CODES: Final = frozenset(
    [
        "421",
        "422",
        "430",
        "431",
        "432",
        "433",
        "441",
        "442",
        "446",
        "447",
        "449",
        "450",
        "451",
        "452",
        "453",
        "454",
        "455",
        "458",
        "459",
        "471",
        "500",
        "501",
        "502",
        "503",
        "504",
        "505",
        "510",
        "511",
        "512",
        "513",
        "514",
        "515",
        "516",
        "517",
        "518",
        "519",
        "520",
        "521",
        "522",
        "523",
        "525",
        "530",
        "531",
        "533",
        "534",
        "535",
        "538",
        "541",
        "542",
        "544",
        "546",
        "547",
        "550",
        "551",
        "552",
        "553",
        "554",
        "555",
        "556",
        "557",
        "559",
        "560",
        "561",
        "563",
        "565",
        "570",
        "571",
        "572",
        "573",
        "576",
        "577",
        "580",
        "581",
        "583",
        "590",
    ]
)
"""Numbers that are taken for reply codes wherever they stand. Others may be sizes or ports."""


def code_reason(code: str) -> tuple[str, str]:
    """What an enhanced code such as ``5.2.2`` means, and the kind of evidence that is. 5.2.0 and 5.0.0 mean nothing."""
    subject_detail = code[2:]
    for kind, table in (("own_code", OWN_CODES), ("status", CODES)):
        found = table.get(subject_detail)
        if found is not None:
            return found[0], kind
    if subject_detail in SILENT:
        return "", "none"
    general = GENERAL_CODES.get(code[2])
    return general[0] if general else "", "general_status"


SILENT: Final = frozenset(("0.0", "1.0", "2.0"))
"""Enhanced codes that mean nothing: mailers put them where they know no better."""

ENHANCED_CODES: Final = frozenset(
    f"{kind}.{detail}"
    for kind in "245"
    for detail in [*(f"{subject}.{number}" for subject in range(8) for number in range(31)), *OWN_CODES]
)
"""Every enhanced code that is known, or may one day be, in the form in which it stands in replies."""
