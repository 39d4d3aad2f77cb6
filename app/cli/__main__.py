"""`python -m app.cli` is the `footnote` command."""

from app.cli.main import main

main()
