# The two commands of the README are `make demo` and `make test`; each sets up
# the machine first (setup.sh: idempotent, quick when nothing is missing).
CARGO ?= cargo
RATES ?= 0.02 0.05 0.12
export CARGO_TERM_COLOR ?= auto

.PHONY: help setup build demo test test-rust bench bench-large eval-image lint deny clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing (C toolchain, ONNX Runtime)
	@./setup.sh

build: setup ## release build of the tessera binary (target/release/tessera)
	$(CARGO) build --release --locked -p tessera-cli

demo: setup ## encode and decode samples/ at three rates, print a table, write demo-out/
	$(CARGO) build --release --locked -p tessera-cli -p tessera-tests --bins
	$(CARGO) run --release --locked --quiet -p tessera-tests --bin demo -- $(RATES)

test: setup test-rust ## all tests; the runner's summary is the last line

# Documentation tests first, so that the summary of the whole run comes last.
test-rust:
	$(CARGO) test --workspace --locked --quiet --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  echo "cargo nextest run"; $(CARGO) nextest run --workspace --locked --lib --bins --tests; \
	else \
	  echo "cargo test"; $(CARGO) test --workspace --locked --no-fail-fast --lib --bins --tests; \
	fi

bench: setup ## criterion benches: whole encode and decode, token coding
	$(CARGO) bench --locked -p tessera-tests

bench-large: setup ## encode and decode 100 megapixels, print peak memory
	$(CARGO) build --release --locked -p tessera-cli -p tessera-tests --bins
	$(CARGO) run --release --locked --quiet -p tessera-tests --bin large

# HELDOUT and LPIPS come from models/training (README there); PYTHON has its packages.
PYTHON ?= python3
HELDOUT ?= models/training/work/corpus/heldout
LPIPS ?= ../shared/weights/lpips_alex.onnx
eval-image: build ## bits and quality of the image codec on held-out photos, beside AVIF
	target/release/tessera stats $(HELDOUT)
	$(PYTHON) models/training/evaluate_image.py --photos $(HELDOUT) --lpips $(LPIPS) --tessera target/release/tessera \
	  --row '--rung 1x12 --effort 0' --row '--rung 1x12' --row '--bpp 0.02' --row '--bpp 0.03' --row '--bpp 0.04' --row '--bpp 0.05' --row '--bpp 0.1'

lint: ## formatting, clippy with warnings denied, licences and sources of dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --locked --all-targets --quiet -- -D warnings
	@$(MAKE) --no-print-directory deny

# Licences, duplicate bans and sources need no network; the advisory database does, so it is not asked here.
deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	  $(CARGO) deny --log-level error check licenses bans sources; \
	else \
	  echo "cargo-deny is not installed: licences of dependencies not checked (cargo install cargo-deny)"; \
	fi

clean: ## remove build output and demo-out/
	$(CARGO) clean
	rm -rf demo-out
