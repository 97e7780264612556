/* program.c -- bench: the main function of a program that a tool links and runs by itself.
** Its clock begins too late to say how long the linking took: spawn.c subtracts, from at_ms.
** The argument of root is fixed when this file is compiled (-DROOT_ARGUMENT=...), since not every
** tool hands arguments on.
** SPDX-License-Identifier: MIT */
#include "driver.h"

unsigned root(unsigned n);

int main(void)
{
    double callable = now_ms();
    report(callable, callable, root, ROOT_ARGUMENT, 0);
    return 0;
}
