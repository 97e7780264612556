--- moonlink pkg distrust.
-- SPDX-License-Identifier: MIT

local setting = require "moonlink.cli.pkg.setting"

return setting.command("distrust", "trusted", false, "Mark packages as not trusted.")
