# moonlink: build, test, install. `make help` lists what there is; .ci/deps.txt what it needs.
# SPDX-License-Identifier: MIT

# What may be given on the command line or in the environment.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CFLAGS ?= -O2 -g
LDFLAGS ?=
LIBFLAG ?= -shared
LUA ?= lua5.4
LUA_INCDIR ?=
PKG_CONFIG ?= pkg-config
BUSTED ?=
V ?= 0
FUZZ_SECONDS ?= 60
QUESTIONS ?=
INST_PREFIX ?= $(PREFIX)
INST_LIBDIR ?= $(INST_PREFIX)/lib/lua/5.4
INST_LUADIR ?= $(INST_PREFIX)/share/lua/5.4
INST_BINDIR ?= $(INST_PREFIX)/bin

MAKEFLAGS += --no-print-directory --no-builtin-rules
# V=1 shows the commands.
Q := $(if $(filter 1,$(V)),,@)
.SUFFIXES:
.DELETE_ON_ERROR:

ROOMS := $(shell sed 's/\#.*//' csrc/LAYERS)
FAULT_SRC := csrc/os/fault.c csrc/lua/fault.c
HDR := $(foreach r,$(ROOMS),$(wildcard csrc/$(r)/*.h csrc/$(r)/*.def))
ALL_SRC := $(foreach r,$(ROOMS),$(sort $(wildcard csrc/$(r)/*.c)))
SRC := $(filter-out $(FAULT_SRC),$(ALL_SRC))

# FAULT=1: the calls listed in fault.def go through fault.c. Only `make fault` sets it.
ifeq ($(FAULT),1)
SRC += $(wildcard $(FAULT_SRC))
FAULT_NAMES := $(shell sed -n 's/^\(CALL\|OWN\)([^,]*, *\([a-z_0-9]*\)[,)].*/\2/p' csrc/os/fault.def)
FAULT_LINK := $(FAULT_NAMES:%=-Wl,--wrap=%)
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wundef -Wvla \
    -Wstrict-prototypes
REQUIRED := -std=c11 -fPIC -fno-plt -fvisibility=hidden -Icsrc $(WARNINGS)
# Asked when first needed, and once: `make deps` must run without pkg-config. Never --libs lua5.4:
# the interpreter brings Lua, and a second copy in the module would be a second Lua.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags libelf libffi) \
    $(if $(LUA_INCDIR),-I$(LUA_INCDIR),$(shell $(PKG_CONFIG) --cflags lua5.4)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell $(PKG_CONFIG) --libs libelf libffi))$(PKG_LIBS)
# nodelete: destructors, unwinder and debugger may still hold addresses of the module when the
# state that loaded it closes. now: an undefined name shows when loading, not in the middle of a call.
MODULE_LINK := -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro

MODULE := $(BUILD)/moonlink/core.so
OBJ := $(SRC:csrc/%.c=$(BUILD)/obj/%.o)
CPATH := $(if $(filter /%,$(BUILD)),,./)$(BUILD)/?.so
ENVIRONMENT = LUA_PATH_5_4='./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH_5_4='$(CPATH);;'
SUITE = LUA='$(LUA)' MOONLINK_BUILD='$(BUILD)' $(ENVIRONMENT) .ci/suite --cpath='$(CPATH)'

.PHONY: all
all: $(MODULE) $(BUILD)/layers.stamp  ## build the module (the default); V=1 shows the commands

$(MODULE): $(OBJ) $(BUILD)/flags.stamp
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LIBFLAG) $(MODULE_LINK) $(FAULT_LINK) $(LDFLAGS) -o $@ $(OBJ) $(PKG_LIBS)
	@if nm -u $@ | grep ' ml_'; then echo '$@: these functions are not defined' >&2; exit 1; fi

$(BUILD)/obj/%.o: csrc/%.c $(BUILD)/flags.stamp
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(CFLAGS) $(REQUIRED) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

# Changes when the compiler or its flags do: everything is then built again. All objects wait for
# it, so what is missing is said once, before the compiler says it in its own way.
$(BUILD)/flags.stamp: FORCE
	@mkdir -p $(@D)
	@$(PKG_CONFIG) --exists libelf libffi || { \
	    echo 'cannot build: libelf or libffi is not installed; try: make deps' >&2; exit 1; }
	@echo '$(CC) $(CFLAGS) $(LDFLAGS) $(FAULT_LINK) $(OBJ)' | cmp -s - $@ || \
	    echo '$(CC) $(CFLAGS) $(LDFLAGS) $(FAULT_LINK) $(OBJ)' > $@

$(BUILD)/layers.stamp: csrc/LAYERS .ci/layers.lua $(ALL_SRC) $(HDR)
	@mkdir -p $(@D)
	@$(LUA) .ci/layers.lua csrc
	@touch $@

.PHONY: FORCE
FORCE:

# ---- for everybody ----

# With as many jobs as there are processors, unless somebody asked for another number.
BUILD_ALL = $(MAKE) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) all

.PHONY: deps bench-deps demo test ghc ghc-prof chromium haskell bench questions corpus
deps:  ## install what is missing of the Debian packages that demo and test need
	@.ci/deps main

bench-deps:  ## install the linkers that bench compares with
	@.ci/deps bench

demo: deps  ## load Debian's static libraries and use them from Lua
	@$(BUILD_ALL)
	@$(ENVIRONMENT) $(LUA) examples/demo.lua

test: deps  ## run all specs; BUSTED='-t tag' or BUSTED=spec/x_spec.lua to choose
	@$(BUILD_ALL)
	@$(SUITE) $(BUSTED)

ghc: deps  ## run the specs that compare with GHC and ghc-pkg, which it installs
	@.ci/deps ghc
	@$(BUILD_ALL)
	@$(SUITE) --run=ghc $(BUSTED)

ghc-prof: deps  ## run the specs of profiled Haskell; fetches and unpacks ghc-prof, 62 MB
	@.ci/deps ghc
	@$(BUILD_ALL)
	@$(ENVIRONMENT) LUA='$(LUA)' MOONLINK_BUILD='$(BUILD)' .ci/ghc-prof .ci/suite \
	    --cpath='$(CPATH)' --run=ghc $(or $(BUSTED),spec/ghc_prof_spec.lua spec/plan_ghc_spec.lua)

chromium: deps  ## run the specs that look at reports in headless Chromium, which it installs
	@.ci/deps chromium
	@$(BUILD_ALL)
	@$(SUITE) --run=chromium $(BUSTED)

haskell: deps  ## compile, load, call and reload a Haskell library; installs GHC
	@.ci/deps ghc
	@$(BUILD_ALL)
	@$(ENVIRONMENT) $(LUA) examples/haskell/run.lua threaded

bench: deps  ## measure beside the other linkers that are installed; BENCH=--quick for less
	@$(BUILD_ALL)
	@$(ENVIRONMENT) $(LUA) bench/run.lua $(BENCH)

questions: deps  ## run the experiments of docs/QUESTIONS.md and write it; QUESTIONS="1 5" for some
	@.ci/deps bench ghc
	@$(BUILD_ALL)
	@$(ENVIRONMENT) $(LUA) bench/questions.lua --build '$(BUILD)' $(QUESTIONS)

corpus: deps  ## load every static library of the installed -dev packages; CORPUS=z,gmp to choose
	@.ci/deps corpus
	@$(BUILD_ALL)
	@$(LUA) spec/corpus/run.lua --build '$(BUILD)' $(CORPUS)

# ---- checks ----

.PHONY: lint lint-lua lint-tree lint-c lint-cppcheck
lint:  ## luacheck, layers, sizes, notes, gcc and clang without a warning, cppcheck
	@.ci/deps main lint fuzz
	@$(MAKE) lint-lua lint-tree lint-c lint-cppcheck
	@echo 'lint: nothing found'

lint-lua:
	luacheck --quiet .

lint-tree:
	$(LUA) .ci/layers.lua csrc
	$(LUA) .ci/sizes.lua .
	$(LUA) .ci/notes.lua .

LINT_SRC := $(ALL_SRC) $(wildcard fuzz/*.c spec/c/*.c)
lint-c: $(foreach cc,gcc clang,$(LINT_SRC:%.c=$(BUILD)/lint/$(cc)/%.o))

# Optimised, since gcc finds some mistakes only then.
$(BUILD)/lint/gcc/%.o: %.c
	@mkdir -p $(@D)
	@echo '  GCC   $<'
	$(Q)gcc -O2 -Werror $(REQUIRED) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/lint/clang/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CLANG $<'
	$(Q)clang -O2 -Werror $(REQUIRED) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

lint-cppcheck:
	@mkdir -p $(BUILD)/lint/cppcheck
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
	    --suppressions-list=.ci/cppcheck.txt --cppcheck-build-dir=$(BUILD)/lint/cppcheck \
	    -Icsrc csrc

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
LIBASAN = $(shell gcc -print-file-name=libasan.so):$(shell gcc -print-file-name=libubsan.so)
VALGRIND := valgrind --quiet --error-exitcode=99 --leak-check=full \
    --errors-for-leak-kinds=definite --show-leak-kinds=definite --suppressions=.ci/valgrind.supp
.PHONY: asan asan-run tsan tsan-run valgrind fault fault-run fuzz fuzzers
asan: deps  ## run all specs against a module built with ASan and UBSan
	@$(MAKE) BUILD=build-asan CC=gcc CFLAGS='-O1 -g -fno-omit-frame-pointer $(SANITIZE)' \
	    LDFLAGS='$(SANITIZE)' asan-run

# Only the module is instrumented, not what the specs load into it. Hostile sizes make malloc return
# NULL, as they do without the sanitizer. Leaks are for valgrind: the interpreter's own helpers
# leak at exit. A unit's operator new is libstdc++'s own, while operator delete inside that library
# is the sanitizer's: no mismatch. Specs that measure memory see what the module takes: little of
# what was freed is held back, and none is given to the system at a time of the sanitizer's own.
asan-run: ASAN := detect_leaks=0:allocator_may_return_null=1:alloc_dealloc_mismatch=0
asan-run: ASAN := $(ASAN):quarantine_size_mb=2:thread_local_quarantine_size_kb=64
asan-run: ASAN := $(ASAN):allocator_release_to_os_interval_ms=-1
asan-run: all
	@ASAN_OPTIONS=$(ASAN) UBSAN_OPTIONS=print_stacktrace=1 SUITE_PRELOAD='$(LIBASAN)' $(SUITE) $(BUSTED)

# The interpreter is not instrumented: the spec runs the module in a program of its own that is.
tsan: deps  ## run Lua states in threads against a module built with ThreadSanitizer
	@$(MAKE) BUILD=build-tsan CC=gcc CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=thread' \
	    LDFLAGS=-fsanitize=thread tsan-run

tsan-run: all
	@MOONLINK_TSAN=$(BUILD) $(SUITE) spec/threads_spec.lua $(BUSTED)

# #layout: what a spec says of addresses, mappings and files of the process, which valgrind changes.
valgrind: deps  ## run the quick specs under valgrind: memory errors and leaks
	@.ci/deps valgrind
	@$(BUILD_ALL)
	@SUITE_WRAP='$(VALGRIND)' $(SUITE) --exclude-tags=slow,layout,ghc,chromium $(BUSTED)

fault: deps  ## fail the n-th allocation and system call, for every n
	@$(MAKE) BUILD=build-fault FAULT=1 fault-run

fault-run: all
	@$(SUITE) --run=fault $(BUSTED)

fuzz:  ## fuzz every target for FUZZ_SECONDS (60), or with FUZZ_RUNS inputs
	@.ci/deps main fuzz
	@$(MAKE) BUILD=build-fuzz CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer \
	    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' fuzzers
	@fuzz/run.sh build-fuzz $(FUZZ_SECONDS) $(FUZZ)

# An archive, so that a fuzzer takes of the core only what it calls: Lua is not there.
FUZZERS := $(patsubst fuzz/%.c,$(BUILD)/fuzz-%,$(wildcard fuzz/*.c))
fuzzers: $(FUZZERS)

$(BUILD)/libcore.a: $(filter-out $(BUILD)/obj/lua/%,$(OBJ))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/fuzz-%: fuzz/%.c $(BUILD)/libcore.a
	@echo '  CC    $<'
	$(Q)$(CC) $(CFLAGS) $(REQUIRED) $(PKG_CFLAGS) -fsanitize=fuzzer,address,undefined \
	    -o $@ $< $(BUILD)/libcore.a $(PKG_LIBS)

# ---- installing ----

.PHONY: install uninstall
install: all  ## install below PREFIX (/usr/local), for packagers below DESTDIR
	install -d '$(DESTDIR)$(INST_LIBDIR)/moonlink' '$(DESTDIR)$(INST_BINDIR)'
	install -m 755 $(MODULE) '$(DESTDIR)$(INST_LIBDIR)/moonlink/core.so'
	cd lua && find moonlink -name '*.lua' \
	    -exec install -D -m 644 '{}' '$(DESTDIR)$(INST_LUADIR)/{}' \;
	install -m 755 bin/moonlink '$(DESTDIR)$(INST_BINDIR)/moonlink'

uninstall:  ## remove what install put there
	rm -rf '$(DESTDIR)$(INST_LIBDIR)/moonlink' '$(DESTDIR)$(INST_LUADIR)/moonlink'
	rm -f '$(DESTDIR)$(INST_BINDIR)/moonlink'

# ---- the rest ----

.PHONY: compile_commands.json clean help
compile_commands.json:  ## for editors: how each file is compiled
	@{ sep='['; for f in $(ALL_SRC); do \
	    printf '%s\n{"directory": "%s", "file": "%s", "command": "%s -c %s"}' "$$sep" \
	        '$(CURDIR)' "$$f" '$(CC) $(CFLAGS) $(REQUIRED) $(PKG_CFLAGS)' "$$f"; sep=','; \
	done; printf '\n]\n'; } > $@

clean:  ## remove all that was built
	rm -rf build build-asan build-tsan build-fault build-fuzz '$(BUILD)' compile_commands.json

help:  ## this list
	@sed -n 's/^\([a-z_.-]*\):.*  *## \(.*\)/\1\t\2/p' Makefile | \
	    while IFS='	' read -r target what; do printf '  %-24s%s\n' "$$target" "$$what"; done

-include $(OBJ:.o=.d) $(foreach cc,gcc clang,$(LINT_SRC:%.c=$(BUILD)/lint/$(cc)/%.d))
