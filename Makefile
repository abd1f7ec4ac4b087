# Neural Network Basics. Needs make, a shell and Python 3.11+; all else goes into .venv.
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2

# A Python of yours must not reach into .venv.
unexport PYTHONPATH PYTHONHOME

.PHONY: help environment book pdf test test-book coverage bench mutants dist lab notebooks lint \
    grading assignments test-assignments grade class clean

help: ## List these targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

environment:
	@sh _ext/environment.sh

# The mark outlives a build that failed or was killed. Sphinx would trust the pages that such a
# build has cached, warnings forgotten: so the next build starts from nothing.
book: environment ## Build the book, warnings are errors
	@if test -e _build/unfinished; then rm -rf _build; fi
	@mkdir -p _build && touch _build/unfinished
	@$(BIN)/jupyter-book build . -W -n --keep-going
	@rm _build/unfinished
	@echo "The book: $(CURDIR)/_build/html/index.html"

# The second build lets the opening page lead to the PDF.
pdf: book ## Print the book as one PDF (Debian: apt install chromium)
	@$(BIN)/python _ext/pdf.py
	@$(MAKE) --no-print-directory book

# One thread for each of the two workers.
test: export OMP_NUM_THREADS = 1
test: environment ## Run unit tests, doctests and every chapter against its stored outputs
	@$(PYTEST) tests
	@$(BIN)/python -m pytest --doctest-modules --doctest-glob=README.md nnlib README.md
	@$(BIN)/python _ext/notebooks.py --check
	@PYTHONPATH="$(CURDIR)/assignments" $(PYTEST) --nbval --nbval-current-env --nbval-cell-timeout=60 \
	    --dist loadfile chapters assignments/source

test-book: book ## Drive every chapter in a browser (Debian: apt install chromium)
	@$(PYTEST) tests/browser

# mutmut show NAME prints what a surviving mutant has changed.
# Measuring costs three times the time of the tests, so that it stands apart from them.
coverage: export OMP_NUM_THREADS = 1
coverage: environment ## Measure what the unit tests reach of nnlib, at least 98 %
	@$(PYTEST) tests --cov

mutants: export OMP_NUM_THREADS = 1
mutants: environment ## Break nnlib in every small way, list what no test notices (15 minutes)
	@rm -rf mutants
	@$(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results
	@$(BIN)/mutmut export-cicd-stats >/dev/null
	@$(BIN)/python -c 'import json; n = json.load(open("mutants/mutmut-cicd-stats.json")); \
	    killed = (n["killed"] + n["timeout"]) / n["total"]; \
	    print(f"{killed:.1%} of them are killed, at least 90% must be"); exit(killed < 0.9)'

dist: ## Build the book from nothing and pack it: _build/neural-network-basics-VERSION.zip
	@rm -rf _build
	@$(MAKE) --no-print-directory book
	@$(BIN)/python _ext/dist.py

lab: environment ## Open the chapters in Jupyter Lab
	@$(BIN)/jupyter-lab chapters

notebooks: export OMP_NUM_THREADS = 1
notebooks: environment ## Execute the chapters anew and store their outputs (FILES=... for some)
	@$(BIN)/python _ext/notebooks.py $(FILES)

bench: environment ## Measure nnlib's speed against others; installs jax
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	@$(BIN)/python benchmarks/bench.py

grading: environment
	@cmp -s requirements-grading.txt .venv/grading || { \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-grading.txt \
	    && cp requirements-grading.txt .venv/grading; }

# nbgrader calls alembic by its name.
assignments: grading ## Make what students are given: assignments/release/NAME/NAME.ipynb
	@rm -rf assignments/release
	@cd assignments && for name in source/*/; do PATH="$(CURDIR)/$(BIN):$$PATH" ../$(BIN)/nbgrader \
	    generate_assignment --log-level=WARN --create --force "$$(basename "$$name")" || exit; done
	@ls assignments/release/*/*.ipynb

test-assignments: export OMP_NUM_THREADS = 1
test-assignments: grading ## Grade right, wrong and hostile submissions, also through nbgrader
	@$(PYTEST) tests/grading

grade: export OMP_NUM_THREADS = 1
grade: environment ## Grade a class: ASSIGNMENT=losses SUBMISSIONS=folder [OPTIONS="--jobs 8 --seconds 20"]
	@test -n "$(ASSIGNMENT)" -a -n "$(SUBMISSIONS)" || \
	    { echo "usage: make grade ASSIGNMENT=name SUBMISSIONS=folder"; exit 2; }
	@PYTHONPATH=assignments $(BIN)/python -m grading class "$(ASSIGNMENT)" "$(SUBMISSIONS)" $(OPTIONS)

class: export OMP_NUM_THREADS = 1
class: environment ## Grade 300 made submissions to the assignment on losses, good and evil
	@$(BIN)/python tests/grading/submissions.py

lint: environment ## Check code, types, notebooks, pins, workflow and citation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy nnlib
	@PYTHONPATH=assignments $(BIN)/mypy assignments/grading
	@$(BIN)/python _ext/notebooks.py --check
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml \
	    assignments/cluster/github-classroom.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	@$(BIN)/python -m pip check

clean: ## Remove all that was made: .venv, _build and caches
	@rm -rf .venv _build mutants .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@rm -rf assignments/release
	@find . -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
