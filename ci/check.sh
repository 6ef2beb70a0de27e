#!/usr/bin/env bash
# One CI step: annotations and step summary of the gates, and the comparison with the base as Markdown.
# Reads PLAN, BASE, GATES, EXIT_ZERO and COMMENT; writes exit-code and report to $GITHUB_OUTPUT where it is set.
# Without PLAN, all plans that the pull request changes are judged together.
set -euo pipefail

BASE="${BASE:-}"
[ -n "${PLAN:-}" ] || BASE="${BASE:-origin/${GITHUB_BASE_REF:-HEAD}}"
link="${GITHUB_SERVER_URL:-}/${GITHUB_REPOSITORY:-}/actions/runs/${GITHUB_RUN_ID:-}"
about=(${PLAN:+"$PLAN"} --since "${BASE%%:*}" --link "$link")
report=""
[ -z "$BASE" ] || report="${RUNNER_TEMP:-$(mktemp -d)}/capplan-diff.md"

code=0
if [ -n "${PLAN:-}" ]; then
  arguments=("$PLAN" --format github)
  [ -z "${GATES:-}" ] || arguments+=(--gates "$GATES")
  [ -z "$BASE" ] || arguments+=(--base "$BASE")
  capplan check "${arguments[@]}" || code=$?
else
  capplan comment "${about[@]}" --fail --output "$report" --force || code=$?
fi

if [ "$code" -eq 1 ] || [ "$code" -eq 2 ]; then
  report=""  # what is wrong has been said, and there is nothing to compare
elif [ -n "$report" ]; then
  [ -z "${PLAN:-}" ] || capplan diff "$BASE" "$PLAN" --format markdown --output "$report" --force
  [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$report" >> "$GITHUB_STEP_SUMMARY"
  # A comment that cannot be posted is no fault of the plan.
  if [ "${COMMENT:-false}" = "true" ]; then
    capplan comment "${about[@]}" --to github || echo "::warning::capplan could not post its comment"
  fi
fi

if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'exit-code=%s\nreport=%s\n' "$code" "$report" >> "$GITHUB_OUTPUT"
fi
# Findings may be forgiven, bad input (2) and a broken tool (1) may not.
if [ "${EXIT_ZERO:-false}" = "true" ] && [ "$code" -ge 3 ]; then
  code=0
fi
exit "$code"
