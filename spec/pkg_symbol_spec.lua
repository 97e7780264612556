--- Symbols of compiled Haskell, both ways.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local symbol = require "moonlink.pkg.symbol"
local wired = require "moonlink.pkg.wired"

local function both_ways(text, want, ghc)
   assert.same(want, (symbol.parse(text)))
   assert.equal(text, symbol.make(want, ghc))
end

describe("symbols", function()
   it("name unit, module, name and kind", function()
      both_ways("base_GHCziBase_map_info",
         {unit = "base", module = "GHC.Base", name = "map", kind = "info"})
      both_ways("base_GHCziBase_zpzp_closure",
         {unit = "base", module = "GHC.Base", name = "++", kind = "closure"})
      both_ways("networkzm2zi0_NetworkziSocket_foo_info",
         {unit = "network-2.0", module = "Network.Socket", name = "foo", kind = "info"})
      both_ways("ghczmprim_GHCziTuple_Z3T_con_info",
         {unit = "ghc-prim", module = "GHC.Tuple", name = "(,,)", kind = "con_info"})
      both_ways("mypkgzm1zi0zmazib_DataziSym_zdWMkT_slow",
         {unit = "mypkg-1.0-a.b", module = "Data.Sym", name = "$WMkT", kind = "slow"})
      both_ways("base_GHCziBase_True_static_info",
         {unit = "base", module = "GHC.Base", name = "True", kind = "static_info"}, "6.6")
      both_ways("base_GHCziShow_Ordering_closure_tbl",
         {unit = "base", module = "GHC.Show", name = "Ordering", kind = "closure_tbl"})
   end)

   it("bear no unit in the program itself", function()
      both_ways("Main_main_closure",
         {unit = "main", module = "Main", name = "main", kind = "closure"})
      both_ways("ZCMain_main_info",
         {unit = "main", module = ":Main", name = "main", kind = "info"})
      both_ways("Foo_Bar_con_info",
         {unit = "main", module = "Foo", name = "Bar", kind = "con_info"})
   end)

   it("that can be read in two ways are read by the units that exist", function()
      local found = symbol.parse("Foo_Bar_con_info", {units = {Foo = true}})
      assert.same({unit = "Foo", module = "Bar", name = "con", kind = "info"}, found)
      found = symbol.parse("Foo_Bar_con_info", {units = {base = true}})
      assert.equal("main", found.unit)
      assert.equal("Foo", symbol.parse("Foo_Bar_ba_info").unit)
   end)

   it("of other kinds have forms of their own", function()
      both_ways("base_GHCziMaybe_Just_Main_3_con_info", {unit = "base", module = "GHC.Maybe",
         name = "Just", kind = "con_info", site = {unit = "main", module = "Main", number = 3}})
      both_ways("base_GHCziMaybe_Just_base_DataziList_31_con_info", {unit = "base",
         module = "GHC.Maybe", name = "Just", kind = "con_info",
         site = {unit = "base", module = "Data.List", number = 31}})
      both_ways("Main_main_EXPR12_ccs", {unit = "main", module = "Main", name = "main",
         kind = "ccs", detail = "EXPR12"})
      both_ways("Main_CAFs_cc", {unit = "main", module = "Main", name = "CAFs", kind = "cc"})
      both_ways("_hpc_tickboxes_base_DataziList_hpc",
         {unit = "base", module = "Data.List", kind = "hpc_tickboxes"})
      both_ways("__stginit_base_GHCziBase", {unit = "base", module = "GHC.Base", kind = "stginit"})
      both_ways("__stginit_base_GHCziBase_p",
         {unit = "base", module = "GHC.Base", kind = "stginit", detail = "p"})
      both_ways("base_GHCziBase_module_registered",
         {unit = "base", module = "GHC.Base", kind = "module_registered"})
      both_ways("stg_newByteArrayzh", {unit = "rts", name = "newByteArray#", kind = "primop"})
      both_ways("ghczuwrapperZC0ZCbaseZCSystemziPosixziInternalsZClseek", {unit = "base",
         module = "System.Posix.Internals", name = "lseek", kind = "wrapper", detail = "0"})
   end)

   it("begin with an underscore on platforms where all symbols do", function()
      assert.equal("map", symbol.parse("_base_GHCziBase_map_info", {underscore = true}).name)
      assert.is_nil(symbol.parse("base_GHCziBase_map_info", {underscore = true}))
   end)

   it("that are no Haskell are told from it", function()
      for _, text in ipairs {"", "_", "__", "printf", "stg_ap_pp_info", "hs_init", "Main__info",
         "base_GHCziBase__info", "Main_1_con_info", "__stginit_", "_hpc_tickboxes__hpc",
         "z1_A_b_info", "forkOS_entry", "stg_NO_FINALIZER_closure", "Main_B_C_03_con_info",
         "base_GHCziBase_map_nothing", "a_GHCziBase_x_9_con_info", "stg_z1zh",
         "Main_B_C_99999999999999999999999999_con_info"} do
         local found, why = symbol.parse(text)
         assert.is_nil(found, text)
         assert.equal("not a name of a Haskell module", why)
      end
   end)

   it("bear the unit's name as each GHC writes it", function()
      local p = {name = "network", version = "2.0", id = "network-2.0-Abc", key = "netwo_47ajk3"}
      assert.equal("network-2.0", symbol.unit(p, "6.6"))
      assert.equal("network-2.0", symbol.unit(p, "7.8.4"))
      assert.equal("netwo_47ajk3", symbol.unit(p, "7.10.3"))
      assert.equal("network-2.0-Abc", symbol.unit(p, "9.0.2"))
      p = {name = "base", version = "4.15", id = "base-4.15"}
      for _, ghc in ipairs {"6.6", "7.8.4", "7.10.1", "8.10", "9.0.2"} do
         assert.equal("base", symbol.unit(p, ghc))
      end
      assert.equal("base-4.15", symbol.unit(p, "9.14.1"))
      p = {name = "haskell98", version = "1.0"}
      assert.equal("haskell98", symbol.unit(p, "6.6.1"))
      assert.equal("haskell98-1.0", symbol.unit(p, "7.2"))
   end)

   it("know the wired-in packages of each GHC", function()
      local function names(ghc)
         return table.concat(wired.names(ghc), " ")
      end
      assert.equal("base rts haskell98 template-haskell", names "6.6")
      assert.equal("base rts haskell98 template-haskell ndp", names "6.8.2")
      assert.truthy(names "6.10.4":find("syb", 1, true))
      assert.is_nil(names "6.12.1":find("syb", 1, true))
      assert.is_nil(names "7.10.3":find("ghc%f[ %z]"))
      assert.equal("ghc-prim ghc-bignum base rts template-haskell ghc", names "9.0.2")
      assert.is_nil(names "9.8.1":find("ghc%f[ %z]"))
      assert.equal("ghc-internal rts", names "9.14.1")
   end)
end)

describe("symbols of GHC's own libraries #ghc", function()
   it("are all read and written back as they were", function()
      local listing = support.sh([[cd $(ghc --print-libdir)
      for f in base-*/*.a ghc-prim-*/*.a containers-*/*.a text-*/*.a rts/libHSrts.a; do
         nm -g --defined-only $f 2>&-; done | awk 'NF == 3 { print $3 }' | sort -u]])
      local read, odd = 0, 0
      for text in listing:gmatch "[^\n]+" do
         local found = symbol.parse(text)
         if found then
            read = read + 1
            local back = symbol.make(found, "9.0.2")
            assert(back == text, text)
         elseif symbol.kinds[text:match "_(%l+)$"] and text:find "^%w+_[A-Z]%w*_%w+_%l+$" then
            odd = odd + (text:find "^stg_" and 0 or 1) -- those are the run-time system's
         end
      end
      assert.is_true(read > 10000)
      assert.equal(0, odd)
   end)

   it("of a unit and names of all kinds mean what was compiled", function()
      local folder = support.tmpdir()
      support.write(folder .. "/G.hs", [[
{-# LANGUAGE UnboxedTuples, MagicHash #-}
module Deep.G where
data T = A | Int :+ Int deriving Show
class Cl a where { m1 :: a -> Int; m2 :: a -> (# Int, Int #) }
instance Cl () where { m1 _ = 3; m2 x = (# 1, 1 #) }
f' :: Int -> Int
f' x = x + length "hello"
é_ü = A
]])
      support.sh("cd %s && LC_ALL=C.UTF-8 ghc -v0 -c G.hs -this-unit-id 9pk-1.0-a.b+c_d", folder)
      local seen = {}
      for text in support.sh("nm %s/G.o", folder):gmatch " [DTt] (%S+)\n" do
         local found = assert(symbol.parse(text))
         assert.equal("9pk-1.0-a.b+c_d", found.unit)
         assert.equal("Deep.G", found.module)
         assert.equal(text, symbol.make(found, "9.0.2"))
         seen[found.name .. " " .. found.kind] = true
      end
      for _, each in ipairs {"A closure", ":+ con_info", "f' info", "é_ü closure", "m2 info",
         "$fShowT closure", "$fCl() closure", "C:Cl con_info", "$trModule closure"} do
         assert.is_true(seen[each], each)
      end
   end)
end)
