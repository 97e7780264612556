--- Plans as texts: printed, compared, kept in files. A kept plan is JSON: data that is read, never
-- code that runs.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local files = require "moonlink.file"
local given = require "moonlink.given"
local json = require "moonlink.show.json"
local json_read = require "moonlink.show.json_read"
local shape = require "moonlink.plan"

local plan_text = {}

local function plural(n, noun)
   return n == 1 and "1 " .. noun or ("%d %ss"):format(n, noun)
end

local function file_lines(lines, unit)
   for _, file in ipairs(unit.files) do
      local pad = (" "):rep(9 - #file.kind) -- %-9s takes no NUL, which a file may hold
      lines[#lines + 1] = ("   %s%s %s"):format(file.kind, pad, file.path)
      local before = #file.tried > 0 and (", after %s"):format(plural(#file.tried, "other path"))
         or ""
      lines[#lines + 1] = ("             %s%s: %s%s"):format(
         file.role == "package" and "library " or "extra library ", file.library, file.why, before)
   end
end

--- The plan for a reader: units in order, the files of each and why.
---@param plan moonlink.pkg.Plan
---@return string without a line end behind it
function plan_text.show(plan)
   local lines = {("plan for %s (%s, %s; policy: %s)"):format(table.concat(plan.asked, ", "),
      plan.kind, plan.way, plan.policy)}
   local with = {}
   for _, group in ipairs(plan.groups) do
      for _, id in ipairs(group) do
         with[id] = #group > 1 and table.concat(group, ", ") or nil
      end
   end
   for i, unit in ipairs(plan.units) do
      lines[#lines + 1] = ("%d. %s, from %s"):format(i, unit.id, unit.database)
      if unit.depends[1] then
         lines[#lines + 1] = "   depends   " .. table.concat(unit.depends, ", ")
      end
      file_lines(lines, unit)
      if unit.roots[1] then
         lines[#lines + 1] = ("   roots     %s: %s%s"):format(plural(#unit.roots, "name"),
            unit.roots[1], #unit.roots > 1 and " ..." or "")
      end
      if unit.options[1] then
         lines[#lines + 1] = "   not used  " .. table.concat(unit.options, " ")
      end
      if with[unit.id] then
         lines[#lines + 1] = "   linked with the others of " .. with[unit.id]
      end
   end
   for _, each in ipairs(plan.missing) do
      lines[#lines + 1] = ("missing: %s of %s"):format(each.library, each.unit)
      for _, path in ipairs(each.tried) do
         lines[#lines + 1] = "   not there " .. path
      end
   end
   return table.concat(lines, "\n")
end

local methods = {}
local metatable = {__index = methods, __tostring = plan_text.show, __name = "moonlink.Plan"}

--- Gives a plan its methods.
---@generic T
---@param plan T
---@return T
function plan_text.bless(plan)
   return setmetatable(plan, metatable)
end

--- What two lists of texts have in one of them only; their order, when that is all.
local function differ(out, id, what, old, new)
   local before, now, already = {}, {}, #out
   for _, item in ipairs(old) do
      before[item] = true
   end
   for _, item in ipairs(new) do
      now[item] = true
      if not before[item] then
         out[#out + 1] = {unit = id, what = what, new = item}
      end
   end
   for _, item in ipairs(old) do
      if not now[item] then
         out[#out + 1] = {unit = id, what = what, old = item}
      end
   end
   if #out == already then
      local first, second = table.concat(old, ", "), table.concat(new, ", ")
      out[#out + 1] = first ~= second
         and {unit = id, what = what .. " order", old = first, new = second} or nil
   end
end

local difference = {__tostring = function(list)
   local lines = {}
   for i, each in ipairs(list) do
      local where = each.unit and each.unit .. ": " or ""
      lines[i] = ("%s%s%s"):format(where, each.what,
         (each.old and " - " .. each.old or "") .. (each.new and " + " .. each.new or ""))
   end
   return table.concat(lines, "\n")
end}

local function missing_of(plan)
   local list = {}
   for i, each in ipairs(plan.missing) do
      list[i] = ("%s of %s"):format(each.library, each.unit)
   end
   return list
end

local function groups_of(plan)
   local list = {}
   for _, group in ipairs(plan.groups) do
      list[#list + 1] = #group > 1 and table.concat(group, " + ") or nil
   end
   return list
end

local function by_id(plan)
   local units, list = {}, {}
   for i, unit in ipairs(plan.units) do
      units[unit.id], list[i] = unit, unit.id
   end
   return units, list
end

local function check(plan, number)
   local why = shape.problem(plan)
   if why then
      errors.mistake("bad argument #%d to 'diff' (plan expected: %s)", number, why)
   end
end

--- What two plans say differently: { unit=, what=, old=, new= } each; it prints itself. Why a file
--- was taken is left out.
---@param old moonlink.pkg.Plan
---@param new moonlink.pkg.Plan
---@return {unit: string?, what: string, old: string?, new: string?}[]
function plan_text.diff(old, new)
   local out = {}
   check(old, 1)
   check(new, 2)
   for _, field in ipairs {"kind", "way", "policy", "ghc"} do
      if old[field] ~= new[field] then
         out[#out + 1] = {what = field, old = old[field], new = new[field]}
      end
   end
   local before, old_list = by_id(old)
   local now, new_list = by_id(new)
   differ(out, nil, "asked", old.asked, new.asked)
   differ(out, nil, "unit", old_list, new_list)
   for _, id in ipairs(new_list) do
      local a, b = before[id], now[id]
      if a then
         if a.database ~= b.database then
            out[#out + 1] = {unit = id, what = "database", old = a.database, new = b.database}
         end
         differ(out, id, "file", shape.paths(a), shape.paths(b))
         for _, field in ipairs {"depends", "roots", "search", "options"} do
            differ(out, id, field, a[field], b[field])
         end
      end
   end
   differ(out, nil, "group", groups_of(old), groups_of(new))
   differ(out, nil, "missing", missing_of(old), missing_of(new))
   return setmetatable(out, difference)
end

methods.diff = plan_text.diff

--- A copy in which empty tables are lists: every table of a plan is a list or has fields.
local function plain(value)
   if type(value) ~= "table" then
      if type(value) == "string" and not utf8.len(value) then
         error(value, 0)
      end
      return value
   end
   local copy = {}
   for key, each in pairs(value) do
      copy[key] = plain(each)
   end
   return next(copy) == nil and json.list(copy) or copy
end

--- A plan as JSON.
---@param plan moonlink.pkg.Plan
---@return string? one line
---@return moonlink.Error? err
function plan_text.encode(plan)
   local fine, copy = pcall(plain, plan)
   if fine then
      return json.encode(copy)
   end
   return nil, errors.new {
      code = "format", message = ("a plan with %q, which is not UTF-8, cannot be kept")
         :format(copy),
   }
end

--- Writes a plan to a file, as JSON.
---@param plan moonlink.pkg.Plan
---@param path string
---@return boolean?
---@return moonlink.Error? err
function plan_text.save(plan, path)
   if type(path) ~= "string" or path:find("\0", 1, true) then
      errors.mistake("bad argument #1 to 'save' (path without NUL expected, got %s)", type(path))
   end
   local text, err = plan_text.encode(plan)
   if not text then
      return nil, err
   end
   return files.write(path, text .. "\n")
end

methods.save = plan_text.save

--- Reads a plan that was kept. What it says is checked when it is loaded.
---@param path string
---@return moonlink.pkg.Plan?
---@return moonlink.Error? err
function plan_text.read(path)
   local text, err = files.read(path)
   if not text then
      return nil, err
   end
   local plan, why = json_read.decode(text)
   why = why or shape.problem(plan)
   if why then
      return nil, errors.new {
         code = "format", file = path, message = ("%s: no plan: %s"):format(path, why),
         hint = "plan:save(path) writes one",
      }
   end
   return plan_text.bless(plan)
end

given.methods(methods, metatable, "plan")

return plan_text
