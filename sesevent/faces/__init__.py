"""What a store hands out beside itself, a file each and both colours in it: `store.analytics`, `store.monitor`, ….

A class is called as its attribute is: `store.tokens` is `Tokens`, or `AsyncTokens`. Where that is the name of what one
hands in, `Encryption` and the policy `Retention`, it is called by what it does: `Encrypting`, `Retaining`.

They translate arguments and hand plans to whoever performs them, as the store tells. Next: :mod:`sesevent.sync` and
:mod:`sesevent.aio`, which make them.
"""
