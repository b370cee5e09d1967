/** The style sheet of our pages: light and dark by the reader's preference, for desktops and phones. */
export const STYLE = /* css */ `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #0f1217);
  --card: light-dark(#ffffff, #171b22);
  --raised: light-dark(#eef0f4, #1f252e);
  --line: light-dark(#d5dae2, #2d3540);
  --text: light-dark(#171b22, #e8ebf0);
  --quiet: light-dark(#566070, #9aa5b4);
  --accent: light-dark(#1d4ed8, #8ab4ff);
  --on-accent: light-dark(#ffffff, #0b1220);
  --good: light-dark(#0f6b3a, #6fd49b);
  --good-ground: light-dark(#e0f4e8, #12301f);
  --bad: light-dark(#a81c1c, #ff9d94);
  --bad-ground: light-dark(#fde8e6, #3a1715);
  --warn: light-dark(#7a4d00, #f4c26b);
  --warn-ground: light-dark(#fdf0d5, #352710);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace;
  --gap: 1rem;
  --round: 0.6rem;
}
* { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; background: var(--ground); color: var(--text); }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 0.2rem; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 0.5rem; z-index: 9; background: var(--card); padding: 0.5rem 1rem; }

.top { background: var(--card); border-bottom: 1px solid var(--line); }
.top > div { max-width: 76rem; margin: auto; padding: 0.6rem 1rem; display: flex; flex-wrap: wrap; gap: 0.4rem 1.2rem; align-items: center; }
.brand { font-weight: 700; color: var(--text); text-decoration: none; display: inline-flex; gap: 0.5rem; align-items: center; }
.brand svg { width: 1.4rem; height: 1.4rem; }
.top nav { flex: 1; }
.top nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem; margin: 0; padding: 0; }
.top nav a { display: block; padding: 0.35rem 0.7rem; border-radius: var(--round); color: var(--quiet); text-decoration: none; }
.top nav a:hover { background: var(--raised); color: var(--text); }
.top nav a[aria-current="page"] { background: var(--raised); color: var(--text); font-weight: 600; }
.who { display: flex; gap: 0.6rem; align-items: center; color: var(--quiet); font-size: 0.9rem; }
.who { min-width: 0; overflow-wrap: anywhere; }
.who form { margin: 0; flex: none; }

main { flex: 1; width: 100%; max-width: 76rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; }
main.narrow { max-width: 44rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 0.3rem; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 0.6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 0.4rem; }
p { margin: 0.4rem 0 0.8rem; }
main > p, .card > p { max-width: 72ch; }
main > p.row, .card > p.row { max-width: none; }
.lead, .quiet { color: var(--quiet); }
small { font-size: 0.85rem; }

.card { background: var(--card); border: 1px solid var(--line); border-radius: var(--round); padding: 1rem 1.2rem; margin: 0 0 var(--gap); overflow-wrap: anywhere; }
.card > :first-child { margin-top: 0; }
.card > :last-child { margin-bottom: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: var(--gap); list-style: none; padding: 0; margin: 0 0 var(--gap); }
.cards > * { margin: 0; }
.columns { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: var(--gap); align-items: start; }
.row { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; }
.row > .end { margin-left: auto; }

dl.facts { display: grid; grid-template-columns: minmax(6rem, max-content) minmax(0, 1fr); gap: 0.35rem 1rem; margin: 0; overflow-wrap: anywhere; }
dl.facts.card { margin-bottom: var(--gap); }
dl.facts dt { color: var(--quiet); }
dl.facts dd { margin: 0; }
code, pre, .mono { font-family: var(--mono); font-size: 0.88em; overflow-wrap: anywhere; }
pre { background: var(--raised); border-radius: var(--round); padding: 0.8rem 1rem; margin: 0.4rem 0; white-space: pre-wrap; max-height: 28rem; overflow: auto; }

.table { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: var(--round); margin: 0 0 var(--gap); }
table { border-collapse: collapse; width: 100%; font-size: 0.93rem; }
caption { text-align: left; padding: 0.6rem 0.9rem; color: var(--quiet); }
th, td { text-align: left; vertical-align: top; padding: 0.5rem 0.9rem; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--quiet); font-weight: 600; white-space: nowrap; }
td { overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }

.badge { display: inline-block; padding: 0.05rem 0.55rem; border-radius: 1rem; font-size: 0.82rem; font-weight: 600; background: var(--raised); color: var(--text); white-space: nowrap; }
.badge.good { background: var(--good-ground); color: var(--good); }
.badge.bad { background: var(--bad-ground); color: var(--bad); }
.badge.warn { background: var(--warn-ground); color: var(--warn); }
.notice { border-left: 4px solid var(--accent); background: var(--card); padding: 0.7rem 1rem; margin: 0 0 var(--gap); border-radius: 0 var(--round) var(--round) 0; }
.notice.bad { border-color: var(--bad); background: var(--bad-ground); }
.notice.warn { border-color: var(--warn); background: var(--warn-ground); }
.notice.good { border-color: var(--good); background: var(--good-ground); }
main > .empty { max-width: none; }
.empty { text-align: center; padding: 2.5rem 1rem; color: var(--quiet); }

button, .button { font: inherit; font-weight: 600; padding: 0.5rem 1.1rem; min-height: 2.75rem; border-radius: var(--round); border: 1px solid var(--line); background: var(--raised); color: var(--text); cursor: pointer; text-decoration: none; display: inline-block; }
button:hover, .button:hover { border-color: var(--quiet); }
button.main, .button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.stop { background: var(--bad-ground); border-color: var(--bad); color: var(--bad); }
button.plain { background: none; border: 0; padding: 0.2rem 0.4rem; min-height: 0; color: var(--accent); font-weight: 400; }
label { display: block; margin: 0.6rem 0 0.2rem; font-weight: 600; }
label.inline, .choice { display: flex; gap: 0.6rem; align-items: flex-start; font-weight: 400; margin: 0.3rem 0; }
.choice input { margin-top: 0.35rem; flex: none; width: 1.05rem; height: 1.05rem; accent-color: var(--accent); }
input, select, textarea { font: inherit; color: var(--text); background: var(--ground); border: 1px solid var(--line); border-radius: var(--round); padding: 0.45rem 0.7rem; max-width: 100%; }
input:not([type="checkbox"], [type="radio"]), select { min-height: 2.75rem; }
textarea { width: 100%; min-height: 5rem; }
fieldset { border: 1px solid var(--line); border-radius: var(--round); margin: 0 0 var(--gap); padding: 0.6rem 1rem 0.8rem; }
legend { padding: 0 0.4rem; font-weight: 600; }
.filters { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: end; margin: 0 0 var(--gap); }
.filters label { margin-top: 0; }
details { margin: 0.4rem 0; }
summary { cursor: pointer; font-weight: 600; }
meter { width: 100%; height: 0.9rem; }

.timeline { list-style: none; margin: 0; padding: 0 0 0 1.1rem; border-left: 2px solid var(--line); }
.timeline > li { position: relative; padding: 0 0 0.9rem 0.4rem; overflow-wrap: anywhere; }
.timeline > li::before { content: ""; position: absolute; left: -1.58rem; top: 0.45rem; width: 0.7rem; height: 0.7rem; border-radius: 50%; background: var(--quiet); }
.timeline > li.good::before { background: var(--good); }
.timeline > li.bad::before { background: var(--bad); }

.issuer { font-size: 0.85rem; }
.timeline > li > .quiet { font-size: 0.9rem; margin-left: 0.4rem; }
.timeline > li > div.quiet { margin-left: 0; }
.escaped { background: var(--warn-ground); color: var(--warn); font-family: var(--mono); font-size: 0.85em; border-radius: 0.2rem; padding: 0 0.15rem; unicode-bidi: isolate; }
.redacted { background: var(--raised); color: var(--quiet); font-style: italic; border: 1px dashed var(--quiet); border-radius: 0.2rem; padding: 0 0.3rem; }
pre.json { font-size: 0.95rem; border: 1px solid var(--line); }
.card > h2.title { margin: 0.5rem 0 0.3rem; font-size: 1.2rem; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: var(--gap); margin: 0 0 var(--gap); scroll-margin-top: 1rem; }
.answers > form { margin: 0; display: flex; flex-direction: column; border-top-width: 6px; }
.answers input:not([type="number"]) { width: 100%; }
.answers .yes { border-top-color: var(--good); }
.answers .no { border-top-color: var(--bad); }
.answers .yes h2 { color: var(--good); }
.answers .no h2 { color: var(--bad); }
.decide { position: sticky; bottom: 0; display: flex; gap: var(--gap); margin: 0; padding: 0.6rem 0; background: var(--ground); border-top: 1px solid var(--line); }
main > .decide { max-width: none; }
.decide button { flex: 1; min-width: 0; min-height: 3.2rem; font-size: 1.05rem; }
.decide .yes { background: var(--good); border-color: var(--good); color: var(--on-accent); }
.decide .no { background: var(--bad-ground); border-color: var(--bad); color: var(--bad); }
html:has(.decide) { scroll-padding-bottom: 5.5rem; }
.answers h2 { margin: 0 0 0.3rem; }
.acts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: var(--gap); align-items: start; margin: 0 0 var(--gap); }
.acts > details { margin: 0; padding: 0.7rem 1.2rem; }
.acts input:not([type="hidden"]) { width: 100%; }
.finders { display: flex; flex-wrap: wrap; gap: 0 2.5rem; }
.gauges dd { padding-bottom: 0.4rem; font-variant-numeric: tabular-nums; }
.gauges meter, dd meter { display: block; margin-top: 0.2rem; }
ol.plan { margin: 0; padding-left: 1.2rem; }
ol.plan .badge { margin-left: 0.5rem; }
ul.plain-list { list-style: none; margin: 0 0 0.6rem; padding: 0; }
aside > .card > h2:first-child, .card > h2:first-child, .card > .row:first-child > h2 { margin: 0 0 0.6rem; }

svg .tip { fill: var(--quiet); }
svg .box.current { stroke-width: 3.5; }
svg a:focus-visible .box { stroke: var(--accent); stroke-width: 4; }
svg a { text-decoration: none; }
svg.picture { max-width: 100%; height: auto; display: block; }
svg .box { fill: var(--card); stroke: var(--line); stroke-width: 1.5; }
svg .box.good { stroke: var(--good); }
svg .box.bad { stroke: var(--bad); }
svg .box.warn { stroke: var(--warn); }
svg .link { stroke: var(--quiet); stroke-width: 1.5; fill: none; }
svg text { fill: var(--text); font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
svg text.quiet { fill: var(--quiet); font-size: 11.5px; }
svg .bar { fill: var(--accent); }
svg .bar.bad { fill: var(--bad); }
svg .curve { fill: none; stroke: var(--accent); stroke-width: 2; }
svg .curve.bad { stroke: var(--bad); }

footer { border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.85rem; padding: 0.8rem 1rem; text-align: center; }

@media (max-width: 44rem) {
  .who { margin-left: auto; }
  .top > div { padding: 0.4rem 1rem; gap: 0.2rem 1rem; }
  .top nav { order: 3; flex-basis: 100%; }
  .top nav ul { gap: 0; }
  .top nav a { padding: 0.2rem 0.6rem; }
  main { padding-top: 0.6rem; }
  h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  dl.facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dl.facts dd { margin: 0 0 0.6rem; }
  dl.key-facts { grid-template-columns: fit-content(38%) minmax(0, 1fr); gap: 0.1rem 0.8rem; padding: 0.5rem 0.8rem; font-size: 0.9rem; line-height: 1.35; }
  dl.key-facts dd { margin: 0; }
  dl.key-facts dd.mono { overflow-wrap: anywhere; }
  dl.key-facts dt { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .row > .end { margin-left: 0; }
  table.stack thead { position: absolute; left: -99rem; }
  table.stack tr { display: block; border-top: 1px solid var(--line); padding: 0.5rem 0; }
  table.stack td { display: block; border: 0; padding: 0.15rem 0.9rem; }
  table.stack td[data-label]::before { content: attr(data-label) ": "; color: var(--quiet); }
}
@media (prefers-reduced-motion: no-preference) {
  .new { animation: appear 0.6s; }
  @keyframes appear { from { background: var(--warn-ground); } }
}
`
