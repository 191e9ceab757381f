"""`python -m keepwarm.cli`, where the script is not on PATH."""

from keepwarm.cli import main

main()
