# make demo   compiles, verifies and runs the early-exit example
# make test   runs every test
# Each needs Python 3.11 or newer with pip, and makes its own environment in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
ENVIRONMENT := .venv
BIN := $(ENVIRONMENT)/bin
INSTALLED := $(ENVIRONMENT)/installed
HEADERS := $(ENVIRONMENT)/include/onnxruntime

# One thread per process: two test processes that each start a thread per core wait on each other.
export OMP_NUM_THREADS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test

demo: $(INSTALLED)
	$(BIN)/python examples/demo.py

test: $(INSTALLED) $(HEADERS)
	$(BIN)/python -m pytest -n 2 --dist worksteal

# For the program in C++. Where npm cannot bring them its tests are skipped, and say so.
$(HEADERS): | $(INSTALLED)
	-$(BIN)/python examples/cpp/get_headers.py $@

# torch goes first: it is the largest package, and a failure to get it should be the first thing seen.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "adaptc needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@
