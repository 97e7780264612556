--- C types as plain tables: what they are called, how they lie in memory, how they are passed.
-- A type is never changed once it is made. Sizes come from the Lua that runs here, which was
-- compiled for the same processor as the code it calls.
-- Specification: C11 6.2.5 (types), 6.7.6 (declarators), 6.7.6.3 (parameters).
-- SPDX-License-Identifier: MIT

local ctype = {}

---@class moonlink.CType
---@field kind "base"|"pointer"|"function"|"array"|"enum"|"record"|"unsupported"
---@field name string|nil of a base type; the tag with its keyword of an enum or record
---@field code string|nil letter for the signature
---@field format string|nil for string.pack, when it can be read and written as a value
---@field size integer|nil in bytes
---@field to moonlink.CType|nil pointer: what it points to
---@field to_const boolean|nil pointer: and is that only read
---@field of moonlink.CType|nil array: its elements
---@field count integer|nil array: how many, nil for []
---@field result moonlink.CType|nil function
---@field params { name: string|nil, type: moonlink.CType }[]|nil function
---@field variadic boolean|nil function

local integer_codes = { [1] = "a", [2] = "h", [4] = "i", [8] = "l" }

local function base(name, code, format)
   return {
      kind = "base", name = name, code = code, format = format,
      size = format and string.packsize(format) or nil,
   }
end

---@param name string
---@param format string string.pack's letter: lower case signed, upper case unsigned
local function integer(name, format)
   local size = string.packsize(format)
   local code = integer_codes[size]
   local signed = format == format:lower()
   return base(name, signed and code or code:upper(), (signed and "i" or "I") .. size)
end

local function unsupported(name)
   return { kind = "unsupported", name = name }
end

---Types by their normalised spelling.
---@type table<string, moonlink.CType>
ctype.base = {
   ["void"] = base("void", "v"),
   ["bool"] = base("bool", "b", "B"),
   ["char"] = base("char", "c", "b"),
   ["signed char"] = integer("signed char", "b"),
   ["unsigned char"] = integer("unsigned char", "B"),
   ["short"] = integer("short", "h"),
   ["unsigned short"] = integer("unsigned short", "H"),
   ["int"] = integer("int", "i"),
   ["unsigned int"] = integer("unsigned int", "I"),
   ["long"] = integer("long", "l"),
   ["unsigned long"] = integer("unsigned long", "L"),
   ["long long"] = integer("long long", "i8"),
   ["unsigned long long"] = integer("unsigned long long", "I8"),
   ["float"] = base("float", "f", "f"),
   ["double"] = base("double", "d", "d"),
   ["long double"] = base("long double", "D"),
   ["__int128"] = unsupported("__int128"),
   ["_Complex"] = unsupported("_Complex"),
   ["va_list"] = unsupported("va_list"),
   ["_Float128"] = unsupported("_Float128"),
}

local of = ctype.base
local size_t = integer("unsigned long", "T")
local ptrdiff_t = integer("long", "j")

---What every scope starts with: the names of stdint.h, stddef.h, sys/types.h and the like.
---@type table<string, moonlink.CType>
ctype.typedefs = {
   int8_t = of["signed char"], uint8_t = of["unsigned char"],
   int16_t = of["short"], uint16_t = of["unsigned short"],
   int32_t = of["int"], uint32_t = of["unsigned int"],
   int64_t = integer("long", "i8"), uint64_t = integer("unsigned long", "I8"),
   int_least8_t = of["signed char"], uint_least8_t = of["unsigned char"],
   int_least16_t = of["short"], uint_least16_t = of["unsigned short"],
   int_least32_t = of["int"], uint_least32_t = of["unsigned int"],
   int_least64_t = of["long"], uint_least64_t = of["unsigned long"],
   int_fast8_t = of["signed char"], uint_fast8_t = of["unsigned char"],
   int_fast16_t = of["long"], uint_fast16_t = of["unsigned long"],
   int_fast32_t = of["long"], uint_fast32_t = of["unsigned long"],
   int_fast64_t = of["long"], uint_fast64_t = of["unsigned long"],
   intmax_t = of["long"], uintmax_t = of["unsigned long"],
   size_t = size_t, ssize_t = ptrdiff_t, ptrdiff_t = ptrdiff_t,
   intptr_t = ptrdiff_t, uintptr_t = size_t,
   wchar_t = of["int"], wint_t = of["unsigned int"],
   char16_t = of["unsigned short"], char32_t = of["unsigned int"],
   off_t = of["long"], off64_t = of["long"], loff_t = of["long"], time_t = of["long"],
   clock_t = of["long"], suseconds_t = of["long"], useconds_t = of["unsigned int"],
   pid_t = of["int"], uid_t = of["unsigned int"], gid_t = of["unsigned int"],
   mode_t = of["unsigned int"], dev_t = of["unsigned long"], ino_t = of["unsigned long"],
   nlink_t = of["unsigned long"], blksize_t = of["long"], blkcnt_t = of["long"],
   socklen_t = of["unsigned int"], sa_family_t = of["unsigned short"],
   clockid_t = of["int"], pthread_t = of["unsigned long"],
   bool = of["bool"], va_list = of["va_list"], __builtin_va_list = of["va_list"],
   __gnuc_va_list = of["va_list"],
   _Float32 = of["float"], _Float64 = of["double"], _Float32x = of["double"],
   _Float64x = of["long double"], _Float128 = of["_Float128"], __float128 = of["_Float128"],
   FILE = { kind = "record", name = "FILE" },
}

---@param to moonlink.CType
---@param to_const boolean|nil
---@return moonlink.CType
function ctype.pointer(to, to_const)
   local size = string.packsize "T"
   return {
      kind = "pointer", to = to, to_const = to_const or false, size = size, format = "i" .. size,
   }
end

---@param elements moonlink.CType
---@param count integer|nil
---@param const boolean|nil
---@return moonlink.CType
function ctype.array(elements, count, const)
   return { kind = "array", of = elements, count = count, const = const or false }
end

---The type that a parameter of this type really has (C11 6.7.6.3 paragraphs 7 and 8).
---@param t moonlink.CType
---@return moonlink.CType
function ctype.as_parameter(t)
   if t.kind == "array" then
      return ctype.pointer(t.of, t.const)
   elseif t.kind == "function" then
      return ctype.pointer(t)
   end
   return t
end

local byte_types = { a = true, A = true, v = true }

---How a pointer is passed: by what it points to, and whether that may be written.
local function pointer_code(t)
   local to = t.to
   if to.kind == "function" then
      local inner = ctype.code(to)
      if inner and not to.variadic then
         return "P" .. inner
      end
   elseif to.code == "c" then
      return t.to_const and "s" or "S"
   elseif t.to_const and byte_types[to.code] then
      return "q"
   end
   return "p"
end

local function function_code(t)
   local result, why = ctype.code(t.result)
   if not result then
      return nil, why
   end
   if #result > 1 then
      result = "p" -- a pointer to a function comes back as its address
   end
   local codes = { result, "(" }
   for i, param in ipairs(t.params) do
      local code, reason = ctype.code(param.type)
      if not code or code == "v" then
         return nil, ("parameter %d: %s"):format(i, reason or "void is not a value")
      end
      codes[#codes + 1] = code
   end
   codes[#codes + 1] = t.variadic and ".)" or ")"
   return table.concat(codes)
end

---The code by which the C core knows this type; nil and why when it cannot be passed.
---@param t moonlink.CType
---@return string|nil code
---@return string|nil why
function ctype.code(t)
   if t.code then
      return t.code
   elseif t.kind == "pointer" then
      return pointer_code(t)
   elseif t.kind == "function" then
      return function_code(t)
   elseif t.kind == "record" then
      return nil, t.name .. " by value is not supported yet: it comes later; pass a pointer"
   end
   return nil, ctype.show(t) .. " cannot be passed"
end

local function show_params(t)
   local params = {}
   for i, param in ipairs(t.params) do
      params[i] = ctype.show(param.type)
   end
   if t.variadic then
      params[#params + 1] = "..."
   end
   return #params > 0 and table.concat(params, ", ") or "void"
end

---C text of a type, or of the declaration of a name with it.
---@param t moonlink.CType
---@param name string|nil
---@return string
function ctype.show(t, name)
   local inside = name or ""
   while true do
      if t.kind == "pointer" then
         inside = "*" .. inside
         local to = t.to
         if to.kind == "function" or to.kind == "array" then
            inside = "(" .. inside .. ")"
         elseif t.to_const and to.kind ~= "pointer" then
            return ("const %s %s"):format(ctype.show(to), inside)
         elseif t.to_const then
            inside = "const " .. inside
         end
         t = to
      elseif t.kind == "array" then
         inside = ("%s[%s]"):format(inside, t.count or "")
         t = t.of
      elseif t.kind == "function" then
         inside = ("%s(%s)"):format(inside, show_params(t))
         t = t.result
      else
         return inside == "" and t.name or t.name .. " " .. inside
      end
   end
end

return ctype
