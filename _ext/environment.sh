#!/bin/sh
# Make .venv; make it anew where the pins, the Python or the folder have changed since.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "error: $*" >&2
    exit 1
}

# PYTHON, or else the first Python that is new enough. The one that an activated .venv was made
# from, not the one inside: that one is deleted below.
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3 python3.14 python3.13 python3.12 python3.11
fi
first=$1
for name; do
    python=$("$name" -c 'import sys
if sys.version_info >= (3, 11): print(sys._base_executable)' 2>/dev/null) || true
    [ -z "$python" ] || break
done
if [ -z "$python" ]; then
    found=$("$first" --version 2>&1) || found="no $first"
    fail "Python 3.11 or newer is needed, found $found; name another: make PYTHON=/path/to/python3"
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv or ensurepip;" \
    "on Debian and Ubuntu: sudo apt install python3-venv"

# The lock belongs to descriptor 9 and falls when this script ends, however it ends.
exec 9<constraints.txt
"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'

stamp=$("$python" -c 'import hashlib, os, pathlib, sys
parts = [sys.version.encode(), os.fsencode(os.getcwd())]
parts += [pathlib.Path(n).read_bytes() for n in sys.argv[1:]]
print(hashlib.sha256(b"\0".join(parts)).hexdigest())' requirements.txt constraints.txt pyproject.toml)
if [ "$(cat .venv/stamp 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

echo "Making .venv with $("$python" --version): once, a few minutes"
rm -rf .venv
"$python" -m venv .venv
quiet=--quiet
[ ! -t 1 ] || quiet=  # a person watches: show the downloads
.venv/bin/python -m pip install --disable-pip-version-check $quiet -r requirements.txt
echo "$stamp" >.venv/stamp
