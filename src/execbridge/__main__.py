"""Run the command line: python -m execbridge."""

from .adapters.cli import main

main(prog_name="execbridge")
