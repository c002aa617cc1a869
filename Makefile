# Every target is safe to repeat, asks nothing, and says what it does. The work is done by scripts/.
.DEFAULT_GOAL := help
.PHONY: help demo test lint format types bench screens build release proof clean setup
MAKEFLAGS += --no-print-directory
ARGS ?=

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: setup ## Start the example project and print its address.
	@scripts/demo.sh $(ARGS)

test: setup ## Run every test on PostgreSQL and again on SQLite (ARGS="-k buttons" for some).
	@scripts/test.sh $(ARGS)

lint: setup ## Check style, imports, templates and migrations; change nothing.
	@scripts/lint.sh

format: setup ## Rewrite the sources in the house's style.
	@scripts/format.sh

types: setup ## Check the types of everything.
	@echo "==> mypy"
	@.venv/bin/python -m mypy

bench: setup ## Measure speed against the bare work, on private servers.
	@scripts/bench.sh $(ARGS)

screens: setup ## Take the pictures of the web chat anew (ARGS="empty code" for some).
	@.venv/bin/python scripts/screens.py $(ARGS)

build: setup ## Build the wheel and the source archive into dist/.
	@echo "==> Building into dist/"
	@rm -rf dist
	@.uv/bin/uv build --quiet --out-dir dist
	@ls dist

release: setup ## Tag, build, push the tag and upload (VERSION=1.2.3, else date and time; DRY_RUN=1 only tries).
	@scripts/release.sh $(VERSION)

proof: setup ## Run the long proof that nothing is lost, doubled or out of order.
	@scripts/proof.sh $(ARGS)

clean: ## Remove what was built, installed, cached or recorded, the demo's data included.
	@echo "==> Removing everything that git ignores, but for db.env"
	@git clean -Xdfq -e '!db.env'

setup:
	@scripts/setup.sh
