--- Wired-in packages: those that GHC knows by heart. Whatever version of one is installed, its unit
--- bears the bare name, in dependencies as in symbols. Which they are changed with GHC's versions.
-- SPDX-License-Identifier: MIT

local version = require "moonlink.pkg.version"

local wired = {}

--- Lists by the first GHC that has them, in the order in which GHC looks for them.
local SINCE = {
   {"9.13", "ghc-internal rts"},
   {"9.11", "ghc-prim ghc-bignum ghc-internal rts"},
   {"9.9", "ghc-prim ghc-bignum ghc-internal base rts template-haskell ghc-experimental"},
   {"9.7", "ghc-prim ghc-bignum base rts template-haskell"},
   {"8.11", "ghc-prim ghc-bignum base rts template-haskell ghc"},
   {"8.5", "ghc-prim integer-gmp integer-simple base rts template-haskell ghc"},
   {"7.11", "ghc-prim integer-gmp integer-simple base rts template-haskell ghc dph-seq dph-par"},
   {"7.1", "ghc-prim integer-gmp integer-simple base rts template-haskell dph-seq dph-par"},
   {"6.11", "ghc-prim integer-gmp integer-simple base rts haskell98 template-haskell dph-seq"
      .. " dph-par"},
   {"6.9", "ghc-prim integer base rts haskell98 syb template-haskell dph-seq dph-par"},
   {"6.7", "base rts haskell98 template-haskell ndp"},
   {"0", "base rts haskell98 template-haskell"},
}

--- The names of the wired-in packages of a GHC.
---@param ghc string version; 7.10 and the like, or what comes before it
---@return string[]
function wired.names(ghc)
   for _, row in ipairs(SINCE) do
      if version.compare(ghc, row[1]) >= 0 then
         local names = {}
         for name in row[2]:gmatch "%S+" do
            names[#names + 1] = name
         end
         return names
      end
   end
   return {}
end

--- Is a package of this name wired in?
---@param name string
---@param ghc string
---@return boolean
function wired.has(name, ghc)
   for _, each in ipairs(wired.names(ghc)) do
      if each == name then
         return true
      end
   end
   return false
end

--- The units that GHC links into every program that does not say otherwise.
---@param ghc string
---@return string[]
function wired.linked(ghc)
   return {version.compare(ghc, "9.13") >= 0 and "ghc-internal" or "base", "rts"}
end

return wired
