# Two commands do everything: `make book` and `make test`. Each sets itself up in .venv first.
PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
# `make test NEWEST=1`, in a new environment: the newest versions that pyproject.toml allows, not those of requirements.lock.
NEWEST ?=
# The index that PyTorch comes from (README.md, "PyTorch"); empty: that of everything else.
TORCH_INDEX ?=
export TORCH_INDEX
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCHMARK_INSTALLED := .venv-benchmark/.installed

# One thread a process: networks this small gain nothing from more, and the numbers do not depend on the cores.
export OMP_NUM_THREADS := 1
# Keep freed memory instead of handing it back to the system: DP-SGD frees and asks for 50 MB at each step. (Only glibc
# reads these.)
export MALLOC_MMAP_THRESHOLD_ := 1073741824
export MALLOC_TRIM_THRESHOLD_ := 1073741824
# Some hundred processes import the package: compile it once, also where an environment says not to keep that.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: book idea test fuzz check-pages check-saved versions lock pdf notebooks pair picture pin changes serve benchmark benchmark-attacks benchmark-sweep benchmark-device benchmark-coursework benchmark-contest record-convolutional record-paper clean help

book: $(INSTALLED) ## run every changed notebook and build the book into _build/book/_build/html
	$(BIN)/python tools/ensure_data.py
	$(BIN)/python tools/pair.py --check
	$(BIN)/python tools/execute.py
	$(BIN)/python tools/build.py

idea: $(INSTALLED) ## run the first chapter, the idea on one page, and show its page (a minute)
	$(BIN)/python tools/ensure_data.py
	$(BIN)/python tools/idea.py

test: $(INSTALLED) ## run the tests
	$(BIN)/python tools/ensure_data.py
	$(BIN)/python -m pytest

fuzz: $(INSTALLED) ## read 2,000 damaged files of each kind (a few minutes); the tests read 100
	FUZZ=2000 $(BIN)/python -m pytest tests/fuzz

check-pages: book ## build the book, then test its pages: links, anchors, pictures, nothing from other hosts
	$(BIN)/python -m pytest tests/book/test_pages.py tests/book/test_browser.py

check-saved: $(INSTALLED) ## compute a part of each saved run anew and compare it with what was saved
	$(BIN)/python tools/ensure_data.py
	$(BIN)/python tools/record.py --check
	$(BIN)/python tools/plans.py --check

versions: ## show which installed packages are not in the version of requirements.lock
	@$(BIN)/python tools/versions.py

lock: ## write requirements.lock, with hashes for every supported Python (UPGRADE=--upgrade: in the newest versions)
	@$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	.venv-lock/bin/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 $(UPGRADE) \
	  --fork-strategy fewest --generate-hashes --no-annotate --no-emit-package torch \
	  --custom-compile-command 'make lock' --output-file requirements.lock

notebooks: $(INSTALLED) ## run every changed notebook
	$(BIN)/python tools/ensure_data.py
	$(BIN)/python tools/execute.py

pair: $(INSTALLED) ## write the .ipynb for Colab, and what README says of chapters, from the text sources of the notebooks
	$(BIN)/python tools/pair.py
	$(BIN)/python tools/readme.py

picture: $(INSTALLED) ## draw README's picture from the saved runs
	$(BIN)/python tools/picture.py

pin: notebooks ## keep what the notebooks report, and how long they take, as what later runs are compared with
	$(BIN)/python tools/values.py
	$(BIN)/python tools/pair.py
	$(BIN)/python tools/readme.py --times

changes: $(INSTALLED) ## list the pages and numbers that differ from another checkout of the repository (BASE=folder)
	@$(BIN)/python tools/changes.py $(BASE)

pdf: book ## build the book and print it into one PDF, _build/vaeprivacy-book.pdf (needs Chromium)
	$(BIN)/python tools/pdf.py

serve: book ## build the book and serve it on http://localhost:$(PORT)
	$(BIN)/python -m http.server $(PORT) --directory _build/book/_build/html

benchmark: $(BENCHMARK_INSTALLED) ## time the noise against its peers, in an environment of its own; writes benchmarks/results
	.venv-benchmark/bin/python benchmarks/noise.py

benchmark-attacks: $(BENCHMARK_INSTALLED) ## time a shadow-model attack against ART and a plain loop (half an hour)
	.venv-benchmark/bin/python benchmarks/attacks.py
	.venv-benchmark/bin/python benchmarks/attacks_report.py

benchmark-sweep: $(INSTALLED) ## time a sweep with one and two processes, and kill it ten times (a quarter of an hour)
	$(BIN)/python benchmarks/sweep.py

benchmark-device: $(INSTALLED) ## measure what the GPU (or CPU) can do, and what share of it training and noise reach
	$(BIN)/python benchmarks/device.py

benchmark-coursework: $(INSTALLED) ## time the grading of thirty submissions of each assignment (a few minutes)
	$(BIN)/python benchmarks/coursework.py

benchmark-contest: $(INSTALLED) ## make a contest, take part with three attacks, and rank them (two minutes)
	$(BIN)/python benchmarks/contest.py

record-convolutional: $(INSTALLED) ## compute the runs of vaeprivacy/reporting/results/convolutional.yaml, eight at a time (ten minutes of an H200)
	$(BIN)/vaeprivacy sweep vaeprivacy/reporting/results/convolutional.yaml --directory runs/convolutional --jobs 8
	cp runs/convolutional/results.parquet vaeprivacy/reporting/results/convolutional.parquet

record-paper: $(INSTALLED) ## compute the runs of vaeprivacy/reporting/results/paper.yaml on all GPUs and keep their record (very long)
	$(BIN)/vaeprivacy sweep vaeprivacy/reporting/results/paper.yaml --directory runs/paper
	cp runs/paper/results.parquet vaeprivacy/reporting/results/paper.parquet

clean: ## delete the book, executed notebooks and results; the environment stays (delete .venv to renew it)
	rm -rf _build runs

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(INSTALLED): pyproject.toml requirements.lock tools/install.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, but $(PYTHON) is older; set PYTHON, e.g. make book PYTHON=python3.12."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv."; exit 1; }
	$(BIN)/python tools/install.py $(if $(NEWEST),--newest)
	@touch $@

$(BENCHMARK_INSTALLED): pyproject.toml requirements.lock benchmarks/requirements.txt
	@$(PYTHON) -m venv .venv-benchmark
	{ sed -nE 's/^([a-z0-9.-]+==[^ ;]+).*/\1/p' requirements.lock; grep -o 'torch==[0-9.]*' pyproject.toml; } | \
	  grep -v '^scikit-learn==' > .venv-benchmark/constraints.txt
	.venv-benchmark/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-benchmark/constraints.txt \
	  -e . -r benchmarks/requirements.txt
	@touch $@
