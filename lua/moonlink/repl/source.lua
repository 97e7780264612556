--- Sources as inputs: `:load add.c` compiles the file and loads the object.
-- What gcc says of the functions of a C file (-aux-info) becomes their prototypes.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local file = require "moonlink.file"

local source = {}

--- Compilers by the ending of the file: environment variable, default, language for messages.
local compilers = {
   c = {"CC", "gcc"}, s = {"CC", "gcc"}, S = {"CC", "gcc"},
   hs = {"GHC", "ghc"}, lhs = {"GHC", "ghc"},
   cc = {"CXX", "g++"}, cpp = {"CXX", "g++"}, cxx = {"CXX", "g++"}, C = {"CXX", "g++"},
}

local quote = file.quote

--- Is this a file to be compiled?
---@param path string
---@return boolean
function source.is(path)
   return compilers[path:match "%.(%a+)$" or ""] ~= nil
end

--- Is it a module of Haskell?
---@param path string
---@return boolean
function source.is_haskell(path)
   return path:find "%.l?hs$" ~= nil
end

---@class moonlink.repl.Folder what compilers write, until the session ends
---@field made? moonlink.Folder with the first object
---@field count integer
local folder = {}
folder.__index = folder

--- The folder goes with all that is in it.
function folder:close()
   if self.made then
      self.made:close()
      self.made = nil
   end
end

folder.__close = folder.close
folder.__gc = folder.close

---@return moonlink.repl.Folder
function source.folder()
   return setmetatable({count = 0}, folder)
end

--- A path for a new object.
---@return string?
---@return moonlink.Error? err
function folder:object()
   local err
   if not self.made then
      self.made, err = file.folder()
   end
   self.count = self.count + 1
   return self.made and ("%s/%d.o"):format(self.made.path, self.count), err
end

--- The prototypes of what a file defines for others, out of what -aux-info wrote.
local function prototypes(path, text)
   local out = {}
   for of, line in text:gmatch "/%* ([^\n]-):%d+:%u%u %*/ ([^\n]*)" do
      local prototype = line:match "^extern (.-;)"
      if of == path and prototype then
         out[#out + 1] = prototype
      end
   end
   return out
end

--- Compiles a file.
---@param path string of the source
---@param object string path of the object
---@param flags string as in a command line
---@return string[]? prototypes of its functions, when the compiler tells them
---@return moonlink.Error|string|nil err or what the compiler warned of
function source.compile(path, object, flags)
   local ending = path:match "%.(%a+)$"
   local compiler = os.getenv(compilers[ending][1]) or compilers[ending][2]
   local said, about = object .. ".log", object .. ".aux"
   local plain_c = ending == "c" and compiler:find "gcc[%-%d]*$"
   local good = os.execute(("%s %s %s -c -o %s %s >%s 2>&1"):format(compiler, flags,
      plain_c and "-aux-info " .. quote(about) or "", quote(object), quote(path), quote(said)))
   local text = (file.read(said) or ""):gsub("%s+$", "")
   if not good then
      return nil, errors.new {
         code = "refused", file = path, message = ("%s does not compile"):format(path),
         hint = "`:set cflags FLAGS` gives the compiler other options", detail = text,
      }
   end
   local found = prototypes(path, plain_c and file.read(about) or "")
   os.remove(said)
   os.remove(about)
   return found, text ~= "" and text or nil
end

return source
