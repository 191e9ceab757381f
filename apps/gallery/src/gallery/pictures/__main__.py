"""`python -m gallery.pictures contact-sheet --out FILE`: look at what the painter paints."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from gallery.pictures.contact_sheet import contact_sheet
from gallery.pictures.words import traits_from_prompt


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gallery.pictures")
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("contact-sheet", help="many portraits on one PNG")
    sheet.add_argument("--out", type=Path, required=True, metavar="FILE")
    sheet.add_argument("--seed", type=int, default=1, help="the first of consecutive seeds")
    sheet.add_argument("--count", type=int, default=36)
    sheet.add_argument("--across", type=int, default=6)
    sheet.add_argument("--width", type=int, default=320, help="of one portrait, in px")
    sheet.add_argument("--prompt", default="", help="for example 'old elf queen at night'")
    options = parser.parse_args(arguments)
    if min(options.count, options.across, options.width) < 1:
        parser.error("--count, --across and --width are at least 1")
    traits = traits_from_prompt(options.prompt, options.seed)
    seeds = range(options.seed, options.seed + options.count)
    png = contact_sheet(seeds, across=options.across, width=options.width, traits=traits)
    options.out.write_bytes(png)
    print(f"{options.out}: {options.count} portraits from seed {options.seed}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
