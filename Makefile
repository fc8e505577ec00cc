# Everything runs in .venv, which these targets make and keep up to date; `make` alone lists them.
# What is installed is keyed on the contents of the locks and of pyproject.toml, never on file times.

PYTHON  ?= python3
PROFILE ?= quick
TORCH   ?= torch
JAX     ?= jax

# One figure for each chapter: the one that the head of its page names.
GALLERY = $(foreach page,$(wildcard docs/chapters/*.md),$(basename $(notdir $(page)))/$(shell sed -n 's/^figure: *//p' $(page)).svg)

BIN  := .venv/bin
RUN  := $(BIN)/python -m theorylab
RUNS  = --profile $(PROFILE) $(if $(BACKEND),--backend $(BACKEND)) $(if $(DEVICE),--device $(DEVICE)) \
        $(if $(SEED),--seed $(SEED)) $(if $(JOBS),-j $(JOBS))
ARGS  = $(RUNS) $(if $(ONLY),--only $(ONLY))

CHROMIUM ?= $(firstword $(shell command -v chromium chromium-browser google-chrome 2>&1))

COMPILE = $(BIN)/python -m uv pip compile pyproject.toml --group build --universal --generate-hashes --quiet \
          --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

# An interpreter named on the command line or in the environment is compared with the one that .venv was made with.
CHOSEN := $(if $(filter file,$(origin PYTHON)),,--chosen)

# $(call install,FOLDER,STAMPS,OPTIONS,VERSIONS): unless one of the stamps holds the key, install under the first one's name.
# The key is a checksum and, for what is not locked, the versions that were asked for.
define install
@key="`cat pyproject.toml requirements*.lock | cksum`$(if $(4), $(4))"; \
if [ -z "$(CHOSEN)" ] && [ ! -e $(1)/unfinished ] && [ "`cat $(1)/place 2>&1`" = "$(CURDIR)" ]; then \
  for stamp in $(2); do [ "`cat $(1)/$$stamp.installed 2>&1`" != "$$key" ] || exit 0; done; \
fi; \
command -v "$(PYTHON)" >/dev/null || { \
  echo "theorylab: there is no $(PYTHON). Install Python 3.11 or later, or name it: make PYTHON=..." >&2; exit 1; }; \
"$(PYTHON)" tools/environment.py $(1) --stamp $(firstword $(2)) --key "$$key" $(CHOSEN) $(3)
endef

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help figures report site verify test test-browser format bench lab gallery claims backends test-backends lock \
        clean distclean main dev browser chromium lab-environment

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "  make %-15s %s\n", $$1, $$2}'
	@echo
	@echo '  Variables: PROFILE=quick|full  BACKEND=numpy|torch|cupy|jax  DEVICE=cpu|cuda  SEED=n  JOBS=n'
	@echo '             ONLY=a chapter or notebook  PYTHON=the interpreter that makes .venv'

main:
	$(call install,.venv,main dev browser,--lock requirements.lock)

dev:
	$(call install,.venv,dev browser,--lock requirements-dev.lock)

figures: main  ## run what changed and write figures/; fails when a claim is not upheld
	@$(RUN) figures $(ARGS)

report: dev  ## bring the results up to date and render site/; fails after that when a claim is not upheld
	@$(RUN) report $(RUNS)

site: dev  ## render site/ from the results that are there, without running a notebook
	@$(RUN) report --no-run $(RUNS)

verify: main  ## check every claim without notebooks
	@$(RUN) verify $(ARGS)

test: dev  ## lint, types, import contracts, tests
	@echo '== ruff: style'
	@$(BIN)/python -m ruff check
	@echo '== ruff: format'
	@$(BIN)/python -m ruff format --check
	@echo '== mypy: types'
	@$(BIN)/python -m mypy
	@echo '== import-linter: who may import whom'
	@$(BIN)/python -c 'from importlinter.cli import lint_imports_command as run; run()' --no-logo
	@echo '== pytest'
	@$(BIN)/python -m pytest $(if $(JOBS),-n $(JOBS))

format: dev  ## put code and notebooks into the project's format
	@$(BIN)/python -m ruff check --fix
	@$(BIN)/python -m ruff format

bench: dev  ## compare with the peers, side by side
	$(call install,.venv,bench,--extra bench)
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lab-environment:
	$(call install,.venv-lab,lab,--lock requirements.lock --extra lab)

lab: lab-environment  ## open the notebooks in JupyterLab, from an environment of its own
	@.venv-lab/bin/python -m jupyterlab notebooks

browser:
	$(call install,.venv,browser,--lock requirements-browser.lock)

chromium:
	@[ -x "$(CHROMIUM)" ] || { \
	  echo "theorylab: there is no Chromium. On Debian and Ubuntu: apt install chromium. Or name one: make CHROMIUM=/path" >&2; \
	  exit 1; }

test-browser: chromium browser lab-environment site  ## the site and JupyterLab in a real, headless Chromium
	@THEORYLAB_TEST_BROWSER="$(CHROMIUM)" $(BIN)/python -m pytest tests/browser

gallery: figures  ## copy the figures that the README shows to docs/gallery/
	@for figure in $(GALLERY); do \
	  mkdir -p docs/gallery/`dirname $$figure` && cp figures/$$figure docs/gallery/$$figure || exit 1; \
	done

claims: main  ## write docs/claims.md from the registry
	@$(BIN)/python tools/claims_page.py

backends: dev  ## add torch and JAX to .venv; TORCH=... and JAX=... name versions
	$(call install,.venv,backends,--add '$(TORCH)' '$(JAX)',$(TORCH) $(JAX))

test-backends: backends  ## the tests that run on each array library, on torch and JAX too
	@$(BIN)/python -m pytest tests -k 'torch or jax or namespaces or doctor'

lock: dev  ## lock the dependencies of pyproject.toml, keeping what is locked; UPGRADE=1 takes the newest
	@$(COMPILE) --output-file requirements.lock
	@$(COMPILE) --extra dev --extra report --constraints requirements.lock --output-file requirements-dev.lock
	@$(COMPILE) --extra dev --extra report --extra browser --constraints requirements-dev.lock \
	  --output-file requirements-browser.lock

clean:  ## remove what the build made: figures, its state, caches
	@[ ! -x $(BIN)/python ] || $(RUN) clean
	@rm -rf site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis build dist
	@find theorylab tests benchmarks tools -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## the same, and the environments
	@rm -rf .venv .venv-lab theorylab.egg-info
