# The short way to everything. Each command installs what it needs and says so; nothing but make and a network is
# presumed. What needs root is refused without it; the rest works for anybody.

.DEFAULT_GOAL := help
.PHONY: help lab test bench chaos sim sim-mutants powercut check reference build install clean install-deps

PREFIX ?= /usr/local
BUN := node_modules/.bin/bun
INSTALL := sh scripts/install.sh
comma := ,

define need-root
	@if [ "$$(id -u)" != 0 ]; then \
	  echo "make $@: not permitted: it needs root, for $(1)" >&2; \
	  echo "hint: sudo make $@; make build, make check and make test work without (tests on the kernel are skipped)" >&2; \
	  exit 1; \
	fi
endef

help:
	@echo "make lab            brings up two hosts and two networks with the same subnet, and proves them (root)"
	@echo "make test           every check and test; without root those on the kernel are skipped"
	@echo "make bench          the benchmarks, each beside its reference (root)"
	@echo "make chaos          a cluster is tormented, and its history judged (root); ARGS='--servers 5 --seconds 300'"
	@echo "make sim            thousands of simulated lives of a cluster with every fault there is; ARGS='--seed N' repeats one"
	@echo "make sim-mutants    the same with cores that have one thing wrong: each must be caught"
	@echo "make powercut       the power of running servers is cut at hundreds of moments, and their disks are judged (root)"
	@echo "make check          format, lint, types, layering, docs/reference"
	@echo "make reference      docs/reference, written from the tables of commands, codes and events"
	@echo "make build          dist/ovl, one executable that needs no other file"
	@echo "make install        dist/ovl into PREFIX/bin, /usr/local unless said otherwise; DESTDIR goes in front (root)"
	@echo "make clean          leaves no build product, no lab, no process"
	@echo "make install-deps   only installs what is missing"

install-deps:
	@$(INSTALL) test

build:
	@$(INSTALL) build
	@$(BUN) scripts/build.ts

# Only the program; `ovl install` makes a service of it.
install: build
	$(if $(DESTDIR),,$(call need-root,$(PREFIX)/bin))
	@install -D -m 0755 dist/ovl "$(DESTDIR)$(PREFIX)/bin/ovl"
	@echo "installed $(DESTDIR)$(PREFIX)/bin/ovl"
	$(if $(DESTDIR),,@echo "next: ovl install serve, or ovl install join SERVER --token-file FILE: as a service of systemd")

lab:
	$(call need-root,network namespaces$(comma) links and firewall rules)
	@$(INSTALL) lab
	@$(BUN) scripts/build.ts
	@dist/ovl lab up -q
	@dist/ovl lab verify

test:
	@$(INSTALL) test
	@$(BUN) scripts/build.ts
	@$(BUN) scripts/test.ts $(ARGS)

bench:
	$(call need-root,network namespaces and links)
	@$(INSTALL) test
	@$(BUN) scripts/build.ts
	@$(BUN) scripts/bench.ts $(ARGS)

chaos:
	$(call need-root,network namespaces and packets that are lost in them)
	@$(INSTALL) test
	@$(BUN) scripts/build.ts
	@$(BUN) scripts/chaos.ts $(ARGS)

sim:
	@$(INSTALL) build
	@$(BUN) scripts/sim.ts $(ARGS)

sim-mutants:
	@$(INSTALL) build
	@$(BUN) scripts/sim-mutants.ts $(ARGS)

powercut:
	$(call need-root,network namespaces for the daemons)
	@$(INSTALL) test
	@$(BUN) scripts/build.ts
	@$(BUN) scripts/powercut.ts $(ARGS)

check:
	@$(INSTALL) build
	@$(BUN) scripts/check.ts

reference:
	@$(INSTALL) build
	@$(BUN) scripts/reference.ts

clean:
	@sh scripts/clean.sh
