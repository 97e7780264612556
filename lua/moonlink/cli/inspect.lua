--- moonlink inspect: what is in one file.
-- SPDX-License-Identifier: MIT

local arguments = require "moonlink.cli.arguments"
local core = require "moonlink.core"
local errors = require "moonlink.error"
local file = require "moonlink.file"
local json = require "moonlink.show.json"
local number = require "moonlink.show.number"
local show_table = require "moonlink.show.table"

local inspect = {
   name = "inspect",
   summary = "Show what is in an object or archive.",
   usage = "moonlink inspect [--json] FILE",
   description = "Shows the sections, the symbols, and how many relocations of each kind an\n"
      .. "object has; of an archive its members, and how many names its index holds.",
   example = "moonlink inspect hello.o",
   leading = 0, files = 1,
   options = {{"--json", target = "json", text = "Print it as JSON."}},
}

local HEAD = 4096 -- bytes that tell what a file is

--- How often each kind of relocation occurs, the most frequent first.
local function count_relocations(object)
   local counts, list = {}, json.list {}
   for _, r in ipairs(object:relocations()) do
      local type = tostring(r.type)
      counts[type] = (counts[type] or 0) + 1
   end
   for type, count in pairs(counts) do
      list[#list + 1] = {type = type, count = count}
   end
   table.sort(list, function(a, b)
      if a.count ~= b.count then
         return a.count > b.count
      end
      return a.type < b.type
   end)
   return list
end

local function describe_object(name, bytes)
   local object <close>, err = core.object(bytes, name)
   if not object then
      return nil, err
   end
   return {
      file = name, kind = "object", machine = object:machine(), size = #bytes,
      sections = json.list(object:sections()), symbols = json.list(object:symbols()),
      relocations = count_relocations(object),
   }
end

local function describe_archive(path, kind)
   local members, err = core.members(path)
   local index = members
   if members then
      index, err = core.index(path)
   end
   if not index then
      return nil, err
   end
   local out = {file = path, kind = kind, index = #index, members = json.list {}}
   for i, member in ipairs(members) do
      local bytes = core.member(path, member.header)
      out.members[i] = {
         name = member.name, size = member.size, offset = member.offset, path = member.path,
         kind = bytes and core.kind_of(bytes:sub(1, HEAD)) or nil,
      }
   end
   return out
end

local function describe_script(path)
   local bytes, err = file.read(path)
   local items = bytes
   if bytes then
      items, err = core.ldscript(bytes, path)
   end
   if not items then
      return nil, err
   end
   return {file = path, kind = "script", items = json.list(items)}
end

--- What a file is, as plain data.
---@param input {path: string?, bytes: string?, name: string?}
---@return table?
---@return moonlink.Error? err
local function describe(input)
   if input.bytes then
      return describe_object(input.name, input.bytes)
   end
   local path = input.path
   local kind, machine = core.kind(path)
   if not kind then
      return nil, machine
   elseif kind == "archive" or kind == "thin" then
      return describe_archive(path, kind)
   elseif kind == "text" then
      return describe_script(path)
   elseif kind == "shared" or kind == "program" then
      return {file = path, kind = kind, machine = machine}
   end
   local bytes, err = file.read(path)
   if not bytes then
      return nil, err
   end
   return describe_object(path, bytes)
end

local function show_sections(d)
   local rows = {}
   for i, s in ipairs(d.sections) do
      rows[i] = {i, s.name, s.type, s.flags, s.size, s.align}
   end
   return show_table.text({
      {title = "#", right = true}, {title = "section"}, {title = "type"}, {title = "flags"},
      {title = "size", right = true}, {title = "align", right = true},
   }, rows, "  ")
end

local function show_symbols(d)
   local rows = {}
   for i, s in ipairs(d.symbols) do
      local section = s.section and d.sections[s.section]
      rows[i] = {i, s.name, s.bind, s.type, s.visibility, section and section.name or s.place,
         number.hex(s.value), s.size}
   end
   return show_table.text({
      {title = "#", right = true}, {title = "symbol"}, {title = "bind"}, {title = "type"},
      {title = "visibility"}, {title = "place"}, {title = "value", right = true},
      {title = "size", right = true},
   }, rows, "  ")
end

local function show_relocations(d)
   local rows = {}
   for i, r in ipairs(d.relocations) do
      rows[i] = {r.type, r.count}
   end
   return show_table.text({{title = "relocation"}, {title = "count", right = true}}, rows, "  ")
end

local function show_object(d)
   local parts = {("%s: relocatable object for %s, %d bytes"):format(d.file, d.machine, d.size)}
   local shows = {sections = show_sections, symbols = show_symbols, relocations = show_relocations}
   for _, what in ipairs {"sections", "symbols", "relocations"} do
      parts[#parts + 1] = #d[what] > 0 and shows[what](d) or ("  no %s"):format(what)
   end
   return table.concat(parts, "\n\n")
end

local function show_archive(d)
   local rows = {}
   for i, m in ipairs(d.members) do
      rows[i] = {m.name, m.size, m.kind or "(cannot be read)", m.path or ""}
   end
   local head = ("%s: %s, %d members, %d names in its index"):format(d.file,
      d.kind == "thin" and "thin archive" or "archive", #d.members, d.index)
   return head .. "\n\n" .. show_table.text({
      {title = "member"}, {title = "size", right = true}, {title = "kind"}, {title = "file"},
   }, rows, "  ")
end

local function show_script(d)
   local rows = {}
   for i, item in ipairs(d.items) do
      rows[i] = {item.line, item.what, item.name, item.as_needed and "as needed" or ""}
   end
   return ("%s: linker script\n\n"):format(d.file) .. show_table.text({
      {title = "line", right = true}, {title = "what"}, {title = "name"}, {title = ""},
   }, rows, "  ")
end

local function show_other(d)
   return ("%s: %s for %s"):format(d.file,
      d.kind == "shared" and "shared object" or "program", d.machine or "an unknown processor")
end

local shows = {
   object = show_object, archive = show_archive, thin = show_archive, script = show_script,
   shared = show_other, program = show_other,
}

---@param parsed table
---@return integer? status
---@return any err
function inspect.run(parsed)
   local inputs = arguments.inputs(parsed.inputs)
   local input = inputs[1]
   if type(input) == "string" then
      return nil, errors.new {code = "argument", message = ("'%s' is no file"):format(input),
         hint = "inspect takes the path of a file"}
   end
   local data, err = describe(input)
   if not data then
      return nil, err
   end
   io.stdout:write(parsed.json and json.encode(data) or shows[data.kind](data), "\n")
   return 0
end

return inspect
