--- What the names in an archive do not say: rules by path, the first that fits.
-- SPDX-License-Identifier: MIT

local libraries = {}

--- Shared libraries that repeat what others define, or that stand in for them.
libraries.never = {
   ["gnutls-openssl"] = "has OpenSSL's names",
   ["tcmalloc"] = "replaces malloc", ["asan"] = "a sanitizer", ["tsan"] = "a sanitizer",
   ["lsan"] = "a sanitizer", ["ubsan"] = "a sanitizer",
}

--- Shared libraries that are taken only for what no other defines: a second C++ library, a second
--- unwinder.
libraries.last = {["c++"] = true, ["c++abi"] = true, ["unwind"] = true, ["supc++"] = true}

---@class corpus.Rule
---@field path string Lua pattern, found in the archive's path
---@field static? boolean archives of the same folder before shared libraries
---@field with? string[] -l names to take first
---@field tunables? string GLIBC_TUNABLES of the process that loads it: the way out that the
---  linker's own message names when static thread-local storage is spent

---@type corpus.Rule[]
local RULES = {
   -- libLLVM.so has all of them, and options that are registered twice end the process
   {path = "/llvm%-%d+/lib/libLLVM", static = true},
   -- uses names of libcrypto that its shared library hides
   {path = "/libssl%.a$", static = true},
   -- 3,568 bytes of static thread-local storage
   {path = "/libpari%.a$", tunables = "glibc.rtld.optional_static_tls=8192"},
}

--- The rule for an archive; empty when there is none.
---@param archive {path: string}
---@return corpus.Rule
function libraries.rule(archive)
   for _, rule in ipairs(RULES) do
      if archive.path:find(rule.path) then
         return rule
      end
   end
   return {path = ""}
end

--- The words that set the environment of a process that loads an archive.
---@param archive {path: string}
---@return string[]
function libraries.environment(archive)
   local tunables = libraries.rule(archive).tunables
   return tunables and {"env", "GLIBC_TUNABLES=" .. tunables} or {}
end

return libraries
