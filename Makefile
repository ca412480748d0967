# Makefile: by hand. `make help` lists what it makes.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

MAKEFLAGS += -r
.SUFFIXES:
.DELETE_ON_ERROR:
-include config.mk

BUILD ?= build
OBJ = $(BUILD)/obj
FOLDERS = base net lang train codegen search device judge nasc
NASC = $(BUILD)/nasc

# ---- flags ----
# Floats that a result may depend on must not depend on the machine, so no product and sum is fused
# into one rounding behind the source's back. Training and the judge's matrix products are the
# exception: training's floats are a model that is only promised to repeat on one type of CPU, and
# the judge's are integers below 2^24, which are exact either way.
STRICT = -O2 -ffp-contract=off
FAST = -O3 $(NATIVE) -fno-math-errno
FLAGS_train = $(FAST)
FLAGS_judge = $(FAST)
OPTIMISE = $(or $(FLAGS_$(firstword $(subst /, ,$*))),$(STRICT))

# Sanitised code is not held to its warnings: gcc sees faults in the checks that it adds itself.
WARN = -Wall -Wextra -Wno-missing-field-initializers $(if $(WERROR),$(if $(SAN),-w,-Werror))
SAN_FLAGS = $(if $(SAN),$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS = -I. -I$(OBJ) $(INCLUDES)
CFLAGS = -std=gnu11 -g $(SAN_FLAGS)
COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
# Names what is made; with V=1 the commands are shown instead.
say = $(if $(V),,@echo "  $(1)";)

# ---- sources ----
SOURCES = $(wildcard $(FOLDERS:%=%/*.c))
LEXERS = $(patsubst %.re,$(OBJ)/%.c,$(wildcard lang/*.re))
PARSERS = $(patsubst %.y,$(OBJ)/%.c,$(wildcard lang/*.y))
GENERATED = $(LEXERS) $(PARSERS) $(OBJ)/stdlib.c
OBJECTS = $(filter-out $(OBJ)/nasc/main.o,$(SOURCES:%.c=$(OBJ)/%.o) $(GENERATED:.c=.o))
ARCHIVE = $(BUILD)/libnasc.a
LIBRARY = $(sort $(shell find stdlib -name '*.nas' -o -name '*.csv' 2>/dev/null) \
    $(wildcard runtime/*.[ch] runtime/*.ld))
TESTS = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/test_*.c))
# What tests share that is too large for a header: random models and ways to execute them, random
# .nas texts, what fuzzers execute, and the networks of benches.
DIFF = $(BUILD)/tests/diff/diff
SHARED = $(BUILD)/libtests.a
SHARED_SOURCES = $(filter-out tests/diff/diff.c tests/diff/test_%,$(wildcard tests/diff/*.c)) \
    $(wildcard tests/fuzz/fuzz_*.c) bench/networks.c tests/lang/random_spec.c

all: $(NASC)

$(NASC): $(OBJ)/nasc/main.o $(ARCHIVE)
	$(call say,LINK $@)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)

# Made anew each time, since ar keeps the objects of sources that are gone.
$(ARCHIVE): $(OBJECTS)
	$(call say,AR   $@)rm -f $@ && ar qcs $@ $^

$(OBJ)/%.o: %.c | config.mk
	@mkdir -p $(@D)
	$(call say,CC   $<)$(COMPILE) $(OPTIMISE) $(WARN)

# What re2c and lemon write is held to no style.
$(OBJ)/%.o: $(OBJ)/%.c
	$(call say,CC   $<)$(COMPILE) $(STRICT) -Wno-unused

$(LEXERS): $(OBJ)/%.c: %.re
	@mkdir -p $(@D)
	$(call say,RE2C $<)re2c -W --no-debug-info -o $@ $<

$(PARSERS): $(OBJ)/%.c: %.y
	@mkdir -p $(@D)
	$(call say,LEMON $<)lemon -q -d$(@D) $<

# The tokens are in a header that lemon writes along with the parser.
$(PARSERS:.c=.h): $(PARSERS)
$(filter $(OBJ)/lang/%,$(OBJECTS)): | $(PARSERS)

$(OBJ)/stdlib.c: $(LIBRARY) $(sort $(dir $(LIBRARY))) stdlib/embed
	@mkdir -p $(@D)
	$(call say,EMBED stdlib)sh stdlib/embed $(LIBRARY) > $@

PROGRAM = $(CC) $(CPPFLAGS) $(CFLAGS) $(STRICT) $(WARN) -MMD -MP -o $@ $(filter %.c %.a,$^)

$(SHARED): $(SHARED_SOURCES:%.c=$(OBJ)/%.o)
	$(call say,AR   $@)rm -f $@ && ar qcs $@ $^

$(BUILD)/tests/%: tests/%.c $(SHARED) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,CC   $<)$(PROGRAM) $(CMOCKA) $(LIBS)

$(BUILD)/bench/%: bench/%.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,CC   $<)$(PROGRAM) $(BENCH_LIBS) $(LIBS)

# Benches of whole networks share what makes them; the archive again, for what that needs of it.
WITH_NETWORKS = peers/nasc_time bits/bits m4/m4
$(WITH_NETWORKS:%=$(BUILD)/bench/%): BENCH_LIBS = $(OBJ)/bench/networks.o $(ARCHIVE) -ldl
$(WITH_NETWORKS:%=$(BUILD)/bench/%): $(OBJ)/bench/networks.o

-include $(OBJECTS:.o=.d) $(OBJ)/nasc/main.d $(TESTS:=.d) $(DIFF).d
-include $(SHARED_SOURCES:%.c=$(OBJ)/%.d)

config.mk: configure
	@echo "Run ./configure first$(if $(wildcard $@), again: it has changed)." && false

# ---- what people ask for ----
check: WERROR = 1
check: all $(DIFF) $(if $(CMOCKA),$(TESTS))
	NASC=$(NASC) BUILD=$(BUILD) tests/run

san: config.mk
	$(if $(SANITIZE),,$(error configure found no sanitizers))
	+$(MAKE) BUILD=build/san SAN=1 check

# make diff PATHS="gcc-O3 powerpc" COUNT=1000 JOBS=2; it goes on where the last run stopped.
diff: $(DIFF)
	$(DIFF) --folder $(BUILD)/diff $(COUNT:%=--count %) $(JOBS:%=--jobs %) $(PATHS)

diff-report: $(DIFF)
	$(DIFF) --folder $(BUILD)/diff --report

demo: all
	$(NASC) build examples/fashion/demo.nas -o $(BUILD)/demo

bench: all
	@test -x bench/run || { echo "There is no bench/run."; false; }
	NASC=$(NASC) BUILD=$(BUILD) bench/run

fuzz: all
	@test -x tests/fuzz/run || { echo "There is no tests/fuzz/run."; false; }
	NASC=$(NASC) BUILD=$(BUILD) tests/fuzz/run

SHARE = $(DESTDIR)$(PREFIX)/share
install: all
	install -D -m 755 $(NASC) $(DESTDIR)$(PREFIX)/bin/nasc
	install -d $(SHARE)/nasc/stdlib $(SHARE)/doc/nasc
	install -m 644 README.md LICENSE $(wildcard doc/*.md) $(SHARE)/doc/nasc
	cp -R $(wildcard stdlib/*/) $(SHARE)/nasc/stdlib
	cp -R examples $(SHARE)/nasc

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/nasc
	rm -rf $(SHARE)/nasc $(SHARE)/doc/nasc

clean:
	rm -rf build

# A clone packs its last commit; a tree without git, what stands there.
NAME = nasc-$(VERSION)
dist: config.mk
	@mkdir -p build
	@if test -e .git; then \
	    git archive --prefix=$(NAME)/ HEAD; \
	else \
	    tar -c --sort=name --exclude=./build --exclude=./config.mk --exclude=./config.h \
	        --transform='s,^\.,$(NAME),' . ; \
	fi | gzip -n > build/$(NAME).tar.gz
	@echo build/$(NAME).tar.gz

help:
	@echo "make            the compiler, $(NASC)"
	@echo "make demo       finds, trains and emits a small network for Fashion-MNIST (3 minutes)"
	@echo "make check      all tests; tests/run NAME runs those whose path contains NAME"
	@echo "make san        all tests under the address and undefined-behaviour sanitisers"
	@echo "make diff       random networks executed in every way, byte for byte;  make diff-report"
	@echo "make fuzz       hostile inputs for a while;  make bench  measurements beside the peers"
	@echo "make install    into $(PREFIX), below DESTDIR if set;  make uninstall"
	@echo "make dist       a tarball of the sources;  make clean  removes build/"

.PHONY: all check san diff diff-report demo bench fuzz install uninstall clean dist help
