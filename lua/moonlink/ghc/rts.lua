--- The run-time system of GHC through its C interface (HsFFI.h, RtsAPI.h): its functions, its start
-- and its end.
-- SPDX-License-Identifier: MIT

local argv = require "moonlink.call.argv"
local core = require "moonlink.core"
local errors = require "moonlink.error"
local layout = require "moonlink.ghc.layout"
local moonlink = require "moonlink"

local rts = {}

local PROTOTYPES = {
   "void *rts_lock(void)", "void rts_unlock(void *)", "void *rts_apply(void *, void *, void *)",
   "void rts_evalIO(void *, void *, void *)", "int rts_getSchedStatus(void *)",
   "void *rts_mkInt(void *, long)", "void *rts_mkInt8(void *, signed char)",
   "void *rts_mkInt16(void *, short)", "void *rts_mkInt32(void *, int)",
   "void *rts_mkInt64(void *, long)", "void *rts_mkWord(void *, unsigned long)",
   "void *rts_mkWord8(void *, unsigned char)", "void *rts_mkWord16(void *, unsigned short)",
   "void *rts_mkWord32(void *, unsigned)", "void *rts_mkWord64(void *, unsigned long)",
   "void *rts_mkChar(void *, unsigned)", "void *rts_mkDouble(void *, double)",
   "void *rts_mkFloat(void *, float)", "void *rts_mkPtr(void *, void *)",
   "void *rts_mkFunPtr(void *, void *)", "void *allocate(void *, unsigned long)",
   "long rts_getInt(void *)", "void *getStablePtr(void *)", "void *deRefStablePtr(void *)",
   "void hs_free_stable_ptr(void *)", "void hs_exit(void)", "void performMajorGC(void)",
   "void *newRetainedCAF(void *, void *)", "void setKeepCAFs(void)",
   "void rts_setMainThread(void *)", "void setProgArgv(int, void *)",
   "void hs_init_with_rtsopts(void *, void *)",
}

--- Names that the runtime's archive is searched for, and that nothing in it may refer to.
---@return string[]
function rts.roots()
   local names = {"hs_init_ghc", "exitFn", "errorMsgFn", "fatalInternalErrorFn",
      "stg_IND_info", "stg_IND_STATIC_info", "stg_BLACKHOLE_info", "defaultRtsConfig",
      "registerForeignExports"}
   for _, prototype in ipairs(PROTOTYPES) do
      names[#names + 1] = prototype:match "([%w_]+)%("
   end
   return names
end

--- The functions by name.
---@param ln moonlink.Linker
---@return table<string, function>?
---@return moonlink.Error? err
function rts.bind(ln)
   local api = {}
   for _, prototype in ipairs(PROTOTYPES) do
      local fn, err = ln:func(prototype)
      if not fn then
         return nil, err
      end
      api[prototype:match "([%w_]+)%("] = fn
   end
   local err
   api.memcpy, err = ln:func "void *memcpy(void *, const char *, size_t)"
   return api.memcpy and api, err
end

--- The address of a name that the runtime must have.
local function address_of(ln, name)
   return assert(ln:address_of(name))
end

--- Words as C has argc and argv, which hs_init_ghc may change: the addresses of both.
local function arguments(words, anchors)
   local vector = argv.new(words)
   local both = moonlink.alloc(16):set(("i8j"):pack(#words, vector:address()))
   anchors[#anchors + 1], anchors[#anchors + 2] = vector, both
   return {count = both:address(), vector = both:address() + 8}
end

--- hs_init_ghc takes RtsConfig by value. The x86-64 psABI (3.2.3, class MEMORY) puts such a struct
-- on the stack word by word behind the arguments that do not fit registers, so it is passed as
-- words, after as many as fill the six registers.
local function init_with_config(ln, fields, options, anchors)
   local words = {}
   local default = address_of(ln, "defaultRtsConfig")
   for i = 1, fields.size // 8 do
      words[i] = assert(moonlink.read(default + 8 * (i - 1), "j"))
   end
   local text = moonlink.alloc(#options.flags + 1):set(options.flags)
   anchors[#anchors + 1] = text
   words[fields.enabled // 8 + 1] = options.program and layout.SAFE_ONLY or layout.IGNORE_ALL
   words[fields.options // 8 + 1] = text:address()
   words[fields.main // 8 + 1] = options.program and 1 or 0
   words[fields.keep // 8 + 1] = options.program and 0 or 1 -- nobody asks a program for values
   local prototype = ("void hs_init_ghc(void *, void *, long, long, long, long%s)"):format(
      (", long"):rep(#words))
   local init, err = ln:func(prototype)
   if not init then
      error(err, 0)
   end
   return function(args)
      init(args.count, args.vector, 0, 0, 0, 0, table.unpack(words))
   end
end

--- For a version whose RtsConfig is not known: flags travel among the program's arguments.
local function init_with_arguments(api, options)
   local words = {options.args[1], "+RTS"}
   for word in options.flags:gmatch "%S+" do
      words[#words + 1] = word
   end
   words[#words + 1] = "-RTS"
   table.move(options.args, 2, #options.args, #words + 1, words)
   options.args = words
   return function(args)
      api.setKeepCAFs()
      api.hs_init_with_rtsopts(args.count, args.vector)
   end
end

--- What the runtime says while `f` runs, which would go to standard error.
local function listening(ln, f)
   local process <close> = moonlink.new {scope = {"process"}}
   local format = assert(process:func "int vsnprintf(void *, size_t, void *, void *)")
   local text, said = moonlink.alloc(4096), {}
   local listener <close> = ln:callback("void (void *, void *)", function(pattern, list)
      format(text, #text, pattern, list)
      said[#said + 1] = moonlink.string(text, #text)
   end)
   local at = address_of(ln, "errorMsgFn")
   local before = assert(moonlink.read(at, "j"))
   assert(moonlink.write(at, "j", listener:address()))
   local good, err = pcall(f)
   assert(moonlink.write(at, "j", before))
   return good, err, said[1] or "" -- what follows is a list of all options
end

--- The text that a call raises when the runtime wants to end the process.
rts.ENDED = "the Haskell runtime has ended itself"

--- From here on the runtime does not end the process: what would, ends the native call that led
--- there. After an internal error it exits once the message has been printed, in place of abort.
--- In a thread of its own the trap returns, and the process ends as it would have.
---@param ln moonlink.Linker
---@return any anchor what must live as long as the runtime
local function stay(ln)
   local trap = core.trap(rts.ENDED)
   local print_message = assert(moonlink.read(address_of(ln, "errorMsgFn"), "j"))
   assert(moonlink.write(address_of(ln, "fatalInternalErrorFn"), "j", print_message))
   assert(moonlink.write(address_of(ln, "exitFn"), "j", trap:address()))
   return trap
end

---@class moonlink.ghc.InitOptions
---@field flags string for the runtime, as between +RTS and -RTS
---@field args string[] of the program, its name first
---@field program? boolean it owns the process: the arguments may hold +RTS options

--- Starts the runtime. Raises an error of moonlink when that fails.
---@param ln moonlink.Linker
---@param api table<string, function>
---@param version string
---@param options moonlink.ghc.InitOptions
---@return any[] anchors what must live as long as the runtime
function rts.init(ln, api, version, options)
   local anchors = {}
   local config = layout.of(version).config
   local init = config and init_with_config(ln, config, options, anchors)
      or init_with_arguments(api, options)
   local args = arguments(options.args, anchors)
   if options.program then
      init(args)
      return anchors
   end
   anchors[#anchors + 1] = stay(ln)
   local good, err, said = listening(ln, function()
      init(args)
   end)
   if not good then
      error(errors.new {
         code = "init", what = said,
         message = "the Haskell runtime did not start: " .. (said ~= "" and said or tostring(err)),
         hint = "options are for the runtime, as between +RTS and -RTS"
      }, 0)
   end
   return anchors
end

return rts
