"""What does it mean for the next send? Pure: importable without a database.

:mod:`sesevent.suppression.facts` are what is known, :mod:`sesevent.suppression.rules` what each
amounts to, :mod:`sesevent.suppression.policy` what is made of it, :mod:`sesevent.suppression.standing`
the result for one address, and :mod:`sesevent.suppression.decision` the answer to «may I send?».
"""

from __future__ import annotations

from sesevent.suppression.decision import Decision, decide
from sesevent.suppression.facts import Act, Fact, Facts
from sesevent.suppression.policy import DEFAULT_POLICY, Effect, Policy, Step
from sesevent.suppression.rules import RULES, Rule
from sesevent.suppression.standing import Holding, Standing, derive

__all__ = [
    "DEFAULT_POLICY", "RULES", "Act", "Decision", "Effect", "Fact", "Facts", "Holding", "Policy", "Rule", "Standing",
    "Step", "decide", "derive",
]  # fmt: skip
