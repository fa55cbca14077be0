# zctrace - build, test, install.  `make help` lists the targets.
V ?= 0
DEBUG ?= 0
prefix ?= /usr/local
bindir ?= $(prefix)/bin
mandir ?= $(prefix)/share/man
datadir ?= $(prefix)/share
CC ?= cc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
else
say = @:
endif

B := build
PKGS := libbpf libelf ncursesw libpcre2-8 libpcap
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wconversion -Wvla \
	-Wundef -Wformat=2
OPT := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O2 -g)
CFLAGS ?= $(OPT)
ALL_CFLAGS = -std=gnu11 $(WARN) $(if $(WERROR),-Werror) -D_GNU_SOURCE \
	-DZCTRACE_VERSION='"$(VERSION)"' -I. $(PKG_CFLAGS) $(CFLAGS)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)

# What can run without a kernel's help, and is tested and fuzzed as a library.
PURE_SRCS := $(wildcard parsers/*.c core/*.c sinks/*.c) cli/filter.c
PROG_SRCS := $(wildcard attach/*.c) $(filter-out cli/filter.c,$(wildcard cli/*.c cli/tui/*.c))
BPF_SRCS := $(wildcard bpf/*.bpf.c)
BPF_OBJS := $(BPF_SRCS:%.bpf.c=$(B)/%.bpf.o)
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

all: zctrace

# ---- kernel side
BPF_ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
BPF_CFLAGS := -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -g -O2 -mcpu=v3 -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-declarations -I. -I/usr/include/$(shell $(CC) -print-multiarch) $(shell $(PKG_CONFIG) --cflags libbpf 2>/dev/null)
$(B)/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)if command -v llvm-strip >/dev/null; then llvm-strip -g $@; fi

$(B)/o/attach/objects.o: $(BPF_OBJS)

# ---- user side; $(1): variant directory, $(2): extra flags
define variant
$(B)/$(1)/%.o: %.c
	$$(call say,CC,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $(2) -DZC_BPF_DIR='"$(B)/bpf"' -MMD -MP -c $$< -o $$@
$(B)/$(1)/libzctrace.a: $(PURE_SRCS:%.c=$(B)/$(1)/%.o)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
$(B)/$(1)/unit/%: $(B)/$(1)/tests/unit/%.o $(B)/$(1)/libzctrace.a
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $(2) $$(LDFLAGS) $$^ $$(LIBS) $$(EXTRA_$$(*F)) -o $$@
$(B)/$(1)/fuzz/%: $(B)/$(1)/tests/fuzz/%.o $(B)/$(1)/tests/fuzz/replay.o $(B)/$(1)/libzctrace.a
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $(2) $$(LDFLAGS) $$^ $$(LIBS) $$(EXTRA_$$(*F)) -o $$@
$(B)/$(1)/zctrace: $(PROG_SRCS:%.c=$(B)/$(1)/%.o) $(B)/$(1)/libzctrace.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $(2) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
$(B)/$(1)/attach/objects.o: $(BPF_OBJS)
endef
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
$(eval $(call variant,o,))
$(eval $(call variant,asan,$(SAN)))

zctrace: $(B)/o/zctrace
	$(Q)cp $< $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.SECONDARY:
.PHONY: all
