# SPDX-License-Identifier: Apache-2.0
#
# BPF objects: included by the top Makefile, and usable alone (make -f bpf/bpf.mk).
#
#   make bpf        $(BUILD)/bpf/<gadget>/program.o and gadget.yaml, one folder per gadget
#                   and $(BUILD)/include/gadget/, for gadgets made by `gadgetctl init`,
#                   with a vmlinux.h for each architecture that `gadgetctl build` compiles for
#   make test-bpf   $(BUILD)/tests/bpf/<name>.o, the small programs the tests load
#
# BPF_ARCH=arm64 compiles for the other architecture.  Types of the kernel come from
# the package linux-bpf-dev; without it, from the running kernel.  They only have to
# compile: the loader relocates every access to the kernel it finds.

BUILD      ?= build
CLANG      ?= clang-19
LLVM_STRIP ?= llvm-strip-19
BPFTOOL    ?= bpftool
say        ?= @:

BPF_ARCH   ?= $(if $(filter aarch64,$(shell uname -m)),arm64,x86)
BPF_VMLINUX ?= $(or $(firstword $(wildcard /usr/include/*-linux-gnu/linux/bpf/vmlinux.h)),$(BUILD)/bpf/vmlinux.h)

# Programs that only see packets include <linux/ip.h> and its like instead of vmlinux.h;
# these find <asm/types.h> in the folder of this host, which is the same for both.
BPF_UAPI ?= /usr/include/$(shell uname -m)-linux-gnu

# Paths in the line information are kept relative, so that equal sources make equal objects.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu17 -D__TARGET_ARCH_$(BPF_ARCH) \
	-Wall -Wextra -Wshadow -Werror -Wno-unused-parameter \
	-ffile-prefix-map=$(CURDIR)=. -fdebug-compilation-dir=. \
	-isystem $(dir $(BPF_VMLINUX)) -Ibpf/include -idirafter $(BPF_UAPI)

BPF_GADGETS := $(patsubst bpf/%/program.bpf.c,%,$(wildcard bpf/*/program.bpf.c))
BPF_OBJECTS := $(BPF_GADGETS:%=$(BUILD)/bpf/%/program.o)
BPF_YAMLS   := $(patsubst bpf/%,$(BUILD)/bpf/%,$(wildcard bpf/*/gadget.yaml))
BPF_HEADERS := $(patsubst bpf/%,$(BUILD)/%,$(wildcard bpf/include/gadget/*.h))
BPF_VMLINUXES := $(BUILD)/include/gadget/amd64/vmlinux.h $(BUILD)/include/gadget/arm64/vmlinux.h
BPF_TESTS   := $(patsubst %.bpf.c,$(BUILD)/%.o,$(wildcard tests/bpf/*.bpf.c))

.PHONY: bpf test-bpf
bpf: $(BPF_OBJECTS) $(BPF_YAMLS) $(BPF_HEADERS) $(BPF_VMLINUXES)
test-bpf: $(BPF_TESTS)

define bpf_compile
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $@.d -MT $@ -c $< -o $@.tmp
	$(Q)$(LLVM_STRIP) -g $@.tmp
	@mv $@.tmp $@
endef

$(BUILD)/bpf/%/program.o: bpf/%/program.bpf.c bpf/bpf.mk $(BPF_VMLINUX)
	$(bpf_compile)

$(BUILD)/tests/bpf/%.o: tests/bpf/%.bpf.c bpf/bpf.mk $(BPF_VMLINUX)
	$(bpf_compile)

$(BUILD)/bpf/%/gadget.yaml: bpf/%/gadget.yaml
	@mkdir -p $(@D)
	$(Q)cp $< $@

# Where the program in $(BUILD) looks for them.
$(BUILD)/include/gadget/%.h: bpf/include/gadget/%.h
	@mkdir -p $(@D)
	$(Q)cp $< $@

# Of the architecture's own package where that is installed too, else made of the host's.
$(BUILD)/include/gadget/%/vmlinux.h: tools/gen-vmlinux $(BPF_VMLINUX)
	$(say) GEN $@
	@mkdir -p $(@D)
	$(Q)tools/gen-vmlinux $* $(firstword $(wildcard \
		/usr/include/$(if $(filter arm64,$*),aarch64,x86_64)-linux-gnu/linux/bpf/vmlinux.h) \
		$(BPF_VMLINUX)) $@

$(BUILD)/bpf/vmlinux.h:
	@mkdir -p $(@D)
	$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c >$@.tmp
	@mv $@.tmp $@

-include $(wildcard $(BUILD)/bpf/*/*.d $(BUILD)/tests/bpf/*.d)
