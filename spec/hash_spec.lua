--- The hash of names (csrc/base/hash.h), tested by a program in C.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local program = support.tmpdir() .. "/hash"

local SOURCE = [[
#include <stdio.h>
#include "base/hash.h"

/* How many of 65,536 numbered names come first to one of 131,072 places. */
static int first(const char *before, const char *after)
{
    static unsigned char taken[1 << 17];
    char name[64];
    int n = 0;
    memset(taken, 0, sizeof taken);
    for (int i = 0; i < 1 << 16; i++) {
        int len = snprintf(name, sizeof name, "%s%d%s", before, i, after);
        n += !taken[ml_hash(name, (size_t)len) % sizeof taken]++;
    }
    return n;
}

int main(void)
{
    char name[] = "a_name_of_16_";
    printf("%u %u\n", ml_hash(name, strlen(name)), ml_hash_number(7));
    printf("%d\n%d\n%d\n", first("f", ""), first("_ZN3geo4areaE", "ii"), first("", "_info"));
    return 0;
}
]]

setup(function()
   support.sh("LD_PRELOAD= gcc -O1 -Wall -Werror -Icsrc -o %s %s %s", program,
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

   it("spreads names as chance would", function()
      local chance = (1 << 17) * (1 - math.exp(-0.5))
      for _ = 1, 5 do
         for n in support.sh("%s", program):gmatch "\n(%d+)" do
            assert.near(chance, tonumber(n), chance / 50)
         end
      end
   end)
end)
