/** The latest decisions, which follow what happens where the page's script runs. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { firstIdAt } from "../../core/encoding/ids.ts"
import { respondPage } from "../../web/page.tsx"
import { lineOf } from "./line.ts"
import type { Rates } from "../../api/contract/decisions.ts"
import { Verdict } from "./verdict.tsx"
import { apology, ConsolePage } from "../layout/frame.tsx"
import { decisionPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageRequest } from "../layout/visit.tsx"
import { barsOf, figuresOf, HEIGHT, highest, WIDTH } from "./curve.ts"
import { filtersOf, KINDS, type Filter } from "./filters.ts"
import { LIVE_SCRIPT_PATH } from "./script.ts"
import type { Line } from "./live-line.ts"

export const SECTION = "/console/live"
const ROWS = 50

export async function showLive(visit: PageRequest): Promise<Response> {
  const filters = filtersOf(visit.c)
  const query = filters.toString()
  const [said, counted] = await Promise.all([
    visit.ask("GET", `/v1/decisions?${new URLSearchParams([...filters, ["limit", String(ROWS)]]).toString()}`),
    visit.ask("GET", `/v1/decisions/rates?${query}`),
  ])
  if (said.status !== 200) return apology(visit, SECTION, said)
  if (counted.status !== 200) return apology(visit, SECTION, counted)
  const lines = CONTRACT.listDecisions.answer().parse(said.body).decisions.map(lineOf)
  const now = visit.context.receivedAt
  const events = `${SECTION}/events${query === "" ? "" : `?${query}`}`
  return respondPage(
    <ConsolePage title="Live" visit={visit} section={SECTION} scripts={[LIVE_SCRIPT_PATH]}>
      <div class="row">
        <h1>Live</h1>
        <p class="state" id="state" role="status">
          This page shows the latest decisions and does not follow: reload it for newer ones
        </p>
        <button id="pause" class="end" type="button" aria-pressed="false" hidden>
          Pause
        </button>
      </div>
      <p class="notice warn" id="gap" hidden>
        You were away for a while: what was decided meanwhile is not all here.{" "}
        <a href={`${SECTION}?${query}`}>Reload</a>
      </p>
      <Curve of={CONTRACT.countDecisions.answer().parse(counted.body)} />
      <Filters of={filters} />
      {lines.length === 0 && (
        <p class="empty card" id="empty">
          {filters.size > 0 ? "Nothing like that was decided." : "Nothing was decided yet."}
        </p>
      )}
      <Table
        caption="The latest decisions, newest first; times in UTC"
        columns={["Time", "Decision", "What", "Who", "Why"]}
        look="lines"
        body={{ id: "lines", "data-events": events, "data-newest": firstIdAt("dec", now) }}
      >
        {lines.map((line) => (
          <Row line={line} />
        ))}
      </Table>
    </ConsolePage>,
  )
}

/** The script makes rows of the same shape. */
const Row: FC<{ readonly line: Line }> = ({ line }) => (
  <tr data-id={line.id}>
    <td data-label="Time">
      <a href={decisionPath(line.id)}>{line.time}</a>
    </td>
    <td data-label="Decision">
      <Verdict decision={line.decision} code={line.code} />
    </td>
    <td data-label="What">{line.what}</td>
    <td data-label="Who">{line.who}</td>
    <td data-label="Why" class="quiet">
      {line.why}
    </td>
  </tr>
)

const Curve: FC<{ readonly of: Rates }> = ({ of: { slots, slot_ms } }) => (
  <figure class="card curve">
    <figcaption class="row">
      <span>
        The last {Math.round((slots.length * slot_ms) / 60_000)} minutes:{" "}
        <strong id="figures">{figuresOf(slots)}</strong>
      </span>
      <span class="end quiet">
        <span class="key good">allowed</span> <span class="key bad">denied</span>, up to{" "}
        <span id="highest">{highest(slots)}</span> in half a minute
      </span>
    </figcaption>
    <svg
      id="rates"
      class="picture"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={figuresOf(slots)}
      data-slots={JSON.stringify(slots)}
      data-slot-ms={String(slot_ms)}
      data-height={String(HEIGHT)}
    >
      {barsOf(slots).map(({ x, width, allowed, denied }) => (
        <g class="slot">
          <rect class="allowed" x={x} width={width} y={allowed.y} height={allowed.height} />
          <rect class="denied" x={x} width={width} y={denied.y} height={denied.height} />
        </g>
      ))}
    </svg>
  </figure>
)

const TEXTS: readonly { readonly name: Filter; readonly label: string; readonly placeholder: string }[] = [
  { name: "agent", label: "Agent", placeholder: "spiffe://…" },
  { name: "tool", label: "Tool", placeholder: "crm.tickets.get" },
  { name: "code", label: "Code", placeholder: "policy_denied" },
]
const CHOICES: readonly { readonly name: Filter; readonly label: string; readonly options: readonly string[] }[] = [
  { name: "decision", label: "Decision", options: ["allow", "deny"] },
  { name: "kind", label: "Kind", options: KINDS },
]

const Filters: FC<{ readonly of: URLSearchParams }> = ({ of: filters }) => (
  <form method="get" action={SECTION} class="filters">
    {TEXTS.map(({ name, label, placeholder }) => (
      <div>
        <label for={name}>{label}</label>
        <input id={name} name={name} value={filters.get(name) ?? ""} placeholder={placeholder} size={20} />
      </div>
    ))}
    {CHOICES.map(({ name, label, options }) => (
      <div>
        <label for={name}>{label}</label>
        <select id={name} name={name}>
          <option value="">{name === "kind" ? "all but management" : "all"}</option>
          {options.map((option) => (
            <option value={option} selected={filters.get(name) === option}>
              {option}
            </option>
          ))}
        </select>
      </div>
    ))}
    <button>Filter</button>
    {filters.size > 0 && <a href={SECTION}>All</a>}
  </form>
)
