# Everything needs only Python >= 3.11, make and git; each target bootstraps .venv by itself.
.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-more live soak check web fmt bench bench-check figures chaos clean-room http-five security-index pins redis chromium client built first-screen races

PY := .venv/bin/python
PEERS := .run/peers/bin/python
PYTEST := $(PY) -m pytest
# Two workers: the suite waits for real servers more than for the processor. A file stays on one
# worker, so that its servers are started once.
WORKERS ?= 2
ARGS ?=

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

setup:  ## make .venv from the hashed pins; quick and offline when nothing changed
	@scripts/setup.sh

run: setup built  ## Gallery, cached, on http://127.0.0.1:8000 (PORT=...)
	@exec $(PY) -m gallery $(ARGS)

demo: setup  ## cached against uncached, and the store killed half way, live in the terminal
	@exec $(PY) -m gallery.demo $(ARGS)

test: setup  ## every test of the ordinary suite
	$(PYTEST) -m "not more and not soak" -n $(WORKERS) --dist loadfile $(ARGS)

test-more: setup redis chromium  ## long matrices (Debian's Redis, a cluster, real browsers), then the clean room
	scripts/test_more.sh $(ARGS)

live: setup chromium  ## the live channel in real browsers; writes docs/live-client.md
	@exec $(PY) scripts/live_figures.py $(ARGS)

first-screen: setup chromium  ## Gallery's first screen against a naive one, and Lighthouse: wants a quiet machine
	$(PYTEST) -n 0 -s -m soak apps/gallery/tests/browser/test_speed.py apps/gallery/tests/browser/test_lighthouse.py $(ARGS)

races: setup chromium  ## writes while Gallery's pages load, 20 of each kind, on two processes: none stale
	$(PYTEST) -n 0 -s -m soak apps/gallery/tests/browser/test_live.py $(ARGS)

soak: setup  ## what takes longer than anybody waits for
	$(PYTEST) -m soak -n 0 $(ARGS)

check: setup  ## lint, format, layers, types; and the browser's side, with its tests and size
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	$(PY) -m mypy
	scripts/web.sh npm run --silent check

web: setup  ## build what browsers load (node comes from a wheel if PATH has none)
	scripts/web.sh npm run --silent build

client: setup  ## build the browser's side of the live channel for keepwarm to serve
	@scripts/client.sh

fmt: setup  ## format and mend what ruff can
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	scripts/web.sh npm run --silent fmt

bench: setup  ## measure pages and, beside the peers, single calls; write benchmarks/ and docs/
	@scripts/peers.sh
	@$(PEERS) -m benchmarks $(ARGS); pages=$$?; $(PEERS) -m benchmarks.performance $(ARGS) && exit $$pages

bench-check: setup  ## whether a ratio to a peer has become worse than the stored one
	@scripts/peers.sh
	@exec $(PEERS) -m benchmarks.performance --check

figures: setup  ## measure what coherence costs, write the table into docs/coherence.md
	@exec $(PY) -m benchmarks.coherence $(ARGS)

chaos: setup redis  ## half an hour of real faults, judged; writes docs/chaos.md
	@scripts/faketime.sh
	@exec $(PY) -m keepwarm.testing.chaos --matrix --page docs/chaos.md $(ARGS)

clean-room: setup  ## clone HEAD beside, with an empty HOME and no node: run it, test it
	@$(PY) scripts/clean_room.py $(ARGS)

http-five: setup  ## the HTTP table through the proxy, five times in a row on each server
	@PYTHONPATH=tests $(PY) -m http_black_box $(ARGS)

security-index: setup  ## each line of the security design and the test that holds it
	@$(PY) scripts/security_index.py $(ARGS)

pins: setup  ## compile requirements/*.txt again (ARGS=--upgrade)
	scripts/pins.sh $(ARGS)

redis:
	@scripts/redis.sh

chromium:
	@scripts/chromium.sh

built: setup
	@scripts/built.sh
	@scripts/client.sh
