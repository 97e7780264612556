--- Work 5: 100,000 functions in one object, each in a section of its own (as -ffunction-sections
-- makes them), and the same functions in one section.
--
-- Function i adds a number to its second argument and jumps to function i + STEP, until its first
-- argument is used up: root(count - 1) goes once through all of them, and the sum is known. Such a
-- function is 17 bytes with one relocation, so that nearly all of the work is for sections. Those
-- of ordinary size have as much behind it, which is never run, as the functions of libcrypto.a have
-- on average: 213 bytes and six relocations.
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
%s	.cfi_endproc
	.size	f%d, .-f%d
]]

--- 38 bytes and a relocation.
local MORE = [[
	call	f%d@PLT
	movl	%%eax, %%ebx
	addq	$0x12345678, %%rbx
	movq	%%rbx, 24(%%rsp)
	leaq	12(%%rbx,%%rax,4), %%rdi
	movl	$77, %%esi
	movabsq	$0x123456789abc, %%rdx
]]
local MORE_OF_IT = 5

local function more(i, count)
   local parts = {}
   for k = 1, MORE_OF_IT do
      parts[k] = MORE:format((i + k * STEP * 3) % count)
   end
   return table.concat(parts)
end

local function salt(i)
   return i * 2654435761 >> 7 & 0x7fffffff
end

local function source(count, apart, ordinary)
   local parts = { "\t.text\n" }
   for i = 0, count - 1 do
      local section = apart and ("\t.section .text.f%d,\"ax\",@progbits\n"):format(i) or ""
      parts[#parts + 1] = FUNCTION:format(section, i, i, i, salt(i), (i + STEP) % count,
         ordinary and more(i, count) or "", i, i)
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

--- By name, what is in the objects and how they are made.
local OBJECTS = {
   apart = {true, false}, together = {false, false},
   ["ordinary-apart"] = {true, true}, ["ordinary-together"] = {false, true},
}

local function make(count)
   local here = assert(package.searchpath("bench.works.sections", package.path))
   local key = count .. "\n" .. assert(shell.read(here))
   return shell.cached("sections", key, function(folder, final)
      shell.write(folder .. "/root.c", ROOT)
      shell.run("cd " .. shell.quote(folder) .. " && gcc -O1 -fPIC -c -o root.o root.c")
      for name, how in pairs(OBJECTS) do
         shell.write(folder .. "/source.s", source(count, how[1], how[2]))
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
   local function case(name, size, how)
      local ordinary = OBJECTS[name][2]
      return {
         id = "work5-" .. name,
         title = ("%d functions%s in one object, %s"):format(count, size, how),
         list = ("%s/%s.list"):format(folder, name), n = count - 1, expected = expected(count),
         skip = {
            ["RuntimeDyld 14"] = "takes minutes", ["JITLink 14"] = "takes a minute",
            ["GHC's run-time linker"] = ordinary and "takes a minute" or nil,
         },
      }
   end
   local apart, together = "each in a section of its own", "all in one section"
   return {
      case("apart", "", apart), case("together", "", together),
      case("ordinary-apart", " of ordinary size", apart),
      case("ordinary-together", " of ordinary size", together),
   }
end

return sections
