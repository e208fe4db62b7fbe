"""What does it mean for the next send? Pure: importable without a database.

:mod:`sesevent.suppression.facts` are what is known, :mod:`sesevent.suppression.policy` what is
made of it, :mod:`sesevent.suppression.standing` the result for one address, and
:mod:`sesevent.suppression.decide` the answer to «may I send?».
"""
