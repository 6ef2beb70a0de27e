#!/usr/bin/env bash
# One CI step: annotations and step summary of the gates, and the comparison with the base as Markdown.
# Reads PLAN, BASE, GATES, EXIT_ZERO and COMMENT; writes exit-code and report to $GITHUB_OUTPUT where it is set.
set -euo pipefail

arguments=("$PLAN" --format github)
[ -z "${GATES:-}" ] || arguments+=(--gates "$GATES")
[ -z "${BASE:-}" ] || arguments+=(--base "$BASE")

code=0
capplan check "${arguments[@]}" || code=$?

report=""
# A usage error has been said; there is nothing to compare then.
if [ -n "${BASE:-}" ] && [ "$code" -ne 2 ]; then
  report="${RUNNER_TEMP:-$(mktemp -d)}/capplan-diff.md"
  capplan diff "$BASE" "$PLAN" --format markdown --output "$report" --force
  [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$report" >> "$GITHUB_STEP_SUMMARY"
fi

# A comment that cannot be posted is no fault of the plan.
if [ "${COMMENT:-false}" = "true" ] && [ -n "${BASE:-}" ] && [ "$code" -ne 2 ]; then
  link="${GITHUB_SERVER_URL:-}/${GITHUB_REPOSITORY:-}/actions/runs/${GITHUB_RUN_ID:-}"
  capplan comment "$PLAN" --since "${BASE%%:*}" --to github --link "$link" ||
    echo "::warning::capplan could not post its comment"
fi

if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'exit-code=%s\nreport=%s\n' "$code" "$report" >> "$GITHUB_OUTPUT"
fi
# Findings may be forgiven, bad input (2) and a broken tool (1) may not.
if [ "${EXIT_ZERO:-false}" = "true" ] && [ "$code" -ge 3 ]; then
  code=0
fi
exit "$code"
