"""``python -m stream`` is ``accesswatch``."""

from stream.console import main

main()
