--- What the numbers of 03-pic.lua say.
-- SPDX-License-Identifier: MIT

local OWN = {"direct", "archive", "prelinked"}
local SHARED = {
   "shared-each", "shared-batch", "shared-batch linker=gold", "shared-batch linker=lld",
   "shared-batch linker=mold", "shared-incremental", "dlmopen",
}
local PEERS = {"libtcc", "orc", "ghc-rts"}

--- How many of these strategies ended like that with a program compiled in these ways, and of how
-- many.
local function count(r, strategies, ways, outcome)
   local found, all = 0, 0
   for _, strategy in ipairs(strategies) do
      for _, way in ipairs(ways) do
         all = all + 1
         local ended = r:outcome(("program/%s/pic=%s"):format(strategy, way))
         found = found + (ended == outcome and 1 or 0)
      end
   end
   return found, all
end

return {
   number = 3,
   question = "Must everything be PIC? What happens to those who forget, strategy by strategy, and"
      .. " what do they read?",
   about = "Two C sources with variables, tables of addresses, each other's data and the C"
      .. " library's `stderr`, compiled with -fPIC, with -fPIE (what Debian's compiler does"
      .. " unasked) and with neither, given to every way of loading; then a call, whose result is"
      .. " checked.",
   fails = {"libtcc", "orc", "ghc%-rts"},
   columns = {"ready_ms", "got_bytes", "stub_bytes", "moved", "file_kb"},
   charts = {"ready_ms"},
   texts = function(r)
      local out = {}
      local function quote(strategy, text)
         if text then
            out[#out + 1] = {title = ("`%s`, compiled with neither:"):format(strategy), text = text}
         end
      end
      for _, strategy in ipairs(SHARED) do
         local text = r:report(("program/%s/pic=none"):format(strategy))
         if strategy == "shared-batch" then
            quote(strategy, text)
         elseif strategy:find "batch" then -- our report is the same, the linker's words are not
            quote(strategy, text and text:match "(The linker's own words:.*)")
         end
      end
      for _, strategy in ipairs(PEERS) do
         local name = ("program/%s/pic=none"):format(strategy)
         local text = r:failure(name) or r:report(name)
         quote(strategy, text and text:gsub("\n%s*called from Lua.*", "")
            :gsub("\n%s*#%d+ +%S+ +core%.so.*", "")) -- below are the laboratory's own frames
      end
      return out
   end,
   claims = {
      {"No: moonlink loads all three forms, loose, from an archive and joined by `ld -r`, {ran} of"
         .. " {all} cases, and each call gives what it should.",
         numbers = function(r)
            local ran, all = count(r, OWN, {"pic", "pie", "none"}, "ran")
            return {ran = ran, all = all}
         end,
         holds = function(n) return n.ran == n.all and n.all == 9 end},
      {"For the process's own loader it must: with -fPIC {pic} of {all} ways through a linker and"
         .. " dlopen work, with -fPIE or neither {rest} of {others} do, whichever linker it is.",
         numbers = function(r)
            local pic, all = count(r, SHARED, {"pic"}, "ran")
            local rest, others = count(r, SHARED, {"pie", "none"}, "ran")
            return {pic = pic, all = all, rest = rest, others = others}
         end,
         holds = function(n) return n.pic == n.all and n.rest == 0 and n.others > 0 end},
      {"Those who forget read, in each of {refused} refusals, object, section, offset, function,"
         .. " symbol and the source to compile again with -fPIC; ld.bfd on its own names one symbol"
         .. " of the {relocations} places.",
         numbers = function(r)
            local refused = 0
            for _, strategy in ipairs(SHARED) do
               for _, way in ipairs {"pie", "none"} do
                  local text = r:report(("program/%s/pic=%s"):format(strategy, way)) or ""
                  local good = text:find "%.o: %.text%+0x%x+ in [%w_]+: R_X86_64_%w+ against"
                     and text:find "compile [%w_]+%.c again with %-fPIC"
                  refused = refused + (good and 1 or 0)
               end
            end
            local why = r:refusal "program/shared-batch/pic=none" or ""
            return {refused = refused, wanted = 2 * #SHARED, relocations = why:match "^%d+" or 0}
         end,
         holds = function(n)
            return n.refused == n.wanted and (tonumber(n.relocations) or 0) > 1
         end},
      {"Other run-time linkers say nothing at all: of libtcc, LLVM's ORC over RuntimeDyld and GHC's"
         .. " linker, {crashed} load the program that was compiled with neither and crash in its"
         .. " first call; with -fPIC all {ran} run it.",
         numbers = function(r) return {
            crashed = count(r, PEERS, {"none"}, "crash"), ran = count(r, PEERS, {"pic"}, "ran"),
         } end,
         holds = function(n) return n.crashed == 3 and n.ran == 3 end},
      {"What it takes moonlink: the unit lies below 2 GiB, {moved:%d} instructions that name"
         .. " variables of the C library are moved to where 64 bits fit, and {stubs:%d} bytes of"
         .. " stubs reach its functions; with -fPIC it takes {pic_moved:%d} of the first and"
         .. " {pic_stubs:%d} of the second, which is less.",
         numbers = function(r) return {
            moved = r:median("moved", "program/direct/pic=none"),
            stubs = r:median("stub_bytes", "program/direct/pic=none"),
            pic_moved = r:median("moved", "program/direct/pic=pic"),
            pic_stubs = r:median("stub_bytes", "program/direct/pic=pic"),
         } end,
         holds = function(n) return n.moved > n.pic_moved and n.stubs > n.pic_stubs end},
   },
   differs = "A program that touches no data of a library and holds no addresses is taken by"
      .. " everyone, with or without -fPIC, so that some objects of a library load and others do"
      .. " not. ORC over JITLink, which the C interface of LLVM 14 does not offer, refuses what is"
      .. " out of reach. Data that themselves hold 32 bits of a high address moonlink refuses, too,"
      .. " with section, offset and symbol.",
}
