# zctrace - build, test, install.  `make help` lists the targets.
V ?= 0
DEBUG ?= 0
prefix ?= /usr/local
bindir ?= $(prefix)/bin
mandir ?= $(prefix)/share/man
datadir ?= $(prefix)/share
zshdir ?= $(datadir)/zsh/site-functions
exampledir ?= $(datadir)/doc/zctrace/examples
CC ?= cc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0
COMMIT := $(shell packaging/commit.sh)

ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
else
say = @:
endif

B := build
PKGS := libbpf libelf ncursesw libpcre2-8 libpcap zlib libzstd libprotobuf-c \
	capstone libcurl libmicrohttpd
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wconversion -Wvla \
	-Wundef -Wformat=2
# GCC clears structures of some hundred bytes by `rep stos`, of which the start alone takes longer
# than the C library takes for all of it
CLEAR := -mmemset-strategy=libcall:-1:noalign
CLEAR := $(shell echo | $(CC) $(CLEAR) -E - >/dev/null 2>&1 && echo $(CLEAR))
OPT := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O2 -g $(CLEAR))
HOT_CFLAGS := $(if $(filter 1,$(DEBUG)),,-O3)
CFLAGS ?= $(OPT)
# The program is optimized across its files when it is linked, which spares a twentieth of what an
# event costs. Its objects hold both forms, so that tests are linked from them as they are.
LTO := $(if $(filter 1,$(DEBUG)),,$(if $(shell echo | $(CC) -dM -E - | grep __clang__),, \
	-flto=auto -ffat-lto-objects))
ALL_CFLAGS = -std=gnu11 $(WARN) $(if $(WERROR),-Werror) -D_GNU_SOURCE \
	-DZCTRACE_VERSION='"$(VERSION)"' -I. -I$(B)/gen $(PKG_CFLAGS) $(CFLAGS)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
# these are loaded when they are needed, see attach/disasm.h and sinks/otlp/curl.h
LOADED := capstone libcurl libmicrohttpd
LIBS := $(shell $(PKG_CONFIG) --libs $(filter-out $(LOADED),$(PKGS)) 2>/dev/null) -lm

# What can run without a kernel's help, and is tested and fuzzed as a library.
TLSBIN_SRCS := $(addprefix attach/,elf.c code.c code_arm64.c codefunc.c disasm.c gobin.c \
	tlsbin.c tlsnames.c tlsentry.c tlspattern.c tlspattern_boringssl.c tlspattern_openssl.c \
	tlspoints.c tlssites.c maps.c)
PURE_SRCS := $(wildcard parsers/*.c parsers/*/*.c core/*.c sinks/*.c sinks/*/*.c \
	cli/tui/model*.c cli/tui/text.c cli/filter*.c) $(TLSBIN_SRCS) attach/ring_map.c
PROG_SRCS := $(filter-out $(PURE_SRCS),$(wildcard attach/*.c cli/*.c cli/tui/*.c))
BPF_SRCS := $(wildcard bpf/*.bpf.c)
BPF_OBJS := $(BPF_SRCS:%.bpf.c=$(B)/%.bpf.o)
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# what compares with a second implementation
EXTRA_test_hpack_nghttp2 := -lnghttp2
EXTRA_test_http2_nghttp2 := -lnghttp2
EXTRA_test_http2_mask := -lnghttp2
EXTRA_fuzz_hpack := -lnghttp2

all: zctrace

# ---- kernel side, for the machine that the compiler makes programs for
MACHINE := $(shell $(CC) -dumpmachine)
AR := $(shell $(CC) -print-prog-name=ar)
BPF_ARCH := $(patsubst aarch64%,arm64,$(patsubst x86_64%,x86,$(firstword $(subst -, ,$(MACHINE)))))
# where its <asm/types.h> is: of this host's packages, or of those for cross-compiling
ASM_DIR := $(patsubst %/asm/types.h,%,$(firstword $(wildcard $(patsubst %,%/asm/types.h, \
	/usr/include/$(shell $(CC) -print-multiarch) /usr/$(MACHINE)/include /usr/include))))
BPF_CFLAGS := -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -g -O2 -mcpu=v3 -Wall -Wextra \
	-Wno-unused-parameter -Wno-missing-declarations -I. -I$(ASM_DIR) \
	-fdebug-prefix-map=$(CURDIR)=. $(BPF_EXTRA) $(PKG_CFLAGS)
$(B)/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)if command -v llvm-strip >/dev/null; then llvm-strip -g $@; fi
# as it is embedded: without names of jumps' targets, and relocations that libbpf does not look at
$(B)/%.bpf.o.zst: $(B)/%.bpf.o
	$(Q)if command -v llvm-objcopy >/dev/null; then \
		llvm-objcopy -R .rel.BTF -R .rel.BTF.ext -R .llvm_addrsig -w -N 'LBB*' $< $@.o; \
	else cp $< $@.o; fi
	$(Q)zstd -q -f --ultra -22 $@.o -o $@ && rm $@.o

# ---- messages of OTLP and of Kubernetes, from their descriptions
GEN := $(B)/gen/otlp.pb-c.c $(B)/gen/kubernetes.pb-c.c
$(B)/gen/otlp.pb-c.c: sinks/otlp/otlp.proto
$(B)/gen/kubernetes.pb-c.c: cli/kubernetes.proto
$(GEN):
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --proto_path=$(<D) --c_out=$(@D) $<

# ---- user side; $(1): variant directory, $(2): extra flags
define variant
$(B)/$(1)/%.o: %.c | $(GEN)
	$$(call say,CC,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $(2) -DZC_BPF_DIR='"$(B)/bpf"' -MMD -MP -c $$< -o $$@
$(B)/$(1)/libzctrace.a: $(PURE_SRCS:%.c=$(B)/$(1)/%.o) $(GEN:$(B)/gen/%.c=$(B)/$(1)/gen/%.o)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
$(B)/$(1)/unit/%: $(B)/$(1)/tests/unit/%.o $(B)/$(1)/libzctrace.a
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $(2) -fno-lto $$(LDFLAGS) $$^ $$(LIBS) $$(EXTRA_$$(*F)) -o $$@
$(B)/$(1)/fuzz/%: $(B)/$(1)/tests/fuzz/%.o $(B)/$(1)/tests/fuzz/replay.o $(B)/$(1)/libzctrace.a
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $(2) -fno-lto $$(LDFLAGS) $$^ $$(LIBS) $$(EXTRA_$$(*F)) -o $$@
$(B)/$(1)/tlsbin/%: $(B)/$(1)/tests/tlsbin/%.o $(B)/$(1)/libzctrace.a
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $(2) -fno-lto $$(LDFLAGS) $$^ $$(LIBS) -o $$@
$(B)/$(1)/zctrace: $(PROG_SRCS:%.c=$(B)/$(1)/%.o) $(B)/$(1)/libzctrace.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
$(GEN:$(B)/gen/%.c=$(B)/$(1)/gen/%.o): $(B)/$(1)/gen/%.o: $(B)/gen/%.c
	$$(call say,CC,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) $(2) -w -I$(B)/gen -c $$< -o $$@
$(B)/$(1)/attach/objects.o: $(BPF_OBJS:%=%.zst)
$(B)/$(1)/cli/options_table.o: $(B)/commit
endef
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
$(eval $(call variant,o,$(LTO)))
$(eval $(call variant,asan,$(SAN)))

# what each event goes through: a fiftieth of its instructions less, for 90 KB
$(B)/o/core/%.o $(B)/o/parsers/http1/%.o $(B)/o/parsers/http2/%.o: ALL_CFLAGS += $(HOT_CFLAGS)

# small rather than fast, in the static program: little of what an event costs is there
$(B)/o/cli/%.o $(B)/o/attach/%.o $(B)/o/sinks/otlp/%.o: ALL_CFLAGS += $(COLD_CFLAGS)

# what --version tells
ifneq ($(COMMIT),)
$(B)/%/cli/options_table.o: ALL_CFLAGS += -DZCTRACE_COMMIT='"$(firstword $(COMMIT))"'
endif
$(B)/commit: always
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@

# replaced, not overwritten: it may be running
zctrace: $(B)/o/zctrace
	$(Q)cp $< $@.new && mv -f $@.new $@

# ---- set up, look, test
deps:
	$(Q)tests/deps.sh build

# installs what is missing, builds, traces a small service chain on loopback for a while
demo:
	$(Q)tests/deps.sh demo
	$(Q)$(MAKE) --no-print-directory zctrace
	$(Q)tests/demo/demo.sh

# installs what the tests need, builds, runs them all
check:
	$(Q)tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory check-run

SEP := --
unit_o := $(UNIT:%=$(B)/o/unit/%)
unit_asan := $(UNIT:%=$(B)/asan/unit/%)
fuzz_asan := $(FUZZ:%=$(B)/asan/fuzz/%)
corpora := $(foreach f,$(FUZZ),$(B)/asan/fuzz/$(f) tests/fuzz/corpus/$(f:fuzz_%=%) $(SEP))
scripts = $(foreach t,$(1),$(t) $(SEP))
CHECK_UNIT = $(call scripts,tests/lint/includes.py tests/lint/columns.py tests/lint/words.py) \
	tests/lint/circles.py $(B)/o $(SEP) \
	$(call scripts,$(unit_o) $(unit_asan)) $(corpora)
CHECK_CLI = $(call scripts,$(wildcard tests/cli/test_*.py tests/golden/test_*.py \
	tests/tui/test_*.py tests/loss/test_*.py))
CHECK_LIVE = $(call scripts,$(wildcard tests/live/test_*.py))
# what tests/live/test_tlsbin.py asks
scanners := $(B)/o/tlsbin/scan $(B)/asan/tlsbin/scan
built_for_check := zctrace $(B)/asan/zctrace $(scanners) $(unit_o) $(unit_asan) $(fuzz_asan)

check-run: $(built_for_check)
	$(Q)tests/run $(CHECK_UNIT) $(CHECK_CLI) $(CHECK_LIVE)
check-unit: $(unit_o) $(unit_asan) $(fuzz_asan)
	$(Q)tests/run $(CHECK_UNIT)
check-cli: zctrace $(B)/asan/zctrace
	$(Q)tests/run $(CHECK_CLI)
check-live: zctrace $(B)/asan/zctrace $(scanners)
	$(Q)tests/run $(CHECK_LIVE)

# servers that take long to fetch and to start
check-slow:
	$(Q)tests/deps.sh slow
	$(Q)$(MAKE) --no-print-directory zctrace
	$(Q)tests/slow/build_otel.sh build/slow
	$(Q)tests/run --timeout 900 $(call scripts,$(wildcard tests/slow/test_*.py))

# installs and fetches what it boots, builds, tries other kernels in machines; takes an hour.
# KERNELS: as tests/kernels/check.py takes them
check-kernels:
	$(Q)tests/deps.sh kernels
	$(Q)$(MAKE) --no-print-directory zctrace $(DIST_ARCHS:%=$(DIST)/%/zctrace)
	$(Q)$(MAKE) --no-print-directory B=build/unguarded BPF_EXTRA=-DUNGUARDED \
		build/unguarded/zctrace
	$(Q)tests/run --timeout 7200 tests/kernels/check.py \
		$(if $(KERNELS),$(KERNELS),--table tests/kernels/table.txt)
# what guard.h does against is shown with it
$(B)/zctrace: $(B)/o/zctrace
	$(Q)cp $< $@

# installs what it compares with, builds, measures
bench:
	$(Q)tests/deps.sh bench
	$(Q)$(MAKE) --no-print-directory bench-run
bench-run: zctrace $(patsubst tests/bench/%.c,$(B)/o/bench/%,$(wildcard tests/bench/*_*.c)) \
		$(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/*.bpf.c)) $(B)/o/tlsbin/scan
	$(Q)tests/bench/run.py

$(B)/o/bench/%: $(B)/o/tests/bench/%.o $(B)/o/libzctrace.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -fno-lto $(LDFLAGS) $^ $(LIBS) -o $@

# coverage-guided, FUZZ_SECONDS for each harness; new inputs stay in $(B)/corpus
FUZZ_SECONDS ?= 60
fuzz:
	$(Q)tests/deps.sh fuzz
	$(Q)$(MAKE) --no-print-directory $(FUZZ:%=fuzz-%) fuzz-loss
# conversations under loss, of no fixed seed; prints the share of spans that carry a doubt
fuzz-loss: zctrace
	$(Q)tests/loss/run.py --conversations 20000 --show 3 ./zctrace
	$(Q)tests/loss/second/run.py --conversations 20000 --show 3 ./zctrace
FUZZ_CC = clang -std=gnu11 -D_GNU_SOURCE -DZCTRACE_VERSION='"$(VERSION)"' -g -O1 -I. -I$(B)/gen \
	$(PKG_CFLAGS) -MMD -MP -fsanitize=address,undefined
FUZZ_OBJS := $(PURE_SRCS:%.c=$(B)/fuzz/o/%.o) $(GEN:$(B)/gen/%.c=$(B)/fuzz/o/gen/%.o)
$(B)/fuzz/o/gen/%.o: $(B)/gen/%.c
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer-no-link -c $< -o $@
$(B)/fuzz/o/%.o: %.c | $(GEN)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer-no-link -c $< -o $@
$(B)/fuzz/libzctrace.a: $(FUZZ_OBJS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
fuzz-fuzz_%: $(B)/fuzz/libzctrace.a
	$(Q)mkdir -p $(B)/corpus/$*
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer tests/fuzz/fuzz_$*.c $< $(LIBS) $(EXTRA_fuzz_$*) \
		-o $(B)/fuzz/fuzz_$*
	$(Q)$(B)/fuzz/fuzz_$* -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(B)/fuzz/ \
		$(B)/corpus/$* tests/fuzz/corpus/$*

lint:
	$(Q)tests/lint/includes.py
	$(Q)tests/lint/columns.py
	$(Q)tests/lint/words.py
	$(Q)if command -v mandoc >/dev/null; then mandoc -T lint -W warning man/zctrace.1; fi
	$(Q)$(MAKE) --no-print-directory WERROR=1 zctrace
format:
	$(Q)clang-format -i $(shell git ls-files '*.c' '*.h')

# BINARY: another program than the one that was built here
install: $(if $(BINARY),,zctrace)
	install -D -m 755 $(or $(BINARY),zctrace) $(DESTDIR)$(bindir)/zctrace
	install -D -m 644 man/zctrace.1 $(DESTDIR)$(mandir)/man1/zctrace.1
	install -D -m 644 completions/zctrace.bash \
		$(DESTDIR)$(datadir)/bash-completion/completions/zctrace
	install -D -m 644 completions/_zctrace $(DESTDIR)$(zshdir)/_zctrace
	install -D -m 644 completions/zctrace.fish \
		$(DESTDIR)$(datadir)/fish/vendor_completions.d/zctrace.fish
	install -D -m 644 packaging/zctrace.service $(DESTDIR)$(exampledir)/zctrace.service
uninstall:
	rm -f $(DESTDIR)$(bindir)/zctrace $(DESTDIR)$(mandir)/man1/zctrace.1 \
		$(DESTDIR)$(datadir)/bash-completion/completions/zctrace \
		$(DESTDIR)$(zshdir)/_zctrace \
		$(DESTDIR)$(datadir)/fish/vendor_completions.d/zctrace.fish \
		$(DESTDIR)$(exampledir)/zctrace.service
clean:
	rm -rf $(B) zctrace

include packaging/dist.mk

help:
	@echo 'make            build ./zctrace (V=1: show commands, DEBUG=1: no optimisation)'
	@echo 'make demo       install what is missing, build, trace a small service chain'
	@echo 'make check      install what the tests need, build, run all tests'
	@echo 'make check-unit, check-cli, check-live   parts of it'
	@echo 'make check-slow   against what takes long to get (Kafka, FerretDB, Jaeger)'
	@echo 'make check-kernels   boots other kernels in machines and traces there (an hour)'
	@echo 'make fuzz       run each fuzzer for FUZZ_SECONDS (60), and conversations under loss'
	@echo 'make bench      what tracing costs, as ratios; times that users feel; instructions'
	@echo 'make dist       static files for x86-64 and arm64, packages, archives, in' \
	      'build/dist/out'
	@echo 'make dist-check what dist has made: elsewhere, in empty roots, built again (minutes)'
	@echo 'make lint, format, install, uninstall (prefix, DESTDIR), clean, deps'

-include $(shell find $(B) -path $(B)/dist -prune -o -name '*.d' -type f -print 2>/dev/null)

.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all deps demo check check-slow check-run check-unit check-cli check-live check-kernels \
	bench \
	bench-run fuzz lint format install uninstall clean help always
