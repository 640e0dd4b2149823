# Two commands matter: `make run` and `make test`. The rest are their parts, and longer checks.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
UI := corescope-web/ui
SEED ?= 1

.PHONY: help run test setup fmt lint licences rust-test bare docs package ui-test e2e contract soak fuzz bench clean

help: ## Say what the targets do
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Build everything, then start the analyzer with a simulated mesh and print its address
	$(CARGO) build --release --locked --bin corescope-cli
	target/release/corescope-cli up --demo

test: setup fmt licences lint rust-test bare docs package ui-test e2e contract ## Everything that is checked before a change lands
	@echo "make test: everything passed"

setup: ## Install what the tests need and the machine lacks (as root), or say how
	@scripts/setup.sh

fmt:
	$(CARGO) fmt --all -- --check

licences: ## No dependency under a licence that ours cannot carry
	node scripts/licences.mjs

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

rust-test: ## Unit, integration, property and process tests
	$(CARGO) test --workspace --locked

bare: ## The decoder without std; the web crate without the writer
	scripts/bare.sh

docs: ## Rustdoc without a warning
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

package: ## What would be published is complete
	$(CARGO) package --workspace --exclude corescope-examples --locked --allow-dirty --no-verify

ui-test: $(UI)/node_modules/.package-lock.json ## Types, lint and unit tests of the page
	cd $(UI) && npm run lint && npm test

e2e: $(UI)/node_modules/.package-lock.json ## The page in a real browser against the real program
	$(CARGO) build --locked --bin corescope-cli
	cd $(UI) && CORESCOPE_BIN="$(CURDIR)/target/debug/corescope-cli" npm run e2e

contract: ## The running server held against its own OpenAPI document
	$(CARGO) build --locked --bin corescope-cli
	scripts/schemathesis.sh target/debug/corescope-cli

$(UI)/node_modules/.package-lock.json: $(UI)/package-lock.json
	cd $(UI) && npm ci --no-audit --no-fund
	@touch $@

soak: ## Hours of proof: kill loops, floods, hostile clients, ten minutes at 1000 messages/s
	scripts/soak.sh

fuzz: ## Fuzz every target for SECONDS (default 60) each
	scripts/fuzz.sh $(or $(SECONDS_EACH),60)

bench: ## Measure decoding, the index store, intake, live sockets and, with DB=FILE, the server on that database
	$(CARGO) build --release --locked --bin corescope-cli
	for what in decode store ingest sockets; do target/release/corescope-cli bench $$what --json; done
	$(if $(DB),target/release/corescope-cli bench http --json --db "$(DB)",@echo "bench http needs a database: make bench DB=meshcore.db" >&2)

clean:
	$(CARGO) clean
	rm -rf $(UI)/node_modules $(UI)/dist
