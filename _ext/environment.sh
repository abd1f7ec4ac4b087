#!/bin/sh
# usage: environment.sh [FOLDER REQUIREMENTS [PYTHON...]]
# Make FOLDER (.venv); make it anew where it is damaged, or where the pins, the Python or the place
# have changed since.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-.venv}
requirements=${2:-requirements.txt}
[ $# -lt 2 ] || shift 2

fail() {
    echo "error: $*" >&2
    exit 1
}

# PYTHON, or else the first Python that is new enough. The one that an activated .venv was made
# from, not the one inside: that one is deleted below.
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
elif [ $# = 0 ]; then
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
print(hashlib.sha256(b"\0".join(parts)).hexdigest())' "$requirements" constraints.txt pyproject.toml)
if [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] &&
    "$folder/bin/python" -I _ext/install.py --intact 2>/dev/null; then
    exit 0
fi

echo "Making $folder with $("$python" --version): once, a few minutes"
rm -rf "$folder"
"$python" -m venv "$folder"
quiet=--quiet
[ ! -t 1 ] || quiet=  # a person watches: show the downloads
"$folder/bin/python" -I _ext/install.py $quiet -r "$requirements"
echo "$stamp" >"$folder/stamp"
