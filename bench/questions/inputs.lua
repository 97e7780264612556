--- Inputs that several questions share. Scripts are run from the repository's folder, and take what
-- stands here as `require "bench.questions.inputs"`.
-- SPDX-License-Identifier: MIT

local shell = require "moonlink.lab.shell"

local inputs = {}

--- A static library of the system by its name, "z" for libz.a.
---@param name string
---@return string path
function inputs.archive(name)
   return (shell.run {"gcc", "-print-file-name=lib" .. name .. ".a"}:match "[^\n]+")
end

return inputs
