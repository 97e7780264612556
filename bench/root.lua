--- Where the checkout is, for scripts of this folder: they begin with
--    local root = dofile((arg[0]:match "^.*/" or "") .. "root.lua")
-- and find modules of moonlink and of the bench there from then on, and the core where `make` puts
-- it, when nothing else names one.
-- SPDX-License-Identifier: MIT

local folder = arg[0]:match "^(.*)/" or "."
local pipe <close> = assert(io.popen(("cd '%s/..' && pwd"):format(folder)))
local root = assert(pipe:read())

package.path = ("%s/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(root, root, root, package.path)
package.cpath = ("%s;%s/build/?.so"):format(package.cpath, root)

return root
