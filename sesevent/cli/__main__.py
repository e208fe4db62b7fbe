"""``python -m sesevent.cli``."""

from sesevent.cli import main

main()
