# The front door. `make help` lists what it can do.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
# A stray train.py of the current folder must not run as `python -m train`.
export PYTHONPATH := $(CURDIR)
export PYTHONSAFEPATH := 1

# An environment is remade when its pins change, not when a checkout touches them.
stamp = $(VENV)/.$(1)-$(shell cat requirements/$(1).txt | cksum | tr -d ' ')
LOCAL := $(call stamp,local)
API := $(call stamp,api)
SQL := $(call stamp,sql)
TEST := $(call stamp,test)
NOTEBOOKS := $(call stamp,notebooks)
RUN := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test train serve predict transform verify up sql round notebooks build bench campaign pass doctor check fix pin data clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 18

demo: $(LOCAL) ## train, serve and predict on the shipped colours; needs only Python
	@$(RUN) -m local_test demo

test: $(TEST) ## every test; starts a Docker engine and makes the base image where it has to
	@tests/run.sh

train: $(LOCAL) ## a training job on the shipped colours; ARGS="-p algorithm=forest"
	@$(RUN) -m local_test train $(ARGS)

serve: $(LOCAL) ## serve what `make train` made until Ctrl-C; ARGS="--port 9000"
	@$(RUN) -m local_test serve $(ARGS)

predict: $(LOCAL) ## send a payload to `make serve`; ARGS="local_test/payloads/one.json"
	@$(RUN) -m local_test predict $(ARGS)

transform: $(LOCAL) ## batch transform of files by the artifact; ARGS="day.csv --split-type Line"
	@$(RUN) -m local_test transform $(ARGS)

verify: $(LOCAL) ## will SageMaker run this image? ARGS="IMAGE --payload one.csv --train data/"
	@$(RUN) -m local_test verify $(ARGS)

up: $(API) ## AWS's own API on this machine, until Ctrl-C; ARGS="--port 0"
	@$(RUN) -m local_test up $(ARGS)

sql: $(SQL) ## a MySQL server whose functions call endpoints, as Aurora's do; ARGS="--port 0"
	@$(RUN) -m local_test sql $(ARGS)

round: $(API) $(SQL) ## to AWS and back, against this machine: build, push, train, deploy, call, SQL, destroy; needs Docker
	@command -v docker-registry >/dev/null || command -v registry >/dev/null || \
	  { echo "there is no registry to push to; on Debian: apt-get install docker-registry" >&2; exit 1; }
	@command -v mysql >/dev/null || { echo "there is no mysql client; on Debian: apt-get install mariadb-client" >&2; exit 1; }
	@container/engine.sh
	@PYTHON="$(CURDIR)/$(RUN)" PUSH=--force $(RUN) -m local_test run --docker --sql -- examples/round/round.sh

notebooks: $(NOTEBOOKS) ## the hands-on in JupyterLab, with AWS's API on this machine behind it; ARGS="--no-browser"
	@$(RUN) -m local_test run -- $(VENV)/bin/jupyter lab --notebook-dir examples/notebooks $(ARGS)

build: ## build the images with Docker, and say what fills them
	@container/build.sh

bench: $(LOCAL) ## measure against other servers, side by side; ARGS="--quick" (not part of the tests)
	@$(RUN) -m bench $(ARGS)

campaign: $(TEST) ## the long runs: processes killed at random, 100,000 calls of R, a fault at each AWS call (not part of the tests)
	@container/engine.sh && WITH_R=yes container/build.sh >/dev/null
	@$(VENV)/bin/python -m pytest -q -s tests/campaign

pass: $(LOCAL) ## build the compiled pass here too (needs a C compiler)
	@container/compile.sh $(RUN)

doctor: $(LOCAL) ## what this machine has, and what to do about what is missing
	@$(RUN) -m tiffin doctor

check: $(TEST) ## format, lint, types, import rules
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

fix: $(TEST) ## format, and mend what the linter can
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

pin: $(TEST) ## write the pinned requirements anew from the .in files
	@requirements/pin.sh $(RUN)

data: $(TEST) ## make model/data/colours.csv anew (needs npm)
	@$(RUN) model/data/make_colours.py

clean: ## remove the environment and the local /opt/ml tree
	rm -rf $(VENV) .tiffin

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON) here; make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) is too old: Tiffin needs Python 3.11 or newer; make PYTHON=python3.12 ..." >&2; exit 1; }
	@[ -w . ] || { echo "this folder cannot be written: $(VENV) has no place" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "on Debian: apt-get install python3-venv" >&2; exit 1; }

$(LOCAL) $(API) $(SQL) $(TEST) $(NOTEBOOKS): | $(VENV)/bin/python
	@set=$$(basename $@ | sed -E 's/^\.([a-z]+)-.*/\1/'); \
	  echo "installing requirements/$$set.txt (pinned; a minute at the first time)"; \
	  $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements/$$set.txt || { echo "not installed: the first time needs a network and a package index" >&2; exit 1; }
	@rm -f $(VENV)/.$$(basename $@ | sed -E 's/^\.([a-z]+)-.*/\1/')-*
	@touch $@
