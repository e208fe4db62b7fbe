"""Is something wrong? Rules as values, what they need of a window, and the state machine of an alarm. Pure.

Order: :mod:`sesevent.monitoring.figures` (what is known of a window), :mod:`~sesevent.monitoring.rules` (what is too
much of it), :mod:`~sesevent.monitoring.readings` (how much of it there is), :mod:`~sesevent.monitoring.alarms` (what
follows), :mod:`~sesevent.monitoring.budget` (how long until AWS says so), :mod:`~sesevent.monitoring.texts` (how people
are told).
"""

from sesevent.monitoring.alarms import Alarm, AlarmEntry, State, step
from sesevent.monitoring.budget import Budget, budget
from sesevent.monitoring.figures import Figures, Scope
from sesevent.monitoring.readings import Reading, read
from sesevent.monitoring.rules import DEFAULT_RULES, Rule, load_rules

__all__ = [
    "DEFAULT_RULES", "Alarm", "AlarmEntry", "Budget", "Figures", "Reading", "Rule", "Scope", "State", "budget",
    "load_rules", "read", "step",
]  # fmt: skip
