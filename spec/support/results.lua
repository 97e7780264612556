--- Results made by hand, for specs of reports: the format of saved experiments with its corners.

local results = {}

--- Samples around a value: fixed parts of it, so that medians can be told by heart.
local PARTS = {1.00, 0.98, 1.03, 1.01, 0.97, 1.10, 0.99}

local function samples(load_ms, calls, stages)
   local out = {}
   for i, part in ipairs(PARTS) do
      local split = {}
      for name, share in pairs(stages or {}) do
         split[name] = load_ms * part * share
      end
      out[i] = {
         load_ms = load_ms * part, first_call_us = 3.5 * part, calls_per_s = calls and calls * part,
         peak = 4000000 + i * 1000, stages = stages and split or nil,
      }
   end
   return out
end

local LINKER = {
   open = 0.03, parse = 0.2, select = 0.07, resolve = 0.1, scan = 0.15, place = 0.05,
   relocate = 0.25, protect = 0.05, commit = 0.04, init = 0.06,
}
local LOADER = {link = 0.8, dlopen = 0.2}

local METRICS = {
   {key = "load_ms", title = "time to load", unit = "ms", better = "less"},
   {key = "first_call_us", title = "time to first call", unit = "us", better = "less"},
   {key = "calls_per_s", title = "calls per second", unit = "calls/s", better = "more"},
   {key = "peak", title = "peak memory", unit = "bytes", better = "less"},
}

local MACHINE = {
   cpu = "A Processor 3000", cores = 2, memory = 8, kernel = "Linux 6.1.0",
   versions = {gcc = "12.2.0", lld = "14.0.6"},
}

local function result(name, cases)
   local metrics = {}
   for i, m in ipairs(METRICS) do
      metrics[i] = {key = m.key, title = m.title, unit = m.unit, better = m.better}
   end
   local machine = {}
   for key, value in pairs(MACHINE) do
      machine[key] = value
   end
   return {
      name = name, machine = machine, runs = #PARTS, warmup = 1, metrics = metrics, cases = cases,
   }
end

--- Two inputs; a refusal with a report, a crash beside good runs, and one that always times out.
---@return moonlink.lab.Result
function results.mixed()
   local cases = {}
   for _, input in ipairs {{"zlib", 14, 1}, {"sqlite3", 1, 4}} do
      local name, size, k = table.unpack(input)
      local function add(id, strategy, fields)
         fields.id, fields.strategy, fields.input, fields.size = id, strategy, name, size
         fields.axes = {pic = id:match "/(.*)"}
         cases[#cases + 1] = fields
      end
      add("direct/pic", "direct", {samples = samples(1.2 * k, 450e6, LINKER), failures = {}})
      add("direct/non-pic", "direct", {samples = samples(1.4 * k, 470e6, LINKER), failures = {}})
      add("shared-each/pic", "shared-each", {
         samples = samples(90 * k, 300e6, LOADER),
         failures = {{run = 8, kind = "crash", text = "crash in f+0x4: SIGSEGV at address 0x0"}},
      })
      add("shared-each/non-pic", "shared-each", {
         samples = {}, failures = {},
         refused = {
            why = "a.o is not position-independent",
            report = "a.o: .text+0x4 in f: R_X86_64_32S against '.bss'\ncompile a.c with -fPIC",
         },
      })
      add("dlmopen/pic", "dlmopen", {
         samples = {},
         failures = {{run = 1, kind = "timeout", text = "did not end within 5 seconds"}},
      })
   end
   return result("zlib and sqlite3", cases)
end

--- One family of inputs from 10 to 10,000 objects.
---@return moonlink.lab.Result
function results.growing()
   local cases = {}
   for _, size in ipairs {10, 100, 1000, 10000} do
      for i, strategy in ipairs {"direct", "archive", "shared-each", "shared-batch"} do
         if strategy ~= "shared-each" or size < 10000 then
            local ms = size * ({0.02, 0.03, 6, 0.4})[i] + i
            cases[#cases + 1] = {
               id = strategy, strategy = strategy, input = ("modules-%d"):format(size), size = size,
               axes = {}, samples = samples(ms, nil, i < 3 and LINKER or LOADER), failures = {},
            }
         end
      end
   end
   return result("growth of generated modules", cases)
end

--- Names that would do something if anything let them: markup, quotes, control characters, marks
--- that turn the direction of writing, bytes that are no UTF-8; long ones, wide ones, empty ones.
results.HOSTILE = {
   "<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>", "' onload='alert(3)",
   "&lt;b&gt;",
   "]]></style><style>*{display:none}</style>", "\27[31mred\27[0m", "line\nbreak\ttab\0nul",
   "\u{202E}desrever\u{2066}", "\xFF\xFE no UTF-8 \xC0\x80",
   "漢字の名前はとても長いです",
   ("a_very_long_name_without_any_blank_"):rep(6), "a,b\"c\r\nd", "=1+2", "",
   "</script><script>alert(4)</script>", "%s%d%1 --> <!--", "]]>",
}

---@return moonlink.lab.Result
function results.hostile()
   local cases = {}
   for i, name in ipairs(results.HOSTILE) do
      cases[i] = {
         id = name, strategy = name, input = i % 2 == 0 and name or "input",
         axes = {[name] = name}, samples = samples(i, i * 1000, {[name] = 0.5, b = 0.5}),
         failures = {{run = 1, kind = name, text = name}},
         calls = {{from = name, to = "base", calls = i}},
      }
      cases[i].size = i % 2 == 0 and 3 or nil
      cases[#results.HOSTILE + i] = {
         id = name .. i, strategy = name, input = "refused " .. name, axes = {}, samples = {},
         failures = {}, refused = {why = name, report = name},
      }
   end
   local r = result(results.HOSTILE[1], cases)
   r.machine.cpu = results.HOSTILE[2]
   for i, m in ipairs(r.metrics) do
      m.title, m.unit = results.HOSTILE[i], results.HOSTILE[i + 4]
   end
   return r
end

return results
