#!/usr/bin/env bash
# Installs capplan in an environment of its own, which leaves the job's Python as it is, and puts it on the path.
# Reads CAPPLAN_VERSION, a requirement of pip, and CAPPLAN_ACTION, the checkout that is installed without one,
# with the locked versions of everything it needs.
set -euo pipefail

place="${RUNNER_TEMP:-$(mktemp -d)}/capplan"
python3 -m venv "$place"
bin="$place/bin"
[ -d "$bin" ] || bin="$place/Scripts"
pip() { "$bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
if [ -n "${CAPPLAN_VERSION:-}" ]; then
  pip install "$CAPPLAN_VERSION"
else
  pip install --require-hashes --requirement "$CAPPLAN_ACTION/requirements/run.txt"
  pip install --no-deps --no-build-isolation "$CAPPLAN_ACTION"
fi
echo "$bin" >> "${GITHUB_PATH:-/dev/stdout}"
