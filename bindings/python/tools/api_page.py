"""Writes docs/python-api.md from the package's own docstrings and signatures; with --check only compares.

    python tools/api_page.py [--check]
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "python/aivirt"
PAGE = Path(__file__).resolve().parents[3] / "docs/python-api.md"
MODULES = [
    "aivirt.client",
    "aivirt.partition",
    "aivirt.events",
    "aivirt.aio",
    "aivirt.exceptions",
    "aivirt.testing",
    "aivirt.deadline",
    "aivirt.slices",
    "aivirt.slices.config",
    "aivirt.slices.batch",
    "aivirt.slices.single",
    "aivirt.slices.team",
    "aivirt.slices.agents",
    "aivirt.slices.slice_env_v0",
    "aivirt.slices.gym",
]
HEAD = """# The Python package, name by name

Made from the package's docstrings by `python bindings/python/tools/api_page.py`; a test compares. The guide is
[python.md](python.md).
"""


def main() -> int:
    text = HEAD + "".join(module(name) for name in MODULES)
    if "--check" not in sys.argv:
        PAGE.write_text(text)
        return 0
    if PAGE.read_text() == text:
        return 0
    print(f"{PAGE.name} is not what the docstrings say; write it anew: python bindings/python/tools/api_page.py")
    return 1


def module(name: str) -> str:
    source = PACKAGE.joinpath(*name.split(".")[1:])
    path = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
    tree = ast.parse(path.read_text())
    public = set(importlib.import_module(name).__all__)
    text = f"\n## {name}\n\n{prose(ast.get_docstring(tree) or '')}\n"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in public:
            text += class_(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in public:
            text += f"\n### `{signature(node)}`\n\n{prose(ast.get_docstring(node) or '')}\n"
    constants = [(name, doc) for name, _, doc in fields(tree.body) if name in public]
    if constants:
        text += "\n" + "".join(f"- `{name}`: {inline(doc)}\n" for name, doc in constants)
    if name == "aivirt.deadline":
        stub = ast.parse((PACKAGE / "_aivirt.pyi").read_text())
        natives = {"Decision", "Policy"}
        text += "".join(class_(node) for node in stub.body if isinstance(node, ast.ClassDef) and node.name in natives)
    return text


def class_(node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    text = f"\n### class `{node.name}{f'({bases})' if bases else ''}`\n\n{prose(ast.get_docstring(node) or '')}\n"
    values = fields(node.body)
    if values:
        text += "\n" + "".join(
            f"- `{name}{f': {kind}' if kind else ''}`{f': {inline(doc)}' if doc else ''}\n" for name, kind, doc in values
        )
    methods = ""
    for item in node.body:
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) or item.name.startswith("_"):
            if not (isinstance(item, ast.FunctionDef) and item.name == "__init__" and "Args:" in (ast.get_docstring(node) or "")):
                continue
        if any(isinstance(d, ast.Name) and d.id == "property" for d in item.decorator_list):
            returns = ast.unparse(item.returns) if item.returns else ""
            methods += f"\n**`{item.name}: {returns}`**: {inline(ast.get_docstring(item) or '')}\n"
            continue
        if item.name == "__init__":
            methods += f"\n**`{signature(item).replace('__init__', node.name, 1)}`**\n"
        else:
            methods += f"\n**`{signature(item)}`**\n\n{prose(ast.get_docstring(item) or '')}\n"
    return text + methods


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    arguments = ast.unparse(node.args)
    arguments = re.sub(r"^(self|cls)(, )?", "", arguments)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{prefix}{node.name}({arguments}){returns}"


def fields(body: list[ast.stmt]) -> list[tuple[str, str, str]]:
    """Names with their types and the text that stands below them."""
    found = []
    for item, following in zip(body, [*body[1:], ast.Pass()]):
        doc = following.value.value if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant) else ""
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and not item.target.id.startswith("_"):
            found.append((item.target.id, ast.unparse(item.annotation), str(doc)))
        elif isinstance(item, ast.Assign) and doc and isinstance(item.targets[0], ast.Name):
            if not item.targets[0].id.startswith("_"):
                found.append((item.targets[0].id, "", str(doc)))
    return found


def inline(text: str) -> str:
    return " ".join(prose(text).split())


def prose(text: str) -> str:
    """A docstring as Markdown: references, code, examples, tables and lists of arguments."""
    text = inspect.cleandoc(text)
    text = re.sub(r":(?:class|meth|mod|func|data|attr):`~?([^`]+)`", lambda m: f"`{m[1].removeprefix('aivirt.')}`", text)
    text = text.replace("``", "`").replace("::\n", ":\n")
    out: list[str] = []
    code = table = False
    for line in text.split("\n"):
        is_code = line.startswith((">>>", "...")) or (code and line.strip() != "" and not line[0].isalpha())
        if is_code != code:
            out.append("```python" if is_code else "```")
        code = is_code
        if re.fullmatch(r"=+( +=+)+", line):
            table = not table
            continue
        out.append(line)
    if code:
        out.append("```")
    return arguments(tables(text, out))


def tables(text: str, lines: list[str]) -> list[str]:
    """reStructuredText's simple tables as Markdown's, by the columns of their first line."""
    rule = re.search(r"^=+( +=+)+$", text, re.MULTILINE)
    if rule is None:
        return lines
    starts = [match.start() for match in re.finditer(r"=+", rule[0])]
    block = text.split(rule[0])
    rows: list[list[str]] = []
    for part in block[1:-1]:
        for line in part.strip("\n").split("\n"):
            cells = [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None])]
            if cells[0] or not rows:
                rows.append(cells)
            else:
                rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells)]
    if not rows:
        return lines
    head = [""] * len(starts)
    table = [f"| {' | '.join(head)} |", f"|{'---|' * len(starts)}", *(f"| {' | '.join(row)} |" for row in rows)]
    original = [line for part in block[1:-1] for line in part.strip("\n").split("\n")]
    first = lines.index(original[0])
    return [*lines[:first], *table, *lines[first + len(original) :]]


def arguments(lines: list[str]) -> str:
    """`Args:` and its kind as lists."""
    out: list[str] = []
    section = False
    for line in lines:
        if line in ("Args:", "Raises:", "Returns:"):
            section = True
            out.append(f"{line[:-1]}:\n")
        elif section and re.match(r"    \S", line):
            name, colon, rest = line.strip().partition(": ")
            out.append(f"- `{name}`: {rest}" if colon and " " not in name.replace(", ", "") else f"- {line.strip()}")
        elif section and line.startswith("        "):
            out.append(f"  {line.strip()}")
        else:
            section = section and line == ""
            out.append(line)
    return "\n".join(out).strip()


if __name__ == "__main__":
    sys.exit(main())
