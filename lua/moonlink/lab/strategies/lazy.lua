--- Strategies that link functions when they are called first. A unit of stubs defines the names of
-- all functions; a stub jumps through a slot, which leads to Lua until the object that has the
-- function is loaded. Objects whose data others name come with those.
-- The price: inside of its own object a function's address is not the stub's. All is unloaded at
-- once, and before that linked what destructors may call: functions that objects with destructors
-- name, and what those name in turn. A function that they know only by its address raises.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local isolate = require "moonlink.isolate"
local moonlink = require "moonlink"
local objects = require "moonlink.cli.objects"
local shell = require "moonlink.lab.shell"

local lazy = {}

local REAL = "moonlink.lab.real." -- before the names of functions in their own objects
local SLOTS, HANDLER = "moonlink.lab.slots", "moonlink.lab.handler"

--- Saves what carries arguments (psABI 3.2.3), calls the handler with the function's number, goes
-- on to the function.
local COMMON = [[
moonlink.lab.common:
	.cfi_startproc
	.cfi_def_cfa_offset 16
	push %rdi; push %rsi; push %rdx; push %rcx; push %r8; push %r9; push %rax; push %r10; push %rbx
	.cfi_adjust_cfa_offset 72
	sub $136, %rsp
	.cfi_adjust_cfa_offset 136
	movups %xmm0, (%rsp); movups %xmm1, 16(%rsp); movups %xmm2, 32(%rsp); movups %xmm3, 48(%rsp)
	movups %xmm4, 64(%rsp); movups %xmm5, 80(%rsp); movups %xmm6, 96(%rsp); movups %xmm7, 112(%rsp)
	mov 208(%rsp), %rdi
	call *"moonlink.lab.handler"(%rip)
	movups (%rsp), %xmm0; movups 16(%rsp), %xmm1; movups 32(%rsp), %xmm2; movups 48(%rsp), %xmm3
	movups 64(%rsp), %xmm4; movups 80(%rsp), %xmm5; movups 96(%rsp), %xmm6; movups 112(%rsp), %xmm7
	add $136, %rsp
	.cfi_adjust_cfa_offset -136
	pop %rbx; pop %r10; pop %rax; pop %r9; pop %r8; pop %rcx; pop %rdx; pop %rsi; pop %rdi
	.cfi_adjust_cfa_offset -72
	pop %r11
	.cfi_adjust_cfa_offset -8
	push %rax
	.cfi_adjust_cfa_offset 8
	lea "moonlink.lab.slots"(%rip), %rax
	mov (%rax,%r11,8), %r11
	pop %rax
	.cfi_adjust_cfa_offset -8
	jmp *%r11
	.cfi_endproc
	.section .note.GNU-stack,"",@progbits
]]

local STUB = [[
	.globl "%s"
	.type "%s", @function
"%s":	jmp *("moonlink.lab.slots" + %d)(%%rip)
1:	push $%d
	jmp moonlink.lab.common
	.pushsection .data
	.quad 1b
	.popsection
]]

--- Assembly of the stubs, in the order of the names.
local function stubs_source(names)
   local parts = {
      '\t.data\n\t.balign 8\n\t.globl "', HANDLER, '"\n"', HANDLER, '":\t.quad 0\n\t.globl "',
      SLOTS, '"\n"', SLOTS, '":\n\t.text\n',
   }
   for i, name in ipairs(names) do
      parts[#parts + 1] = STUB:format(name, name, name, (i - 1) * 8, i - 1)
   end
   parts[#parts + 1] = COMMON
   return table.concat(parts)
end

--- A name that some object hides means a definition in the same load: no stub can stand for it.
local function hidden_names(list)
   local hidden = {}
   for _, object in ipairs(list) do
      for _, symbol in ipairs(object.core:symbols()) do
         if symbol.visibility == "hidden" or symbol.visibility == "internal" then
            hidden[symbol.name] = true
         end
      end
   end
   return hidden
end

local function is_function(symbol, hidden)
   return symbol.type == "func" and not hidden[symbol.name] and not symbol.name:find '["\\%c]'
end

local function note(out, symbol, place, wants, definer)
   local name = symbol.name
   if symbol.place == "undefined" then
      wants[#wants + 1] = name
   elseif not is_function(symbol, out.hidden) then
      definer[name] = definer[name] or place
   else
      table.insert(out.functions[place], name)
      if not out.place_of[name] then
         out.names[#out.names + 1] = name
         out.place_of[name] = place
      end
   end
end

--- Functions by which code is registered that runs at the end.
local AT_END = {atexit = true, on_exit = true, __cxa_atexit = true, __cxa_thread_atexit = true}

--- Has an object something that runs when it ends?
local function has_end(object, wants)
   for _, section in ipairs(object.core:sections()) do
      if section.name:find "^%.fini" or section.name:find "^%.dtors" then
         return true
      end
   end
   for _, name in ipairs(wants) do
      if AT_END[name] then
         return true
      end
   end
   return false
end

--- Which objects have destructors, and the places of those whose functions each object names.
local function note_ends(out, list, wants)
   out.ends, out.calls = {}, {}
   for i, object in ipairs(list) do
      out.ends[i], out.calls[i] = has_end(object, wants[i]), {}
      for _, name in ipairs(wants[i]) do
         table.insert(out.calls[i], out.place_of[name])
      end
   end
end

--- What each object has and wants; functions get numbers.
local function survey(plan)
   local list = assert(objects.open(plan.objects, {}))
   local out = {
      names = {}, place_of = {}, functions = {}, data = {}, hidden = hidden_names(list),
   }
   local definer, wants = {}, {}
   for i, object in ipairs(list) do
      out.functions[i], wants[i] = {}, {}
      for _, symbol in ipairs(object.core:symbols()) do
         if symbol.bind ~= "local" then
            note(out, symbol, i, wants[i], definer)
         end
      end
   end
   for i in ipairs(list) do
      out.data[i] = {}
   end
   for i, names in ipairs(wants) do
      for _, name in ipairs(names) do
         table.insert(out.data[i], definer[name])
         if definer[name] and out.hidden[name] then -- who comes later could not have it any more
            table.insert(out.data[definer[name]], i)
         end
      end
   end
   note_ends(out, list, wants)
   out.hidden = nil
   return out
end

local function prepare(plan, run)
   local built = survey(plan)
   local source = shell.write(run.folder .. "/stubs.s", stubs_source(built.names))
   built.stubs = run.folder .. "/stubs.o"
   run:command {"cc", "-c", "-o", built.stubs, source}
   built.files = {built.stubs}
   return built
end

--- An object and all whose data it names, as far as they are not loaded.
local function closure(self, place, out)
   if not self.loaded[place] then
      self.loaded[place] = true
      out[#out + 1] = place
      for _, other in ipairs(self.built.data[place]) do
         closure(self, other, out)
      end
   end
   return out
end

local function write_slot(self, name, address)
   assert(moonlink.write(self.slots + self.number_of[name] * 8, "j", address))
end

--- Leads the stub of a function to where it is; true when it is anywhere.
local function fill(self, name)
   local address = self.linker.session:find(REAL .. name)
   if address then
      write_slot(self, name, address)
   end
   return address ~= nil
end

local function load_places(self, places)
   local inputs = table.move(self.libraries, 1, #self.libraries, #places + 1, {})
   for i, place in ipairs(places) do
      local rename = {}
      for _, name in ipairs(self.built.functions[place]) do
         rename[name] = REAL .. name
      end
      inputs[i] = {path = self.objects[place], rename = rename}
      self.order[#self.order + 1] = place
   end
   assert(self.linker:load(inputs))
   for _, place in ipairs(places) do
      for _, name in ipairs(self.built.functions[place]) do
         if self.built.place_of[name] == place then
            fill(self, name)
         end
      end
   end
end

--- Brings a function. Native code waits for it, so a failure must not lead to the stub again: what
--- is called then raises the error.
local function first_call(self, name)
   local ok, err = pcall(function()
      local more = closure(self, self.built.place_of[name], {})
      if more[1] then
         load_places(self, more)
      end
   end)
   if not fill(self, name) then -- a constructor comes here before its load has returned
      local why = ok and "it is not where its object was loaded" or tostring(err)
      local trap = core.trap(("cannot link '%s' at its first call: %s"):format(name, why))
      self.traps[#self.traps + 1] = trap
      write_slot(self, name, trap:address())
   end
end

--- Links what destructors of the objects that are there may call, as far as that can be linked.
local function link_for_end(self)
   local built, seen = self.built, {}
   local function visit(place)
      if seen[place] then
         return
      end
      seen[place] = true
      local more = closure(self, place, {})
      if more[1] then
         pcall(load_places, self, more)
      end
      for _, list in ipairs {built.calls[place], built.data[place]} do
         for _, other in ipairs(list) do
            visit(other)
         end
      end
   end
   local i = 1
   while self.order[i] do -- constructors may bring more
      if built.ends[self.order[i]] then
         visit(self.order[i])
      end
      i = i + 1
   end
end

local function unload(self)
   link_for_end(self)
   local trap = core.trap "a destructor calls a function that was not linked before"
   for _, name in ipairs(self.built.names) do
      if not fill(self, name) then
         write_slot(self, name, trap:address())
      end
   end
   assert(self.stubs:unload "force") -- and all that use it: memory goes after all destructors
   assert(self.linker:close())
   for _, each in ipairs {self.handler, trap, table.unpack(self.traps)} do
      each:close()
   end
end

local function load(built, run, places)
   local self = {
      linker = moonlink.new {debug = "none"}, built = built, objects = run.plan.objects,
      libraries = run.plan.libraries,
      loaded = {}, order = {}, number_of = {}, traps = {},
   }
   for i, name in ipairs(built.names) do
      self.number_of[name] = i - 1
   end
   local stubs = assert(self.linker:load(built.stubs))
   self.stubs, self.slots = stubs, stubs:address(SLOTS)
   self.handler = self.linker:callback("void(long)", function(number)
      first_call(self, built.names[number + 1])
   end)
   assert(moonlink.write(stubs:address(HANDLER), "j", self.handler:address()))
   local first = {}
   for _, place in ipairs(places or {}) do
      closure(self, place, first)
   end
   if first[1] then
      load_places(self, first)
   end
   return self
end

lazy["direct-lazy"] = {
   name = "direct-lazy",
   about = "moonlink loads an object when one of its functions is called first",
   prepare = prepare,
   uncounted = "calls go through stubs that link the function first; `direct` counts the same ones",
   load = function(built, run)
      return load(built, run)
   end,
   bind = function(loaded, prototype)
      return assert(loaded.linker:func(prototype))
   end,
   unload = unload,
   reload = function(loaded, change, run)
      unload(loaded)
      local built = prepare(change.plan, run:again())
      built.order = loaded.built.order
      return load(built, run:with(change.plan), built.order)
   end,
   numbers = function(loaded)
      return {linked_objects = #loaded.order}
   end,
}

--- The order in which the first call of the experiment wants objects, found out in a process of its
--- own.
local function record(built, run)
   local results, err = isolate(function()
      local loaded = load(built, run)
      if run.exercise then
         run.exercise(function(prototype)
            return assert(loaded.linker:func(prototype))
         end)
      end
      return loaded.order
   end)
   if not results then
      error(err, 0)
   end
   return results[1]
end

lazy["profile-guided"] = {
   name = "profile-guided", base = lazy["direct-lazy"],
   about = "as direct-lazy; what the first call needed in a trial run comes at once, in that order",
   prepare = function(plan, run)
      local built = prepare(plan, run)
      built.order = record(built, run)
      return built
   end,
   load = function(built, run)
      return load(built, run, built.order)
   end,
}

return lazy
