"""What the site adds to the pages as they lie here: the API table, the commands, models' cards."""

import re
import sys
from pathlib import Path
from typing import Any

import api  # beside this file, where mkdocs looks while it loads hooks
from mkdocs.structure.files import File

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))  # segment, where it is not installed


def on_files(files: Any, config: Any) -> Any:
    """Cards and figures of the models, and what they link to, are part of the site."""
    for path in sorted((HERE.parent / "models").glob("*/*")):
        if path.suffix in (".md", ".png"):
            target = f"models/{path.parent.name}/{path.name}"
            files.append(File.generated(config, target, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what is made from the code; the models lie one folder nearer in the site."""
    if page.file.src_uri == "reference/api.md":
        return markdown + "\n" + api.page()
    if page.file.src_uri == "reference/commands.md":
        return markdown + "\n" + commands()
    return re.sub(r"\]\(\.\./\.\./models/", "](../models/", markdown)


def commands() -> str:
    """The help of every command, as it is printed."""
    import click

    from segment.cli import main

    out = []
    for name, command in main.commands.items():
        context = click.Context(command, info_name=f"segment {name}", max_content_width=96)
        context.terminal_width = 96
        out.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```")
    return "\n\n".join(out) + "\n"
