"""Pages of the site that nobody writes: from README.md, of all figures, one per declaration, one per module."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import brian2learn
from brian2learn.cli.catalog import entries, plural
from brian2learn.cli.pages import page
from brian2learn.core.discovery import FOLDERS, load
from brian2learn.explore import formulas
from brian2learn.explore.notebook import LOOK
from brian2learn.figures._board import board_of, fragment

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"  # of what has been run in this checkout, the site shows pictures and verdicts
ALSO = ("LICENSE", "CITATION.cff")  # what pages link to outside the folder of documents


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages, and their places in the navigation."""

    def add(path: str, content: str) -> str:
        files.append(File.generated(config, path, content=content))
        return path

    for name in ALSO:
        add(f"{name}.txt", (ROOT / name).read_text(encoding="utf-8"))
    add("index.md", _moved(ROOT / "README.md"))
    add("contributing.md", _moved(ROOT / "CONTRIBUTING.md"))
    found = board_of(RESULTS)
    claims = add("board.md", f"# Figures and claims\n\n{fragment(found)}")
    for each in found.produced:
        for name in each["files"]:
            source = RESULTS / "figures" / each["folder"] / name
            files.append(File.generated(config, f"figures/{each['folder']}/{name}", abs_src_path=str(source)))
    declared: dict[str, list[dict[str, str]]] = {}
    for kind, each in entries():
        path = add(f"reference/{plural(kind)}/{each.name}.md", page(each.name, _typeset(each.name)))
        declared.setdefault(f"{kind.capitalize()}s", []).append({each.class_name: path})
    modules = [{name.removeprefix("brian2learn."): add(f"api/{name}.md", f"# {name}\n\n::: {name}\n")}
               for name in _modules()]  # fmt: skip
    config.nav += [
        {"Figures and claims": claims},
        {"Reference": [{kind: pages} for kind, pages in declared.items()]},
        {"API": modules},
    ]
    return files


def _typeset(name: str) -> str:
    """The equations of a declaration as MathML, which browsers draw by themselves; empty if it has none."""
    shown = load(name)()
    return f"{LOOK}\n<div class='b2l'>{formulas.html_of(shown)}</div>" if formulas.equations_of(shown) else ""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to what lies in the root folder."""
    return markdown.replace("](../CONTRIBUTING.md", "](contributing.md")


def _moved(path: Path) -> str:
    """A page of the root folder as if it lay among the documents."""
    text = path.read_text(encoding="utf-8").replace("](docs/", "](").replace("](CONTRIBUTING.md", "](contributing.md")
    return re.sub(rf"\]\(({'|'.join(map(re.escape, ALSO))})\)", r"](\1.txt)", text)


def _modules() -> list[str]:
    """Public modules that declare nothing: those of core, runs and analysis."""
    found = []
    for module in pkgutil.walk_packages(brian2learn.__path__, "brian2learn."):
        _, folder, *rest = module.name.split(".")
        hidden = any(part.startswith("_") for part in (folder, *rest))
        if rest and not hidden and not module.ispkg and folder not in (*FOLDERS, "cli"):
            found.append(module.name)
    return found
