--- What keeps an object from being put into a shared library: the relocations that ld -shared
-- refuses on x86-64, each with its reason and its remedy.
-- A shared library lies anywhere in 64 bits, and another library's definition of a name may come
-- before its own (gABI chapter 5, "Shared Object Dependencies"; x86-64 psABI 3.5). So it can hold
-- neither an address in less than 64 bits nor a distance to something that may lie elsewhere; the
-- GOT and the PLT are what -fPIC uses in their place.
-- SPDX-License-Identifier: MIT

local pic = {}

---@class moonlink.cli.Finding
---@field section string
---@field offset integer
---@field func? string
---@field type string name of the relocation
---@field symbol string
---@field reason string
---@field remedy string

local short_address = {
   R_X86_64_8 = true, R_X86_64_16 = true, R_X86_64_32 = true, R_X86_64_32S = true,
}
local distance = {R_X86_64_PC8 = true, R_X86_64_PC16 = true, R_X86_64_PC32 = true}

--- Names that the linker itself defines, hidden in each library.
local function is_linkers(name)
   return name == "_GLOBAL_OFFSET_TABLE_" or name == "_DYNAMIC" or name == "__ehdr_start"
      or name:find "^__start_[%a_]" ~= nil or name:find "^__stop_[%a_]" ~= nil
end

--- A distance is known when the definition cannot be anybody else's.
local function judge_distance(symbol, visibility, known)
   if visibility == "default" then
      if symbol.place == "undefined" and is_linkers(symbol.name) then
         return nil
      end
      return known and "another library's definition of the name may come first"
         or "it may lie in another library, at a distance that 32 bits cannot hold"
   elseif symbol.place == "undefined" and symbol.bind == "weak" and not known then
      return "it is hidden, weak and undefined, and address 0 is at no fixed distance"
   end
   return nil
end

--- Why ld -shared would refuse a relocation; nil when it would not.
local function judge(type, section, symbol, visibility, known)
   if short_address[type] then
      return "its address does not fit: a shared library lies anywhere in 64 bits"
   elseif type == "R_X86_64_TPOFF32" then
      return "only the program itself knows the variable's place in the thread's block"
   elseif symbol.bind == "local" then
      return nil
   elseif type == "R_X86_64_GOTOFF64" then
      return not known and "it is undefined, so its distance from the GOT is not known" or nil
   elseif distance[type] and not section.flags:find "W" then
      return judge_distance(symbol, visibility, known)
   end
   return nil
end

--- The source file, when the object names exactly one.
local function source_of(symbols)
   local source
   for _, symbol in ipairs(symbols) do
      if symbol.type == "file" and symbol.name ~= "" then
         if source then
            return nil
         end
         source = symbol.name
      end
   end
   return source
end

local function remedy_of(object, source, type, visibility, known)
   local again = ("compile %s again with -fPIC"):format(source or object.member or object.file)
   if source and source:find "%.[sS]$" then
      again = ("in %s, go through the GOT or the PLT"):format(source)
   end
   if distance[type] and known and visibility == "default" then
      return again .. ", or hide the symbol (-fvisibility=hidden)"
   end
   return again
end

local strictness = {internal = 1, hidden = 2, protected = 3, default = 4}

--- The visibility that a name gets which two objects give it (gABI chapter 4, "Symbol Table").
local function stricter(a, b)
   return (strictness[a] or 4) < (strictness[b] or 4) and a or b
end

---@class moonlink.cli.Name
---@field defined boolean
---@field visibility string

--- What objects of one library know of their names together.
---@param list moonlink.cli.Object[]
---@return table<string, moonlink.cli.Name>
function pic.names(list)
   local names = {}
   for _, object in ipairs(list) do
      for _, symbol in ipairs(object.core:symbols()) do
         if symbol.bind ~= "local" then
            local name = names[symbol.name] or {defined = false, visibility = "default"}
            name.defined = name.defined or symbol.place ~= "undefined"
            name.visibility = stricter(name.visibility, symbol.visibility)
            names[symbol.name] = name
         end
      end
   end
   return names
end

local nothing = {name = "", bind = "local", visibility = "default", place = "absolute"}
local unknown = {defined = false, visibility = "default"}

--- What keeps an object out of a shared library, in the order of the file.
---@param object moonlink.cli.Object
---@param names table<string, moonlink.cli.Name> what the objects of that library know; may be empty
---@return moonlink.cli.Finding[]
function pic.findings(object, names)
   local sections, symbols = object.core:sections(), object.core:symbols()
   local source, out = source_of(symbols), {}
   for _, r in ipairs(object.core:relocations()) do
      local symbol, section = symbols[r.symbol] or nothing, sections[r.section]
      local name = symbol.bind ~= "local" and names[symbol.name] or unknown
      local known = symbol.place ~= "undefined" or name.defined
      local visibility = stricter(symbol.visibility, name.visibility)
      local reason = judge(r.type, section, symbol, visibility, known)
      if reason then
         out[#out + 1] = {
            section = section.name, offset = r.offset, type = r.type, symbol = symbol.name,
            func = object.core:function_at(r.section, r.offset), reason = reason,
            remedy = remedy_of(object, source, r.type, visibility, known),
         }
      end
   end
   return out
end

--- One finding as one line.
---@param object moonlink.cli.Object
---@param finding moonlink.cli.Finding
---@return string
function pic.text(object, finding)
   return ("%s%s: %s+%#x%s: %s against '%s': %s; %s"):format(object.file,
      object.member and "(" .. object.member .. ")" or "", finding.section, finding.offset,
      finding.func and " in " .. finding.func or "", finding.type, finding.symbol,
      finding.reason, finding.remedy)
end

local function count(n, one, many)
   return ("%d %s"):format(n, n == 1 and one or many)
end

--- All findings in one sentence.
---@param findings integer
---@param bad integer objects with findings
---@param all integer objects looked at
---@return string
function pic.summary(findings, bad, all)
   if findings == 0 then
      return ("nothing keeps %s out of a shared library"):format(count(all, "object", "objects"))
   end
   return ("%s in %d of %s"):format(
      count(findings, "relocation that a shared library cannot hold",
         "relocations that a shared library cannot hold"), bad, count(all, "object", "objects"))
end

return pic
