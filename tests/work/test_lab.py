"""Jupyter Lab as ``make lab`` starts it: it opens the work notebooks, and sends the pages."""

import os
import re
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import sources
import work


@pytest.fixture
def address(tmp_path):
    """Start Jupyter Lab with the book's settings, and return where."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token="]
    lab = sources.ROOT / "_ext" / "lab"
    settings = {"JUPYTER_CONFIG_PATH": str(lab), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        cwd=sources.ROOT,
        env=os.environ | settings,
        stderr=subprocess.DEVNULL,
    ) as server:
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def get(address):
    """Return what is sent, once somebody listens."""
    for _ in range(300):
        try:
            return urlopen(address)
        except URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.1)
    raise AssertionError(f"nobody listens at {address}")


def test_lab_opens_the_work_notebooks_whose_links_lead_to_pages_with_styles(address, tmp_path):
    work.lay_out(sources.ROOT / "_build" / "html" / "work", tmp_path, "/static/html")
    stem = sources.lessons()[0].stem
    text = (tmp_path / f"{stem}.ipynb").read_text(encoding="utf-8")
    (page,) = re.findall(rf"The page\]\(([^)#]*{stem}\.html)", text)

    assert get(address).url == f"{address}/lab/tree/work"
    sent = get(f"{address}{page}")
    # A page of such a kind gets no styles from a server that asks who it is.
    assert "sandbox" not in sent.headers["Content-Security-Policy"]
    styles = re.findall(r'href="\.\./([^"?]+\.css)', sent.read().decode())
    assert styles
    for style in styles:
        assert get(f"{address}/static/html/{style}").headers["Content-Type"] == "text/css"
