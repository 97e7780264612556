--- Messages about names: everything that is undefined in one error, and who defines a name twice.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local distance = require "moonlink.distance"
local errors = require "moonlink.error"
local input_name = require "moonlink.link.inputs".name
local lists = require "moonlink.lists"
local question = require "moonlink.link.question"
local runtimes = require "moonlink.link.runtimes"
local search = require "moonlink.link.search"
local similar = require "moonlink.link.similar"
local versions = require "moonlink.link.versions"

local report = {}

local REFERENCES = 3
local UNASKED = 999 -- a set of archives that no scope has

--- "a.o .text+0xf in main"
local function reference_text(inputs, ref)
   local place = question.place(inputs[ref.input])
   local text = ("%s %s+%#x"):format(place, ref.section, ref.offset)
   return ref.func and text .. " in " .. ref.func or text
end

--- The first few of a list, each shown by f, and how many more there are.
local function few(list, f)
   local shown = {}
   for i = 1, math.min(#list, REFERENCES) do
      shown[i] = f(list[i])
   end
   if #list > REFERENCES then
      shown[#shown + 1] = ("and %d more"):format(#list - REFERENCES)
   end
   return table.concat(shown, ", ")
end

local function quoted(name)
   return "'" .. name .. "'"
end

local function count_text(n)
   return n == 1 and "1 reference" or n .. " references"
end

--- Opens what a hint may point at: the archives in the folders of the search path, and the
--- fall-backs. No place of the scope asks them.
local function open_unasked(load)
   if load.unasked then
      return
   end
   load.unasked = true
   for _, folder in ipairs(load.options.search or {}) do
      for _, file in ipairs(core.list_folder(folder) or {}) do
         if file:find "%.a$" then
            load.txn:add_archive(folder .. "/" .. file, UNASKED)
         end
      end
   end
   for _, path in ipairs(search.fallback(load.options)) do
      load.txn:add_archive(path, UNASKED)
   end
end

--- An archive that defines the name but was not asked: "lib.a(m.o)".
local function who_has(load, name)
   open_unasked(load)
   for i, archive in ipairs(load.txn:archives()) do
      local member = load.txn:archive_defines(i, name)
      if member then
         return ("%s(%s)"):format(archive.path, member)
      end
   end
end

--- An earlier unit that defines the name and keeps it to itself.
local function hint_hidden(load, name)
   local hidden = question.hidden(load.session, name)[1]
   return hidden
      and ("%s defines it, but it is hidden there (%s); load both together, or export it")
         :format(hidden.provider, hidden.why)
end

--- The process has the name, but not in this version.
local function hint_version(load, name)
   local plain = name:match "^([^@]+)@"
   local address, provider
   if plain then
      address, provider = load.txn:process_defines(plain)
   end
   if not address then
      return nil
   end
   local list = versions.of(provider, plain)
   return ("%s has '%s'%s"):format(provider, plain,
      #list > 0 and " with versions " .. table.concat(list, ", ") or " without versions")
end

--- `__real_NAME` is NAME where that is wrapped, which an input may ask for alone.
local function hint_wrap(load, name)
   local plain = name:match "^__real_(.+)"
   for _, input in ipairs(plain and load.list or {}) do
      if input.edits and lists.contains(input.edits.wrap or {}, plain) then
         return ("%s has wrap = {%q} for itself alone; the input that refers to '%s' wants it, too,"
            .. " or the whole load"):format(input_name {input}, plain, name)
      end
   end
   return plain and ("it means '%s' where that is wrapped: pass wrap = {%q} (--wrap %s)")
      :format(plain, plain, plain)
end

local function hint_of(load, name, known, runtime)
   if runtime then
      return runtime.hint
   end
   local has = who_has(load, name)
   if has then
      return ("%s defines it; add that archive"):format(has)
   end
   local other = hint_hidden(load, name) or hint_version(load, name) or hint_wrap(load, name)
   if other then
      return other
   end
   local near = distance.nearest(name, known)
   if near then
      return ("did you mean '%s'?"):format(near)
   end
   local section = name:match "^__start_(.+)" or name:match "^__stop_(.+)"
   if section then
      return ("no loaded section is named '%s'"):format(section)
   end
   return "add the object or library that defines it, or " .. (load.options.at
      and ("give its address: define = {%s = ADDRESS} (--define %s=ADDRESS)"):format(name, name)
      or "pass undefined = \"stub\" (--undefined stub)")
end

--- ", the answer of a hook to 'foo'": the inputs may not know the name at all.
local function answered(load, name)
   local by = load.answers[name]
   local names = by and lists.keys(by)
   return names and (", the answer of %s to %s"):format(by[names[1]], few(names, quoted)) or ""
end

local function one(load, inputs, name, known, runtime)
   local refs = load.txn:references(name, 1000)
   local first = refs[1] or {}
   local entry = load.txn:entry(name)
   local input = inputs[first.input or entry and entry.first_reference or 0] or {}
   local shown = similar.demangle(name)
   local who = #refs > 0 and ("%s: %s"):format(count_text(#refs),
         few(refs, function(ref) return reference_text(inputs, ref) end))
      or input.file and "referred to by " .. question.place(input) or "wanted by the caller"
   return errors.new {
      code = "undefined", symbol = name, demangled = shown, file = input.file,
      member = input.member,
      section = first.section, offset = first.offset, func = first.func, reloc = first.reloc,
      references = refs, hint = hint_of(load, name, known, runtime),
      message = ("undefined '%s'%s%s (%s)"):format(name, shown and " [" .. shown .. "]" or "",
         answered(load, name), who),
   }
end

--- What one compiler option wants is one error: e is that of the first of the names.
local function of_runtime(e, inputs, runtime, names)
   local first = e.references[1]
   local input = first and inputs[first.input]
   e.message = ("%s was built with %s but %s is not in this process (undefined %s)"):format(
      input and question.place(input) or e.file or "an input", runtime.flag, runtime.name,
      few(names, quoted))
   return e
end

--- The names as they are to be reported: { name, names=, runtime= } each.
local function grouped(names)
   local out, group_of, kernels = {}, {}, runtimes.kernels(names)
   for _, name in ipairs(names) do
      local runtime = runtimes.of(name, kernels)
      local group = runtime and runtime.flag and group_of[runtime]
      if group then
         table.insert(group.names, name)
      else
         group = {name, runtime = runtime, names = {name}}
         out[#out + 1] = group
         if runtime then
            group_of[runtime] = group
         end
      end
   end
   return out
end

--- All undefined names in one error.
---@param load moonlink.Load
---@param names string[]
---@return moonlink.Error
function report.undefined(load, names)
   local inputs = load.txn:inputs()
   local known, list, groups = similar.collect(load), {}, grouped(names)
   for i = 1, math.min(#groups, 20) do
      local group = groups[i]
      local e, runtime = one(load, inputs, group[1], known, group.runtime), group.runtime
      list[i] = runtime and runtime.flag and of_runtime(e, inputs, runtime, group.names) or e
   end
   local err = errors.joined(list, #groups)
   err.names = err.names or names
   return err
end

--- A name that was asked for and that nothing has.
---@param session moonlink.core.Session
---@param name string
---@return moonlink.Error
function report.unknown(session, name)
   local hidden = question.hidden(session, name)[1]
   local known = similar.exported(session, {})
   local mangled, near = similar.mangled(name, known), nil
   if not mangled and not hidden then
      near = distance.nearest(name, known)
   end
   return errors.new {
      code = "undefined", symbol = name, message = ("undefined '%s'"):format(name),
      hint = hidden and ("%s defines it, but it is hidden there (%s)")
            :format(hidden.provider, hidden.why)
         or mangled and ("in C++ the name is '%s'; ask for that, or declare it extern \"C\"")
            :format(mangled)
         or near and ("did you mean '%s'?"):format(near)
         or "load the object that defines it first",
   }
end

--- The two places of a duplicate: { file=, member=, section=, offset=, unit=, text= } each.
---@param load moonlink.Load
---@param dup moonlink.core.Duplicate
---@return table[]
function report.duplicate_places(load, dup)
   local inputs, out = load.txn:inputs(), {}
   for k = 1, 2 do
      local place = dup[k]
      local input = place.input and inputs[place.input] or {}
      out[k] = {
         file = input.file, member = input.member, section = place.section, offset = place.offset,
         unit = place.unit,
         text = place.unit and ("unit %s"):format(place.unit)
            or ("%s (%s+%#x)"):format(question.place(input), place.section, place.offset),
      }
   end
   return out
end

--- Names with two strong definitions, all in one error.
---@param load moonlink.Load
---@param duplicates table[]
---@return moonlink.Error
function report.duplicates(load, duplicates)
   local list = {}
   for i = 1, math.min(#duplicates, 20) do
      local dup = duplicates[i]
      local places = report.duplicate_places(load, dup)
      local shown = similar.demangle(dup.name)
      list[i] = errors.new {
         code = "duplicate", symbol = dup.name, places = places, file = places[2].file,
         member = places[2].member, section = places[2].section, offset = places[2].offset,
         message = ("'%s'%s is defined twice: %s and %s"):format(dup.name,
            shown and " [" .. shown .. "]" or "", places[1].text, places[2].text),
         hint = 'is the same object loaded twice? pass duplicate = "first" (--dup first), '
            .. "or use a linker of its own",
      }
   end
   return errors.joined(list, #duplicates)
end

return report
