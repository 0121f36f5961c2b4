# The commands of this repository. Each one first makes the environment, if it is not there yet.
.PHONY: help setup demo test check bench peers mutation fuzz picture studies truth lock clean
.DEFAULT_GOAL := help

help:       ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup:      ## make .venv from the hashed lock
	@scripts/setup

demo: setup ## the whole job, offline, on the embedded synthetic market
	@.venv/bin/narrows demo

check: setup ## format, lint, types, layers
	@scripts/check

test: setup ## all checks and all tests
	@scripts/check
	@scripts/test

bench: setup ## speed, as ratios taken in one run
	@scripts/bench

peers:      ## environments of the peers that benchmarks compare with and narrows does not need
	@scripts/peers

mutation: setup ## hand-made faults, each of which a test must catch
	@.venv/bin/python tests/mutation/run.py

fuzz: setup ## what a venue may never send, ten minutes for each feed (with atheris, if it is installed)
	@PYTHONPATH=tests .venv/bin/python tests/fuzz/run.py

picture: setup ## render the report that the README shows (needs chromium)
	@scripts/picture

studies: setup ## run the studies of real data, write docs/studies (needs chromium and the data)
	@for study in collateral stress funding_rules dated_convergence premium_and_funding option_parity who_leads royal_dutch_shell btc_books; do \
	  .venv/bin/python scripts/studies/$$study.py || exit 1; done
	@PYTHONPATH=scripts .venv/bin/python -m studies

truth: setup ## do the intervals hold what is known to be true? 1,000 seeded runs a setting, some ten minutes
	@for part in ou vecm bridge; do .venv/bin/python scripts/truth/$$part.py || exit 1; done

lock: setup ## renew requirements.lock (needs uv)
	@scripts/lock

clean:      ## remove the environment and what runs leave behind
	@rm -rf .venv build dist reports .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
