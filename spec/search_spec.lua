-- Where ld and the process's loader look for files.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local search = require "moonlink.link.search"
local support = require "spec.support"

local dir = support.tmpdir()

local function file(name, bytes)
   support.sh("mkdir -p $(dirname %s/%s)", dir, name)
   return support.write(dir .. "/" .. name, bytes)
end

--- Folders of ours alone: what is installed must not matter.
local function folders(...)
   local list = {...}
   for i, name in ipairs(list) do
      list[i] = dir .. "/" .. name
   end
   return {folders = list, cache = {}}
end

local function index_of(list, wanted)
   for i, value in ipairs(list) do
      if value == wanted then
         return i
      end
   end
   return nil
end

setup(function()
   support.sh("mkdir -p %s/both %s/archives %s/other", dir, dir, dir)
   local object = support.cc(dir .. "/f.o", "int f(void) { return 1; }", "-fPIC")
   support.sh("gcc -shared -o %s/both/libf.so %s", dir, object)
   support.sh("cd %s && ar rc both/libf.a f.o && ar rc archives/libf.a f.o", dir)
   support.sh("cd %s && ar rc archives/libonly.a f.o", dir)
end)

describe("the folders", function()
   it("are the given ones, then those of ld.so.conf, then the standard ones, each once", function()
      file("conf/ld.so.conf", "# comment\ninclude more/*.conf\n/from/main/ # why\n\nhwcap 0 x\n")
      file("conf/more/b.conf", "/from/b\n/given\n")
      file("conf/more/a.conf", "/from/a\ninclude " .. dir .. "/conf/ld.so.conf\n")
      file("conf/more/.hidden.conf", "/from/hidden\n")
      file("conf/more/a.txt", "/from/text\n")
      local list = search.folders {search = {"/given"}, conf = dir .. "/conf/ld.so.conf"}
      assert.same({"/given", "/from/a", "/from/b", "/from/main", "/lib64", "/usr/lib64", "/lib",
         "/usr/lib"}, list)
   end)

   it("are the standard ones when there is no ld.so.conf", function()
      assert.same({"/lib64", "/usr/lib64", "/lib", "/usr/lib"},
         search.folders {conf = dir .. "/none"})
   end)

   it("of one load are read once, when they are first wanted", function()
      local conf = dir .. "/once.conf"
      local once, never = search.once {conf = conf, static = true}, search.once {conf = conf}
      assert.is_true(once.static)
      file("once.conf", "/first\n")
      assert.equal("/first", search.folders(once)[1])
      file("once.conf", "/second\n")
      assert.equal("/first", search.folders(once)[1])
      assert.equal("/second", search.folders(never)[1])
      assert.same(search.cache(), once.cache)
      assert.equal(once.cache, once.cache)
      assert.equal("/second", search.once {folders = {"/second"}}.folders[1])
   end)

   it("of this system are those that ldconfig visits, but for how it writes them", function()
      local list = search.folders()
      local visited = support.sh "/sbin/ldconfig -v -N -X 2>/dev/null"
      for folder in ("\n" .. visited):gmatch "\n(/[^\n:]*):" do
         local hardware = folder:find "glibc%-hwcaps" or folder:find "hwcap"
         assert.truthy(hardware or index_of(list, folder), folder)
      end
   end)
end)

describe("a library by name", function()
   it("is the shared one before the archive of the same folder", function()
      assert.equal(dir .. "/both/libf.so", search.library("f", folders("both", "archives")))
   end)

   it("is the archive of an earlier folder before a shared one of a later", function()
      assert.equal(dir .. "/archives/libf.a", search.library("f", folders("archives", "both")))
   end)

   it("is an archive alone when only those are wanted", function()
      local opts = folders("both", "archives")
      opts.static = true
      assert.equal(dir .. "/both/libf.a", search.library("f", opts))
   end)

   it("may be an exact file name", function()
      assert.equal(dir .. "/both/libf.a", search.library(":libf.a", folders("archives2", "both")))
   end)

   it("tells the folders that were tried", function()
      local path, tried = search.library("only", folders("both", "archives"))
      assert.equal(dir .. "/archives/libonly.a", path)
      assert.same({dir .. "/both", dir .. "/archives"}, tried)
   end)

   it("that is nowhere is an error with all folders", function()
      local path, err = search.library("nowhere", folders("both", "archives"))
      assert.is_nil(path)
      assert.equal("noent", err.code)
      assert.truthy(err.message:find(("cannot find -lnowhere (searched: %s/both, %s/archives")
         :format(dir, dir), 1, true))
      assert.truthy(err.hint)
   end)

   it("skips folders, empty files and files for other processors, as ld does", function()
      support.sh("mkdir -p %s/other/libf.so", dir)
      file("arm/libf.so", "\127ELF\2\1\1" .. ("\0"):rep(9) .. "\3\0\183\0" .. ("\0"):rep(44))
      file("i386/libf.so", "\127ELF\1\1\1" .. ("\0"):rep(9) .. "\3\0\3\0" .. ("\0"):rep(32))
      file("empty/libf.so", "")
      assert.equal(dir .. "/both/libf.so",
         search.library("f", folders("other", "arm", "i386", "empty", "both")))
   end)

   it("comes from the loader's cache when no folder has it, the highest version first", function()
      local shared = dir .. "/both/libf.so"
      local opts = folders "none"
      local function entry(name, path, hwcap)
         return {name = name, path = path or shared, hwcap = hwcap or 0, flags = 0x303}
      end
      opts.cache = {entry("libq.so.9", dir .. "/f9"), entry("libq.so.10"), entry("libq.so.2", "/2"),
         entry("libqq.so.11", "/11"), entry("libq.so.99", shared, 1)}
      assert.equal(shared, search.library("q", opts))
      opts.cache = {entry("libq.so.1.9", "/usr/lib"), entry("libq.so.1.10"), entry "libq.so.x.20"}
      assert.equal(shared, search.library("q", opts))
      opts.cache = {entry("libq.so.3", "/3"), entry "libq.so"}
      assert.equal(shared, search.library("q", opts))
      opts.static = true
      assert.is_nil((search.library("q", opts)))
   end)

   it("is found for what every system has", function()
      local path = assert(search.library "c")
      assert.equal("text", (core.kind(path)))
      assert.equal("archive", (core.kind((search.library("c", {static = true})))))
   end)
end)

describe("the loader's cache", function()
   it("is read as ldconfig prints it", function()
      local ours, theirs = {}, {}
      for _, entry in ipairs(search.cache()) do
         ours[#ours + 1] = entry.name .. " => " .. entry.path
      end
      for name, path in support.sh("/sbin/ldconfig -p"):gmatch "\n%s+(%S+) %b() => (%S+)" do
         theirs[#theirs + 1] = name .. " => " .. path
      end
      assert.truthy(#theirs > 0)
      assert.same(theirs, ours)
   end)

   it("gives the file of a soname", function()
      local path = assert(search.soname "libc.so.6")
      assert.equal("shared", (core.kind(path)))
      local none, err = search.soname "libno_such_thing.so.1"
      assert.is_nil(none)
      assert.equal("noent", err.code)
   end)

   it("that is absent, cut or corrupt is empty", function()
      local whole = support.read "/etc/ld.so.cache"
      assert.same({}, search.cache(dir .. "/none"))
      assert.same({}, search.cache(file("cache", "")))
      for _, length in ipairs {1, 19, 20, 30, 47, 48, 49, 60, 72, 500} do
         assert.same({}, search.cache(file("cache", whole:sub(1, length))), length)
      end
      local at = whole:find("glibc-ld.so.cache1.1", 1, true) - 1
      for offset, bytes in pairs {[0] = "x", [20] = "\255\255\255\255", [52] = "\255\255\255\127",
         [56] = "\255\255\255\255", [28] = "\3"} do
         assert.same({}, search.cache(file("cache", support.patch(whole, at + offset, bytes))))
      end
   end)

   it("may stand behind the one of an older format", function()
      local whole = support.read "/etc/ld.so.cache"
      local old = "ld.so-1.7.0\0\0\0\0\0" .. ("\0"):rep(16)
      local new = whole:sub((whole:find("glibc-ld.so.cache1.1", 1, true)))
      assert.same(search.cache(), search.cache(file("cache", old .. new)))
   end)
end)

describe("the fall-back archives", function()
   it("of this system exist and define what they are for", function()
      local list = search.fallback()
      assert.equal(support.stdout "readlink -f $(gcc -print-libgcc-file-name)",
         support.stdout("readlink -f %s", list[1]))
      assert.truthy(core.find(list[1], "__popcountdi2"))
      assert.truthy(core.find(list[2], "atexit"))
      assert.is_nil(list[3])
   end)

   it("have the libgcc of the newest compiler for this processor", function()
      for _, version in ipairs {"9", "10", "9.5.0"} do
         support.sh("mkdir -p %s/gcc/here/%s && cp %s/both/libf.a %s/gcc/here/%s/libgcc.a", dir,
            version, dir, dir, version)
      end
      support.sh("mkdir -p %s/gcc/there/12 %s/gcc/here/11", dir, dir)
      local foreign = file("foreign.o", "\127ELF\2\1\1" .. ("\0"):rep(9) .. "\1\0\183\0")
      support.sh("ar rcS %s/gcc/there/12/libgcc.a %s", dir, foreign)
      local list = search.fallback(folders "none", {dir .. "/gcc"})
      assert.same({dir .. "/gcc/here/10/libgcc.a"}, list)
      assert.same({}, search.fallback(folders "none", {dir .. "/none"}))
   end)
end)

describe("a linker script", function()
   local function expand(name, opts)
      return search.script(dir .. "/" .. name, opts or folders("archives", "both"))
   end

   it("is turned into the files that it names, in order", function()
      file("script/a.so", ("GROUP(%s/both/libf.so AS_NEEDED(-lonly))\nINPUT(near.o)"):format(dir))
      support.sh("cp %s/f.o %s/script/near.o", dir, dir)
      local function input(path, kind, as_needed, line)
         local from = ("%s/script/a.so:%d"):format(dir, line)
         return {path = dir .. path, kind = kind, as_needed = as_needed, from = from}
      end
      assert.same({
         input("/both/libf.so", "shared", false, 1),
         input("/archives/libonly.a", "archive", true, 1),
         input("/script/near.o", "object", false, 2),
      }, expand "script/a.so")
   end)

   it("that was parsed before gives the same", function()
      local path = file("script/p.so", "INPUT(-lonly)")
      local opts = folders "archives"
      opts.script = path
      local items = core.ldscript("INPUT(-lonly)", path)
      assert.same(expand("script/p.so", folders "archives"), search.expand(items, opts))
   end)

   it("finds a name beside itself before the folders", function()
      support.sh("cp %s/both/libf.a %s/script/libf.a", dir, dir)
      file("script/b.so", "INPUT(libf.a libonly.a)")
      local list = expand "script/b.so"
      assert.equal(dir .. "/script/libf.a", list[1].path)
      assert.equal(dir .. "/archives/libonly.a", list[2].path)
   end)

   it("adds folders with SEARCH_DIR, behind those that were given", function()
      file("script/c.so", ("SEARCH_DIR(%s/archives) INPUT(-lonly)"):format(dir))
      assert.equal(dir .. "/archives/libonly.a", expand("script/c.so", folders "both")[1].path)
      assert.equal(dir .. "/both/libf.so", search.library("f", folders "both"))
      file("script/d.so", ("SEARCH_DIR(%s/archives) INPUT(-lf)"):format(dir))
      local opts = {search = {dir .. "/both"}, cache = {}}
      assert.equal(dir .. "/both/libf.so", expand("script/d.so", opts)[1].path)
   end)

   it("may name scripts, whose names take over AS_NEEDED", function()
      file("script/outer.so", "INPUT(AS_NEEDED(inner.so) libf.a)")
      file("script/inner.so", "INPUT(libonly.a)")
      local list = expand "script/outer.so"
      assert.equal(dir .. "/archives/libonly.a", list[1].path)
      assert.is_true(list[1].as_needed)
      assert.is_false(list[2].as_needed)
   end)

   it("that names itself in a circle is an error with the chain", function()
      file("script/x.so", "INPUT(y.so)")
      file("script/y.so", "INPUT(x.so)")
      local list, err = expand "script/x.so"
      assert.is_nil(list)
      assert.equal("format", err.code)
      local x, y = dir .. "/script/x.so", dir .. "/script/y.so"
      assert.truthy(err.message:find(x .. " -> " .. y .. " -> " .. x, 1, true))
   end)

   it("may be named twice without being a circle", function()
      file("script/twice.so", "INPUT(inner.so inner.so)")
      assert.equal(2, #expand "script/twice.so")
   end)

   it("in scripts more than 16 deep is an error with the chain", function()
      for depth = 1, 16 do
         file(("deep/%d.so"):format(depth), ("INPUT(%d.so)"):format(depth + 1))
      end
      file("deep/17.so", "INPUT(../f.o)")
      assert.equal(dir .. "/deep/../f.o", expand("deep/2.so")[1].path)
      local list, err = expand "deep/1.so"
      assert.is_nil(list)
      assert.equal("unsupported", err.code)
      assert.truthy(err.message:find("/deep/16.so -> " .. dir .. "/deep/17.so", 1, true))
   end)

   it("that names what is not there says who wanted it", function()
      file("script/missing.so", "\nINPUT(none.o)")
      local list, err = expand "script/missing.so"
      assert.is_nil(list)
      assert.equal("noent", err.code)
      assert.truthy(err.message:find(("cannot find none.o, which %s/script/missing.so:2 names")
         :format(dir), 1, true))
      file("script/missing.so", "INPUT(-lnone)")
      list, err = expand "script/missing.so"
      assert.is_nil(list)
      assert.truthy(err.message:find("cannot find -lnone, which", 1, true))
   end)

   it("that is none passes on why", function()
      file("script/bad.so", "INPUT(other.so)")
      file("script/other.so", "SECTIONS { }")
      local list, err = expand "script/bad.so"
      assert.is_nil(list)
      assert.equal("unsupported", err.code)
      assert.equal(dir .. "/script/other.so", err.file)
   end)

   it("of this system's libc leads to libc.so.6 and libc_nonshared.a", function()
      local list = assert(search.script((search.library "c")))
      assert.equal("libc.so.6", list[1].path:match "[^/]*$")
      assert.equal("libc_nonshared.a", list[2].path:match "[^/]*$")
      assert.is_true(list[3].as_needed)
   end)
end)
