--- What a browser draws of a report: headless Chromium lays the page out in a wide and in a narrow
-- window, in the dark, and on paper. A script beside the page, not in it, measures the boxes.

local dkjson = require "dkjson"
local report = require "moonlink.lab.report"
local results = require "spec.support.results"
local support = require "spec.support"

local BROWSER = "chromium --headless --no-sandbox --disable-gpu --hide-scrollbars "
   .. "--disable-dev-shm-usage --allow-file-access-from-files --enable-logging=stderr "
   .. "--user-data-dir="

--- Looks into a frame: what is drawn, what overlaps, what is cut.
local MEASURE = [==[<!DOCTYPE html><meta charset="utf-8">
<iframe id="f" src="page.html" width="%d" height="600"></iframe><pre id="out"></pre><script>
const frame = document.getElementById("f");
function box(e) {
   const r = e.getBoundingClientRect();
   return {left: r.left, right: r.right, top: r.top, bottom: r.bottom, width: r.width};
}
function meet(a, b) {
   return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
}
function look(doc, win) {
   const out = {
      wide: doc.documentElement.scrollWidth, room: doc.documentElement.clientWidth,
      pictures: [], overlaps: [], cut: [], small: [], alerts: win.alerts || 0,
      paper: win.getComputedStyle(doc.body).backgroundColor,
      ink: win.getComputedStyle(doc.body).color,
   };
   for (const svg of doc.querySelectorAll("figure > svg")) {
      if (svg.getBoundingClientRect().width == 0) continue;
      const frame = box(svg), texts = [...svg.querySelectorAll("text")];
      const picture = {class: svg.getAttribute("class"), label: svg.getAttribute("aria-label"),
         bars: [], stages: [], marks: svg.querySelectorAll(".mark").length, texts: []};
      for (const bar of svg.querySelectorAll(".bar")) {
         picture.bars.push({width: box(bar).width, fill: win.getComputedStyle(bar).fill,
            title: bar.parentNode.querySelector("title").textContent});
      }
      for (const s of svg.querySelectorAll(".stage, .thin")) picture.stages.push(box(s).width);
      const boxes = texts.map(box);
      texts.forEach((t, i) => {
         picture.texts.push(t.firstChild ? t.firstChild.data : "");
         const b = boxes[i];
         if (b.left < frame.left - 0.5 || b.right > frame.right + 0.5 || b.top < frame.top - 0.5
            || b.bottom > frame.bottom + 0.5) out.cut.push(t.textContent);
         if (parseFloat(win.getComputedStyle(t).fontSize) * frame.width
            / svg.viewBox.baseVal.width < 10) out.small.push(t.textContent);
         for (let k = 0; k < i; k++) {
            if (meet(b, boxes[k])) out.overlaps.push(t.textContent + " | " + texts[k].textContent);
         }
         if (t.getAttribute("class") && t.getAttribute("class").startsWith("inside")) return;
         for (const bar of svg.querySelectorAll(".bar, .stage, .thin, .interval")) {
            const other = box(bar);
            if (other.width > 0 && meet(b, other)) out.overlaps.push(t.textContent + " | bar");
         }
      });
      out.pictures.push(picture);
   }
   for (const e of doc.querySelectorAll("h1, h2, h3, p, td, th, li, pre, summary")) {
      const b = box(e);
      if (b.width == 0 || e.closest("thead") && win.getComputedStyle(e.closest("thead")).position
         == "absolute") continue;
      if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 || b.right > out.room + 0.5)
         out.cut.push(e.textContent);
   }
   return out;
}
frame.onload = () => {
   const doc = frame.contentDocument;
   for (const d of doc.querySelectorAll("details")) d.open = true;
   document.getElementById("out").textContent =
      encodeURIComponent(JSON.stringify(look(doc, frame.contentWindow)));
};
</script>]==]

--- Starts the browser, and once more when it came to nothing: on a machine that has much to do,
--- one of its processes now and then does not hear of another in the time that it waits.
---@param folder string for its files
---@param words string what it is to do
---@param done fun(output: string): any what came of it; nil or false when nothing has
---@return any done
---@return string errors
local function chromium(folder, words, done)
   local errors, result = folder .. "/stderr", nil
   for attempt = 1, 5 do
      local pipe <close> = assert(io.popen(("%s%s/profile%d %s 2>%s"):format(BROWSER, folder,
         attempt, words, errors)))
      result = done(pipe:read "a")
      if result then
         break
      end
   end
   return result, support.read(errors)
end

local function decoded(text)
   return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- Draws a page in a window of so many pixels, and says what is there.
local function drawn(page, width, more)
   local folder = support.tmpdir()
   support.write(folder .. "/page.html", page)
   support.write(folder .. "/measure.html", (MEASURE:gsub("%%d", width)))
   local text, errors = chromium(folder, ("%s --window-size=%d,900 --dump-dom file://%s/%s")
      :format(more or "", width + 60, folder, "measure.html"), function(output)
         return output:match '<pre id="out">([^<]+)</pre>'
      end)
   assert(text, "nothing measured: " .. errors:sub(1, 500))
   local seen = assert(dkjson.decode(decoded(text)))
   seen.console = errors:match "[^\n]*CONSOLE[^\n]*"
   return seen
end

local function pictures(seen, class)
   local list = {}
   for _, picture in ipairs(seen.pictures) do
      if picture.class == class then
         list[#list + 1] = picture
      end
   end
   return list
end

--- Nothing overlaps, nothing is cut, nothing needs scrolling sideways, all can be read.
local function check_layout(seen)
   assert.is_nil(seen.console)
   assert.are.same({}, seen.overlaps)
   assert.are.same({}, seen.cut)
   assert.are.same({}, seen.small)
   assert.are.equal(seen.room, seen.wide)
   assert.are.equal(0, seen.alerts)
end

describe("a report in a browser #chromium", function()
   local WINDOWS = {{"wide", 1000}, {"wide", 820}, {"narrow", 700}, {"narrow", 360}}

   for _, window in ipairs(WINDOWS) do
      local form, width = table.unpack(window)
      it(("fits into %d pixels"):format(width), function()
         local seen = drawn(report.html(results.mixed()), width)
         check_layout(seen)
         assert.are.equal(8, #pictures(seen, form .. " bars"))
         assert.are.equal(4, #pictures(seen, form .. " stages"))
         assert.are.equal(12, #seen.pictures)
      end)
   end

   it("has bars as long as its medians", function()
      for _, window in ipairs {WINDOWS[1], WINDOWS[4]} do
         local seen = drawn(report.html(results.mixed()), window[2])
         local chart = pictures(seen, window[1] .. " bars")[1]
         assert.are.equal("time to load of zlib, 14 objects", chart.label)
         assert.are.equal(3, #chart.bars)
         for i, ms in ipairs {1.2, 1.4, 90} do
            local expected = chart.bars[3].width * ms / 90
            assert.is_true(math.abs(chart.bars[i].width - expected) < 0.1, chart.bars[i].title)
         end
         assert.are_not.equal(chart.bars[1].fill, chart.bars[2].fill)
         local texts = table.concat(chart.texts, "\n") .. "\n"
         for _, text in ipairs {
            "direct/pic\n", "90.0\n", "time to load, ms (less is better)\n",
            "refused: a.o is", "the only run failed: timeout\n",
         } do
            assert.is_truthy(texts:find(text, 1, true), text)
         end
      end
   end)

   it("has stages as long as they took, behind each other", function()
      local seen = drawn(report.html(results.mixed()), 1000)
      local slow = pictures(seen, "wide stages")[1].stages
      assert.are.equal(2, #slow)
      assert.is_true(math.abs(slow[1] / slow[2] - 4) < 0.01)
      assert.are.equal(20, #pictures(seen, "wide stages")[2].stages)
   end)

   it("has a mark for each size of each curve", function()
      for _, window in ipairs(WINDOWS) do
         local seen = drawn(report.html(results.growing()), window[2])
         check_layout(seen)
         local curves = pictures(seen, window[1] .. " growth")
         assert.are.equal(3, #curves)
         for _, curve in ipairs(curves) do
            assert.are.equal(4 * 4 - 1, curve.marks)
         end
      end
   end)

   it("stays in order whatever the names are, and runs none of them", function()
      for _, window in ipairs {WINDOWS[1], WINDOWS[4]} do
         local page = report.html(results.hostile())
         page = page:gsub("<head>", "<head><script>alert = () => { window.alerts = 1 }</script>")
         check_layout(drawn(page, window[2]))
      end
   end)

   it("is dark where the reader wants it", function()
      local page = report.html(results.mixed())
      local light = drawn(page, 1000)
      local dark = drawn(page, 1000, "--blink-settings=preferredColorScheme=0")
      check_layout(dark)
      assert.are.equal("rgb(255, 255, 255)", light.paper)
      assert.are_not.equal(light.paper, dark.paper)
      assert.are_not.equal(light.ink, dark.ink)
   end)

   it("is whole on paper", function()
      local folder = support.tmpdir()
      support.write(folder .. "/page.html", report.html(results.mixed()))
      chromium(folder, ("--no-pdf-header-footer --print-to-pdf=%s/out.pdf file://%s/page.html")
         :format(folder, folder), function()
            return support.exit("test -s %s/out.pdf", folder) == 0
         end)
      local pipe <close> = assert(io.popen("pdftotext -layout " .. folder .. "/out.pdf -"))
      local text = pipe:read "a"
      for _, wanted in ipairs {
         "zlib and sqlite3", "shared-each/non-pic", "time to load, ms (less is better)", "90.0",
         "R_X86_64_32S", "Numbers: time to load", "times direct/pic",
      } do
         assert.is_truthy(text:find(wanted, 1, true), wanted)
      end
      -- tables are tables, not the lists that narrow windows get
      assert.is_truthy(text:find("median +95 %% interval +range +runs"))
      -- each chart once, not also its narrow form
      local _, titles = text:gsub("time to load, ms %(less is better%)", "")
      assert.are.equal(2, titles)
   end)
end)
