# SPDX-License-Identifier: Apache-2.0
# The front door of the project; `make help` lists what it opens.
#
# Everything is built below $(BUILD), so several builds live side by side:
#     make                                    build/
#     make CC=clang-19 BUILD=build-clang      the same with clang
#     make asan                               build-asan/
# V=1 shows the commands.  A change of compiler or flags rebuilds by itself.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG        ?= clang-19
CLANG_FORMAT ?= clang-format-19
CLANG_TIDY   ?= clang-tidy-19
PYTHON       ?= /usr/bin/python3
PKG_CONFIG   ?= pkg-config
CFLAGS       ?= -O2 -g
SANITIZE     ?=

ASAN := address,undefined
TSAN := thread
FUZZ := fuzzer-no-link,address,undefined

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

ifeq ($(V),1)
Q   :=
say := @:
else ifneq ($(findstring s,$(filter-out -%,$(firstword $(MAKEFLAGS)))),)
Q   := @
say := @:
else
Q   := @
say := @printf '  %-5s %s\n'
endif

# ---- what is there ---------------------------------------------------------

SOURCES    := $(wildcard src/*.c src/*/*.c)
HEADERS    := $(wildcard src/*.h src/*/*.h)
COMPONENTS := $(wildcard src/sources/*.c src/stages/*.c src/sinks/*.c)
UNIT_TESTS := $(wildcard tests/unit/test_*.c)
GADGETS    := $(patsubst bpf/%/program.bpf.c,%,$(wildcard bpf/*/program.bpf.c))

OBJECTS := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(filter-out src/main.c,$(SOURCES)))
ARCHIVE := $(BUILD)/libgadgetctl.a
BINARY  := $(BUILD)/gadgetctl
ifneq ($(wildcard src/engine/registry.h),)
OBJECTS += $(BUILD)/obj/registry.o
endif
OBJECTS += $(BUILD)/obj/syscalls.o

# ---- flags -----------------------------------------------------------------

PACKAGES := libbpf libelf libuv msgpack jansson rdkafka yaml-0.1 zlib libcrypto libcurl libzstd libarchive
ifeq ($(filter clean help format,$(MAKECMDGOALS)),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	    -Wvla -Wno-missing-field-initializers -Werror
CPPFLAGS_ALL := -D_GNU_SOURCE -DGADGETCTL_VERSION='"$(VERSION)"' -Isrc $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL   := -std=c17 $(CFLAGS) $(WARNINGS)
LDFLAGS_ALL  := -Wl,--as-needed -pthread $(LDFLAGS)
ifneq ($(SANITIZE),)
CFLAGS_ALL   += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer
LDFLAGS_ALL  += -fsanitize=$(SANITIZE)
ifneq ($(findstring undefined,$(SANITIZE)),)
CFLAGS_ALL   += -fno-sanitize-recover=undefined
endif
endif
LIBS := $(PKG_LIBS) -lm
# Linked into every program of a build.
SHIMS := $(if $(filter $(TSAN),$(SANITIZE)),$(BUILD)/tests/tsan/c11_threads.o)

# Rewritten only when it changes, so that objects can depend on their flags.
FLAGS := $(BUILD)/flags
$(FLAGS): force
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS_TEXT" | cmp -s - $@ || printf '%s\n' "$$FLAGS_TEXT" >$@
export FLAGS_TEXT = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS)

.PHONY: force
force:

# ---- building --------------------------------------------------------------

.PHONY: all
all: ## build the program and the gadgets
ifneq ($(SOURCES),)
all: $(ARCHIVE)
endif
ifneq ($(wildcard src/main.c),)
all: $(BINARY)
endif

$(BUILD)/obj/%.o: src/%.c $(FLAGS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/obj/registry.o: $(BUILD)/gen/registry.c $(FLAGS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/obj/syscalls.o: $(BUILD)/gen/syscalls.c $(FLAGS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/gen/syscalls.c: tools/gen-syscalls $(FLAGS)
	@mkdir -p $(@D)
	$(Q)tools/gen-syscalls $@ $(CC)

# The generator leaves the file alone when the same components are there.
$(BUILD)/gen/registry.c: tools/gen-registry force
	@mkdir -p $(@D)
	$(Q)tools/gen-registry $@ $(COMPONENTS)

$(ARCHIVE): $(OBJECTS)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(BINARY): $(BUILD)/obj/main.o $(SHIMS) $(ARCHIVE)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/obj/*/*.d $(BUILD)/tests/unit/*.d $(BUILD)/tests/tools/*.d $(BUILD)/tests/fuzz/*.d \
	   $(BUILD)/tests/bench/*.d)

# ---- BPF -------------------------------------------------------------------

ifneq ($(wildcard bpf/bpf.mk),)
include bpf/bpf.mk
all: bpf
endif

# ---- images ----------------------------------------------------------------

# The gadgets as images, in a store of their own: an OCI layout.
IMAGES := $(BUILD)/images

.PHONY: images
images: $(GADGETS:%=$(BUILD)/image/%) ## build the gadgets as images, into $(BUILD)/images

$(BUILD)/image/%: bpf/%/program.bpf.c bpf/%/gadget.yaml $(BPF_HEADERS) $(BPF_VMLINUXES) $(BINARY)
	$(say) IMAGE $*
	@mkdir -p $(@D)
	$(Q)GADGETCTL_STORE=$(IMAGES) CLANG=$(CLANG) $(BINARY) build bpf/$* -t $* -q >$@.tmp
	@mv $@.tmp $@

# ---- showing it ------------------------------------------------------------

.PHONY: demo
demo: ## set-up, build, and five seconds of this host's execs and opens as JSON
	$(Q)tools/install-deps build >&2
	$(Q)$(MAKE) all >&2
	$(Q)tools/demo $(BINARY)

# ---- tests -----------------------------------------------------------------

UNIT_BINARIES := $(UNIT_TESTS:%.c=$(BUILD)/%)

$(BUILD)/tests/unit/%: tests/unit/%.c $(SHIMS) $(ARCHIVE)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -Itests/unit $(CFLAGS_ALL) $(LDFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< \
		$(SHIMS) $(ARCHIVE) -lcmocka $(LIBS)

$(BUILD)/tests/tsan/%.o: tests/tsan/%.c $(FLAGS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

# Fuzzers exist in a build with SANITIZE=$(FUZZ) only.
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(ARCHIVE)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -fsanitize=fuzzer -MMD -MP -MF $@.d \
		-o $@ $< $(ARCHIVE) $(LIBS)

.PHONY: fuzz-programs
fuzz-programs: $(FUZZERS)

# Programs the tests run beside ours; they share no code with it.
WORKLOADS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/workloads/*.c))
PEERS     := $(BUILD)/tests/interop/kafka_mock

$(BUILD)/tests/workloads/%: tests/workloads/%.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -O2 -g $(WARNINGS) -pthread -o $@ $<

$(BUILD)/tests/interop/kafka_mock: tests/interop/kafka/kafka_mock.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -O2 -g $(WARNINGS) -o $@ $< -lrdkafka

# This unit test needs its peer.
$(BUILD)/tests/unit/test_sink_kafka: | $(BUILD)/tests/interop/kafka_mock

# Programs the tests run that are made of our code.
TEST_TOOLS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tools/*.c))

$(BUILD)/tests/tools/%: tests/tools/%.c $(SHIMS) $(ARCHIVE)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< \
		$(SHIMS) $(ARCHIVE) $(LIBS)

.PHONY: unit-binaries test-programs
unit-binaries: $(UNIT_BINARIES)
test-programs: $(UNIT_BINARIES) $(WORKLOADS) $(TEST_TOOLS) $(PEERS)
ifneq ($(wildcard bpf/bpf.mk),)
test-programs unit: test-bpf
endif

run_tests := $(PYTHON) tests/run --build $(BUILD)

SECONDS_EACH ?= 60

.PHONY: check unit interop asan
check: ## set-up, every build, lint and test at a small count; one summary line
	$(Q)tools/install-deps test
	$(Q)$(run_tests) check

unit: unit-binaries ## run the unit tests
	$(Q)$(run_tests) unit

interop: all test-programs ## run the tests against real services (Kafka, Forward, image registries)
	$(Q)$(run_tests) interop

ifneq ($(wildcard tests/e2e/test_*.py),)
.PHONY: e2e soak tsan
e2e: all test-programs ## run the program as a user does, on the live kernel
	$(Q)$(run_tests) e2e

tsan: ## the tests where threads meet, with ThreadSanitizer
	$(Q)$(MAKE) BUILD=build-tsan SANITIZE=$(TSAN) all test-programs
	$(Q)$(PYTHON) tests/run --build build-tsan threads

SCALE ?= 50
soak: all test-programs ## the same tests at SCALE (50) times their counts, for hours
	$(Q)$(run_tests) --scale $(SCALE) --record tests/soak.txt e2e interop
endif

asan: ## unit, end-to-end and interop tests with AddressSanitizer and UBSan
	$(Q)$(MAKE) BUILD=build-asan SANITIZE=$(ASAN) all test-programs
	$(Q)$(PYTHON) tests/run --build build-asan unit e2e interop

# Benchmarks are programs linked with ours, or scripts that run ours; each prints its
# own figures and is told where the build is.
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/bench_*.c)) \
	   $(wildcard tests/bench/bench_*.sh tests/bench/bench_*.py)

$(BUILD)/tests/bench/%: tests/bench/%.c $(ARCHIVE)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(ARCHIVE) $(LIBS)

ifneq ($(BENCHES),)
.PHONY: bench bench-run
bench: ## measure, in ratios to named baselines (installs bpftrace)
	$(Q)tools/install-deps bench
	$(Q)$(MAKE) all test-programs bench-run

bench-run: $(BENCHES)
	$(Q)for bench in $(BENCHES); do \
		echo "== $$(basename $$bench)"; GADGETCTL_BUILD=$(BUILD) $$bench || exit 1; \
	done
endif

ifneq ($(FUZZERS),)
.PHONY: fuzz
fuzz: ## run each fuzzer for SECONDS_EACH (60) seconds
	$(Q)$(MAKE) BUILD=build-fuzz CC=$(CLANG) SANITIZE=$(FUZZ) fuzz-programs
	$(Q)$(PYTHON) tests/run --build build-fuzz --seconds $(SECONDS_EACH) fuzz
endif

# ---- keeping it tidy -------------------------------------------------------

FORMATTED := $(SOURCES) $(HEADERS) $(wildcard tests/*/*.[ch] tests/*/*/*.[ch] bpf/*/*.[ch] \
	     bpf/include/gadget/*.h)
REFERENCE := docs/reference/components.md
LINTS     := lint-includes lint-headers lint-words lint-scripts lint-tables lint-docs lint-format \
	     lint-tidy

.PHONY: lint $(LINTS)
lint: $(LINTS) ## includes, banned words, option tables, formatting, clang-tidy, ...

lint-includes:
	$(Q)tools/lint-includes

# Each header must be usable as the first include of a file.
lint-headers:
	$(Q)printf '%s\n' $(HEADERS) | xargs -r -P 2 -I {} \
		$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Wno-unused -fsyntax-only -include {} -x c /dev/null

lint-words:
	$(Q)tools/lint-words

lint-scripts:
	$(Q)tools/lint-scripts

# Defaults and bounds parse, every option is explained: a unit test looks at each table.
lint-tables: $(BUILD)/tests/unit/test_tables
	$(Q)$< >$(BUILD)/lint-tables.log 2>&1 || { cat $(BUILD)/lint-tables.log; exit 1; }

# The reference in the tree is what this build says of itself.
lint-docs: $(BINARY)
	$(Q)$(BINARY) help --markdown | diff -u $(REFERENCE) - || { \
		echo "$(REFERENCE) is out of date: run 'make docs'"; exit 1; }

lint-format:
	$(Q)printf '%s\n' $(FORMATTED) | xargs -r $(CLANG_FORMAT) --dry-run -Werror

# How far the analyzer follows a function: the default, 225000, takes eight times as long.
TIDY_NODES ?= 30000

# One stamp a file: only what changed (the object tells) is looked at again.
lint-tidy: $(patsubst src/%.c,$(BUILD)/lint/%.tidy,$(SOURCES))

$(BUILD)/lint/%.tidy: src/%.c $(BUILD)/obj/%.o .clang-tidy tools/tidy.h
	$(say) TIDY $<
	@mkdir -p $(@D)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(CPPFLAGS_ALL) $(if $(findstring base/error.c,$<),,-include \
		tools/tidy.h) -std=c17 $(WARNINGS) -Wno-unused-value \
		-Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES) >$@.out 2>&1 \
		|| { grep -E '(error|warning):' $@.out; exit 1; }
	@touch $@

.PHONY: docs
docs: $(BINARY) ## write the reference of all components
	$(say) DOCS $(REFERENCE)
	$(Q)$(BINARY) help --markdown >$(REFERENCE)

.PHONY: format
format: ## put the C files into the house style
	$(Q)$(CLANG_FORMAT) -i $(FORMATTED)

# ---- set-up and the rest ---------------------------------------------------

.PHONY: install
install: all ## install below $(DESTDIR)$(PREFIX)
	$(Q)install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/gadgetctl
	$(Q)for gadget in $(GADGETS); do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/gadgetctl/gadgets/$$gadget \
			$(BUILD)/bpf/$$gadget/program.o $(BUILD)/bpf/$$gadget/gadget.yaml || exit 1; \
	done
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/gadget bpf/include/gadget/*.h
	$(Q)for arch in amd64 arm64; do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/gadget/$$arch \
			$(BUILD)/include/gadget/$$arch/vmlinux.h || exit 1; \
	done
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/gadgetctl/pipelines pipelines/*.yaml

.PHONY: deps
deps: ## install what building and testing need (Debian 12, uses apt)
	$(Q)tools/install-deps test

.PHONY: clean
clean: ## remove everything that was built
	$(Q)rm -rf build build-*

.PHONY: help
help: ## this list
	@printf 'make TARGET [BUILD=dir] [CC=compiler] [V=1]\n\n'
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12
