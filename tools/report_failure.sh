#!/usr/bin/env bash
# Open an issue about a job that failed while nobody looked; if one of this title is open, write below it.
# Usage: tools/report_failure.sh TITLE TEXT, with the repository in GH_REPO and a token in GH_TOKEN.
set -euo pipefail
open=$(gh issue list --state open --search "in:title $1" --json number,title --jq ".[] | select(.title == \"$1\") | .number" | head -n 1)
if [ -n "$open" ]; then
  gh issue comment "$open" --body "$2"
else
  gh issue create --title "$1" --body "$2"
fi
