# Everything a developer does with Samband, by name. Needs Python 3.11 or
# newer, pip and make; the rest is fetched into .uv/ and .venv/ on first use,
# and costs nothing afterwards: the stamp is older only when a dependency changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

ARGS ?=
# Where tests have PostgreSQL and Kafka from: embedded, or containers (needs Docker).
BACKING ?= embedded
DIST ?= dist
USUAL_SECRETS := deploy/compose/secrets
SECRETS ?= $(USUAL_SECRETS)

# The first interpreter that answers; asked only while .uv/ is being built.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	command -v "$$python" && break; done)

UV := .uv/bin/uv
BIN := .venv/bin
READY := .venv/.ready
MEMBERS := $(wildcard shared/*/pyproject.toml services/*/pyproject.toml deploy/*/pyproject.toml)

.PHONY: help
help: ## Show this list
	@echo "Samband: what can be done here. Pass more on with ARGS='…'."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: $(READY) ## Start the whole system on this machine (ARGS='--fresh', '--detach' …)
	@$(BIN)/samband up $(ARGS)

.PHONY: story
story: $(READY) ## Play the first human-rights network from form to mailbox (ARGS=--json)
	@$(BIN)/samband story $(ARGS)

.PHONY: test
test: $(READY) ## Run the tests on a real Kafka and Postgres (ARGS='tests/kit -x', BACKING=containers …)
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m tests.deploy.promtool
	@$(BIN)/pytest --backing=$(BACKING) $(ARGS)

.PHONY: bench
bench: $(READY) ## Measure Samband against the machine (ARGS=--quick, ARGS='outbox_relay' …)
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: faults
faults: $(READY) ## Let everything go wrong on purpose, and write the page of it (ARGS='--seeds 20' …)
	@code=0; $(BIN)/pytest -m fault --full $(ARGS) || code=$$?; \
		$(BIN)/python -m tests.faults.report && exit $$code

.PHONY: check
check: $(READY) ## Lint, formatting, types, shape of the code, dependencies, contracts
	@$(BIN)/ruff check $(ARGS)
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@set -e; for member in $(MEMBERS:/pyproject.toml=); do \
		(cd "$$member" && ../../$(BIN)/deptry .); done
	@$(BIN)/python -m tests.architecture.audit
	@$(BIN)/pytest -q tests/architecture tests/contracts/test_contracts_compatibility.py

.PHONY: format
format: $(READY) ## Put imports and layout in order
	@$(BIN)/ruff check --select I --fix $(ARGS)
	@$(BIN)/ruff format $(ARGS)

.PHONY: secrets
secrets: ## Make the passwords and keys for Docker, once; nothing is overwritten (NEW=… for one)
	@python3 deploy/compose/make_secrets.py $(if $(NEW),--new $(NEW)) \
		$(filter-out $(USUAL_SECRETS),$(SECRETS))

.PHONY: compose-up
compose-up: secrets ## Start the whole system in Docker (ARGS='--scale notification-worker=4')
	@docker compose up --build --wait $(ARGS)

# The story looks at every topic, which only Kafka's administrator may.
.PHONY: compose-story
compose-story: $(READY) ## Play the same story on the system in Docker
	@SAMBAND_KAFKA_SECURITY=sasl_plaintext SAMBAND_KAFKA_USERNAME=admin \
		SAMBAND_KAFKA_PASSWORD_FILE=$(SECRETS)/kafka_admin_password \
		$(BIN)/samband story --url "http://$$(docker compose port gateway 8080)" \
		--mailbox-url "http://$$(docker compose port mailpit 8025)" \
		--kafka "$$(docker compose port kafka 9094)" \
		--staff-link "$$(docker compose exec --no-TTY registration \
			python -m samband_registration sign-in-link)" $(ARGS)

.PHONY: sbom
sbom: $(READY) ## Write what each service's image holds to dist/, as CycloneDX
	@mkdir -p $(DIST)
	@set -e; for service in registration networks notifications; do \
		$(UV) export --quiet --frozen --no-dev --format cyclonedx1.5 --package samband-$$service \
			--output-file $(DIST)/samband-$$service.cdx.json >/dev/null; done

.PHONY: clean
clean: ## Remove what was built or fetched here; the data in .samband/ stays
	@rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): $(UV) pyproject.toml uv.lock $(MEMBERS)
	@$(UV) sync --quiet --python .uv/bin/python
	@touch $@

# Debian's Python may lack ensurepip: then the pip that is there fills the venv.
$(UV):
	@test -n "$(PYTHON)" || { \
		echo "Samband needs Python 3.11 or newer, and none was found. Install one (Debian: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@rm -rf .uv
	@"$(PYTHON)" -m venv .uv >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear --without-pip .uv
	@"$(PYTHON)" -m pip --quiet --python .uv/bin/python install "uv>=0.13,<0.14"
