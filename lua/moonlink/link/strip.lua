--- Dead stripping by section: what are the roots?
-- SPDX-License-Identifier: MIT

local opts = require "moonlink.link.options"

local strip = {}

--- Drops the sections that nothing needs. Roots are the names that were asked for and those that
--- match `keep`; with neither, all names that the load would export. Constructors, notes and what
--- is marked to be retained stay by themselves.
---@param txn moonlink.core.Transaction
---@param options moonlink.Options
---@return boolean?
---@return moonlink.Error? err
function strip.run(txn, options)
   local keep, roots = options.keep, options.roots
   for _, entry in ipairs(keep and txn:entries() or {}) do
      local here = entry.in_load or entry.how == "stripped"
      if here and not entry.name:find "\n" and opts.matches(entry.name, keep) then
         local ok, err = txn:root(entry.name)
         if not ok then
            return nil, err
         end
      end
   end
   return txn:strip(not keep and #(roots or {}) == 0)
end

return strip
