--- Work 5: 100,000 functions in one object, each in a section of its own (as -ffunction-sections
-- makes them), and the same functions in one section.
--
-- Function i adds a number to its second argument and jumps to function i + STEP, until its first
-- argument is used up: root(count - 1) goes once through all of them, and the sum is known.
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"

local sections = {}

local STEP = 40503 -- prime to any power of ten: neighbours do not call each other
local ROOT = [[
unsigned f0(unsigned, unsigned);
unsigned root(unsigned n);
unsigned root(unsigned n) { return f0(n, 0); }
]]

local FUNCTION = [[
%s	.globl	f%d
	.type	f%d, @function
f%d:
	.cfi_startproc
	addl	$%d, %%esi
	subl	$1, %%edi
	jae	f%d@PLT
	movl	%%esi, %%eax
	ret
	.cfi_endproc
	.size	f%d, .-f%d
]]

local function salt(i)
   return i * 2654435761 >> 7 & 0x7fffffff
end

local function source(count, apart)
   local parts = { "\t.text\n" }
   for i = 0, count - 1 do
      local section = apart and ("\t.section .text.f%d,\"ax\",@progbits\n"):format(i) or ""
      parts[#parts + 1] = FUNCTION:format(section, i, i, i, salt(i), (i + STEP) % count, i, i)
   end
   parts[#parts + 1] = "\t.section .note.GNU-stack,\"\",@progbits\n"
   return table.concat(parts)
end

local function expected(count)
   local sum = 0
   for i = 0, count - 1 do
      sum = sum + salt(i)
   end
   return sum & 0xffffffff
end

local function make(count)
   local here = assert(package.searchpath("bench.works.sections", package.path))
   local key = count .. "\n" .. assert(shell.read(here))
   return shell.cached("sections", key, function(folder, final)
      shell.write(folder .. "/root.c", ROOT)
      shell.run("cd " .. shell.quote(folder) .. " && gcc -O1 -fPIC -c -o root.o root.c")
      for _, name in ipairs { "apart", "together" } do
         shell.write(folder .. "/source.s", source(count, name == "apart"))
         shell.run(shell.line {
            "as", folder .. "/source.s", "-o", ("%s/%s.o"):format(folder, name),
         })
         shell.write(("%s/%s.list"):format(folder, name),
            ("%s/root.o\n%s/%s.o\n"):format(final, final, name))
      end
      os.remove(folder .. "/source.s")
   end)
end

--- Work 5.
---@param scale number part of the full size
---@return table[] cases
function sections.work5(scale)
   local count = math.floor(100000 * scale)
   local folder = make(count)
   local function case(name, how)
      return {
         id = "work5-" .. name, title = ("%d functions in one object, %s"):format(count, how),
         list = ("%s/%s.list"):format(folder, name), n = count - 1, expected = expected(count),
         skip = { ["RuntimeDyld 14"] = "takes minutes", ["JITLink 14"] = "takes a minute" },
      }
   end
   return {
      case("apart", "each in a section of its own"), case("together", "all in one section"),
   }
end

return sections
