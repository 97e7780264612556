--- What the numbers of 09-platforms.lua say.
-- SPDX-License-Identifier: MIT

local LUA = "moonlink/look/room=lua/moonlink"

--- The sum of a number over rooms of csrc, those that match.
local function sum(r, key, pattern)
   local total = 0
   for _, name in ipairs(r:names(pattern or "=csrc/")) do
      total = total + r:median(key, name)
   end
   return total
end

local function room(name)
   return "moonlink/look/room=csrc/" .. name
end

--- Rooms of csrc that name neither the processor nor a system, and how many rooms there are.
local function free_rooms(r)
   local free, all = {}, 0
   for _, name in ipairs(r:names "=csrc/") do
      all = all + 1
      if r:median("processor", name) + r:median("posix", name) + r:median("linux", name) == 0 then
         free[#free + 1] = "`" .. name:match "=csrc/(.*)" .. "`"
      end
   end
   return free, all
end

local function words(r, key)
   local out = {}
   for _, name in ipairs(r:names()) do
      local sample = r:case(name).samples[1] -- none when there was no time left
      for word in (sample and sample.notes and sample.notes[key] or ""):gmatch "%S+" do
         out[#out + 1] = word
      end
   end
   return out
end

return {
   number = 9,
   question = "What about other platforms: which parts are tied to x86-64 Linux?",
   about = "Each room of the C core, from the ground up, and the Lua modules: files and lines of "
      .. "code without comments; C files that clang takes as they are for two other processors; "
      .. "files that name x86-64 or one of its registers; files that ask for headers of POSIX, of "
      .. "Linux or glibc, or for /proc. `spec/platforms_spec.lua` looks whether that stays so.",
   only = "/base$",
   columns = {"files", "lines", "c_files", "aarch64", "riscv64", "processor", "named",
      "processor_lines", "posix", "linux", "functions", "fill"},
   texts = function(r)
      local out, others = {}, words(r, "not_taken")
      if others[1] then
         out[1] = {
            title = "C files that are for x86-64 alone, which other compilers do not take:",
            text = table.concat(others, "\n"),
         }
      end
      out[#out + 1] = {
         title = "All files that name the processor:",
         text = table.concat(words(r, "naming"), "\n"),
      }
      out[#out + 1] = {
         title = "All files that need Linux or glibc:",
         text = table.concat(words(r, "linux"), "\n"),
      }
      return out
   end,
   charts = {"lines", "processor_lines", "functions"}, limit = 100,
   claims = {
      {
         "Of {files} C files {arm} compile for aarch64 as they are, and {riscv} for riscv64; the "
            .. "{left} that are left, less than a tenth, hold instructions of x86-64.",
         numbers = function(r)
            local files, arm = sum(r, "c_files"), sum(r, "aarch64", "=csrc/")
            return {
               files = files, arm = arm, riscv = sum(r, "riscv64", "=csrc/"), left = files - arm,
            }
         end,
         holds = function(n)
            return n.left < n.files / 10 and n.arm > n.files / 2 and n.riscv > n.files / 2
         end,
      },
      {
         "{naming} of {files} files of csrc name x86-64; they have {lines} of {all} lines of code, "
            .. "less than a quarter, and {target} of those lines are in `target`, more than in any "
            .. "other room ({next}).",
         numbers = function(r)
            local next_one = 0
            for _, name in ipairs(r:names "=csrc/") do
               if name ~= room "target" then
                  next_one = math.max(next_one, r:median("processor_lines", name))
               end
            end
            return {
               next = next_one, naming = sum(r, "processor"), files = sum(r, "files"),
               lines = sum(r, "processor_lines"), all = sum(r, "lines"),
               target = r:median("processor_lines", room "target"),
            }
         end,
         holds = function(n)
            return n.lines < n.all / 4 and n.target > n.next and n.naming < n.files
         end,
      },
      {
         "{count} of {rooms} rooms name neither the processor nor a system: {names}.",
         numbers = function(r)
            local free, all = free_rooms(r)
            return {count = #free, rooms = all, names = table.concat(free, ", ")}
         end,
      },
      {
         "POSIX alone is asked for in {posix} files of csrc, Linux or glibc in {linux}; {inside} "
            .. "of them are in `os` and `process`, more than in all other rooms together "
            .. "({outside}).",
         numbers = function(r)
            local posix, linux = sum(r, "posix"), sum(r, "linux")
            local inside = sum(r, "posix", "=csrc/os$") + sum(r, "linux", "=csrc/os$")
               + sum(r, "posix", "=csrc/process$") + sum(r, "linux", "=csrc/process$")
            return {
               posix = posix, linux = linux, inside = inside, outside = posix + linux - inside,
            }
         end,
         holds = function(n)
            return n.inside > n.outside
         end,
      },
      {
         "A processor fills in {fill} functions: {table} that the table of `target` points to and "
            .. "{native} of machine code. A system fills in {os}, those of the headers of `os`, "
            .. "which are more. All headers offer {all}.",
         numbers = function(r)
            local fill, pointers = sum(r, "fill"), r:median("fill", room "target")
            return {
               fill = fill, table = pointers, native = fill - pointers,
               os = r:median("functions", room "os"), all = sum(r, "functions"),
            }
         end,
         holds = function(n)
            return n.fill < n.os and n.os < n.all
         end,
      },
      {
         "Of {files} Lua modules {naming} name x86-64 and {linux} files of Linux: less than a "
            .. "tenth.",
         numbers = function(r)
            return {
               files = r:median("files", LUA), naming = r:median("processor", LUA),
               linux = r:median("linux", LUA) + r:median("posix", LUA),
            }
         end,
         holds = function(n)
            return n.naming + n.linux < n.files / 10
         end,
      },
   },
   differs = "A file that compiles is not one that works: relocations, stubs and the thread "
      .. "pointer of another processor are rows and functions that nobody has written, and calls "
      .. "with structures differ. Formats differ more than processors do: `object` reads ELF, so "
      .. "Mach-O and PE need a reader each and their own rules for names. Systems with ELF and "
      .. "POSIX (the BSDs, musl) need the least, the files counted under Linux or glibc.",
}
