#!/usr/bin/env bash
# For inside Colab's image: install the package, as the first cell of a notebook does, run all notebooks, and leave a
# report. Usage: tools/colab.sh OUTPUT. The repository may be read-only: the package is built from a copy.
set -euo pipefail
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pytorch() { python3 -c 'import torch; print(torch.__version__)'; }

before=$(pytorch)
copy=$(mktemp -d)
cp -r "$tools/.." "$copy/repository"
python3 -m pip install --quiet "$copy/repository[notebooks]"
# Colab runs notebooks itself; here papermill does. jupytext is what the tools import.
python3 -m pip install --quiet papermill jupytext
after=$(pytorch)
echo "PyTorch $before" > "$1/report.md"
if [ "$before" != "$after" ]; then
  echo "was replaced by $after: on Colab that breaks what is installed beside it." | tee -a "$1/report.md"
  exit 1
fi
python3 "$tools/alone.py" "$1"
