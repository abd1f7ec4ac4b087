# Neural Network Basics. Needs make, a shell and Python 3.11+; all else goes into .venv.
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2
INSTALL := $(BIN)/python -I _ext/install.py --quiet
# Jupyter Book without what takes a third of its time: grammars of addresses, against which nothing
# is checked, and the search for garbage in a process that soon ends (200 MB).
BOOK := $(BIN)/python -c 'import gc, sys; gc.disable(); sys.modules["rfc3987_syntax"] = None; \
    from jupyter_book.cli.main import main; main()'
# Notes, copies and classes in this folder are yours; without git, all of it is looked at.
TRACKED = $(or $(wildcard $(shell git ls-files '*.py' '*.ipynb' 2>/dev/null)),.)

# Each edition of the book has a folder of its own; the public one has no name.
ifneq ($(EDITION),$(filter student instructor,$(EDITION)))
    $(error EDITION is '$(EDITION)', not student or instructor)
endif
BUILT := _build$(if $(EDITION),/$(EDITION)/_build)

# Your settings of Python, pytest, IPython and Matplotlib must not reach into .venv.
unexport $(filter-out PYTHON,$(filter PYTHON% PYTEST% COVERAGE% MPLBACKEND MYPYPATH JUPYTER_PATH \
    JUPYTER_PREFER_ENV_PATH,$(.VARIABLES)))
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export MATPLOTLIBRC := /dev/null

# Targets share _build and .venv.
.NOTPARALLEL:
.PHONY: help environment quick book pdf slides bank exam readers test-bank test test-oldest test-latest test-autograd test-install test-book test-editions test-subsets \
    audit coverage bench mutants dist release-check audit-pins lab notebooks lint grading assignments test-assignments grade class clean

help: ## List these targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

environment:
	@sh _ext/environment.sh

# The mark is missing after a build that failed or was killed, and differs where a page has gone.
# Sphinx would trust what it has cached, warnings forgotten, and keep the page: so the next build
# starts from nothing.
book: environment ## Build the book, warnings are errors (EDITION=student: no solutions, EDITION=instructor: keys)
	@cmp -s _toc.yml $(BUILT)/finished || rm -rf $(BUILT)
	@mkdir -p $(BUILT) && rm -f $(BUILT)/finished
	@$(BOOK) build . $(if $(EDITION),--path-output _build/$(EDITION)) -W -n --keep-going
	@cp _toc.yml $(BUILT)/finished
	@echo "The book: $(CURDIR)/$(BUILT)/html/index.html"

# The second build lets the opening page lead to the PDF.
pdf: book ## Print the book as one PDF (Debian: apt install chromium)
	@$(BIN)/python _ext/pdf.py $(BUILT)/html
	@$(MAKE) --no-print-directory book
	@NNB_HTML="$(CURDIR)/$(BUILT)/html" $(PYTEST) tests/browser/test_pdf.py

# The second build lets chapters, plans and the opening page lead to them.
slides: book ## Make the slides of the chapters, and print them: _build/slides/index.html (needs chromium)
	@$(BIN)/python _ext/slides.py $(BUILT)/html
	@$(MAKE) --no-print-directory book
	@echo "The slides: $(CURDIR)/$(BUILT)/slides/index.html"

BANK = $(BIN)/python _ext/$(1).py $(BUILT)/html --seed $(or $(SEED),1)
bank: book ## Write the questions for Canvas, Moodle and Anki, a formula sheet: _build/bank (SEED=1 VARIANTS=3; needs chromium)
	@$(call BANK,bank) --variants $(or $(VARIANTS),3)
	@$(BIN)/python _ext/sheet.py $(BUILT)/html

exam: book ## Print an exam and its key: SEED=7 [QUESTIONS="id id"] [CHAPTERS="mlp losses"] [MINUTES=90] [PAPER=Letter] (needs chromium)
	@$(call BANK,exam) --questions "$(QUESTIONS)" --chapters "$(CHAPTERS)" \
	    --minutes $(or $(MINUTES),90) --paper $(or $(PAPER),A4)

# What reads the bank, and is for these tests alone.
readers: environment
	@cmp -s requirements-bank.txt .venv/readers || { \
	    $(INSTALL) -r requirements-bank.txt && cp requirements-bank.txt .venv/readers; }

test-bank: book readers ## Read the question bank back, also with Anki's own library
	@$(PYTEST) --dist loadfile tests/bank

MODULES := $(basename $(notdir $(wildcard nnlib/[a-z]*.py)))
quick: export OMP_NUM_THREADS = 1
quick: environment ## Run the tests of nnlib's modules alone, after every change (half a minute)
	@$(PYTEST) -q $(MODULES:%=tests/test_%.py) tests/test_backpropagation.py tests/test_bad_input.py

# One thread for each of the two workers.
test: export OMP_NUM_THREADS = 1
test: book ## Run unit tests, doctests, every chapter against its stored outputs, work notebooks
	@$(PYTEST) tests
	@$(BIN)/python -m pytest --doctest-modules --doctest-glob=README.md nnlib README.md
	@$(BIN)/python _ext/notebooks.py --check
	@PYTHONPATH="$(CURDIR)/assignments" $(PYTEST) --nbval --nbval-current-env --nbval-cell-timeout=60 \
	    --nbval-sanitize-with=tests/nbval.ini --dist loadfile $$($(BIN)/python _ext/notebooks.py --list)
	@$(PYTEST) tests/work

# The deprecations are Matplotlib's, which calls pyparsing by names that have become old.
test-oldest: export OMP_NUM_THREADS = 1
test-oldest: environment ## Run the unit tests with the oldest versions that pyproject.toml promises
	@mkdir -p _build && $(BIN)/python _ext/oldest.py >_build/oldest.txt
	@sh _ext/environment.sh .venv-oldest requirements-oldest.txt python3.11 python3.12
	@.venv-oldest/bin/python -m pytest -n 2 tests \
	    -W ignore::pyparsing.warnings.PyparsingDeprecationWarning
	@.venv-oldest/bin/jupyter-labextension list 2>&1 | grep 'jupyterlab-myst.*OK'

# What they warn of is to be read, and need not be mended today.
test-latest: export OMP_NUM_THREADS = 1
test-latest: ## Run the unit tests with the newest releases that there are, and say what has moved
	@rm -rf .venv-latest && sh _ext/environment.sh .venv-latest requirements-latest.txt
	@.venv-latest/bin/python _ext/moved.py
	@.venv-latest/bin/python -m pytest -n 2 tests -W default

test-autograd: environment ## Run 10,000 random programs with writes in place against PyTorch (a minute)
	@PROGRAMS=10000 $(BIN)/python -m pytest -q -s tests/test_autograd.py -k random_programs

test-install: environment ## Make environments whatever is set for pip, look at a folder lived in
	@$(PYTEST) --dist loadfile tests/install

test-book: slides ## Drive every chapter and every slide in a browser (Debian: apt install chromium)
	@$(PYTEST) --dist loadgroup tests/browser

audit: book ## Look at Home and the chapters through Lighthouse (needs npm and chromium; 15 minutes)
	@$(BIN)/python _ext/audit.py

test-editions: environment ## Build the students' edition, and books of some of the chapters
	@$(PYTEST) -v --dist loadfile tests/editions

test-subsets: export SUBSETS = all
test-subsets: environment ## Build books of every choice of the chapters (10 minutes)
	@$(PYTEST) tests/editions/test_subsets.py

# mutmut show NAME prints what a surviving mutant has changed.
# Measuring costs three times the time of the tests, so that it stands apart from them.
coverage: export OMP_NUM_THREADS = 1
coverage: environment ## Measure what the unit tests reach of nnlib, at least 99.9 %
	@$(PYTEST) tests --cov

mutants: export OMP_NUM_THREADS = 1
mutants: environment ## Break nnlib in every small way, list what no test notices (15 minutes)
	@rm -rf mutants
	@$(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results
	@$(BIN)/mutmut export-cicd-stats >/dev/null
	@$(BIN)/python -c 'import json; n = json.load(open("mutants/mutmut-cicd-stats.json")); \
	    killed = (n["killed"] + n["timeout"]) / n["total"]; \
	    print(f"{killed:.1%} of them are killed, at least 95% must be"); exit(killed < 0.95)'

dist: ## Build the book and its slides from nothing and pack them: _build/neural-network-basics-VERSION.zip
	@rm -rf $(BUILT)
	@$(MAKE) --no-print-directory book
	@$(BIN)/python _ext/slides.py --no-pdf $(BUILT)/html
	@$(MAKE) --no-print-directory book
	@$(BIN)/python _ext/dist.py $(BUILT)/html

ARCHIVE := _build/neural-network-basics-*.zip
# What is made of the book beside its pages and has a folder of its own.
BESIDE := $(shell grep -oE '^(slides|bank):' Makefile | tr -d :)
# The archive before the PDF and the slides, to which pages would lead.
release-check: export OMP_NUM_THREADS = 1
release-check: ## Make all that a release holds, in _build/release, and try it as its users will
	@$(MAKE) --no-print-directory dist
	@first=$$(git hash-object $(ARCHIVE)) && $(MAKE) --no-print-directory dist && \
	    test "$$first" = "$$(git hash-object $(ARCHIVE))" || \
	    { echo "error: two builds of one commit differ"; exit 1; }
	@mkdir _build/release && mv $(ARCHIVE) _build/release
	@$(MAKE) --no-print-directory pdf $(BESIDE)
	@for name in $(BESIDE); do $(BIN)/python _ext/dist.py _build/$$name || exit; done
	@mv $(if $(BESIDE),$(ARCHIVE)) _build/html/*.pdf _build/release
	@sh _ext/environment.sh .venv-release requirements-release.txt
	@.venv-release/bin/python _ext/release.py $(TAG)

audit-pins: ## Ask the index whether a weakness of a pinned release is known (needs a network)
	@sh _ext/environment.sh .venv-release requirements-release.txt
	@.venv-release/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

# What is edited there is never overwritten. The extension that shows the Markdown of chapters is
# off: it counts formulas on its own, and hides what opens.
lab: export JUPYTER_CONFIG_PATH := $(CURDIR)/_ext/lab:$(JUPYTER_CONFIG_PATH)
lab: book ## Open the work notebooks in Jupyter Lab: copies of your own, in work/ [OPTIONS="--no-browser"]
	@$(BIN)/python _ext/work.py work /static/html
	@$(BIN)/jupyter-lab --ServerApp.root_dir="$(CURDIR)" $(OPTIONS)

notebooks: export OMP_NUM_THREADS = 1
notebooks: environment ## Execute the chapters anew and store their outputs (FILES=... for some)
	@$(BIN)/python _ext/notebooks.py $(FILES)

bench: environment ## Measure nnlib's speed with jax, rewrite benchmarks/last_run.json and its page
	@$(INSTALL) -c constraints.txt -e ".[bench]"
	@$(BIN)/python benchmarks/bench.py
	@$(BIN)/python _ext/notebooks.py chapters/speed.ipynb

grading: environment
	@cmp -s requirements-grading.txt .venv/grading || { \
	    $(INSTALL) -r requirements-grading.txt && cp requirements-grading.txt .venv/grading; }

# nbgrader calls alembic by its name.
assignments: grading ## Make what students are given: assignments/release/NAME/NAME.ipynb
	@rm -rf assignments/release
	@cd assignments && for rubric in rubrics/[a-z]*.py; do name=$$(basename "$$rubric" .py); \
	    test ! -e "source/$$name/$$name.ipynb" || PATH="$(CURDIR)/$(BIN):$$PATH" ../$(BIN)/nbgrader \
	    generate_assignment --log-level=WARN --create --force --notebook="$$name" "$$name" || exit; done
	@ls assignments/release/*/*.ipynb

# What the tests of a file share is made once; the file that takes longest comes first.
test-assignments: export OMP_NUM_THREADS = 1
test-assignments: grading ## Grade right, wrong and hostile submissions, also through nbgrader
	@$(PYTEST) --dist loadfile --no-loadscope-reorder tests/grading/test_nbgrader.py tests/grading

grade: export OMP_NUM_THREADS = 1
grade: grading ## Grade a class: ASSIGNMENT=losses SUBMISSIONS=folder [CLUSTER=tcp://host:8786] [OPTIONS="--jobs 8"]
	@test -n "$(ASSIGNMENT)" -a -n "$(SUBMISSIONS)" || \
	    { echo "usage: make grade ASSIGNMENT=name SUBMISSIONS=folder"; exit 2; }
	@PYTHONPATH=assignments $(BIN)/python -m grading class "$(ASSIGNMENT)" "$(SUBMISSIONS)" \
	    $(if $(CLUSTER),--cluster "$(CLUSTER)") $(OPTIONS)

class: export OMP_NUM_THREADS = 1
class: grading ## Grade 300 made submissions to the assignment on losses, good and evil
	@$(BIN)/python tests/grading/submissions.py

lint: environment ## Check code, types, notebooks, pins, workflow and citation
	@$(BIN)/ruff check $(TRACKED)
	@$(BIN)/ruff format --check $(TRACKED)
	@$(BIN)/mypy nnlib exams
	@PYTHONPATH=assignments $(BIN)/mypy assignments/grading
	@$(BIN)/python _ext/notebooks.py --check
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml \
	    assignments/cluster/github-classroom.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	@$(BIN)/python -m pip check

clean: ## Remove all that was made: .venv, _build and caches
	@rm -rf .venv .venv-oldest .venv-latest .venv-release _build mutants build assignments/release *.egg-info
	@rm -rf .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find _ext assignments benchmarks chapters exams nnlib tests \
	    -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
