--- Output handler of the suite: busted's own summary, then `N passed, N failed` as the last line of
--- the run (with `, N skipped` when specs were pending). A run without a single spec fails.
-- SPDX-License-Identifier: MIT

return function(options)
   local busted = require "busted"
   local handler = require("busted.outputHandlers.plainTerminal")(options)

   -- busted forgets its counts when it repeats the suite; the last line is about the whole run.
   local passed, failed, skipped = 0, 0, 0

   local function count()
      passed = passed + handler.successesCount
      failed = failed + handler.failuresCount + handler.errorsCount
      skipped = skipped + handler.pendingsCount
      return nil, true
   end

   local function finish()
      if passed + failed + skipped == 0 then
         io.stdout:write("no spec was run\n")
      end
      local tail = skipped > 0 and (", %d skipped"):format(skipped) or ""
      io.stdout:write(("%d passed, %d failed%s\n"):format(passed, failed, tail))
      io.stdout:flush()
      if failed > 0 or passed == 0 then
         os.exit(1, true)
      end
      return nil, true
   end

   busted.subscribe({"suite", "end"}, count)
   busted.subscribe({"exit"}, finish)
   return handler
end
