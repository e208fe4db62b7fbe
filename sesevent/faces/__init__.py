"""What a store hands out beside itself, a file each and both colours in it: `store.analytics`, `store.monitor`, ….

They translate arguments and hand plans to whoever performs them, as the store tells. Next: :mod:`sesevent.sync` and
:mod:`sesevent.aio`, which make them.
"""
