--- What the numbers of a sample are called, and which way is better.
-- SPDX-License-Identifier: MIT

local metrics = {}

---@class moonlink.lab.Metric
---@field key string
---@field title string
---@field unit string
---@field better "less"|"more"

local rows = {
   {"prepare_ms", "prepare", "ms"},
   {"load_ms", "load", "ms"},
   {"ready_ms", "prepare and load", "ms"},
   {"first_call_us", "first call", "us"},
   {"reload_ms", "reload after one edit", "ms"},
   {"unload_ms", "unload", "ms"},
   {"round_us", "one round", "us"},
   {"memory_kb", "memory", "KiB"},
   {"peak_kb", "peak memory", "KiB"},
   {"mappings", "mappings", ""},
   {"faults", "page faults", ""},
   {"system_calls", "system calls", ""},
   {"prepare_system_calls", "system calls of prepare", ""},
   {"load_system_calls", "system calls of load", ""},
   {"first_call_system_calls", "system calls of first call", ""},
   {"left_kb", "memory left", "KiB"},
   {"left_mappings", "mappings left", ""},
   {"rounds_left_kb", "memory left after rounds", "KiB"},
   {"rounds_left_mappings", "mappings left after rounds", ""},
   {"round_left_bytes", "memory left by each later round", "bytes"},
   {"file_kb", "files", "KiB"},
   {"image_kb", "unit", "KiB"},
   {"huge_kb", "unit in huge pages", "KiB"},
   {"protections", "changes of protection", ""},
   {"got_bytes", "GOT slots", "bytes"},
   {"stub_bytes", "stubs", "bytes"},
   {"linked_objects", "objects linked", ""},
   {"relocations", "relocations", ""},
   {"relaxed", "GOT loads made direct", ""},
   {"moved", "instructions moved", ""},
}

--- Stages of a sample in the order of time.
metrics.stages = {"prepare", "add", "resolve", "link", "load"}

local function is_in_samples(cases, key)
   for _, case in ipairs(cases) do
      for _, sample in ipairs(case.samples) do
         if type(sample[key]) == "number" then
            return true
         end
      end
   end
   return false
end

local function other_keys(cases, known)
   local seen, out = {}, {}
   for _, case in ipairs(cases) do
      for _, sample in ipairs(case.samples) do
         for key, value in pairs(sample) do
            if type(value) == "number" and not known[key] and not seen[key] then
               seen[key] = true
               out[#out + 1] = key
            end
         end
      end
   end
   table.sort(out)
   return out
end

--- The metrics that some sample has: an experiment's own first, as it describes them, then the
--- common ones, then what nobody has described.
---@param cases moonlink.lab.Case[]
---@param own? moonlink.lab.Metric[]
---@return moonlink.lab.Metric[]
function metrics.of(cases, own)
   local out, known = {}, {run = true}
   local function add(key, title, unit, better)
      if not known[key] and is_in_samples(cases, key) then
         out[#out + 1] = {key = key, title = title, unit = unit, better = better}
      end
      known[key] = true
   end
   for _, m in ipairs(own or {}) do
      add(m.key, m.title or m.key, m.unit or "", m.better or "less")
   end
   for _, row in ipairs(rows) do
      add(row[1], row[2], row[3], row[4] or "less")
   end
   for _, key in ipairs(other_keys(cases, known)) do
      add(key, key, key:match "_(%l%l)$" or "", "less")
   end
   return out
end

--- The values of one metric over the samples of a case, in the order of the runs; false where a run
--- failed. What moonlink.lab.stats takes.
---@param case moonlink.lab.Case
---@param key string
---@return (number|boolean)[]
function metrics.column(case, key)
   local out = {}
   for i, sample in ipairs(case.samples) do
      out[i] = type(sample[key]) == "number" and sample[key] or false
   end
   return out
end

return metrics
