"""`python -m capplan`."""

from capplan.cli.app import main

main()
