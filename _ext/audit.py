"""Look at the built book through Lighthouse, as a phone and a desk see it.

``make audit`` prints the medians of three looks at each page, and fails where one misses a bar.
Other work on the machine makes pages slow: the load is printed, too.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any

from built import find_browser
from sources import ROOT, lessons

HTML = ROOT / "_build" / "html"
LIGHTHOUSE = "lighthouse@12.2.3"
CHROME = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run"
LOOKS = 3
CATEGORIES = ("accessibility", "best-practices", "seo")
#: What each column must reach; the last three must not exceed it.
BARS = {
    "mobile": 90,
    "desktop": 98,
    **dict.fromkeys(CATEGORIES, 100),
    "shift": 0.02,
    "first KB": 350,
    "next KB": 150,
}
AT_MOST = ("shift", "first KB", "next KB")


class Compressed(SimpleHTTPRequestHandler):
    """The pages, as a public host sends them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file, compressed where that helps."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        whole, packed = packings(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=31536000")
        if len(packed) < len(whole):
            self.send_header("Content-Encoding", "gzip")
        body = min(whole, packed, key=len)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@cache
def packings(path: Path) -> tuple[bytes, bytes]:
    """Return a file as it is, and compressed."""
    data = path.read_bytes()
    return data, gzip.compress(data)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder, and yield its address."""
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Compressed, directory=str(folder))
    ) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def install() -> Path:
    """Return Lighthouse's program, which npm installs once."""
    if not shutil.which("npm"):
        raise SystemExit("error: no npm, which installs Lighthouse: apt install npm")
    folder = ROOT / "_build" / LIGHTHOUSE
    program = folder / "node_modules" / ".bin" / "lighthouse"
    if not program.exists():
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "--prefix", folder, LIGHTHOUSE], check=True
        )
    return program


def look(program: Path, browser: str, address: str, *options: str) -> dict[str, Any]:
    """Return what Lighthouse reports of one visit."""
    command = [program, address, "--quiet", "--output=json", f"--chrome-flags={CHROME}", *options]
    environment = os.environ | {"CHROME_PATH": browser}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"error: Lighthouse failed on {address}:\n{ran.stderr}")
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def sent(report: dict[str, Any]) -> dict[str, float]:
    """Return how many kilobytes came for each address, without Vega, which a chart asks for."""
    requests = report["audits"]["network-requests"]["details"]["items"]
    return {
        request["url"]: request["transferSize"] / 1000
        for request in requests
        if "/vega-" not in request["url"]
    }


def measure(look_at: Callable[..., dict[str, Any]], address: str, page: str) -> dict[str, float]:
    """Return the medians of some looks at a page."""
    phone = [look_at(f"{address}/chapters/{page}.html") for _ in range(LOOKS)]
    desk = [look_at(f"{address}/chapters/{page}.html", "--preset=desktop") for _ in range(LOOKS)]

    def score(reports: list[dict[str, Any]], category: str) -> float:
        return median(100 * (report["categories"][category]["score"] or 0) for report in reports)

    first = [sent(report) for report in phone]
    # A further page finds what all pages share.
    shared = f"{address}/_static/"
    return {
        "mobile": score(phone, "performance"),
        "desktop": score(desk, "performance"),
        **{name: min(score(phone, name), score(desk, name)) for name in CATEGORIES},
        "shift": max(
            median(
                report["audits"]["cumulative-layout-shift"]["numericValue"] for report in reports
            )
            for reports in (phone, desk)
        ),
        "first KB": median(sum(came.values()) for came in first),
        "next KB": median(
            sum(size for url, size in came.items() if not url.startswith(shared)) for came in first
        ),
    }


def main() -> int:
    """Print a row for each page, and fail where one is below a bar."""
    browser, program = find_browser(), install()
    pages = sys.argv[1:] or ["index", *(path.stem for path in lessons())]
    print(f"{'':28}", *(f"{name:>14}" for name in BARS))
    failed = False
    with served(HTML) as address:
        for page in pages:
            row = measure(partial(look, program, browser), address, page)
            below = [
                name
                for name, bar in BARS.items()
                if (row[name] > bar if name in AT_MOST else row[name] < bar)
            ]
            failed |= bool(below)
            shown = (f"{row[name]:.3g}{'!' if name in below else ' '}" for name in BARS)
            print(f"{page:28}", *(f"{value:>14}" for value in shown), flush=True)
    print(f"{'! misses its bar' if failed else 'All bars are met'}; load: {os.getloadavg()[0]:.1f}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
