# packaging/dist.mk - one static file for each architecture, packages, archives; all of it reproducible
#
# `make dist` leaves in $(DIST)/out: zctrace-VERSION-linux-MACHINE (the program alone), the same as
# .tar.gz with manual, completions and what else is in the package, a .deb, the source, SHA256SUMS.
# Times of files are those of the commit, or SOURCE_DATE_EPOCH; nothing else of the host gets in but
# its compilers and the versions of Debian's packages, which `versions` in the archive names.
DIST := build/dist
DIST_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/zctrace-dist
DIST_ARCHS := amd64 arm64
SOURCE_DATE_EPOCH ?= $(or $(lastword $(COMMIT)),$(shell date +%s))
export SOURCE_DATE_EPOCH

DIST_MACHINE_amd64 := x86_64
DIST_MACHINE_arm64 := aarch64
# the host's own compiler, or the one for the other architecture
dist_cc = $(if $(filter $(DIST_MACHINE_$(1))-%,$(shell cc -dumpmachine)),cc,$(DIST_MACHINE_$(1))-linux-gnu-gcc)

define dist_arch
$(DIST)/$(1)/libs/versions: packaging/libs.sh packaging/apt.sh
	$$(call say,LIBS,$(1))
	$$(Q)CC=$(call dist_cc,$(1)) packaging/libs.sh $$(DIST_CACHE) $(1) $$(@D)

# a make of its own: another compiler, other flags
$(DIST)/$(1)/zctrace: $(DIST)/$(1)/libs/versions always
	$$(Q)+$$(MAKE) --no-print-directory B=$(DIST)/$(1) CC=$(call dist_cc,$(1)) \
		CFLAGS='-O2 -g0 -ffunction-sections -fdata-sections -fstack-protector-strong \
			-fno-asynchronous-unwind-tables -DZC_STATIC' \
		COLD_CFLAGS=-Os \
		LDFLAGS='-static -Wl,--gc-sections -Wl,--build-id=none' \
		PKG_CFLAGS='-I$(DIST)/$(1)/libs/include' \
		LIBS='-L$(DIST)/$(1)/libs/lib -lbpf -lelf -lz -lzstd -lncursesw -lpcre2-8 -lpcap -lcapstone \
			-lprotobuf-c -lmicrohttpd -lcurl -lnghttp2 -lmbedtls -lmbedx509 -lmbedcrypto -lm' \
		$(DIST)/$(1)/o/zctrace
	$$(Q)$$$$($(call dist_cc,$(1)) -print-prog-name=strip) -o $$@ $(DIST)/$(1)/o/zctrace

dist-$(1): $(DIST)/$(1)/zctrace
	$$(Q)+packaging/pack.sh $(DIST)/$(1) $(1) $(DIST_MACHINE_$(1)) $$(VERSION) $(DIST)/out
endef
$(foreach a,$(DIST_ARCHS),$(eval $(call dist_arch,$(a))))

dist:
	$(Q)tests/deps.sh dist
	$(Q)rm -rf $(DIST)/out
	$(Q)+$(MAKE) --no-print-directory $(DIST_ARCHS:%=dist-%)
	$(Q)packaging/source.sh $(VERSION) $(DIST)/out
	$(Q)cd $(DIST)/out && sha256sum -- * >SHA256SUMS
	$(Q)cat $(DIST)/out/SHA256SUMS

# what was left there, on other systems; takes some minutes, most of them for building it again
dist-check: dist zctrace
	$(Q)tests/deps.sh dist-check
	$(Q)tests/run --timeout 1800 $(call scripts,$(wildcard tests/dist/test_*.py))

.PHONY: dist dist-check $(DIST_ARCHS:%=dist-%)
