--- Haskell inside of Lua: compiled modules called, values evaluated, exceptions, callbacks, ends.
-- SPDX-License-Identifier: MIT

local haskell = require "spec.support.haskell"
local pkg = require "moonlink.pkg"
local support = require "spec.support"

local raised = support.raised

describe("a Haskell runtime #ghc", function()
   local ghc = require "moonlink.ghc"
   local probe, hs

   setup(function()
      probe = haskell.compile(support.tmpdir(), "Probe", haskell.PROBE)
      hs = assert(ghc.start {packages = {"containers"}, objects = {probe}, options = "-K1m"})
   end)

   teardown(function()
      if hs then
         assert(hs:exit())
      end
   end)

   local function get(name)
      return (assert(hs:get("main", "Probe", name)))
   end

   it("calls foreign exports like C functions", function()
      assert.equal(-4, assert(hs:func "int hsDiv(int, int)")(-7, 2))
      assert.equal(4, assert(hs:func "int hsFail(int)")(2))
   end)

   it("keeps what a module has computed from one call to the next, through collections", function()
      local count = assert(hs:func "int hsCount(void)")
      local first = count()
      hs:collect()
      assert.equal(first + 1, count())
   end)

   it("gives the addresses of closures by their names", function()
      local address = assert(hs:eval("base", "GHC.Base", "map"))
      assert.equal(hs.linker:address_of "base_GHCziBase_map_closure", address)
   end)

   it("says so when a module has no such name", function()
      local address, err = hs:eval("base", "GHC.Base", "mapp")
      assert.is_nil(address)
      assert.equal("undefined", err.code)
      assert.matches("GHC.Base has no mapp", tostring(err), 1, true)
   end)

   it("applies functions, and evaluates only what is asked for", function()
      local take = assert(hs:get("base", "GHC.List", "take"))
      assert.same({2, 3, 5, 7, 11, 13}, take(6, get "primes"):value "[Int]")
      assert.equal(2, hs:value(hs:apply(hs:eval("base", "GHC.List", "head"), get "primes"), "Int"))
   end)

   it("reads texts, tuples, Either and numbers of any size", function()
      assert.equal("Hello, wörld\0!", get "greet" "wörld\0":value "String")
      assert.same({{1, "1"}, {2, "4"}, {3, "9"}}, get "squares"(3):value "[(Int, String)]")
      assert.same({right = 4}, get "half"(8):value "Either String Int")
      assert.same({left = "7 is odd"}, get "half"(7):value "Either String Int")
      local three = hs:make(3, "Integer")
      assert.equal(3 ^ 20 // 1 | 0, get "power"(three, 20):value "Integer")
      assert.equal("1144561273430837494885949696427", get "power"(three, 63):value "Integer")
   end)

   it("makes values of every type that it reads, and reads back what it made", function()
      for t, values in pairs {
         Int = {0, -1, math.maxinteger, math.mininteger}, Int8 = {-128, 127}, Word16 = {65535},
         Word32 = {0xffffffff}, Double = {1.5, -1 / 0}, Float = {0.25}, Bool = {true, false},
         Char = {"a", "λ", "\0"}, Integer = {5, "-123456789012345678901234567890"},
         Natural = {0, "18446744073709551616"},
         String = {"", "λx. x"}, ["[Int]"] = {{}, {1, 2}}, ["Maybe Bool"] = {true},
         ["(Int, Char, [Double])"] = {{1, "b", {2.5}}}, ["Ordering"] = {-1, 0, 1},
         ["Either Int String"] = {{left = 1}, {right = "r"}}, ["[[Char]]"] = {{{"x"}, {}}},
      } do
         for _, value in ipairs(values) do
            assert.same(value, hs:make(value, t):value(t), t)
         end
      end
      assert.is_nil(hs:make(nil, "Maybe Int"):value "Maybe Int")
   end)

   it("refuses values that a type does not have", function()
      for t, value in pairs {
         Int8 = 128, Word16 = -1, Int = "3", Char = "ab", Bool = 1, String = "\xff", Integer = "3x",
         ["(Int, Int)"] = 3, Ordering = 2, Natural = -1, ["Ptr Int"] = "0x10", FunPtr = 1.5,
         ["[Int]"] = {n = "x"}, ["[Bool]"] = {n = 2, true},
      } do
         assert.matches("ghc_runtime_spec.* expected", raised(function()
            hs:make(value, t == "FunPtr" and "FunPtr Int" or t)
         end))
      end
      for _, t in ipairs {"", "Foo", "[Int", "Maybe", "Int Int", "Maybe Maybe Int"} do
         assert.matches("type '", raised(hs.make, hs, 1, t), 1, true)
      end
   end)

   it("checks the constructor when the wrong type is asked for", function()
      local err = raised(function()
         return get "greet" "x":value "Int"
      end)
      assert.matches("type Int expected; this one is made by GHC.Types.:", err, 1, true)
      assert.matches("a function, or something else", raised(hs.value, hs, get "greet", "Int"), 1,
         true)
   end)

   it("refuses a list without an end in place of filling memory", function()
      local repeated = hs:apply(assert(hs:eval("base", "GHC.List", "repeat")), 1)
      local err = raised(repeated.value, repeated, "[Int]")
      assert.matches("more than 1000000 elements", tostring(err), 1, true)
   end)

   it("runs IO actions", function()
      local count = assert(hs:func "int hsCount(void)")
      local before = count()
      local say = get "say" "four"
      assert.equal(4, say:run "Int")
      assert.equal(4, say:value "IO Int")
      assert.equal(4, hs:run(say):value "Int")
      assert.equal(before + 31, count())
   end)

   it("turns exceptions into errors with type and text", function()
      local err = raised(assert(hs:func "int hsDiv(int, int)"), 1, 0)
      assert.equal("exception", err.code)
      assert.equal("ArithException", err.type)
      assert.equal("divide by zero", err.what)
      assert.equal("hsDiv: Haskell exception ArithException: divide by zero", tostring(err))
      err = raised(assert(hs:func "int hsFail(int)"), 9)
      assert.equal("user error (too big λ: 9)", err.what)
      assert.equal(4, assert(hs:func "int hsFail(int)")(2))
   end)

   it("does so when the result of an action raises, which nobody has evaluated in it", function()
      local later = assert(hs:func "int hsLater(int)")
      local err = raised(later, 0)
      assert.equal("divide by zero", err.what)
      assert.equal("hsLater", err.symbol)
      assert.equal(4, later(3))
   end)

   it("tells the status of an exit, and goes on", function()
      local exit = assert(hs:func "void hsExitWith(int)")
      assert.equal(3, raised(exit, 3).status)
      assert.equal(0, raised(exit, 0).status)
      assert.equal("ExitCode", raised(exit, 0).type)
   end)

   it("turns a stack overflow, an endless wait and a failed pattern into errors", function()
      assert.equal("stack overflow", raised(function()
         return get "deep"(10000000):value "Int"
      end).what)
      assert.equal("BlockedIndefinitelyOnMVar", raised(hs.run, hs, get "stuck", "Int").type)
      assert.equal("exception", raised(function()
         local head = assert(hs:get("base", "GHC.List", "head"))
         return head(hs:make({}, "[Int]")):value "Int"
      end).code)
      assert.equal(6, get "deep"(3):value "Int")
   end)

   it("lets Haskell call Lua, and raises what the function raised", function()
      local call = assert(hs:func "int hsCall(int (*)(int), int)")
      local times <close> = hs:callback("int(int)", function(x) return x * 10 end)
      assert.equal(71, call(times, 7))
      local failing <close> = hs:callback("int(int)", function() error("from Lua", 0) end)
      assert.equal("from Lua", raised(call, failing, 7))
      assert.equal(71, call(times, 7))
   end)

   it("may be entered again from a callback", function()
      local call = assert(hs:func "int hsCall(int (*)(int), int)")
      local seen
      local inner <close> = hs:callback("int(int)", function(x)
         seen = raised(assert(hs:func "int hsDiv(int, int)"), x, 0).what
         hs:collect()
         return get "deep"(x):value "Int"
      end)
      assert.equal(11, call(inner, 4))
      assert.equal("divide by zero", seen)
   end)

   it("calls functions that Haskell made", function()
      local address = assert(hs:func "void *hsAdder(int)")(100)
      local add = assert(hs:func("int add(int)", address))
      assert.equal(105, add(5))
      assert.equal("negative", raised(add, -1).what)
   end)

   it("runs Haskell's threads", function()
      assert.equal(171700, assert(hs:func "int hsThreads(int)")(100))
   end)

   it("holds values for Lua while the heap is collected, and lets them go", function()
      local values = {}
      for i = 1, 500 do
         values[i] = get "greet"(tostring(i))
      end
      hs:collect()
      for i = 1, 500 do
         assert.equal(("Hello, %d!"):format(i), values[i]:value "String")
         values[i]:close()
      end
      assert.matches("was closed", raised(values[1].value, values[1], "String"), 1, true)
   end)

   it("refuses finalisers of Lua while addresses of the heap are held", function()
      local refused = 0
      local function finalise()
         setmetatable({}, {__gc = function()
            local good, err = pcall(hs.collect, hs)
            refused = refused + ((good or not err:find "is being used") and 0 or 1)
            if refused < 20 then
               finalise()
            end
         end})
      end
      finalise()
      local text = ("abc"):rep(500)
      local mode = collectgarbage "incremental"
      local pause = collectgarbage("setpause", 1) -- one cycle follows the other
      local multiplier = collectgarbage("setstepmul", 1000)
      for _ = 1, 100000 do -- whenever the collector comes to it
         assert.equal(text, hs:make(text, "String"):value "String")
         if refused == 20 then
            break
         end
      end
      collectgarbage("setpause", pause)
      collectgarbage("setstepmul", multiplier)
      collectgarbage(mode)
      assert.equal(20, refused)
      hs:collect()
   end)

   it("is refused a second time in a process", function()
      local second, err = ghc.start {}
      assert.is_nil(second)
      assert.equal("state", err.code)
   end)
end)

describe("starting Haskell #ghc", function()
   local ghc = require "moonlink.ghc"

   local function refusal(options)
      local hs, err = ghc.start(options)
      assert.is_nil(hs)
      return err
   end

   it("names what is not there, and leaves nothing behind", function()
      assert.equal("noent", refusal({topdir = "/nowhere"}).code)
      assert.matches("nothing", tostring(refusal {packages = {"nothing"}}), 1, true)
      assert.matches("is no way", tostring(refusal {way = "thraded"}), 1, true)
      assert.matches("-Zwrong", tostring(refusal {options = "-Zwrong"}), 1, true)
      assert.equal("noent", refusal({objects = {"/nowhere.o"}}).code)
      local hs = assert(ghc.start {})
      assert(hs:exit())
   end)

   it("knows what it has loaded as packages, and plans find them there", function()
      local hs <close> = assert(ghc.start {packages = {"containers"}})
      local names = {}
      for _, package in ipairs(hs.linker:packages()) do
         names[package.name] = package.id
      end
      assert.equal("rts", names.rts)
      assert.matches("^base", names.base)
      assert.matches("^containers%-", names.containers)
   end)

   it("says of whom a library is missing", function()
      local database = support.tmpdir() .. "/db"
      assert(pkg.init(database))
      local change <close> = assert(pkg.change(database))
      assert(change:put {name = "lost", version = "1", id = "lost-1", key = "lost-1",
         exposed = true, hs_libraries = {"HSlost-1"}})
      assert(change:commit())
      local err = refusal {packages = {"lost"}, database = database}
      assert.equal("noent", err.code)
      assert.equal("lost-1", err.package)
      assert.matches("library HSlost-1 is missing (archive, vanilla; looked at ", err.message, 1,
         true)
   end)

   it("takes options of the right type only, and says at once which is wrong", function()
      for option, values in pairs {
         packages = {"base", {1}, {"ba\0se"}}, kind = {"object"}, unknown = {1},
         limit = {"3", -1, 0.5}, objects = {"a.o"}, options = {"-N\0"}, topdir = {"/\0"},
         database = {1, {2}}, args = {{1}, {"a\0"}},
      } do
         for _, value in ipairs(values) do
            local err = raised(function() ghc.start {[option] = value} end)
            assert.matches("ghc_runtime_spec", err, 1, true)
            assert.matches("option '" .. option .. "'", err, 1, true)
         end
      end
      assert.matches("input 1 is a number", raised(ghc.start, {objects = {5}}), 1, true)
   end)

   it("has no handlers of signals unless they are wanted, and gives back the host's", function()
      local moonlink = require "moonlink"
      local states = assert(moonlink.isolate(function()
         local host <close> = moonlink.new {scope = {"process"}}
         local signal = assert(host:func "void *signal(int, void *)")
         local SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, IGNORED = 2, 3, 13, 20, 1
         local function handlers()
            local text = ""
            for _, number in ipairs {SIGINT, SIGQUIT, SIGPIPE, SIGTSTP} do
               local handler = signal(number, nil)
               signal(number, handler)
               text = text .. (handler == nil and "d" or handler == IGNORED and "i" or "h")
            end
            return text
         end
         for number, handler in pairs {[SIGINT] = IGNORED, [SIGPIPE] = IGNORED, [SIGQUIT] = false,
            [SIGTSTP] = false} do -- whatever this process was started with
            signal(number, handler or nil)
         end
         local seen = {}
         for _, wanted in ipairs {false, true} do
            local hs = assert(ghc.start {signals = wanted})
            seen[#seen + 1] = handlers()
            signal(SIGTSTP, IGNORED) -- the host's own, meanwhile
            hs:exit()
            seen[#seen + 1] = handlers()
            signal(SIGTSTP, nil)
         end
         return seen
      end, {timeout = 300}))[1]
      assert.same({"idid", "idii", "hhhh", "idii"}, states)
   end)

   it("ends once, and everything that is left raises", function()
      local probe = haskell.compile(support.tmpdir(), "Probe", haskell.PROBE)
      local hs = assert(ghc.start {packages = {"containers"}, objects = {probe}})
      local div = assert(hs:func "int hsDiv(int, int)")
      local value = hs:make("text", "String")
      assert(hs:exit())
      assert(hs:exit())
      assert.matches("has ended", raised(div, 4, 2), 1, true)
      assert.matches("has ended", raised(value.value, value, "String"), 1, true)
      value:close()
      assert.matches("has ended", raised(hs.eval, hs, "base", "GHC.Base", "map"), 1, true)
   end)
end)

--- What a runtime of each way and kind is to do, in a process of its own.
local TOUR = [[
   local object, kind, way, options = ...
   local ghc = require "moonlink.ghc"
   local hs <close> = assert(ghc.start {
      packages = {"containers"}, objects = {object}, kind = kind, way = way, options = options,
   })
   local div = assert(hs:func "int hsDiv(int, int)")
   print(div(9, 2), select(2, pcall(div, 1, 0)).what)
   print(select(2, pcall(assert(hs:func "int hsLater(int)"), 0)).what)
   local squares = assert(hs:get("main", "Probe", "squares"))
   print(squares(3):value "[(Int, String)]"[3][2])
   print(assert(hs:func "int hsThreads(int)")(100))
   print(select(2, pcall(hs.run, hs, assert(hs:get("main", "Probe", "stuck")), "Int")).type)
   local times = hs:callback("int(int)", function(x) return x * 10 end)
   print(assert(hs:func "int hsCall(int (*)(int), int)")(times, 7))
]]
local SEEN = "4\tdivide by zero\ndivide by zero\n9\n171700\nBlockedIndefinitelyOnMVar\n71\n"

describe("the runtimes of GHC #ghc", function()
   local static, dynamic

   setup(function()
      local folder = support.tmpdir()
      static = haskell.compile(folder, "Probe", haskell.PROBE)
      dynamic = haskell.compile(support.tmpdir(), "Probe", haskell.PROBE, "-O -dynamic -fPIC")
   end)

   for _, case in ipairs {
      {"archive", "threaded", "-N2"}, {"archive", "debug", "-DS"},
      {"archive", "threaded debug", ""}, {"archive", "eventlog", ""},
      {"prelinked", "", ""}, {"prelinked", "threaded", "-N2"},
      {"shared", "", ""}, {"shared", "threaded", "-N2"},
   } do
      local kind, way, options = table.unpack(case)
      it(("do the same: %s, %s"):format(kind, way ~= "" and way or "plain"), function()
         local object = kind == "shared" and dynamic or static
         local status, out, err = support.lua(TOUR, object, kind, way, options)
         assert.equal(SEEN, out .. err)
         assert.equal(0, status)
      end)
   end

   it("take what was compiled with -fPIC or -fPIE, but not for shared libraries", function()
      for _, flag in ipairs {"-fPIC", "-fPIE"} do
         local object = haskell.compile(support.tmpdir(), "Probe", haskell.PROBE, "-O " .. flag)
         local status, out, err = support.lua(TOUR, object, "archive", "", "")
         assert.equal(SEEN, out .. err)
         assert.equal(0, status)
      end
   end)

   it("can be compared in one script, one after the other", function()
      local status, out, err = support.lua([[
         local objects = {archive = ..., shared = select(2, ...)}
         local ghc = require "moonlink.ghc"
         for _, kind in ipairs {"archive", "shared", "archive", "shared"} do
            local hs <close> = assert(ghc.start {
               packages = {"containers"}, objects = {objects[kind]}, kind = kind,
            })
            print(assert(hs:func "int hsDiv(int, int)")(84, 2))
         end
      ]], static, dynamic)
      assert.equal(("42\n"):rep(4), out .. err)
      assert.equal(0, status)
   end)

   it("end with an error of Lua, not the process, when the heap is exhausted", function()
      for _, way in ipairs {"", "threaded"} do
         local status, out, err = support.lua([[
            local object, way = ...
            local ghc = require "moonlink.ghc"
            local hs = assert(ghc.start {packages = {"containers"}, objects = {object}, way = way,
               options = "-M20m"})
            local hungry = assert(hs:get("main", "Probe", "hungry"))
            local _, first = pcall(function() return hungry(100000000):value "Int" end)
            print(first.message)
            print(pcall(hs.make, hs, 1, "Int"))
            print(hs:exit())
         ]], static, way)
         assert.equal(0, status, err)
         assert.matches("exhausted its heap.*\nfalse.*exhausted its heap.*\ntrue\n$", out)
      end
   end)

   it("end with the Lua state, whoever forgot to end them", function()
      for _, last in ipairs {"", "os.exit(true, true)", "os.exit(0)", "error 'end'"} do
         local status = support.lua([[
            local ghc = require "moonlink.ghc"
            HS = assert(ghc.start {packages = {"containers"}, objects = {...}, way = "threaded"})
            VALUE = HS:make("kept", "String")
            DIV = assert(HS:func "int hsDiv(int, int)")
         ]] .. last, static)
         assert.equal(last:find "error" and 1 or 0, status)
      end
   end)
end)

describe("a new version of a module #ghc", function()
   local ghc = require "moonlink.ghc"
   local A = [[
module A where
import Foreign.C.Types
foreign export ccall aval :: CInt -> CInt
aval :: CInt -> CInt
aval x = x + 1
foreign export ccall gone :: CInt -> CInt
gone :: CInt -> CInt
gone x = x
helper :: Int -> Int
helper n = n * 2
]]
   local B = [[
module B where
import A
import Foreign.C.Types
foreign export ccall bval :: CInt -> CInt
bval :: CInt -> CInt
bval x = aval x * 10 + fromIntegral (helper 3)
]]
   local folder, hs, a, b

   local unit

   before_each(function()
      folder = support.tmpdir()
      a = haskell.compile(folder, "A", A, "-O0")
      b = haskell.compile(folder, "B", B, "-O0")
      hs = assert(ghc.start {})
      unit = assert(hs:load(a))
      assert(hs:load(b))
   end)

   after_each(function()
      hs:exit()
   end)

   it("serves old functions of Lua and units that use it", function()
      local aval, gone = assert(hs:func "int aval(int)"), assert(hs:func "int gone(int)")
      local bval = assert(hs:func "int bval(int)")
      local kept = assert(hs:get("main", "A", "helper"))(21)
      assert.same({2, 7, 26}, {aval(1), gone(7), bval(1)})
      haskell.compile(folder, "A", (A:gsub("x %+ 1", "x + 1000"):gsub(
         "foreign export ccall gone[^\n]*\n", "")), "-O0")
      local new, all = assert(hs:reload(unit))
      assert.equal(2, #all)
      assert.equal(2, new.version)
      assert.same({1001, 10016}, {aval(1), bval(1)})
      assert.matches("does not export it", raised(gone, 1), 1, true)
      hs:collect()
      assert.equal(42, kept:value "Int")
   end)

   it("leaves the libraries below alone, which keep their state", function()
      local source = A:gsub("import Foreign", "import qualified Data.Map as M\n%0"):gsub("x %+ 1",
         "x + fromIntegral (M.size (M.fromList [(x, x)]))")
      hs:exit()
      haskell.compile(folder, "A", source, "-O0")
      hs = assert(ghc.start {packages = {"containers"}, objects = {a}})
      local aval = assert(hs:func "int aval(int)")
      assert.equal(8, aval(7))
      local insert = hs:eval("containers", "Data.Map.Internal", "insert")
      haskell.compile(folder, "A", (source:gsub("fromIntegral %(M", "100 + %0")), "-O0")
      local new = assert(hs:reload(a))
      assert.equal(108, aval(7))
      assert.equal(insert, (hs:eval("containers", "Data.Map.Internal", "insert")))
      assert.equal(1, #new:inputs())
   end)

   it("is refused when what is asked for is none", function()
      local again, twice = hs:load(a)
      assert.is_nil(again)
      assert.matches("hs:reload(unit) puts a new version in its place", tostring(twice), 1, true)
      for _, wrong in ipairs {{"nowhere"}, {"base"}, {a, 5}, {a, nil, 5}, {a, nil, {it = {}}},
         {a, nil, {[unit] = "x"}}} do
         local err = raised(function() hs:reload(wrong[1], wrong[2], wrong[3]) end)
         assert.matches("ghc_runtime_spec", err, 1, true)
      end
      assert.equal(26, assert(hs:func "int bval(int)")(1))
   end)

   it("is refused, with the names, when it lacks what others use", function()
      local bval = assert(hs:func "int bval(int)")
      haskell.compile(folder, "A", (A:gsub("helper[^\n]*\n", "")), "-O0")
      local new, err = hs:reload(unit)
      assert.is_nil(new)
      assert.same({"A_helper_closure"}, err.names)
      assert.matches("/B.o uses", tostring(err), 1, true)
      assert.equal(26, bval(1))
   end)
end)
