#!/bin/sh
# Runs the fuzzers of a build folder, as many at a time as there are processors, each for some
# seconds. Inputs that end a fuzzer stay in BUILD/crashes; status 1 when there are any.
# FUZZ_RUNS, when set, is a number of inputs in place of the seconds: from an empty corpus the same
# ones in the same order each time, FUZZ_SEED chooses which. However slow the machine is, an answer
# is late only when it never comes.
# Usage: fuzz/run.sh BUILD SECONDS [NAME...]
# SPDX-License-Identifier: MIT
set -eu
build=$1
seconds=$2
shift 2
if [ $# -eq 0 ]; then
    for source in fuzz/*.c; do
        [ -e "$source" ] || { echo "there is no fuzz/*.c"; exit 1; }
        set -- "$@" "$(basename "$source" .c)"
    done
fi

# Seeds: real inputs of each kind, small, made by the tools that users have.
seeds=$build/seeds
rm -rf "$seeds"
mkdir -p "$seeds/object" "$seeds/archive" "$seeds/ldscript" "$seeds/code" "$seeds/lines" \
    "$seeds/frames" "$seeds/pkgtext" "$seeds/pkgshow" "$seeds/pkgcache" "$build/crashes"
compile() {
    name=$1
    compiler=$2
    shift 2
    "$compiler" "$@" -c -o "$seeds/object/$name.o" -
}
plain='extern int far; extern int g(int); static const char *t[] = {"a", "b"}; int common;
    int f(int n) { return g(n) + far + common + t[n & 1][0]; }
    __thread int tls = 3; static __thread int *at, own = 1;
    __attribute__((weak)) int w(void); int v(void) { return w ? w() : tls + ++own + *at; }'
for compiler in gcc clang; do
    echo "$plain" | compile "$compiler-pic" $compiler -x c -O1 -fPIC
    echo "$plain" | compile "$compiler-nopic" $compiler -x c -O2 -fno-pic -fcommon -g
    echo "$plain" | compile "$compiler-large" $compiler -x c -O1 -fPIC -mcmodel=large
    echo "$plain" | compile "$compiler-sections" $compiler -x c -ffunction-sections -fdata-sections -g
    echo "template<class T> T id(T x) { return x; } struct A { A(); ~A(); } a;
        int use() { try { return id(1); } catch (...) { return 2; } }" |
        compile "$compiler-comdat" $compiler -x c++
done
echo "$plain" | compile descriptors gcc -x c -O1 -fPIC -mtls-dialect=gnu2
echo '.globl a; a: .reloc ., R_X86_64_GOTPC64, a; .quad 0; .set b, 42; .weak c; .hidden a' |
    compile assembler gcc -x assembler
LUA_PATH='./?.lua;./?/init.lua;;' ${LUA:-lua5.4} -e 'io.write((require "spec.support.crel"
    .convert(io.read "a")))' < "$seeds/object/gcc-pic.o" > "$seeds/object/crel.o"
for version in 2 3 4 5; do
    echo "$plain" | gcc -x c -g -gdwarf-$version -c -o "$build/lines.o" -
    echo "$plain" | clang -x c -g -gdwarf-$version -c -o "$build/lines2.o" -
    objcopy -O binary --set-section-flags .debug_line=alloc -j .debug_line "$build/lines.o" \
        "$seeds/lines/gcc$version"
    objcopy -O binary --set-section-flags .debug_line=alloc -j .debug_line "$build/lines2.o" \
        "$seeds/lines/clang$version"
done
# The programs of real tables, behind a byte that chooses: a table starts with its CIE, whose first
# instruction stands 24 bytes behind its start.
for object in "$seeds"/object/*-comdat.o "$seeds"/object/*-pic.o; do
    name=$(basename "$object" .o)
    objcopy -O binary -j .eh_frame "$object" "$build/frames" 2>/dev/null
    objcopy -O binary -j .gcc_except_table "$object" "$build/handlers" 2>/dev/null
    { printf '\2'; tail -c +25 "$build/frames" | head -c 8; printf '\16\20\206\2\103\15\6\12\14\7\10\13'; } \
        > "$seeds/frames/$name-cie"
    { printf '\2\17\15\61\50\3\0\60\23\226\167\10\100\62\33\42'; } > "$seeds/frames/branches"
    [ ! -s "$build/handlers" ] || { printf '\1'; cat "$build/handlers"; } \
        > "$seeds/frames/$name-handlers"
done
for object in "$seeds"/object/*.o; do
    objcopy -O binary -j .text "$object" "$seeds/code/$(basename "$object" .o)" 2>/dev/null ||
        : # crel.o: not all versions read it
done
(cd "$seeds/object" && ar rc ../archive/gnu.a ./*.o && ar rcS ../archive/noindex.a gcc-*.o &&
    ar rcT ../archive/thin.a gcc-*.o && ar rc ../archive/nested.a ../archive/noindex.a)
printf '!<arch>\n' > "$seeds/archive/empty.a"
echo '/* GNU ld script */ OUTPUT_FORMAT(elf64-x86-64) GROUP ( libc.so.6 libc_nonshared.a
    AS_NEEDED ( /lib64/ld-linux-x86-64.so.2 ) )' > "$seeds/ldscript/group"
echo 'SEARCH_DIR("=/usr/lib"); INPUT(-lm, "a b.o" libz.a) AS_NEEDED(x)' > "$seeds/ldscript/input"
echo 'name: foo
version: 1.2
id: foo-1.2-ab
key: foo-1.2-ab
license: (MIT OR ISC) AND GPL-2.0-only WITH Classpath-exception-2.0
description: one
    two

      three
exposed: True
exposed-modules: A, B.C from base-4:D
depends: base-4 rts
abi-depends: base-4=ab
instantiated-with: A=u:M,B=<C>
ld-options: "-Wl,-u" "\\233\\&1"
x-more: { a
b }' > "$seeds/pkgtext/foo"
cp /usr/lib/ghc/package.conf.d/*.conf "$seeds/pkgtext" 2>/dev/null ||
    : # GHC is not installed
# An empty cache; and one of GHC's own, when there is GHC.
printf '\0ghcpkg\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\10' > "$seeds/pkgcache/empty"
head -c 16 /dev/zero >> "$seeds/pkgcache/empty"
cp /usr/lib/ghc/package.conf.d/package.cache "$seeds/pkgcache" 2>/dev/null || true
for id in 'package = PackageIdentifier {pkgName = "a"' \
    'package = PackageIdentifier {pkgName = PackageName "a"' \
    'installedPackageId = InstalledPackageId "a-1-b", sourcePackageId = PackageIdentifier {pkgName
    = PackageName "a"'; do
    echo "[InstalledPackageInfo {$id, pkgVersion = Version {versionBranch = [1,0],
    versionTags = []}}, license = GPL (Just (Version {versionBranch = [2]})), author = \"\\233\",
    exposed = True, exposedModules = [\"A\",\"B.C\"], depends = [PackageIdentifier {pkgName = \"b\",
    pkgVersion = Version {versionBranch = [2]}},InstalledPackageId \"c-3\"], new = [(-1,'x',{})]}]" \
        > "$seeds/pkgshow/$(echo "$id" | cksum | cut -d' ' -f1)"
done

seeds_of() {
    case $1 in
    object* | image* | kind*) echo "$seeds/object" ;;
    link*) echo "$seeds/object $seeds/archive" ;;
    archive*) echo "$seeds/archive" ;;
    ldscript*) echo "$seeds/ldscript" ;;
    lines*) echo "$seeds/lines" ;;
    pkgtext*) echo "$seeds/pkgtext" ;;
    pkgshow*) echo "$seeds/pkgshow" ;;
    pkgcache*) echo "$seeds/pkgcache" ;;
    cfi*) echo "$seeds/frames" ;;
    move* | insn*) echo "$seeds/code" ;;
    *) echo "$seeds/object $seeds/archive $seeds/ldscript $seeds/code" ;;
    esac
}

if [ -n "${FUZZ_RUNS:-}" ]; then
    FUZZ_SEED=${FUZZ_SEED:-1}
    limits="-runs=$FUZZ_RUNS -timeout=600"
    # Comparisons of addresses lead the fuzzer, too.
    if setarch -R true 2>/dev/null; then
        fixed="setarch -R"
    fi
else
    limits="-max_total_time=$seconds -timeout=10"
fi

# One fuzzer; what it found new is kept in BUILD/corpus for the next time.
fuzz_one() {
    mkdir -p "$build/corpus/$1"
    log=$build/fuzz-$1.log
    status=0
    # shellcheck disable=SC2046,SC2086 # words without blanks
    ASAN_OPTIONS=allocator_may_return_null=1 ${fixed:-} "$build/fuzz-$1" $limits \
        -seed="${FUZZ_SEED:-0}" -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$build/crashes/$1-" \
        "$build/corpus/$1" $(seeds_of "$1") </dev/null >"$log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
        tail -n 40 "$log"
        echo "fuzz: $1: failed; the input is in $build/crashes, the log in $log"
        return 1
    fi
    echo "fuzz: $1: $(sed -n 's/^Done //p' "$log"), no failure"
}

jobs=$(nproc)
pids=
status=0
for name in "$@"; do
    fuzz_one "$name" &
    pids="$pids $!"
    # shellcheck disable=SC2086 # a list of numbers
    set -- $pids
    if [ $# -ge "$jobs" ]; then
        wait "$1" || status=1
        shift
        pids="$*"
    fi
done
for pid in $pids; do
    wait "$pid" || status=1
done
exit $status
