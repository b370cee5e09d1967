/** The latest decisions. If the page's script runs, it adds new ones as they are made. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { firstIdAt } from "../../core/encoding/ids.ts"
import { respondPage } from "../../web/page.tsx"
import { liveLineOf } from "./decision-text.ts"
import type { Rates } from "../../api/contract/decisions.ts"
import { Verdict } from "./verdict.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { decisionPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { barsOf, figuresOf, HEIGHT, highest, WIDTH } from "./bars.ts"
import { filtersOf, KINDS, type Filter } from "./filters.ts"
import { Sinks } from "./sinks.tsx"
import { LIVE_SCRIPT_PATH } from "./script.ts"
import type { LiveLine } from "./live-update.ts"

export const livePage = {
  path: "/live",
  section: "live",
  readers: "viewer",
  view: showLive,
} as const satisfies PageDefinition

const ROWS = 50

async function showLive(request: PageRequest): Promise<Response> {
  const filters = filtersOf(request.c)
  const query = filters.toString()
  const [response, rateResponse, sinks] = await Promise.all([
    request.callApi("GET", `/v1/decisions?${new URLSearchParams([...filters, ["limit", String(ROWS)]]).toString()}`),
    request.callApi("GET", `/v1/decisions/rates?${query}`),
    request.callApi("GET", "/v1/sinks"),
  ])
  if (response.status !== 200) return failurePage(request, response)
  if (rateResponse.status !== 200) return failurePage(request, rateResponse)
  const lines = CONTRACT.listDecisions.answer().parse(response.body).decisions.map(liveLineOf)
  const now = request.context.receivedAt
  const events = `${SECTIONS.live.href}/events${query === "" ? "" : `?${query}`}`
  return respondPage(
    <ConsolePage title="Live" request={request} scripts={[LIVE_SCRIPT_PATH]}>
      <div class="row">
        <h1>Live</h1>
        <p class="state" id="state" role="status">
          Live updates need JavaScript. Reload for newer decisions.
        </p>
        <button id="pause" class="end" type="button" aria-pressed="false" hidden>
          Pause
        </button>
      </div>
      <p class="notice warn" id="gap" hidden>
        Some decisions are missing here. <a href={`${SECTIONS.live.href}?${query}`}>Reload</a>
      </p>
      <Curve of={CONTRACT.countDecisions.answer().parse(rateResponse.body)} />
      <Sinks response={sinks} now={now} />
      <Filters of={filters} />
      {lines.length === 0 && (
        <p class="empty card" id="empty">
          {filters.size > 0 ? (
            <>
              No decisions match these filters. <a href={SECTIONS.live.href}>Clear filters</a>
            </>
          ) : (
            "No decisions yet."
          )}
        </p>
      )}
      <Table
        caption="Latest decisions, newest first, times in UTC"
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

/** follow.js makes rows of the same shape. */
const Row: FC<{ readonly line: LiveLine }> = ({ line }) => (
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
        <span id="highest">{highest(slots)}</span> in {Math.round(slot_ms / 1000)} s
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
  <form method="get" action={SECTIONS.live.href} class="filters">
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
          <option value="">{name === "kind" ? "All but management" : "All"}</option>
          {options.map((option) => (
            <option value={option} selected={filters.get(name) === option}>
              {option}
            </option>
          ))}
        </select>
      </div>
    ))}
    <button>Filter</button>
    {filters.size > 0 && <a href={SECTIONS.live.href}>Clear filters</a>}
  </form>
)
