/** The styles of the console, in addition to those of all our pages. */
export const CONSOLE_STYLE = /* css */ `
.state { margin: 0; color: var(--quiet); font-size: 0.9rem; }
h1.wrap { overflow-wrap: anywhere; }
h1 + .state::before { content: ""; display: inline-block; width: 0.6rem; height: 0.6rem; border-radius: 50%; background: var(--quiet); margin-right: 0.5rem; }
.state.on::before { background: var(--good) !important; }
table.lines td { padding-top: 0.35rem; padding-bottom: 0.35rem; }
table.lines td:first-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
table.lines th:nth-child(3) { width: 26%; }
table.lines th:nth-child(4) { width: 30%; }
table.lines th:nth-child(5) { width: 26%; }
h1 + .notice, h1 + section > .notice:first-child { margin-top: 0.8rem; }
.card > p:first-child + h2 { margin-top: 0.4rem; }
.curve { margin: 0 0 var(--gap); }
.curve figcaption { margin: 0 0 0.6rem; }
.curve svg { width: 100%; height: 6rem; border-bottom: 1px solid var(--line); }
svg .allowed { fill: var(--good); opacity: 0.75; }
svg .denied { fill: var(--bad); }
.key::before { content: ""; display: inline-block; width: 0.7rem; height: 0.7rem; margin-right: 0.3rem; border-radius: 0.15rem; background: var(--bad); }
.key.good::before { background: var(--good); }
[hidden] { display: none !important; }

.change { margin: 0 0 0.6rem; }
.change pre { margin: 0.6rem 0 0; max-height: 24rem; }
pre .added { color: var(--good); background: var(--good-ground); display: block; }
pre .removed { color: var(--bad); background: var(--bad-ground); display: block; }
pre .same { display: block; }
.rule pre { margin: 0.3rem 0 0.8rem; }
.form { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: 0 var(--gap); }
.form > * { min-width: 0; }
.form input:not([type="checkbox"], [type="radio"]), .form select { width: 100%; }
.form .wide { grid-column: 1 / -1; }
textarea.mono { font-family: var(--mono); font-size: 0.9rem; }

.red { border: 2px solid var(--bad); }
.red h2 { color: var(--bad); margin-top: 0; }
button.red, .button.red { background: light-dark(#b42318, #ff9d94); border-color: light-dark(#b42318, #ff9d94); color: light-dark(#ffffff, #2a0b08); font-size: 1.1rem; min-height: 3.25rem; padding: 0.6rem 1.6rem; }
.targets { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)); gap: 0.5rem; }
.targets .choice { border: 1px solid var(--line); border-radius: var(--round); padding: 0.7rem 0.9rem; min-height: 3.25rem; margin: 0; align-items: center; }
.targets .choice:has(:checked) { border-color: var(--bad); background: var(--bad-ground); }
.targets .choice input { margin: 0; }
@media (max-width: 44rem) {
  table.stack td.number { text-align: left; }
  table.stack td:empty { display: none; }
  table.lines td[data-label]::before { content: none; }
  table.lines td:nth-child(-n + 2) { display: inline-block; padding-right: 0; }
  .filters > div:has(> input) { flex: 1 1 9rem; }
  .filters > div > input { width: 100%; }
  button.red, .button.red { width: 100%; text-align: center; }
}
`
