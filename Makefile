# SPDX-License-Identifier: Apache-2.0
# The front door. The work is done by Meson, Ninja and the scripts in tools/.
BUILD ?= build
DEBUG ?= build-debug
NINJA ?= ninja

PREFIX ?= /usr/local

.PHONY: all install deb demo check check-long check-contracts check-quick check-source check-vectors bench format clean setup help

all: setup $(BUILD)/build.ninja ## build the release binary at build/dam
	$(NINJA) -C $(BUILD) dam

demo: ## set up, build and run the solar site: make demo ARGS=--headless
	@tools/demo $(ARGS)

setup:
	@tools/setup build

$(BUILD)/build.ninja:
	meson setup $(BUILD) --buildtype=release -Db_lto=true -Db_ndebug=false -Dcontracts=true

$(DEBUG)/build.ninja:
	meson setup $(DEBUG) --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true

check: ## set up, build and run every test; ends with "N passed, N failed"
	@tools/setup check
	@tools/check

check-quick: $(DEBUG)/build.ninja ## unit tests with ASan and UBSan, nothing slow
	$(NINJA) -C $(DEBUG)
	meson test -C $(DEBUG) --suite unit --no-rebuild --print-errorlogs

check-contracts: all ## the contracts: forge, gas, coverage, one story on our ledger and on anvil (a stage of check)
	@tools/setup check
	@tools/check.d/30-contracts

check-long: ## what takes hours: exhaustive and large counts
	@tools/setup check
	@tools/check-long

check-source: ## layers, format, banned functions: compiles nothing
	@tools/check-source

check-vectors: all ## every official vector there is (shared/evmtests)
	tools/check-vectors all

bench: all ## beside the peers, as ratios
	bench/run

install: all ## install below PREFIX (/usr/local)
	tools/install $(PREFIX)
	tools/install-library $(PREFIX)

deb: all ## build a Debian package in build/
	tools/deb

format:
	find src -name '*.[ch]' | xargs clang-format -i

clean:
	rm -rf $(BUILD) $(DEBUG)

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16
