"""A page as Sphinx has resolved it, in the plain Markdown that every notebook shows.

Neither directives nor roles, but numbers, references and citations as on the page. Jupyter Lab,
Colab and VS Code agree on CommonMark, tables, formulas between dollars and ``<details>``; a formula
in a quote or a list stands in one line, since Lab takes what begins its lines for a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from docutils import nodes

# What begins or ends emphasis, code, a formula, a link, a tag; an underscore in a word does not.
_SPECIAL = re.compile(r"[\\`*$<\[\]|]|(?<!\w)_|_(?!\w)")
_TICKS = re.compile("`+")
_FORMULA = re.compile(r"(?<!\\)\$[^$]+\$")
_BLOCK_FORMULA = re.compile(r"\$\$\n(.*?)\n\$\$", re.DOTALL)


class Writer:
    """Writes nodes of a page; ``number`` gives that of a node, ``address`` that of a link.

    The second is asked with a link's target and words. Where it has none, the words stay.
    """

    def __init__(
        self, number: Callable[[str, nodes.Element], str], address: Callable[[str, str], str]
    ) -> None:
        self.number, self.address = number, address

    def blocks(self, held: Iterable[nodes.Node]) -> str:
        """Return blocks, with an empty line between two."""
        return "\n\n".join(filter(None, map(self.block, _folded(list(held)))))

    def block(self, node: nodes.Node) -> str:
        """Return one block; what there is no way to write is an error."""
        for kind in type(node).__mro__:
            if write := getattr(self, f"_{kind.__name__}", None):
                return str(write(node)).strip("\n")
        raise unwritten(node)

    def inline(self, node: nodes.Node) -> str:
        """Return a piece of a line."""
        if isinstance(node, nodes.Text):
            return _SPECIAL.sub(r"\\\g<0>", str(node))
        if isinstance(node, nodes.math):
            return f"${' '.join(node.astext().split())}$"
        if isinstance(node, nodes.literal):
            return _code(node.astext())
        if isinstance(node, nodes.raw):
            return ""
        if isinstance(node, nodes.image):
            raise unwritten(node)
        held = "".join(map(self.inline, node.children))
        if isinstance(node, nodes.reference):
            address = self.address(node.get("refuri") or f"#{node['refid']}", held)
            return f"[{held}]({address})" if address else held
        mark = {nodes.emphasis: "*", nodes.strong: "**"}.get(type(node), "")
        return f"{mark}{held}{mark}"

    def title(self, node: nodes.Element, kind: str, number: str) -> str:
        """Return what a statement or an exercise is called, as on the page."""
        name = self.inline(node.next_node(nodes.title)).strip()
        return f"{kind} {number} {name}".strip()

    # --- blocks by the classes of their nodes -----------------------------------------------------

    def _paragraph(self, node: nodes.Element) -> str:
        return self.inline(node).strip()

    def _title(self, node: nodes.Element) -> str:
        return ""

    _target = _comment = _title

    def _Text(self, node: nodes.Text) -> str:
        return self.inline(node).strip()

    def _Element(self, node: nodes.Element) -> str:
        if isinstance(node, nodes.Inline):
            return self.inline(node)
        raise unwritten(node)

    def _raw(self, node: nodes.raw) -> str:
        return re.sub(r' class="[^"]*"', "", node.astext())

    def _section(self, node: nodes.Element) -> str:
        return self.blocks(node.children)

    _container = _compound = _section

    def _math_block(self, node: nodes.Element) -> str:
        tag = rf" \tag{{{number}}}" if (number := self.number("displaymath", node)) else ""
        return f"$$\n{node.astext().strip()}{tag}\n$$"

    def _literal_block(self, node: nodes.Element) -> str:
        language = node.get("language", "")
        return f"```{language if language.isalpha() else ''}\n{node.astext()}\n```"

    def _bullet_list(self, node: nodes.Element) -> str:
        return self._list(node, ["- "] * len(node))

    def _enumerated_list(self, node: nodes.Element) -> str:
        first = node.get("start", 1)
        return self._list(node, [f"{i}. " for i in range(first, first + len(node))])

    def _list(self, node: nodes.Element, marks: Sequence[str]) -> str:
        written = []
        for mark, item in zip(marks, node.children, strict=True):
            lines = _one_line_formulas(self.blocks(item.children)).split("\n")
            indented = [f"{' ' * len(mark)}{line}".rstrip() for line in lines]
            written.append(mark + "\n".join(indented).lstrip())
        return ("\n\n" if any("\n\n" in item for item in written) else "\n").join(written)

    def _block_quote(self, node: nodes.Element) -> str:
        return quoted(self.blocks(node.children))

    def _Admonition(self, node: nodes.Element) -> str:
        if "realtype" in node:
            kind, number = node["realtype"].title(), self.number(node["countertype"], node)
            # Below it stands which tests check it: that is for the page.
            held = [child for child in node if isinstance(child, nodes.section)]
            return quoted(f"**{self.title(node, kind, number)}**\n\n{self.blocks(held)}")
        if "proof" in node["classes"]:
            return self.blocks(node.children)
        title = node.next_node(nodes.title)
        name = self.inline(title) if title is not None else type(node).__name__.title()
        return quoted(f"**{name}**\n\n{self.blocks(node.children)}")

    def _table(self, node: nodes.Element) -> str:
        rows = list(node.findall(nodes.row))
        written = [[self._cell(entry) for entry in row] for row in rows]
        rule = [_ALIGNMENT.get(" ".join(entry["classes"]), "---") for entry in rows[0].children]
        lines = [written[0], rule, *written[1:]]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def _cell(self, entry: nodes.Element) -> str:
        text = " ".join(self.blocks(entry.children).split())
        # A bar would end the cell, in a formula too.
        text = _FORMULA.sub(lambda m: m[0].replace(r"\|", r"\Vert ").replace("|", r"\vert "), text)
        return re.sub(r"(?<!\\)\|", r"\|", text)


_ALIGNMENT = {"text-left": ":--", "text-center": ":-:", "text-right": "--:"}


def unwritten(node: nodes.Node) -> Exception:
    """Return the error that there is no way to write a node."""
    return NotImplementedError(f"{type(node).__name__} in a notebook: {node.astext()[:60]!r}")


def quoted(text: str) -> str:
    """Return text with a bar at its left."""
    text = _one_line_formulas(text)
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _one_line_formulas(text: str) -> str:
    return _BLOCK_FORMULA.sub(lambda formula: f"$$ {' '.join(formula[1].split())} $$", text)


def _code(text: str) -> str:
    ticks = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _folded(held: list[nodes.Node]) -> list[nodes.Node]:
    """Return the nodes, each ``<details>`` in one line with its name."""
    found: list[nodes.Node] = []
    for node in held:
        before = found[-1].astext() if found and isinstance(found[-1], nodes.raw) else ""
        if before.endswith("<summary>") or node.astext() == "</summary>":
            found[-1] = nodes.raw("", before + node.astext(), format="html")
        else:
            found.append(node)
    return found
