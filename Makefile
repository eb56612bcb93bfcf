# make demo   a talking portrait from a fresh clone; prints the path of the MP4
# make test   installs everything into .venv and runs all tests
# make lint   style, format, types and import rules

VENV := .venv
BIN := $(VENV)/bin
FITS := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))'
DRAWS := -c 'import cv2; from importlib.util import find_spec; find_spec("skia") and __import__("skia")'
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do if $$p $(FITS) 2>/dev/null; then echo $$p; break; fi; done)

.PHONY: demo test lint bench clean

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/relief.py

clean:
	rm -rf demo build dist src/*.egg-info

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "vivant needs Python 3.11 or 3.12; name it with: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$*]'
	@$(BIN)/python $(DRAWS) 2>/dev/null || $(MAKE) --no-print-directory system-libraries
	@touch $@

# The OpenCV that MediaPipe brings, and skia where it is installed, need shared libraries that a bare server lacks.
.PHONY: system-libraries
system-libraries:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends libgl1 libglib2.0-0 libegl1; \
	else \
		echo "a drawing library cannot be loaded; install its libraries: sudo apt-get install libgl1 libglib2.0-0 libegl1"; exit 1; \
	fi
	@$(BIN)/python $(DRAWS)
