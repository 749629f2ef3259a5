# godwit's build. `make help` lists the targets; GNU make and nothing else has to be there first:
# `make deps` installs the rest.
#
#   make check                  build, run all tests
#   make check T=keywords       only the tests whose name holds this word
#   make check SAN=address      with the address and undefined behaviour sanitizers (or SAN=thread)
#   make fuzz T=responses        let libFuzzer look for inputs that break it; SECONDS=60 is how long
#   make CC=clang BUILD=build/clang
#
# Everything that is made lies below build/.

CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
SAN     ?=
BUILD   ?= build$(if $(SAN),/$(SAN))
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
# Tests wait for a third of their time, for servers and the disk.
TEST_JOBS ?= $(shell expr $(JOBS) + 1)
# How far clang's analyzer looks, function by function: 225000 is its own choice, and takes four times as long.
LINT_NODES ?= 50000
WERROR  ?=

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 \
	-Wswitch-enum -Wconversion -Wno-sign-conversion -Wno-format-truncation -Wno-unknown-warning-option $(WERROR)
LDLIBS   := -lssl -lcrypto -llmdb -lyaml -lgsasl -lidn2 -lz -lpthread

ifeq ($(SAN),)
FLAVOUR   := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LINKING   := -pie -Wl,-z,relro,-z,now
else ifeq ($(SAN),address)
FLAVOUR   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LINKING   := -fsanitize=address,undefined
else ifeq ($(SAN),thread)
FLAVOUR   := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
LINKING   := -fsanitize=thread
else ifeq ($(SAN),fuzzer)
FLAVOUR   := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LINKING   := -fsanitize=address,undefined
else
$(error SAN is address or thread, not '$(SAN)')
endif

# What a packager adds in CFLAGS, CPPFLAGS or LDFLAGS comes last, so it wins.
COMPILE := $(CC) -std=c17 -D_GNU_SOURCE -Isrc -I. $(WARNINGS) $(FLAVOUR) $(CPPFLAGS) $(CFLAGS)
LINK    := $(CC) $(FLAVOUR) $(CFLAGS) $(LINKING) $(LDFLAGS)

MAIN     := src/main.c
SOURCES  := $(sort $(wildcard src/*/*.c state/*.c config/*.c))
HELPER   := $(sort $(wildcard oauth/*.c))
FAKES    := $(sort $(wildcard tests/fake/*.c))
CRASH    := $(sort $(wildcard tests/crash/*.c))
TESTS    := $(sort $(wildcard tests/unit/test_*.c))
OWN_C    := $(MAIN) $(SOURCES) $(HELPER) $(FAKES) $(sort $(wildcard tests/unit/*.c tests/fuzz/*.c tests/crash/*.c tests/e2e/*.c))
OWN_H    := $(sort $(wildcard src/*/*.h state/*.h config/*.h oauth/*.h tests/*/*.h))
FUZZERS  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
TEST_PROGRAMS := $(TESTS:%.c=$(BUILD)/%) $(FUZZERS:%.c=$(BUILD)/%)
object    = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# make V=1 shows the commands of the build.
Q := $(if $(V),,@)

# A recipe's make runs as many jobs as there are cores, unless the user's own -j says how many.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
MAKE_IN_PARALLEL = $(MAKE) --no-print-directory $(PARALLEL)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: help all programs objects deps check check-servers soak fuzz lint format demo bench stats install uninstall clean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

all: ## build build/godwit, build/godwit-oauth and build/libgodwit.a
	@+$(MAKE_IN_PARALLEL) $(BUILD)/godwit $(BUILD)/godwit-oauth

deps: ## install the Debian packages that are missing (offline if there are none)
	@sh tests/tools/deps.sh build test lint

check: ## run all tests; T=WORD only some, SAN=address or SAN=thread
	@sh tests/tools/deps.sh build test
	@+$(MAKE_IN_PARALLEL) programs
	@$(PYTHON) tests/tools/run.py --build '$(BUILD)' --san '$(SAN)' --jobs $(TEST_JOBS) --match '$(T)' $(TEST_PROGRAMS)

soak: ## run the long end-to-end tests too
	@sh tests/tools/deps.sh build test
	@+$(MAKE_IN_PARALLEL) programs
	@GODWIT_SOAK=1 $(PYTHON) tests/tools/run.py --build '$(BUILD)' --san '$(SAN)' --jobs $(TEST_JOBS) --match '$(T)' $(TEST_PROGRAMS)
	@+$(if $(T)$(SAN),,$(MAKE) --no-print-directory fuzz)

check-servers: ## run the end-to-end tests against GNU mailutils, which loses flags and dates
	@sh tests/tools/deps.sh build test
	@+$(MAKE_IN_PARALLEL) programs
	@$(PYTHON) tests/tools/run.py --build '$(BUILD)' --san '$(SAN)' --jobs $(TEST_JOBS) --match '$(T)' --servers mailutils

fuzz: ## let libFuzzer try target T (all, one after another, if T is not set) for SECONDS
	@sh tests/tools/deps.sh build fuzz
	@+$(MAKE_IN_PARALLEL) fuzzers CC=clang SAN=fuzzer
	@$(PYTHON) tests/tools/fuzz.py --build build/fuzzer --seconds '$(or $(SECONDS),60)' $(or $(T),$(FUZZERS:tests/fuzz/fuzz_%.c=%))

lint: ## check format, layers, warnings of two compilers, clang-tidy, that all tests load
	@sh tests/tools/deps.sh build test lint
	clang-format --dry-run -Werror $(OWN_C) $(OWN_H)
	@$(PYTHON) tests/tools/includes.py tests/deps.txt
	@+$(MAKE_IN_PARALLEL) objects CC=gcc BUILD=build/lint/gcc WERROR=-Werror
	@+$(MAKE_IN_PARALLEL) objects CC=clang BUILD=build/lint/clang WERROR=-Werror CFLAGS='-O0 -U_FORTIFY_SOURCE'
	@$(PYTHON) -m pytest -q -p no:cacheprovider --collect-only tests/e2e >build/lint/collected || { cat build/lint/collected; exit 1; }
	@tail -n 1 build/lint/collected
	@$(PYTHON) tests/tools/tidy.py --jobs $(JOBS) --nodes $(LINT_NODES) --cache build/lint/tidy $(MAIN) $(SOURCES) $(HELPER)

format: ## let clang-format rewrite the C files
	clang-format -i $(OWN_C) $(OWN_H)

demo: ## show godwit at work with a throwaway server
	@sh tests/tools/deps.sh build demo
	@+$(MAKE_IN_PARALLEL) $(BUILD)/godwit
	@$(PYTHON) tests/demo/demo.py $(BUILD)/godwit

bench: ## compare with mbsync on this machine; B=ROW only some rows
	@sh tests/tools/deps.sh build test bench
	@+$(MAKE_IN_PARALLEL) $(BUILD)/godwit
	@$(PYTHON) tests/bench/bench.py $(BUILD)/godwit --only '$(B)'

stats: ## lengths of functions and files
	@$(PYTHON) tests/tools/stats.py $(MAIN) $(SOURCES) $(HELPER)

install: all ## install below PREFIX (DESTDIR is honoured)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/libexec/godwit' '$(DESTDIR)$(PREFIX)/share/man/man1' \
		'$(DESTDIR)$(PREFIX)/share/man/man5' '$(DESTDIR)$(PREFIX)/share/doc/godwit'
	install -m 755 $(BUILD)/godwit '$(DESTDIR)$(PREFIX)/bin/godwit'
	install -m 755 $(BUILD)/godwit-oauth '$(DESTDIR)$(PREFIX)/libexec/godwit/godwit-oauth'
	install -m 644 man/*.1 '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -m 644 man/*.5 '$(DESTDIR)$(PREFIX)/share/man/man5'
	install -m 644 sample.yaml '$(DESTDIR)$(PREFIX)/share/doc/godwit'

uninstall: ## remove what install installed
	rm -f '$(DESTDIR)$(PREFIX)/bin/godwit' '$(DESTDIR)$(PREFIX)/libexec/godwit/godwit-oauth' \
		$(patsubst man/%,'$(DESTDIR)$(PREFIX)/share/man/man1/%',$(wildcard man/*.1)) \
		$(patsubst man/%,'$(DESTDIR)$(PREFIX)/share/man/man5/%',$(wildcard man/*.5)) \
		'$(DESTDIR)$(PREFIX)/share/doc/godwit/sample.yaml'
	-rmdir '$(DESTDIR)$(PREFIX)/share/doc/godwit' '$(DESTDIR)$(PREFIX)/libexec/godwit'

clean: ## remove build/, but not the test servers that were downloaded
	find build -mindepth 1 -maxdepth 1 ! -name servers -exec rm -rf {} + 2>/dev/null || true

# What the user does not call by name.

programs: $(BUILD)/godwit $(BUILD)/godwit-oauth $(BUILD)/crash-godwit $(TEST_PROGRAMS)
objects: $(call object,$(MAIN) $(SOURCES) $(HELPER) $(FAKES) $(TESTS) $(FUZZERS) tests/fuzz/replay.c tests/fuzz/trap.c $(CRASH))
fuzzers: $(FUZZERS:tests/fuzz/%.c=$(BUILD)/%)

$(BUILD)/godwit: $(call object,$(MAIN)) $(BUILD)/libgodwit.a
	@echo '  LD $@'
	$(Q)$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/godwit-oauth: $(call object,$(HELPER)) $(BUILD)/libgodwit.a
	@echo '  LD $@'
	$(Q)$(LINK) -o $@ $^ -lcurl -ljansson -lpthread

$(BUILD)/crash-godwit: $(call object,$(MAIN) $(CRASH)) $(BUILD)/libgodwit.a
	@echo '  LD $@'
	$(Q)$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/libgodwit.a: $(call object,$(SOURCES)) $(BUILD)/files
$(BUILD)/libfake.a: $(call object,$(FAKES)) $(BUILD)/files
$(BUILD)/%.a:
	@echo '  AR $@'
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libfake.a $(BUILD)/libgodwit.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(Q)$(LINK) -o $@ $^ $(LDLIBS) -lcmocka

# A fuzzer's corpus as a test, and the fuzzer itself (clang's).
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libfake.a $(BUILD)/libgodwit.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(Q)$(LINK) -o $@ $^ $(LDLIBS) -lcmocka
$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/trap.o $(BUILD)/libfake.a $(BUILD)/libgodwit.a
	@echo '  LD $@'
	$(Q)$(LINK) -fsanitize=fuzzer -Wl,--wrap=base_bug -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo '  CC $<'
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# Both change only if their contents do: other flags compile all again, a file that came or went
# makes the libraries again.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' > $@
$(BUILD)/files: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES) $(FAKES)' | cmp -s - $@ || echo '$(SOURCES) $(FAKES)' > $@

-include $(patsubst %.o,%.d,$(call object,$(MAIN) $(SOURCES) $(HELPER) $(FAKES) $(TESTS) $(FUZZERS) tests/fuzz/replay.c tests/fuzz/trap.c $(CRASH)))
