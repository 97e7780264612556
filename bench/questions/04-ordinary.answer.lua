--- What the numbers of 04-ordinary.lua say.
-- SPDX-License-Identifier: MIT

local C, CXX = "c/direct/pic=", "c++/direct/pic="

--- How many cases match, and how many of them have loaded.
local function loaded(r, pattern)
   local all, done = 0, 0
   for _, name in ipairs(r:names(pattern)) do
      all = all + 1
      done = done + (pcall(r.median, r, "load_ms", name) and 1 or 0)
   end
   return all, done
end

local function tables(r, name)
   return r:median("stub_bytes", name) + r:median("got_bytes", name)
end

return {
   number = 4,
   question = "Can ordinary `.o` files still be loaded, C and C++, and at what price?",
   about = "Three rooms of this project's own core, in C, and a small program in C++ with "
      .. "exceptions, virtual functions, thread-local storage and streams, each compiled with "
      .. "neither -fPIC nor -fPIE, with -fPIE, which is what Debian's compilers do when nothing is "
      .. "said, and with -fPIC; loaded near the C library (`direct`) and below 2 GiB (`zone=low`), "
      .. "and as a shared library. Who has to have a library compiles again.",
   columns = {
      objects = {"load_ms", "memory_kb", "mappings", "image_kb", "relocations", "got_bytes",
         "stub_bytes", "relaxed", "moved"},
      again = {"load_ms", "memory_kb", "mappings", "file_kb"},
   },
   limit = 120,
   claims = {
      {
         "All {all} ways to compile and to place C and C++ can be loaded with `direct`: {done}, "
            .. "which is the same.",
         numbers = function(r)
            local all, done = loaded(r, "/direct")
            return {all = all, done = done}
         end,
         holds = function(n)
            return n.all > 0 and n.all == n.done
         end,
      },
      {
         "As a shared library only what was compiled with -fPIC can: {done} of {all} cases, which "
            .. "is less than half. The others are refused, without -fPIC in C for {none}, with "
            .. "-fPIE for {pie}.",
         numbers = function(r)
            local all, done = loaded(r, "/shared%-batch")
            return {
               all = all, done = done, none = r:refusal "c/shared-batch/pic=none" or "nothing",
               pie = r:refusal "c/shared-batch/pic=pie" or "nothing",
            }
         end,
         holds = function(n)
            return n.done < n.all / 2
         end,
      },
      {
         "The price in memory: for {relocations} relocations of the C program without PIC {tables} "
            .. "bytes of stubs and GOT, less than a twentieth of the unit's {image:%d} KiB, "
            .. "but more than the {pic} bytes that the same compiled with -fPIC needs.",
         numbers = function(r)
            return {
               relocations = r:median("relocations", C .. "none"), tables = tables(r, C .. "none"),
               image = r:median("image_kb", C .. "none"), pic = tables(r, C .. "pic"),
            }
         end,
         holds = function(n)
            return n.tables < n.image * 1024 / 20 and n.tables > n.pic
         end,
      },
      {
         "Instructions that name data of a library out of their reach are moved out of line: "
            .. "{c} in C and {cxx} in C++, fewer than one for each {per} relocations.",
         numbers = function(r)
            return {
               c = r:median("moved", C .. "none"), cxx = r:median("moved", CXX .. "none"), per = 10,
               relocations = r:median("relocations", CXX .. "none"),
            }
         end,
         holds = function(n)
            return n.cxx < n.relocations / n.per and n.c < n.relocations / n.per
         end,
      },
      {
         "The price in time: the C program without PIC loads in {times:%.2f} times the time of the "
            .. "same with -fPIC, less than three times: that it has to lie below 2 GiB is found "
            .. "while it is linked, and it is placed again.",
         numbers = function(r)
            return {times = r:ratio("load_ms", C .. "none", C .. "pic"), limit = 3}
         end,
         holds = function(n)
            return n.times < n.limit
         end,
      },
      {
         "To compile again and link a library took {c:%.1f} s for C and {cxx:%.1f} s for C++, "
            .. "{times:%d} times as long as to load the objects of C as they were.",
         numbers = function(r)
            r:median("load_ms", "c sources/compiled again")
            local c = r:case "c sources/compiled again".prepare_ms
            local cxx = r:case "c++ sources/compiled again".prepare_ms
            local ms = r:median("load_ms", C .. "none")
            return {c = c / 1e3, cxx = cxx / 1e3, times = c / ms, ms = ms}
         end,
         holds = function(n)
            return n.times > 1 and n.c * 1e3 > n.ms
         end,
      },
      {
         "A library that is there is opened faster, though: to load the objects of C takes "
            .. "{times:%.1f} times as long.",
         numbers = function(r)
            local a, b = C .. "none", "c/shared-batch/pic=pic"
            return {times = r:ratio("load_ms", a, b), least = r:least("load_ms", a, b)}
         end,
         holds = function(n)
            return n.times > 1 and n.least > 1
         end,
      },
   },
   differs = "Objects of the medium and large models need neither stubs nor the zone below 2 GiB. "
      .. "Below 2 GiB there is room for so much code: a program that fills it has to compile the "
      .. "rest as PIC. A processor whose instructions cannot hold an address has no such code at "
      .. "all: on aarch64 ordinary objects are relative to the program counter, and stubs and "
      .. "distances are all that is left of the question.",
}
