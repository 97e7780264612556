--- moonlink pkg trust.
-- SPDX-License-Identifier: MIT

local setting = require "moonlink.cli.pkg.setting"

return setting.command("trust", "trusted", true, "Mark packages as trusted.")
