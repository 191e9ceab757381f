"""The `keepwarm` command: look at a store and invalidate in it, from a terminal or a script.

Exit codes: 0 done; 1 not acknowledged, not found, or `doctor` found something wrong;
2 wrong usage or settings; 3 the store could not be reached.
"""

import sys


def main() -> None:
    """Run the command line that this process was started with."""
    try:
        import rich  # noqa: F401 - is it there?
        import typer  # noqa: F401
    except ImportError:
        sys.exit("the command line needs an extra: pip install 'keepwarm[cli]'")
    from keepwarm.cli.app import app

    app()
