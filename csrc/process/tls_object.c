/* tls_object.c -- process: a shared object that has thread-local storage and no code.
** takes the image of a TLS block, or the name of a variable; gives an ET_DYN file to the loader:
** one writable PT_LOAD with everything in it, PT_DYNAMIC, PT_TLS, and relocations by which the
** loader writes into a cell what it has decided.
** Spec: gABI chapter 5 "Dynamic Linking"; Drepper, "ELF Handling For Thread-Local Storage";
** Oliva, "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dlinfo */
#include "process/tls_object.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "base/align.h"
#include "os/os.h"

const uint8_t ml_tls_magic[16] = "moonlink TLS 1\n";

enum { PAGE = 4096, RELAS = 3, DYNS = 10 };

/* What stands before the strings and the image, as it is in the file. */
typedef struct front {
    Elf64_Ehdr header;
    Elf64_Phdr load, dynamic, stack, tls;
    ml_tls_cell cell;
    Elf64_Dyn dyns[DYNS]; /* right behind the cell: the loader tells where they are */
    Elf64_Sym symbols[2];
    Elf64_Rela relas[RELAS];
    uint32_t hash[5]; /* one bucket, two symbols: empty chains, nobody looks anything up here */
} front;

_Static_assert(offsetof(front, cell) == ML_TLS_CELL_AT, "tls.c finds it there");
_Static_assert(offsetof(front, dyns) == ML_TLS_CELL_AT + sizeof(ml_tls_cell), "and we here");

/* A file that is being written: its parts, and the address of its first byte. */
typedef struct writer {
    const ml_tls_object *o;
    front f;
    uint64_t base;
    size_t nrelas, ndyns;
} writer;

static void relocate(writer *w, uint64_t field, uint32_t type)
{
    uint64_t symbol = w->o->import ? 1 : 0;
    w->f.relas[w->nrelas++] =
        (Elf64_Rela){w->base + ML_TLS_CELL_AT + field, ELF64_R_INFO(symbol, type), 0};
}

static void dynamic(writer *w, int64_t tag, uint64_t value)
{
    w->f.dyns[w->ndyns++] = (Elf64_Dyn){tag, {value}};
}

static void write_relocations(writer *w)
{
    const ml_tls_object *o = w->o;
    relocate(w, offsetof(ml_tls_cell, module), R_X86_64_DTPMOD64);
    if (o->import)
        relocate(w, offsetof(ml_tls_cell, offset), R_X86_64_DTPOFF64);
    if (o->place == ML_TLS_STATIC)
        relocate(w, offsetof(ml_tls_cell, tp), R_X86_64_TPOFF64);
    else if (o->place == ML_TLS_EITHER)
        relocate(w, offsetof(ml_tls_cell, desc), R_X86_64_TLSDESC);
}

static void write_dynamic(writer *w, uint64_t strings, uint64_t strings_size, uint64_t needed)
{
    if (needed)
        dynamic(w, DT_NEEDED, needed);
    dynamic(w, DT_HASH, w->base + offsetof(front, hash));
    dynamic(w, DT_SYMTAB, w->base + offsetof(front, symbols));
    dynamic(w, DT_SYMENT, sizeof(Elf64_Sym));
    dynamic(w, DT_STRTAB, w->base + strings);
    dynamic(w, DT_STRSZ, strings_size);
    dynamic(w, DT_RELA, w->base + offsetof(front, relas));
    dynamic(w, DT_RELASZ, w->nrelas * sizeof(Elf64_Rela));
    dynamic(w, DT_RELAENT, sizeof(Elf64_Rela));
    dynamic(w, DT_NULL, 0);
}

static void write_headers(writer *w, uint64_t image, uint64_t file_size)
{
    front *f = &w->f;
    const ml_tls_object *o = w->o;
    uint64_t base = w->base;
    memcpy(f->header.e_ident, ELFMAG, SELFMAG);
    f->header.e_ident[EI_CLASS] = ELFCLASS64;
    f->header.e_ident[EI_DATA] = ELFDATA2LSB;
    f->header.e_ident[EI_VERSION] = EV_CURRENT;
    f->header.e_type = ET_DYN;
    f->header.e_machine = EM_X86_64;
    f->header.e_version = EV_CURRENT;
    f->header.e_phoff = offsetof(front, load);
    f->header.e_ehsize = sizeof f->header;
    f->header.e_phentsize = sizeof f->load;
    f->header.e_phnum = o->size ? 4 : 3;
    f->load = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0, base, base, file_size, file_size, PAGE};
    uint64_t at = offsetof(front, dyns), size = sizeof f->dyns;
    f->dynamic = (Elf64_Phdr){PT_DYNAMIC, PF_R | PF_W, at, base + at, base + at, size, size, 8};
    f->stack = (Elf64_Phdr){.p_type = PT_GNU_STACK,
                            .p_flags = o->on_stack ? PF_R | PF_W | PF_X : PF_R | PF_W,
                            .p_align = 16};
    f->tls = (Elf64_Phdr){PT_TLS,       PF_R,       image,   base + image,
                          base + image, o->image.n, o->size, o->align};
    f->symbols[1] = (Elf64_Sym){.st_name = 1, .st_info = ELF64_ST_INFO(STB_WEAK, STT_TLS)};
    f->hash[0] = 1;
    f->hash[1] = 2;
    memcpy(f->cell.magic, ml_tls_magic, sizeof ml_tls_magic);
    f->cell.size = o->place != ML_TLS_DYNAMIC && o->image.n == o->size ? o->size : 0;
    f->cell.align = o->align;
    f->cell.image = image - ML_TLS_CELL_AT;
}

/* The object's file, in the arena. */
static int write_object(ml_diag *d, ml_arena *a, const ml_tls_object *o, ml_slice *out)
{
    writer w = {.o = o};
    size_t name = o->import ? strlen(o->import) : 0, needed = o->needed ? strlen(o->needed) : 0;
    size_t strings = sizeof w.f, strings_size = 1 + name + 1 + needed + 1;
    uint64_t align = o->align < 8 ? 8 : o->align;
    size_t image = (size_t)ml_align_up(strings + strings_size, align < PAGE ? align : PAGE);
    size_t size = image + o->image.n;
    uint8_t *p = size > image ? ml_zalloc(a, size, 1) : ml_zalloc(a, image, 1);
    if (!p || size < image)
        return ml_nomem(d);
    /* The image's address is a multiple of its alignment, as the loader's arithmetic wants it. */
    w.base = ml_align_up(image, align) - image;
    write_relocations(&w);
    write_dynamic(&w, strings, strings_size, needed ? 1 + name + 1 : 0);
    write_headers(&w, image, size);
    memcpy(p, &w.f, sizeof w.f);
    memcpy(p + strings + 1, o->import ? o->import : "", name);
    memcpy(p + strings + 1 + name + 1, o->needed ? o->needed : "", needed);
    if (o->image.n)
        memcpy(p + image, o->image.p, o->image.n);
    *out = (ml_slice){p, size};
    return 0;
}

int ml_tls_object_open(ml_diag *d, const ml_tls_object *o, ml_tls_cell **cell, const char **why)
{
    ml_arena a = {0};
    ml_slice bytes;
    ml_os_memfile f;
    struct link_map *map = NULL;
    *cell = NULL;
    *why = "refused by the loader";
    int rc = write_object(d, &a, o, &bytes);
    if (rc == 0)
        rc = ml_os_memfile_open(d, "moonlink-tls", bytes, &f);
    ml_arena_free(&a);
    if (rc < 0)
        return rc;
    dlerror();
    void *handle = dlopen(f.path, RTLD_NOW | RTLD_LOCAL);
    const char *text = handle ? NULL : dlerror();
    ml_os_memfile_close(&f);
    if (text)
        *why = text;
    if (handle && dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0) {
        dlclose(handle);
        handle = NULL;
    }
    if (handle) {
        *cell = (ml_tls_cell *)(void *)map->l_ld - 1;
        (*cell)->handle = handle;
    }
    return 0;
}
