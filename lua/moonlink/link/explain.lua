--- Why does a name mean what it means? Who wanted it, who could have provided it, who won.
-- SPDX-License-Identifier: MIT

local question = require "moonlink.link.question"

local explain = {}

---@class moonlink.Explanation
---@field name string
---@field unit? string the load that it speaks of
---@field how string "section", "process", "unit" ...; "unknown" when no load ever saw the name
---@field provider? string
---@field address? integer
---@field wanted_by string[]
---@field candidates moonlink.Candidate[]
---@field hidden {provider: string, why: string}[] who defines it and keeps it to itself
---@field pulled? string member that the name pulled in
---@field reason string

local reasons = {
   section = "a definition in the load itself comes before everything in the scope",
   stripped = "its section was dropped: nothing that is kept needs it (gc_sections)",
   common = "a common symbol of the load: the largest of all of that name",
   linker = "made by the linker for this load",
   absolute = "an absolute symbol of the load",
   unit = "an earlier unit of this linker defines it",
   process = "the process defines it",
   given = "a policy gave the address",
   zero = "undefined, and the policy allows address 0",
   lazy = "it is only called, and looked up when it is called first",
   none = "nothing defines it, and no strong reference of code or data wants it, so it is 0",
   answered = "no reference to it is left: a policy gave another name or address for each",
}

local function fill(out, source, entry, scope)
   local inputs = source:inputs()
   out.how, out.address = entry.how, entry.address
   out.provider = entry.input and question.place(inputs[entry.input]) or entry.provider
   if out.provider == "" then
      out.provider = "the executable"
   end
   for _, i in ipairs(source:referrers(entry.name)) do
      out.wanted_by[#out.wanted_by + 1] = question.place(inputs[i])
   end
   for _, input in ipairs(inputs) do
      if input.by == entry.name then
         out.pulled = question.place(input)
      end
   end
   out.reason = reasons[entry.how == "none" and #out.wanted_by == 0 and "answered" or entry.how]
   if entry.shadowed then
      out.reason = "its own definition gave way: " .. out.reason
   elseif entry.scope then
      local place = scope and scope.places[entry.scope] or {entry.scope}
      out.reason = ("%s; place %d of the scope%s"):format(out.reason, place[1],
         place[2] and " (" .. place[2] .. ")" or "")
   end
end

local function text(e)
   local lines = {("'%s': %s"):format(e.name, e.reason)}
   if e.provider then
      local at = e.address and (" at %#x"):format(e.address) or ""
      lines[#lines + 1] = ("  provided by %s%s"):format(e.provider, at)
   end
   if e.unit then
      lines[#lines + 1] = "  in unit " .. e.unit
   end
   if e.pulled then
      lines[#lines + 1] = "  pulled in " .. e.pulled
   end
   if e.pulled and #e.wanted_by == 0 then
      lines[#lines + 1] = "  wanted by the caller"
   end
   for _, by in ipairs(e.wanted_by) do
      lines[#lines + 1] = "  wanted by " .. by
   end
   for _, c in ipairs(e.candidates) do
      local provider = c.provider ~= "" and c.provider or "the executable"
      local member = c.member and "(" .. c.member .. ")" or ""
      lines[#lines + 1] = ("  candidate: %s %s%s"):format(c.how, provider, member)
   end
   for _, h in ipairs(e.hidden) do
      lines[#lines + 1] = ("  no candidate: %s, where it is hidden (%s)"):format(h.provider, h.why)
   end
   return table.concat(lines, "\n")
end

local metatable = {__name = "moonlink.Explanation", __tostring = text}

--- Explains a name from a source of the core that knows it (a transaction or a unit), if any.
---@param name string
---@param source moonlink.core.Transaction|moonlink.core.Unit|nil
---@param candidates moonlink.Candidate[]
---@param unit_name string?
---@param scope moonlink.CompiledScope? for the place that answered
---@param hidden? {provider: string, why: string}[]
---@return moonlink.Explanation
function explain.new(name, source, candidates, unit_name, scope, hidden)
   local out = setmetatable({
      name = name, unit = unit_name, wanted_by = {}, candidates = candidates, how = "unknown",
      hidden = hidden or {},
      reason = "no load has seen this name",
   }, metatable)
   local entry = source and source:entry(name)
   if entry then
      fill(out, source, entry, scope)
   elseif #candidates > 0 then
      out.reason = "no load has wanted it yet; the first candidate would be taken"
   end
   return out
end

return explain
