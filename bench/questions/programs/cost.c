/* cost.c -- three small algorithms as libraries have them: state and tables in variables, helpers
** that other sources may call. Each entry works for so many rounds and returns a check sum.
** SPDX-License-Identifier: MIT */
#include <stdint.h>

#define ENTRY __attribute__((visibility("default")))

/* A machine with a stack, whose registers are variables and whose helpers are functions. */
enum { PUSH, ADD, SUB, DUP, SWAP, LOOP, HALT };
static const unsigned char program[] = {PUSH, 7, PUSH, 3, DUP, ADD, SWAP, SUB, ADD, LOOP, HALT};
unsigned stack[64], depth, steps, left;

void push(unsigned x) { stack[depth++ & 63] = x; }
unsigned pop(void) { return stack[--depth & 63]; }

unsigned execute(const unsigned char *at)
{
    for (;;) {
        steps++;
        switch (*at++) {
        case PUSH: push(*at++); break;
        case ADD: push(pop() + pop()); break;
        case SUB: push(pop() - pop()); break;
        case DUP: { unsigned x = pop(); push(x); push(x); break; }
        case SWAP: { unsigned x = pop(), y = pop(); push(x); push(y); break; }
        case LOOP: if (left-- > 0) at = program; break;
        default: return steps + stack[0];
        }
    }
}

ENTRY int cost_vm(int rounds)
{
    depth = steps = 0;
    left = (unsigned) rounds;
    return (int) execute(program);
}

/* A check sum by tables, each step a function of its own. */
uint32_t crc_table[256];

uint32_t crc_step(uint32_t crc, unsigned char byte)
{
    return crc_table[(crc ^ byte) & 255] ^ (crc >> 8);
}

ENTRY int cost_crc(int rounds)
{
    uint32_t crc = 0;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        crc_table[i] = c;
    }
    for (int i = 0; i < rounds; i++)
        crc = crc_step(crc, (unsigned char) i);
    return (int) crc;
}

/* A heap of numbers in a variable. */
int heap[4096], heap_size;

int before(int a, int b) { return heap[a] < heap[b]; }
void swap(int a, int b) { int x = heap[a]; heap[a] = heap[b]; heap[b] = x; }

void sink(int i)
{
    for (int child; (child = 2 * i + 1) < heap_size; i = child) {
        if (child + 1 < heap_size && before(child, child + 1))
            child++;
        if (!before(i, child))
            return;
        swap(i, child);
    }
}

ENTRY int cost_sort(int rounds)
{
    int sum = 0;
    for (int round = 0; round < rounds; round++) {
        unsigned x = (unsigned) round;
        heap_size = 4096;
        for (int i = 0; i < heap_size; i++)
            heap[i] = (int) ((x = x * 1664525u + 1013904223u) >> 8);
        for (int i = heap_size / 2; i-- > 0;)
            sink(i);
        while (heap_size > 1) {
            swap(0, --heap_size);
            sink(0);
        }
        sum += heap[round & 4095];
    }
    return sum;
}
