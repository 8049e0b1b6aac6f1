"""``python -m console`` is ``accesswatch``."""

from console.main import main

main()
