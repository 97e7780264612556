--- What differs between versions of GHC and cannot be asked of its files: where fields of C structs
-- lie, and in which modules of base the functions live that Lua needs. A version that is not here
-- is started through hs_init_with_rtsopts, which takes no struct, and has the names of the latest
-- one that is.
-- SPDX-License-Identifier: MIT

local version = require "moonlink.pkg.version"

local layout = {}

---@class moonlink.ghc.Config offsets in bytes of fields of RtsConfig
---@field size integer
---@field enabled integer rts_opts_enabled, an int: which +RTS options the command line may have
---@field options integer rts_opts, a C string
---@field main integer rts_hs_main
---@field keep integer keep_cafs

---@class moonlink.ghc.Layout
---@field config? moonlink.ghc.Config nil: RtsConfig of that version is not known
---@field registers integer offset of the register table in a Capability

-- RtsAPI.h of the version. HsBool has the size of a word there.
local CONFIG_9_0 = {size = 112, enabled = 0, options = 16, main = 24, keep = 32}

--- Values of rts_opts_enabled.
layout.IGNORE_ALL, layout.SAFE_ONLY = 2, 3

--- Bytes of a closure before its contents: StgHeader, which profiling makes longer.
layout.HEADER, layout.HEADER_PROFILING = 8, 24

--- Names by what they are wanted for: package, module, name.
---@type table<string, string[]>
layout.closures = {
   try = {"base", "Control.Exception.Base", "try"},
   catch = {"base", "GHC.IO", "catch"},
   some_exception = {"base", "GHC.Exception.Type", "$fExceptionSomeException"},
   display = {"base", "GHC.Exception.Type", "displayException"},
   typeable_of = {"base", "GHC.Exception.Type", "$p1Exception"},
   type_constructor = {"base", "Data.Typeable.Internal", "typeRepTyCon"},
   type_name = {"base", "Data.Typeable.Internal", "tyConName"},
   evaluate = {"base", "GHC.IO", "evaluate"},
   compose = {"base", "GHC.Base", "."},
   flip = {"base", "GHC.Base", "flip"},
   bind = {"base", "GHC.Base", "bindIO"},
   next = {"base", "GHC.Base", "thenIO"},
   give = {"base", "GHC.Base", "returnIO"},
   stable = {"base", "GHC.Stable", "newStablePtr"},
   poke = {"base", "Foreign.Storable", "poke"},
   storable_stable = {"base", "Foreign.Storable", "$fStorableStablePtr"},
   show_integer = {"base", "GHC.Show", "$fShowInteger_$cshow"},
   show_natural = {"base", "GHC.Show", "$fShowNatural_$cshow"},
   integer_add = {"ghc-bignum", "GHC.Num.Integer", "integerAdd"},
   integer_times = {"ghc-bignum", "GHC.Num.Integer", "integerMul"},
   to_natural = {"ghc-bignum", "GHC.Num.Integer", "integerToNatural"},
   unit = {"ghc-prim", "GHC.Tuple", "()"},
   my_thread = {"base", "GHC.Conc.Sync", "myThreadId"},
   weak_thread = {"base", "GHC.Conc.Sync", "mkWeakThreadId"},
   run_io = {"base", "GHC.TopHandler", "runIO"},
   run_pure = {"base", "GHC.TopHandler", "runNonIO"},
}

--- Where constructors live.
---@type table<string, string[]>
layout.constructors = {
   ["I#"] = {"ghc-prim", "GHC.Types"}, ["W#"] = {"ghc-prim", "GHC.Types"},
   ["D#"] = {"ghc-prim", "GHC.Types"}, ["F#"] = {"ghc-prim", "GHC.Types"},
   ["C#"] = {"ghc-prim", "GHC.Types"}, ["True"] = {"ghc-prim", "GHC.Types"},
   ["False"] = {"ghc-prim", "GHC.Types"}, ["LT"] = {"ghc-prim", "GHC.Types"},
   ["EQ"] = {"ghc-prim", "GHC.Types"}, ["GT"] = {"ghc-prim", "GHC.Types"},
   ["[]"] = {"ghc-prim", "GHC.Types"}, [":"] = {"ghc-prim", "GHC.Types"},
   ["I8#"] = {"base", "GHC.Int"}, ["I16#"] = {"base", "GHC.Int"}, ["I32#"] = {"base", "GHC.Int"},
   ["I64#"] = {"base", "GHC.Int"}, ["W8#"] = {"base", "GHC.Word"},
   ["W16#"] = {"base", "GHC.Word"}, ["W32#"] = {"base", "GHC.Word"},
   ["W64#"] = {"base", "GHC.Word"}, ["Ptr"] = {"base", "GHC.Ptr"},
   ["FunPtr"] = {"base", "GHC.Ptr"}, ["StablePtr"] = {"base", "GHC.Stable"},
   ["Nothing"] = {"base", "GHC.Maybe"}, ["Just"] = {"base", "GHC.Maybe"},
   ["Left"] = {"base", "Data.Either"}, ["Right"] = {"base", "Data.Either"},
   ["IS"] = {"ghc-bignum", "GHC.Num.Integer"}, ["IP"] = {"ghc-bignum", "GHC.Num.Integer"},
   ["IN"] = {"ghc-bignum", "GHC.Num.Integer"}, ["NS"] = {"ghc-bignum", "GHC.Num.Natural"},
   ["NB"] = {"ghc-bignum", "GHC.Num.Natural"},
}

--- The unit and module of a constructor; tuples are where the unit is.
---@param name string
---@return string unit
---@return string module
function layout.home(name)
   local home = layout.constructors[name] or layout.closures.unit
   return home[1], home[2]
end

--- The facts of one version of GHC.
---@param ghc string "9.0.2"
---@return moonlink.ghc.Layout
function layout.of(ghc)
   local known = not version.less(ghc, "9.0") and version.less(ghc, "9.1")
   return {config = known and CONFIG_9_0 or nil, registers = 24}
end

return layout
