--- What the numbers of 02-cost.lua say.
-- SPDX-License-Identifier: MIT

local LIBRARY, NONE, PIE = "c/shared-batch/pic=pic", "c/direct/pic=none", "c/direct/pic=pie"
local STATIC, PIC, DYNAMIC = "haskell/ghc-packages/how=static", "haskell/ghc-packages/how=pic",
   "haskell/ghc-packages/how=dynamic"

--- Are two numbers the same but for so large a part?
local function near(a, b, part)
   return a < b * (1 + part) and b < a * (1 + part)
end

return {
   number = 2,
   question = "What does -fPIC cost at run time, in C, C++ and Haskell, in time and in bytes? What"
      .. " does -dynamic cost?",
   about = "A stack machine, a check sum and a heap sort in C, whose helpers and variables other"
      .. " sources may use (`c`) or not (`c-hidden`: -fvisibility=hidden); virtual functions, a"
      .. " std::map and exceptions in C++; a Data.Map, big integers and lists in Haskell. Each"
      .. " number is processor time, the least of 25 calls in a run, so that other work on the"
      .. " machine is left out. Code and constants are what size(1) counts in the object.",
   columns = {
      cost = {"vm_ms", "crc_ms", "sort_ms", "shapes_ms", "tree_ms", "throw_ms", "text_bytes",
         "got_bytes", "image_kb"},
      haskell = {"tree_ms", "big_ms", "sieve_ms", "text_bytes", "load_ms", "memory_kb"},
   },
   charts = {"vm_ms", "sort_ms", "throw_ms", "tree_ms", "sieve_ms"},
   claims = {
      {"In C -fPIC can cost much: in a shared library the stack machine takes {vm:%.1f} times as"
         .. " long as compiled with neither, the heap sort {sort:%.1f} times.",
         numbers = function(r) return {
            vm = r:ratio("vm_ms", LIBRARY, NONE), sort = r:ratio("sort_ms", LIBRARY, NONE),
            least = math.min(r:least("vm_ms", LIBRARY, NONE), r:least("sort_ms", LIBRARY, NONE)),
         } end,
         holds = function(n) return n.least > 1.1 and n.vm > 1.1 and n.sort > 1.1 end},
      {"It is neither the GOT nor the PLT that costs most, since moonlink makes all of their uses"
         .. " direct and the stack machine still takes {direct:%.1f} times as long: the compiler"
         .. " may not inline a function that another library's could replace.",
         numbers = function(r) return {
            direct = r:ratio("vm_ms", "c/direct/pic=pic", NONE),
            least = r:least("vm_ms", "c/direct/pic=pic", NONE),
            got = r:median("got_bytes", "c/direct/pic=pic"),
         } end,
         holds = function(n) return n.least > 1.1 and n.direct > 1.1 and n.got < 1 end},
      {"So the cure is to say what is exported: with helpers hidden, {hidden:%.2f} ms of -fPIC in"
         .. " the library and {none:%.2f} ms of neither are the same within a fifth, and with"
         .. " -fPIE, which promises that no other definition comes first, {pie:%.2f} ms are.",
         numbers = function(r) return {
            hidden = r:median("vm_ms", "c-hidden/shared-batch/pic=pic"),
            none = r:median("vm_ms", NONE), pie = r:median("vm_ms", PIE),
         } end,
         holds = function(n)
            return near(n.hidden, n.none, 0.2) and near(n.pie, n.none, 0.2)
         end},
      {"In C++ most of what runs is inlined from templates or called through tables anyway: virtual"
         .. " functions take {shapes:%.2f} times as long in the library, the exceptions, whose"
         .. " thrower is exported, {throw:%.2f} times as long.",
         numbers = function(r)
            local library, none = "c++/shared-batch/pic=pic", "c++/direct/pic=none"
            return {
               shapes = r:ratio("shapes_ms", library, none),
               throw = r:ratio("throw_ms", library, none),
               least = r:least("throw_ms", library, none),
            }
         end,
         holds = function(n)
            return n.least > 1 and n.throw > 1 and near(n.shapes, 1, 0.2)
         end},
      {"Code compiled with neither has its own price once it is loaded: it has to lie below 2 GiB,"
         .. " far from the libraries, so that the std::map, which calls them all the time, takes"
         .. " {ratio:%.1f} times as long as compiled with -fPIC and loaded near them.",
         numbers = function(r)
            local none, pic = "c++/direct/pic=none", "c++/direct/pic=pic"
            return {ratio = r:ratio("tree_ms", none, pic), least = r:least("tree_ms", none, pic)}
         end,
         holds = function(n) return n.least > 1 and n.ratio > 1 end},
      {"In bytes it is little: {c_pic:%d} against {c_none:%d} of code and constants in C,"
         .. " {cxx_pic:%d} against {cxx_none:%d} in C++, a tenth at most.",
         numbers = function(r)
            local function bytes(name, pic)
               return r:median("text_bytes", ("%s/direct/pic=%s"):format(name, pic))
            end
            return {
               c_pic = bytes("c", "pic"), c_none = bytes("c", "none"),
               cxx_pic = bytes("c++", "pic"), cxx_none = bytes("c++", "none"),
            }
         end,
         holds = function(n)
            return near(n.c_pic, n.c_none, 0.1) and near(n.cxx_pic, n.cxx_none, 0.1)
         end},
      {"In Haskell -dynamic makes lists {sieve:%.2f} times as slow as static code, as constructors"
         .. " and functions of other packages are reached through the GOT; code and constants grow"
         .. " from {static:%d} to {dynamic:%d} bytes, with -fPIC alone to {pic:%d}.",
         numbers = function(r) return {
            sieve = r:ratio("sieve_ms", DYNAMIC, STATIC),
            least = r:least("sieve_ms", DYNAMIC, STATIC),
            static = r:median("text_bytes", STATIC), dynamic = r:median("text_bytes", DYNAMIC),
            pic = r:median("text_bytes", PIC),
         } end,
         holds = function(n)
            return n.least > 1 and n.sieve > 1 and n.static < n.pic and n.pic < n.dynamic
         end},
      {"What it buys is the start: runtime and packages are there after {dynamic:%.0f} ms and"
         .. " {dynamic_mb:%.0f} MiB from shared libraries, after {static:%.0f} ms and"
         .. " {static_mb:%.0f} MiB from archives, {ratio:%.1f} times as long.",
         numbers = function(r) return {
            dynamic = r:median("load_ms", DYNAMIC), static = r:median("load_ms", STATIC),
            dynamic_mb = r:median("memory_kb", DYNAMIC) / 1024,
            static_mb = r:median("memory_kb", STATIC) / 1024,
            ratio = r:ratio("load_ms", STATIC, DYNAMIC),
            least = r:least("load_ms", STATIC, DYNAMIC),
         } end,
         holds = function(n)
            return n.least > 1 and n.ratio > 1 and n.static_mb > n.dynamic_mb
         end},
   },
   differs = "The three C algorithms are chosen to show the cost; a program whose work lies in"
      .. " loops without calls shows none, as the check sum does. With -fno-semantic-interposition"
      .. " gcc inlines under -fPIC as clang does unasked. On 32-bit x86, still common in 2009,"
      .. " -fPIC takes a register away, in every function. Shared libraries of"
      .. " Haskell share their pages between processes, which archives do not.",
}
