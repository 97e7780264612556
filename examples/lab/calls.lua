-- Who calls whom, and how often? libxml2 reads a document that zlib has packed.
--    moonlink lab run examples/lab/calls.lua && moonlink lab show calls.json --dot | dot -Tsvg
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"

local function archive(name)
   local pipe <close> = assert(io.popen("gcc -print-file-name=lib" .. name .. ".a"))
   return {name = name, archive = pipe:read "l"}
end

local TEXT = "<list>" .. ("<item price='12'>moon</item>"):rep(500) .. "</list>"

return lab.experiment {
   name = "calls", trace = true, runs = 3,
   inputs = {{
      name = "xml", packages = {archive "z", archive "lzma", archive "xml2"},
      libraries = {"-licuuc", "-lm"}, -- shared
   }},
   strategies = {"direct", "archive", "shared-incremental"},
   work = function(loaded, run)
      local path = run.folder .. "/list.xml.gz"
      local file = loaded:func "void *gzopen(const char *, const char *)" (path, "wb")
      assert(loaded:func "int gzwrite(void *, const char *, unsigned)" (file, TEXT, #TEXT) == #TEXT)
      loaded:func "int gzclose(void *)" (file)
      local read = loaded:func "void *xmlReadFile(const char *, const char *, int)"
      local root = loaded:func "void *xmlDocGetRootElement(void *)"
      local count = loaded:func "unsigned long xmlChildElementCount(void *)"
      return {items = count(root(assert(read(path, nil, 0))))}
   end,
   metrics = {{key = "items", title = "items read", better = "more"}},
}
