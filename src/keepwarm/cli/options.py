"""Options that many commands take."""

from typing import Annotated

import typer

Url = Annotated[str | None, typer.Option("--url", help="redis://, valkeys://, unix:// … address.")]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Else CACHE_NAMESPACE, else keepwarm."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object or list on stdout.")]
