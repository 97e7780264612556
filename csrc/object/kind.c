/* kind.c -- stage OPEN: what a file is, told by its first bytes.
** takes the first bytes and the size of a file; gives an ml_kind, or the error that says why a file
** of that kind cannot be linked. Pure: reads only the slice. A field is looked at only after the
** length of the slice allows it, so a file cut anywhere gets a kind too.
** Spec: gABI ch. 4 "ELF Identification"; ar(5); LLVM "Bitcode File Format"; PE/COFF 3.3.
** SPDX-License-Identifier: MIT */
#include "object/kind.h"

#include <elf.h>
#include <stdio.h>

static const char *const kind_names[] = {
    [ML_KIND_OBJECT] = "relocatable object",
    [ML_KIND_SHARED] = "shared object",
    [ML_KIND_PROGRAM] = "executable program",
    [ML_KIND_CORE] = "ELF file that is neither object nor library",
    [ML_KIND_ELF32] = "32-bit ELF file",
    [ML_KIND_ELFBE] = "big-endian ELF file",
    [ML_KIND_ARCHIVE] = "archive",
    [ML_KIND_THIN] = "thin archive",
    [ML_KIND_BITCODE] = "LLVM bitcode",
    [ML_KIND_MACHO] = "Mach-O file",
    [ML_KIND_COFF] = "COFF file",
    [ML_KIND_WASM] = "WebAssembly module",
    [ML_KIND_TEXT] = "text file",
    [ML_KIND_EMPTY] = "empty file",
    [ML_KIND_UNKNOWN] = "file of unknown kind",
};

const char *ml_kind_name(ml_kind k)
{
    return (size_t)k < sizeof kind_names / sizeof *kind_names ? kind_names[k] : "file";
}

static const struct {
    uint16_t machine;
    const char *name;
} machines[] = {
    {EM_X86_64, "x86-64"},   {EM_386, "i386"},          {EM_AARCH64, "AArch64"},
    {EM_ARM, "ARM"},         {EM_RISCV, "RISC-V"},      {EM_PPC64, "PowerPC64"},
    {EM_PPC, "PowerPC"},     {EM_S390, "s390"},         {EM_MIPS, "MIPS"},
    {EM_SPARCV9, "SPARC64"}, {EM_SPARC, "SPARC"},       {258, "LoongArch"},
    {EM_IA_64, "IA-64"},     {EM_68K, "m68k"},          {EM_PARISC, "PA-RISC"},
    {EM_SH, "SuperH"},       {EM_ALPHA, "Alpha"},       {EM_AVR, "AVR"},
    {EM_MSP430, "MSP430"},   {EM_XTENSA, "Xtensa"},     {EM_BPF, "BPF"},
    {EM_CUDA, "CUDA"},       {EM_AMDGPU, "AMDGPU"},     {EM_ARCV2, "ARCv2"},
    {EM_CSKY, "C-SKY"},      {EM_OPENRISC, "OpenRISC"},
};

const char *ml_machine_name(uint16_t machine)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (machines[i].machine == machine)
            return machines[i].name;
    return NULL;
}

static bool begins(ml_slice s, const char *magic, size_t len)
{
    return s.n >= len && memcmp(s.p, magic, len) == 0;
}

static bool is_elf(ml_slice s)
{
    return begins(s, ELFMAG, SELFMAG);
}

static ml_kind elf_kind(ml_slice h)
{
    if (h.n < EI_NIDENT + 4) /* e_type and e_machine follow the identification */
        return ML_KIND_UNKNOWN;
    uint8_t class = h.p[EI_CLASS], data = h.p[EI_DATA];
    if (data != ELFDATA2LSB && data != ELFDATA2MSB)
        return ML_KIND_UNKNOWN;
    if (class == ELFCLASS32)
        return ML_KIND_ELF32;
    if (class != ELFCLASS64)
        return ML_KIND_UNKNOWN;
    if (data == ELFDATA2MSB)
        return ML_KIND_ELFBE;
    switch (ml_get16(h.p + EI_NIDENT)) {
    case ET_REL: return ML_KIND_OBJECT;
    case ET_DYN: return ML_KIND_SHARED;
    case ET_EXEC: return ML_KIND_PROGRAM;
    default: return ML_KIND_CORE;
    }
}

static bool is_macho(ml_slice h)
{
    if (begins(h, "\xce\xfa\xed\xfe", 4) || begins(h, "\xcf\xfa\xed\xfe", 4) ||
        begins(h, "\xfe\xed\xfa\xce", 4) || begins(h, "\xfe\xed\xfa\xcf", 4))
        return true;
    /* A universal file shares its magic with Java classes, whose next word is at least 45. */
    return h.n >= 8 && begins(h, "\xca\xfe\xba\xbe", 4) && ml_get32be(h.p + 4) < 45;
}

static bool is_text(ml_slice h)
{
    for (size_t i = 0; i < h.n; i++) {
        uint8_t c = h.p[i];
        if ((c < 0x20 && !(c >= '\t' && c <= '\r')) || c == 0x7f)
            return false;
    }
    return h.n > 0;
}

/* A COFF object has no magic but its machine number: the rest of the header must make sense. */
static bool is_coff(ml_slice h, uint64_t size)
{
    if (begins(h, "MZ", 2))
        return !is_text(h); /* else they are the first two letters of one */
    if (h.n < 20)
        return false;
    uint16_t machine = ml_get16(h.p), sections = ml_get16(h.p + 2);
    if (machine == 0 && sections == 0xffff) /* "big" objects and import members */
        return true;
    if (machine != 0x8664 && machine != 0x14c && machine != 0xaa64 && machine != 0x1c4)
        return false;
    return ml_get16(h.p + 16) == 0 && ml_within(size, 20, 40 * (uint64_t)sections) &&
           ml_get32(h.p + 8) <= size;
}

ml_kind ml_kind_of(ml_slice head, uint64_t size)
{
    if (size == 0)
        return ML_KIND_EMPTY;
    if (is_elf(head))
        return elf_kind(head);
    if (begins(head, "!<arch>\n", 8))
        return ML_KIND_ARCHIVE;
    if (begins(head, "!<thin>\n", 8))
        return ML_KIND_THIN;
    if (begins(head, "BC\xc0\xde", 4) || begins(head, "\xde\xc0\x17\x0b", 4))
        return ML_KIND_BITCODE;
    if (begins(head, "\0asm", 4))
        return ML_KIND_WASM;
    if (is_macho(head))
        return ML_KIND_MACHO;
    if (is_coff(head, size))
        return ML_KIND_COFF;
    return is_text(head) ? ML_KIND_TEXT : ML_KIND_UNKNOWN;
}

/* e_machine of an ELF header in its own byte order; elf_kind has seen that it is there. */
static uint16_t elf_machine(ml_slice h)
{
    const uint8_t *p = h.p + EI_NIDENT + 2;
    unsigned low = h.p[EI_DATA] == ELFDATA2MSB ? 1 : 0;
    return (uint16_t)(p[low] | p[1 - low] << 8);
}

static int refuse_machine(ml_diag *d, ml_where at, const char *class, ml_slice h, uint16_t machine)
{
    char has[32], here[32], hint[96];
    uint16_t m = elf_machine(h);
    const char *name = ml_machine_name(m), *want = ml_machine_name(machine);
    if (!name) {
        snprintf(has, sizeof has, "machine %u", m);
        name = has;
    }
    if (!want) {
        snprintf(here, sizeof here, "machine %u", machine);
        want = here;
    }
    snprintf(hint, sizeof hint, "compile it for %s, 64 bits, little-endian", want);
    return ml_fail(d, ML_E_MACHINE, at, hint, "%s for %s, this process is %s", class, name, want);
}

/* Neither a known magic nor a whole ELF header: says what is there. */
static int refuse_unknown(ml_diag *d, ml_where at, ml_slice h)
{
    if (is_elf(h) && h.n < sizeof(Elf64_Ehdr))
        return ml_fail(d, ML_E_TRUNCATED, at, "build or copy it again",
                       "truncated: an ELF header has 64 bytes, the file has %zu", h.n);
    if (is_elf(h))
        return ml_fail(d, ML_E_FORMAT, at, NULL,
                       "damaged ELF header: class is %u and byte order is %u, both must be 1 or 2",
                       h.p[EI_CLASS], h.p[EI_DATA]);
    char bytes[3 * 8 + 1] = "";
    for (size_t i = 0; i < 8 && i < h.n; i++)
        snprintf(bytes + 3 * i, 4, " %02x", h.p[i]);
    return ml_fail(d, ML_E_KIND, at, NULL, "not an ELF object: it begins with the bytes%s", bytes);
}

/* The kinds that need nothing but their own words. */
static const struct {
    ml_kind kind;
    const char *text, *hint;
} refusals[] = {
    {ML_KIND_SHARED, "shared object (or position-independent program), not a relocatable object",
     "load a shared library by its path or soname, not from bytes and not out of an archive"},
    {ML_KIND_PROGRAM, "executable program, linked for fixed addresses",
     "load the objects that it was linked from"},
    {ML_KIND_CORE, "ELF file, but neither a relocatable object nor a shared library", NULL},
    {ML_KIND_ARCHIVE, "archive, not a relocatable object",
     "give the archive as an input of its own; its members are chosen through its index"},
    {ML_KIND_THIN, "thin archive, not a relocatable object",
     "give the archive by its path, because its members lie in files beside it"},
    {ML_KIND_MACHO, "Mach-O file, not an ELF object", "compile it for Linux"},
    {ML_KIND_COFF, "COFF file, not an ELF object", "compile it for Linux"},
    {ML_KIND_WASM, "WebAssembly module, not an ELF object", "compile it for this processor"},
    {ML_KIND_TEXT, "text, not a relocatable object",
     "a linker script can stand for a library; a source file must be compiled first"},
    {ML_KIND_EMPTY, "empty file", "the compiler may have failed; build it again"},
};

int ml_kind_refuse(ml_diag *d, const char *file, const char *member, ml_kind k, ml_slice head,
                   uint16_t machine)
{
    ml_where at = {.file = file, .member = member};
    if (k == ML_KIND_OBJECT)
        return refuse_machine(d, at, "ELF64", head, machine);
    if (k == ML_KIND_ELF32)
        return refuse_machine(d, at, "ELF32", head, machine);
    if (k == ML_KIND_ELFBE)
        return refuse_machine(d, at, "big-endian ELF64", head, machine);
    if (k == ML_KIND_BITCODE) {
        const char *name = member ? member : file;
        char hint[512];
        snprintf(hint, sizeof hint,
                 "compile without -flto, or: clang -c -x ir %s -o NEW.o; what has control-flow "
                 "integrity (-fsanitize=cfi) by: clang -flto -fuse-ld=lld -r ... -o NEW.o",
                 name ? name : "FILE");
        return ml_fail(d, ML_E_KIND, at, hint, "LLVM bitcode, not an ELF object");
    }
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].kind == k)
            return ml_fail(d, ML_E_KIND, at, refusals[i].hint, "%s", refusals[i].text);
    return refuse_unknown(d, at, head);
}
