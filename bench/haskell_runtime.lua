--- What a program that GHC linked has in its process before it loads anything: the runtime, and the
-- libraries that this was linked with.
-- SPDX-License-Identifier: MIT

local runtime = {}

local LIBRARIES = {
   c = true, m = true, rt = true, dl = true, gmp = true, ffi = true, pthread = true,
}

--- Is it such a library? By the name behind -l.
function runtime.has_library(name)
   return LIBRARIES[name] == true
end

--- Is it the runtime's archive, of whatever way?
function runtime.is_archive(path)
   return path:find "/libHSrts[^/]*%.a$" ~= nil
end

return runtime
