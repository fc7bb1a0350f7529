"""`python -m services.cli` is `confide`."""

from services.cli import main

main()
