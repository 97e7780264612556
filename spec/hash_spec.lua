--- The hash of names (csrc/base/hash.h), tested by a program in C.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local program = support.tmpdir() .. "/hash"

local SOURCE = [[
#include <stdio.h>
#include "base/hash.h"

enum { names = 1 << 16, places = 1 << 17, secrets = 400 };

/* How many of the names come first to a place. */
static int first(char (*name)[64])
{
    static unsigned char taken[places];
    int n = 0;
    memset(taken, 0, sizeof taken);
    for (int i = 0; i < names; i++)
        n += !taken[ml_hash(name[i], strlen(name[i])) % places]++;
    return n;
}

/* The next of Knuth's numbers (The Art of Computer Programming, 3.3.4, table 1). */
static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 32;
}

/* With every secret: the fewest and the most that come first of numbered names. */
static void spread(const char *before, const char *after)
{
    static char name[names][64];
    uint64_t state = 1;
    int least = names, most = 0;
    for (int i = 0; i < names; i++)
        snprintf(name[i], sizeof *name, "%s%d%s", before, i, after);
    for (int k = 0; k < secrets; k++) {
        ml_hash_secret[0] = next(&state);
        ml_hash_secret[1] = next(&state) | 1ull << 63 | 1;
        int n = first(name);
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    printf("%d %d\n", least, most);
}

int main(int argc, char **argv)
{
    char name[] = "a_name_of_16_";
    (void)argv;
    if (argc == 1) {
        printf("%u %u\n", ml_hash(name, strlen(name)), ml_hash_number(7));
        return 0;
    }
    spread("f", "");
    spread("fn", "");
    spread("", "_info");
    spread("_ZN3geo4areaE", "ii");
    spread("base_GHCziBase_s", "_closure");
    return 0;
}
]]

setup(function()
   support.sh("LD_PRELOAD= gcc -O2 -Wall -Werror -Icsrc -o %s %s %s", program,
      support.write(program .. ".c", SOURCE), "csrc/base/hash.c csrc/os/secret.c")
end)

describe("the hash of names", function()
   it("is another one in each process, so that nobody can make names that collide", function()
      local seen, n = {}, 0
      for _ = 1, 5 do
         local name, number = support.sh("%s", program):match "^(%d+) (%d+)\n"
         n = n + (seen[name] and 0 or 1) + (seen[number] and 0 or 1)
         seen[name], seen[number] = true, true
      end
      assert.equal(10, n)
   end)

   -- Of m names among n places: the mean and the deviation of how many places are taken. Six
   -- deviations are no accident in 2,000 tries.
   it("spreads names as chance would, whatever the secret", function()
      local n = 1 << 17
      local mean = n * (1 - math.exp(-0.5))
      local deviation = math.sqrt(n * (math.exp(-0.5) - 1.5 * math.exp(-1)))
      local lines = 0
      for least, most in support.sh("%s spread", program):gmatch "(%d+) (%d+)\n" do
         assert.is_true(tonumber(least) > mean - 6 * deviation, least)
         assert.is_true(tonumber(most) < mean + 6 * deviation, most)
         lines = lines + 1
      end
      assert.equal(5, lines)
   end)
end)
