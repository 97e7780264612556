--- moonlink pkg expose.
-- SPDX-License-Identifier: MIT

local setting = require "moonlink.cli.pkg.setting"

return setting.command("expose", "exposed", true, "Make packages visible.")
