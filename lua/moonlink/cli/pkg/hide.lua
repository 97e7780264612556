--- moonlink pkg hide.
-- SPDX-License-Identifier: MIT

local setting = require "moonlink.cli.pkg.setting"

return setting.command("hide", "exposed", false, "Make packages hidden.")
