# SPDX-License-Identifier: MIT
# minimall. `make help` lists the targets.
# The version in `minimall --version` and /healthz; a checkout's commit is appended.
VERSION := 0.1.0-dev
MODE ?= release
CC ?= gcc
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/minimall
CGIDIR ?= $(LIBDIR)/cgi-bin
DATADIR ?= $(PREFIX)/share/minimall
HTDOCSDIR ?= $(DATADIR)/htdocs
SYSCONFDIR ?= /etc/minimall
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
# the web server of run, test and e2e: lighttpd or apache
SERVER ?= lighttpd
export SERVER
# the database server of run, test and e2e: mariadb or mysql; BRIEF=1 for its most telling files (tests/e2e/lib/legs.mjs)
DB ?= mariadb
export DB BRIEF
B := build/$(MODE)

MODES := release debug asan cov fuzz
ifeq ($(filter $(MODE),$(MODES)),)
$(error MODE must be one of: $(MODES))
endif
OPT.release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT.debug := -O0
OPT.asan := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT.cov := -O0 --coverage
# for clang: without its own warnings, and with gcc's macro for AddressSanitizer (base/arena.c)
OPT.fuzz := -w -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -D__SANITIZE_ADDRESS__
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wwrite-strings -Wswitch-enum -Wdouble-promotion -Werror

PKGS := json-c libmariadb libssl libcrypto libcurl fcgi libcrypt lmdb hiredis zlib libzip
# deferred: install.sh installs them first
PKG_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(PKGS))
# without libcurl, which http_curl.c loads
PKG_LIBS = $(filter-out -lcurl,$(shell $(PKG_CONFIG) --libs $(PKGS)))
CURL_SONAME = $(shell objdump -p "$$($(CC) -print-file-name=libcurl.so)" | awk '$$1 == "SONAME" { print $$2 }')
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE= -Ilib -g -fPIE $(WARN) $(OPT.$(MODE)) $(PKG_CFLAGS) $(CFLAGS)
# --as-needed is gcc's default on Debian, but not with sanitizers: users.fcgi doesn't need libcurl and its thirty libraries
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,--as-needed $(filter -fsanitize% --coverage,$(OPT.$(MODE))) $(LDFLAGS)

LIB_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard lib/*/*.c lib/*/*/*.c)))
CGI := $(patsubst cgi-bin/%.c,$(B)/%.fcgi,$(sort $(wildcard cgi-bin/*.c)))
CLI_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard cli/*.c)))
# what make bench measures with, and programs without metrics that it compares with the real ones
BENCH := $(patsubst %,$(B)/bench/%,load hello statements no-metrics/catalogue.fcgi no-metrics/system.fcgi)
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(sort $(wildcard tests/fuzz/*.c)))
# only what they test: the whole library would have to be compiled for them
FUZZ_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard lib/base/*.c)) $(patsubst %,lib/ext/%.c,base64 crypto crypto_cert entity gunzip http http_curl json metrics metrics_rows metrics_text state_place unzip) \
	$(patsubst %,lib/web/%.c,jwt req route) $(sort $(wildcard lib/providers/*.c lib/providers/*/*.c)))
V ?= 0
Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@echo "  $(1)" $(2),@true)

.DELETE_ON_ERROR:
.PHONY: FORCE all programs openapi run reset install-needs test lint unit fuzz fuzz-targets e2e bench bench-compare bench-needs bench-apache format format-check routes install uninstall clean help

programs: $(CGI)
	@$(RM) $(filter-out $^,$(wildcard $(B)/*.fcgi)) # of families that no longer exist

all: programs $(B)/minimall ## build every executable and the command (MODE=release|debug|asan|cov)

# On a machine without the libraries, they are installed first; a second make then builds.
run: install-needs ## install what is missing, build, and run the shop with its sandbox (PORT=8080)
	@echo "==> building"
	@$(MAKE) --no-print-directory -j2 all
	@exec node sandbox/start.mjs

reset: ## drop the data of `make run`
	@node sandbox/reset.mjs

install-needs:
	@sh sandbox/install.sh

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# /readyz knows the schema that the programs were built for; a new file rebuilds it.
MIGRATIONS := $(sort $(wildcard schema/*.sql))
$(B)/lib/shop/books/health.o: ALL_CFLAGS += -DSCHEMA_FILES=$(words $(MIGRATIONS)) -DSCHEMA_LAST='"$(notdir $(lastword $(MIGRATIONS)))"'
$(B)/lib/shop/books/health.o: $(MIGRATIONS)

$(B)/lib/ext/http_curl.o: ALL_CFLAGS += $(addprefix -DCURL_SONAME=,$(CURL_SONAME:%='"%"'))

# `minimall doctor` compares them with the connections that the database allows.
$(B)/lib/shop/books/checkup.o: ALL_CFLAGS += -DFAMILY_PROCESSES=$(shell awk '/^[a-z]/ { n += $$2 } END { print n }' cgi-bin/families)
$(B)/lib/shop/books/checkup.o: cgi-bin/families

# A tarball has no commit and only VERSION. The file is rewritten only when its content changes.
COMMIT := $(if $(wildcard .git),$(shell git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null))
FULL_VERSION := $(VERSION)$(if $(COMMIT),+$(COMMIT))
$(B)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(FULL_VERSION)' | cmp -s - $@ || echo '$(FULL_VERSION)' >$@
$(B)/lib/base/version.o: ALL_CFLAGS += -DMINIMALL_VERSION='"$(FULL_VERSION)"'
$(B)/lib/base/version.o: $(B)/version

$(B)/libminimall.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)$(RM) $@ && $(AR) rcs $@ $^

$(B)/%.fcgi: $(B)/cgi-bin/%.o $(B)/libminimall.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -o $@

$(B)/minimall: $(CLI_OBJ) $(B)/libminimall.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -o $@

$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libminimall.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) $$($(PKG_CONFIG) --libs cmocka) -o $@

$(B)/bench/no-metrics/%.fcgi: $(B)/cgi-bin/%.o $(B)/tests/bench/no_metrics.o $(B)/libminimall.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -o $@

$(B)/bench/%: $(B)/tests/bench/%.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(PKG_LIBS) -o $@

$(B)/libfuzz.a: $(FUZZ_OBJ)
	$(call say,AR,$@)
	$(Q)$(RM) $@ && $(AR) rcs $@ $^

$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libfuzz.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $^ $(PKG_LIBS) -o $@

.SECONDARY:

-include $(shell test -d $(B) && find $(B) -name '*.d')

# What doesn't depend on the database server is tested once, with the default one; the sources are linted in one mode.
test: ## install what is missing, then lint, unit and end-to-end tests (MODE=asan for sanitizers; DB=mysql, DB=galera)
	@sh sandbox/install.sh --test
	@$(MAKE) --no-print-directory -j2 all
ifeq ($(DB)-$(MODE),mariadb-release)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory fuzz RUNS=5000
endif
ifeq ($(DB),mariadb)
	@$(MAKE) --no-print-directory unit
endif
	@$(MAKE) --no-print-directory e2e

lint: ## the project's own rules: layers, banned functions, SQL, headers, format
	@sh tests/lint/run.sh

unit: $(UNIT) ## unit tests
	@sh tests/unit/run.sh $(UNIT)

fuzz: ## fuzz every parser of untrusted bytes, under sanitizers (SECONDS=60 or RUNS=5000 each; needs clang)
	@sh tests/fuzz/run.sh $(if $(RUNS),-runs=$(RUNS),-max_total_time=$(or $(SECONDS),60))

# of MODE=fuzz
fuzz-targets: $(FUZZ)

e2e: all $(BENCH) ## end-to-end tests; FILES=tests/e2e/x.test.mjs for some
	@MODE=$(MODE) node tests/e2e/run.mjs $(FILES)

bench: all $(BENCH) ## what a request costs, against a limit and PHP-FPM in one run (QUICK=1: a minute; see tests/bench/bench.mjs)
	@MODE=$(MODE) SERVER=lighttpd node tests/bench/bench.mjs

bench-needs: ## install PHP-FPM, with which `make bench` compares; its service is not started
	@sh sandbox/install.sh --bench

bench-compare: ## another commit against this checkout in one run (BASE=<commit>; QUICK=1)
	@test -n '$(BASE)' || { echo 'make bench-compare BASE=<commit>' >&2; exit 2; }
	@$(MAKE) --no-print-directory bench

bench-apache: all $(BENCH) ## mod_proxy_fcgi against mod_fcgid
	@MODE=$(MODE) SERVER=apache node tests/bench/apache.mjs

routes: $(CGI) ## print every route
	@for f in $(CGI); do $$f --routes; done

openapi: ## print what every route takes and gives into docs/openapi.json
	@$(MAKE) --no-print-directory MODE=release programs
	@node tests/lint/openapi.mjs --write

format: ## clang-format every source
	@clang-format -i $$(git ls-files '*.c' '*.h')

format-check:
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')

# The files to install and their directories. Settings are never touched: only examples are installed in their
# directory.
PAGES := $(sort $(shell find htdocs -type f))
# the deepest first
PAGE_DIRS := $(shell find htdocs -depth -type d)
EXAMPLES := lighttpd.conf.example apache.conf.example $(sort $(wildcard docs/*.conf.example))
UNITS := $(sort $(wildcard docs/systemd/*))
PLACES = -e 's|/usr/local/lib/minimall/cgi-bin|$(CGIDIR)|' -e 's|/usr/local/lib/minimall|$(LIBDIR)|' \
	-e 's|/usr/local/bin|$(BINDIR)|' -e 's|/usr/local/share/minimall|$(DATADIR)|' -e 's|/etc/minimall|$(SYSCONFDIR)|'

install: all ## copy the shop to DESTDIR/PREFIX (CGIDIR, HTDOCSDIR, SYSCONFDIR, BINDIR, LIBDIR, DATADIR, MANDIR, UNITDIR)
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR) $(CGIDIR) $(DATADIR)/schema $(MANDIR)/man8 $(UNITDIR))
	test -d $(DESTDIR)$(SYSCONFDIR) || install -d $(DESTDIR)$(SYSCONFDIR) # else its mode stays
	install -m 0755 $(B)/minimall $(DESTDIR)$(BINDIR)
	install -m 0755 cgi-bin/workers.sh $(DESTDIR)$(LIBDIR)
	install -m 0755 $(CGI) $(DESTDIR)$(CGIDIR)
	install -m 0644 $(MIGRATIONS) $(DESTDIR)$(DATADIR)/schema
	sed $(PLACES) docs/minimall.8 >$(DESTDIR)$(MANDIR)/man8/minimall.8
	chmod 0644 $(DESTDIR)$(MANDIR)/man8/minimall.8
	install -m 0644 $(EXAMPLES) $(DESTDIR)$(SYSCONFDIR)
	$(foreach f,$(PAGES),install -D -m 0644 $(f) $(DESTDIR)$(HTDOCSDIR)/$(f:htdocs/%=%) &&) :
	$(foreach f,$(UNITS),sed $(PLACES) $(f) >$(DESTDIR)$(UNITDIR)/$(notdir $(f)) && chmod 0644 $(DESTDIR)$(UNITDIR)/$(notdir $(f)) &&) :

uninstall: ## remove what install copied, and nothing else
	rm -f $(DESTDIR)$(BINDIR)/minimall $(DESTDIR)$(LIBDIR)/workers.sh $(DESTDIR)$(MANDIR)/man8/minimall.8 $(addprefix $(DESTDIR)$(CGIDIR)/,$(notdir $(CGI))) \
		$(addprefix $(DESTDIR)$(DATADIR)/,$(MIGRATIONS)) $(addprefix $(DESTDIR)$(SYSCONFDIR)/,$(notdir $(EXAMPLES))) \
		$(PAGES:htdocs/%=$(DESTDIR)$(HTDOCSDIR)/%) $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS)))
	rmdir --ignore-fail-on-non-empty $(wildcard $(addprefix $(DESTDIR),$(PAGE_DIRS:htdocs%=$(HTDOCSDIR)%) \
		$(DATADIR)/schema $(DATADIR) $(CGIDIR) $(LIBDIR) $(SYSCONFDIR)))

clean: ## remove what was built
	rm -rf build

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16
