--- The look of the HTML report: one column, system fonts, light and dark, a form for paper. Colours
-- of series are those of Okabe and Ito, which people with any kind of colour vision tell apart.
-- SPDX-License-Identifier: MIT

local style = {}

--- Colours 1 to 8: fill in the light, fill in the dark, text on top of both.
local COLORS = {
   {"#0072b2", "#3d9bd4", "#fff", "#000"}, {"#d55e00", "#e8813a", "#000", "#000"},
   {"#009e73", "#2bb58f", "#000", "#000"}, {"#cc79a7", "#dc96bb", "#000", "#000"},
   {"#e69f00", "#ebb03a", "#000", "#000"}, {"#56b4e9", "#7cc6f0", "#000", "#000"},
   {"#6b4fa0", "#a38ad0", "#fff", "#000"}, {"#777777", "#9a9a9a", "#000", "#000"},
}

local LIGHT = [[
--paper:#fff;--ink:#1b1f24;--soft:#59636e;--grid:#e3e6ea;--line:#8c959f;--good:#0b6b3a;
--bad:#a3290b;--tint:#f4f6f8;]]

local DARK = [[
--paper:#15181c;--ink:#e6e9ed;--soft:#a2abb5;--grid:#2c3239;--line:#6b757f;--good:#5fcf95;
--bad:#ff9070;--tint:#1e2329;]]

local RULES = [[
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:24px 20px 48px;max-width:800px;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI","Liberation Sans","DejaVu Sans",sans-serif}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}
h2{font-size:20px;line-height:1.3;margin:40px 0 4px;padding-top:12px;
border-top:1px solid var(--grid)}
h3{font-size:16px;margin:20px 0 6px}
h1,h2,h3,p,li,td,th,summary{overflow-wrap:anywhere;unicode-bidi:isolate}
p{margin:6px 0}
.soft,footer{color:var(--soft);font-size:14px}
footer{margin-top:40px;padding-top:12px;border-top:1px solid var(--grid)}
pre,.case{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{font-size:12.5px;line-height:1.45;white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0 12px;
padding:10px 12px;background:var(--tint);border-left:3px solid var(--line)}
table{border-collapse:collapse;width:100%;font-size:14px;margin:8px 0 16px;
font-variant-numeric:tabular-nums}
th,td{padding:5px 8px;border-bottom:1px solid var(--grid);text-align:right;vertical-align:top}
th{vertical-align:bottom;font-weight:600}
th.words{overflow-wrap:normal}
th:first-child,td:first-child,td.note,th.case,td.case{text-align:left}
td small{display:block;color:var(--soft);font-size:12px;white-space:nowrap}
.case{font-size:13px}
.best{color:var(--good);font-weight:600}
td small{font-weight:400}
.nowrap{white-space:nowrap}
.note{color:var(--bad)}
nav ul,.legend{list-style:none;margin:6px 0;padding:0;display:flex;flex-wrap:wrap;gap:4px 18px}
.legend{font-size:13px;color:var(--ink)}
.legend li{display:flex;align-items:center;gap:6px}
.legend svg{flex:none}
a{color:inherit}
figure{margin:8px 0 20px}
figure>svg{display:block;max-width:100%;height:auto}
svg text{font-size:12px;fill:var(--ink);font-family:system-ui,-apple-system,"Segoe UI",
"Liberation Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums;unicode-bidi:isolate}
svg .label{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
svg .title{fill:var(--soft)}
svg .note{fill:var(--bad);font-style:italic}
svg .value{font-weight:600}
.grid{stroke:var(--grid)}
.axis{stroke:var(--line)}
.range,.spread{stroke:var(--ink);stroke-width:1.2}
.spread{stroke-width:1.5}
.interval,.beyond{fill:var(--ink)}
.interval{fill-opacity:.7}
.stage{stroke:var(--paper);stroke-width:1}
.curve{fill:none;stroke-width:2}
.dashed{stroke-dasharray:6 4}
.mark{stroke-width:1.5}
.narrow{display:none!important}
details summary{cursor:pointer;color:var(--soft);font-size:14px}
@media screen and (max-width:799px){
.calls .nowrap{white-space:normal}
body{padding:16px 10px 32px}
h1{font-size:23px}
.wide{display:none!important}
figure>svg.narrow{display:block!important;width:100%;max-width:430px}
table.cards,table.cards tbody,table.cards tr,table.cards td{display:block;width:100%}
table.cards thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table.cards tr{padding:6px 0;border-bottom:1px solid var(--grid)}
table.cards td{border:0;padding:1px 0;text-align:left}
table.cards td[data-of]{display:flex;justify-content:space-between;gap:12px;flex-wrap:wrap}
table.cards td[data-of]::before{content:attr(data-of);color:var(--soft);font-weight:400}
table.cards td small{display:inline;margin-left:6px}
table.cards td:empty{display:none}
}
@media print{
@page{margin:14mm}
body{padding:0;max-width:none;font-size:11pt}
figure,tr,pre.short{break-inside:avoid}
h2,h3{break-after:avoid}
nav{display:none}
details summary{list-style:none}
figure>svg.wide{display:block!important}
.narrow,figure>svg.narrow{display:none!important}
details::details-content{content-visibility:visible;block-size:auto;opacity:1}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}]]

local function color_variables(column)
   local out = {}
   for i, row in ipairs(COLORS) do
      out[#out + 1] = ("--c%d:%s;--t%d:%s;"):format(i, row[column], i, row[column + 2])
   end
   return table.concat(out)
end

--- The style sheet. Paper is always light.
---@return string
function style.sheet()
   local out = {
      ":root{color-scheme:light dark;", LIGHT, color_variables(1), "}\n",
      "@media screen and (prefers-color-scheme:dark){:root{", DARK, color_variables(2), "}}\n",
   }
   for i in ipairs(COLORS) do
      out[#out + 1] = (".c%d{fill:var(--c%d)}.s%d{stroke:var(--c%d)}svg .t%d{fill:var(--t%d)}\n")
         :format(i, i, i, i, i, i)
   end
   out[#out + 1] = RULES
   return table.concat(out)
end

return style
