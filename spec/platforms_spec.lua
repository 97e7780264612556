-- What of the core is tied to a processor or to a system stays where docs/QUESTIONS.md says it is.
local source = require "bench.questions.source"

--- Files outside of csrc/target that may name x86-64 beside those that are called so: registers of
--- a signal's frame, and tables with a row for it.
local PROCESSOR = {
   ["csrc/call/regfile.c"] = true, ["csrc/call/regfile.h"] = true,
   ["csrc/link/contents.c"] = true, ["csrc/link/txn.c"] = true, ["csrc/lua/inspect.c"] = true,
   ["csrc/object/kind.c"] = true, ["csrc/os/ask.c"] = true,
   ["csrc/os/signals.c"] = true, ["csrc/process/features.c"] = true,
   ["csrc/process/tls_object.c"] = true,
}

--- Rooms that ask for more than C has; files of other rooms that do.
local SYSTEM_ROOMS = {["csrc/os"] = true, ["csrc/process"] = true}
local SYSTEM = {["csrc/pkg/info.c"] = true, ["csrc/pkg/text.c"] = true}

--- Calls f(path, room) for each file of csrc; those that it finds are what the spec prints.
local function found(f)
   local out = {}
   for _, room in ipairs(source.rooms()) do
      for _, path in ipairs(room:find "^csrc/" and source.files(room) or {}) do
         out[#out + 1] = f(path, room) and path or nil
      end
   end
   return out
end

describe("the source", function()
   it("names the processor where a port would look", function()
      assert.same({}, found(function(path, room)
         return room ~= "csrc/target" and not PROCESSOR[path]
            and not path:find "x86_64" and source.names_processor(source.code(path))
      end))
   end)

   it("lists no file that has ceased to name it", function()
      for path in pairs(PROCESSOR) do
         assert.is_true(source.names_processor(source.code(path)), path)
      end
   end)

   it("asks the system from two rooms", function()
      assert.same({}, found(function(path, room)
         return not SYSTEM_ROOMS[room] and not SYSTEM[path] and source.system(source.code(path))
      end))
   end)

   it("is searched for names, registers and headers", function()
      assert.is_false(source.names_processor "int f(void); mov = rdx + 1;")
      assert.is_true(source.names_processor 'ask("lea (%rip), %rax")')
      assert.equal("linux", source.system "#include <sys/prctl.h>\n#include <unistd.h>\n")
      assert.equal("posix", source.system "#include <stdio.h>\n#include <unistd.h>\n")
      assert.equal("linux", source.system 'open("/proc/self/maps")')
      assert.is_nil(source.system "#include <stdio.h>\n#include <lua.h>\n")
   end)
end)
