"""Write the public addresses, which _config.yml alone gives, into the files that others read.

``python _ext/addresses.py`` puts them into README.md, pyproject.toml and CITATION.cff, or takes
them out where there are none. Pages get them when they are built (public.py, work.py).
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
NAME = "neural-network-basics"


def addresses(root: Path = ROOT) -> tuple[str, str]:
    """Return where the repository is and where the book is read, without a slash at the end."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"].rstrip("/"), config["html"]["baseurl"].rstrip("/")


def written(root: Path, repository: str, site: str) -> dict[str, str]:
    """Return what each file should say."""
    texts = {name: (root / name).read_text(encoding="utf-8") for name in WRITERS}
    return {name: WRITERS[name](text, repository, site) for name, text in texts.items()}


def readme(text: str, repository: str, site: str) -> str:
    """Return README.md with its buttons, its command, and links that lead on from anywhere."""
    text = between(text, "buttons", f"\n{buttons(repository, site)}\n")
    command = NAME if repository else ".  # in this folder"
    text = re.sub(r"(?m)^pip install .*$", f"pip install {command}", text)
    text = re.sub(r"\]\(https://github\.com/[\w.-]+/[\w.-]+/(?:blob|raw)/HEAD/", "](", text)
    if repository:
        text = re.sub(r"(!\[[^]]*\]\()(?!http)", rf"\1{repository}/raw/HEAD/", text)
        text = re.sub(r"(?<!!)(\[[^]]*\]\()(?!http|#)", rf"\1{repository}/blob/HEAD/", text)
    return text


def buttons(repository: str, site: str) -> str:
    """Return the line of links below the title: none of them is dead."""
    links = {"Read": f"{site}/" if site else "#read"}
    if repository:
        name = repository.removeprefix("https://github.com/")
        links["Run"] = f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/work"
    links["Study"] = "#study"
    links["Teach"] = f"{site}/chapters/teaching.html" if site else "#teach"
    if site:
        links["PDF"] = f"{site}/{NAME}.pdf"
    line = " · ".join(f"**[{text}]({url})**" for text, url in links.items())
    if repository:
        tests = f"{repository}/actions/workflows/ci.yml"
        line += f" · [![Tests]({tests}/badge.svg)]({tests})"
    return line


def between(text: str, mark: str, content: str) -> str:
    """Return a text with other content between two comments."""
    pattern = rf"(<!-- {mark} -->)(?s:.*?)(<!-- /{mark} -->)"
    changed, count = re.subn(pattern, lambda found: found[1] + content + found[2], text)
    if count != 1:
        raise ValueError(f"there are {count} places for {mark}, not one")
    return changed


def pyproject(text: str, repository: str, site: str) -> str:
    """Return pyproject.toml with the links that an index of packages shows."""
    text = re.sub(r"\[project\.urls\]\n(?:.+\n)*\n", "", text)
    urls = {"Homepage": site}
    if repository:
        urls["Source"] = repository
        urls["Issues"] = f"{repository}/issues"
        urls["Changelog"] = f"{repository}/blob/HEAD/CHANGELOG.md"
    lines = "".join(f'{key} = "{url}"\n' for key, url in urls.items() if url)
    table = f"[project.urls]\n{lines}\n" if lines else ""
    below = "[project.optional-dependencies]"
    return text.replace(below, table + below)


def citation(text: str, repository: str, site: str) -> str:
    """Return CITATION.cff with the addresses."""
    text = re.sub(r"(?m)^(?:repository-code|url): .*\n", "", text)
    urls = {"repository-code": repository, "url": site}
    lines = "".join(f'{key}: "{url}"\n' for key, url in urls.items() if url)
    return re.sub(r"(?m)^license: .*\n", lambda found: found[0] + lines, text)


WRITERS = {"README.md": readme, "pyproject.toml": pyproject, "CITATION.cff": citation}


def main() -> None:
    """Write what is not as it should be."""
    for name, text in written(ROOT, *addresses()).items():
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
