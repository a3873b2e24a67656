# One verb per wish; hooks and CI call the same ones.
PY := .venv/bin/python
CODE := libs services lab clients playbooks tools tests docs/examples

help: ## say what can be done
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: ## set up .venv with everything, tools included
	./yard setup --dev

fmt: ## format the code
	.venv/bin/ruff format $(CODE)
	.venv/bin/ruff check --fix --quiet $(CODE)

lint: ## format and lint, changing nothing; then the house's own rules
	.venv/bin/ruff format --check $(CODE)
	.venv/bin/ruff check $(CODE)
	$(PY) tools/house_rules.py
	$(PY) tools/measure.py

arrows: ## who may import whom
	PYTHONPATH=libs/common:services/gateway:services/vm-service:services/provisioner:services/log-service:lab:clients/cli .venv/bin/lint-imports

types: ## pyright, strict
	.venv/bin/pyright

unit: ## unit and contract tests
	$(PY) -m pytest -q tests/unit tests/contract

test: ## everything, as CI does
	./yard test

check: lint arrows types unit ## what must be clean before a commit lands

reference: ## write the generated reference pages
	$(PY) tools/reference.py

lock: ## pin all dependencies anew
	$(PY) tools/lock.py

.PHONY: help install fmt lint arrows types unit test check reference lock
