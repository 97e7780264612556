/* move.c -- fuzz: random bytes through the instruction decoder and the mover of x86-64.
** takes 16 bytes of choices and then code; checks what a caller relies on: nothing is read outside
** the code (the copy has its exact size, for AddressSanitizer), nothing but *out is written, and
** what comes out is itself whole instructions.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "target/x86_64_insn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* n bytes are a whole number of instructions. */
static bool whole(const uint8_t *p, size_t n)
{
    ml_x86_64_insn i;
    while (n) {
        if (!ml_x86_64_insn_decode(p, n, &i) || i.len > n)
            return false;
        p += i.len;
        n -= i.len;
    }
    return true;
}

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* What replaces an instruction holds no field that could be moved again. */
static void refuses_twice(const ml_move_in *in, const ml_move_out *out)
{
    ml_move_in again = *in;
    ml_move_out second;
    again.code = out->patch;
    again.size = out->site_len;
    again.start = 0;
    again.second = NULL;
    for (again.field = 0; again.field + 4 <= again.size; again.field++) {
        again.pcrel = false;
        check(!ml_target_x86_64.move(&again, &second));
        again.pcrel = true;
        check(!ml_target_x86_64.move(&again, &second));
    }
}

static void try_move(const ml_move_in *in)
{
    ml_move_out out;
    if (!ml_target_x86_64.move(in, &out)) {
        check(out.why != NULL);
        return;
    }
    check(out.site >= in->start && out.site_len >= 5 && out.site_len <= 15);
    check(out.site <= in->field && in->field + 4 <= out.site + out.site_len);
    check(ml_within(in->size, out.site, out.site_len));
    check(out.body_len > 0 && out.body_len <= ML_MOVE_MAX);
    check(memchr(out.text, 0, sizeof out.text) != NULL && out.text[0]);
    check(whole(out.patch, out.site_len) && whole(out.body, out.body_len));
    refuses_twice(in, &out);
}

/* Relaxing may write from two bytes before the field to its end. */
static void try_relax(uint8_t *code, size_t size, size_t field, uint32_t type, uint64_t place,
                      uint64_t S)
{
    const ml_target *t = &ml_target_x86_64;
    if (!t->can_relax(code, size, field, type, -4))
        return;
    uint8_t *before = malloc(size);
    check(before != NULL);
    memcpy(before, code, size);
    bool done = t->relax(code, size, field, type, place, S);
    check(done ? whole(code + field - 2, 6) : memcmp(before, code, size) == 0);
    check(memcmp(before, code, field - 2) == 0);
    check(memcmp(before + field + 4, code + field + 4, size - field - 4) == 0);
    free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 16)
        return 0;
    size_t n = size - 16;
    uint8_t *code = malloc(n ? n : 1);
    check(code != NULL);
    memcpy(code, data + 16, n);
    ml_move_in in = {
        .code = code,
        .size = n,
        .start = data[0] & 15,
        .field = data[1],
        .addr = 0x10000000u + ml_get32(data + 8) % 0x100000u,
        .pcrel = data[2] & 1,
        .value = ml_get64(data + 8),
        .to = 0x10000000u + (uint64_t)(ml_get32(data + 4) & 0xfffffff0u),
    };
    if (data[2] & 2)
        in.second = &in.addr;
    try_move(&in);
    ml_target_x86_64.branch(code, n, in.field);
    try_relax(code, n, in.field, data[3] & 1 ? 41 : 42, in.addr + in.field,
              data[3] & 2 ? in.value : in.to);
    free(code);
    return 0;
}
