--- Sections .gnu.linkonce.KIND.SYMBOL, which compilers made before there were section groups: of
--- several with one name the first counts. Expected is what gcc's program of the same objects says.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags)
   return support.cc(("%s/%s.o"):format(dir, name), source, flags or "-O1")
end

--- A function and a strong constant in such sections, and who uses the constant.
local function once(name, value)
   return support.as(("%s/%s.o"):format(dir, name), ([[
      .section .gnu.linkonce.t.shared,"ax",@progbits
      .weak shared
      .type shared, @function
      shared: .cfi_startproc
      mov shared_data(%%rip), %%eax
      ret
      .cfi_endproc
      .size shared, .-shared
      .section .gnu.linkonce.r.shared,"a",@progbits
      .globl shared_data
      shared_data: .long %d
      .text
      .globl use_%s
      use_%s: mov shared_data(%%rip), %%eax
      ret
      .section .note.GNU-stack,"",@progbits
   ]]):format(value, name, name))
end

--- `shared` in a group of that signature.
local function grouped(name)
   return support.as(("%s/%s.o"):format(dir, name), [[
      .section .text.shared,"axG",@progbits,shared,comdat
      .weak shared
      .type shared, @function
      shared: mov $33, %eax
      ret
      .size shared, .-shared
      .section .note.GNU-stack,"",@progbits
   ]])
end

describe("sections of which the first of a name counts", function()
   local inputs, main = {}, nil

   setup(function()
      inputs.first, inputs.second = once("first", 11), once("second", 22)
      inputs.group = grouped "group"
      main = object("main", [[
         #include <stdio.h>
         int shared(void);
         int use_first(void) __attribute__((weak)), use_second(void) __attribute__((weak));
         int main(void)
         {
            printf("%d %d %d\n", shared(), use_first ? use_first() : -1,
               use_second ? use_second() : -1);
         }
      ]])
   end)

   local function by_gcc(paths)
      support.sh("LD_PRELOAD= gcc -o %s/program %s %s", dir, main, table.concat(paths, " "))
      return support.sh("LD_PRELOAD= %s/program", dir):match "[^\n]+"
   end

   for _, order in ipairs {"first second", "second first", "group first", "first group"} do
      it("are as in gcc's program: " .. order, function()
         local paths = {}
         for name in order:gmatch "%a+" do
            paths[#paths + 1] = inputs[name]
         end
         local ln <close> = moonlink.new()
         assert(ln:load(paths))
         local function say(name)
            local f = ln:func(("int %s(void)"):format(name))
            return f and f() or -1
         end
         assert.equal(by_gcc(paths),
            ("%d %d %d"):format(say "shared", say "use_first", say "use_second"))
      end)
   end

   it("have any name behind the dot, or none", function()
      local path = support.as(dir .. "/odd.o", [[
         .section .gnu.linkonce,"aw",@progbits
         .byte 1
         .section .gnu.linkonce.,"aw",@progbits
         .byte 1
         .section .gnu.linkonce.x,"aw",@progbits
         .byte 1
         .text
         .globl f
         f: mov $5, %eax
         ret
         .section .note.GNU-stack,"",@progbits
      ]])
      local ln <close> = moonlink.new()
      assert(ln:load(path))
      assert.equal(5, ln:func "int f(void)"())
   end)
end)
