/** One bundle: what it changed against another, by default the one before it. */
import type { FC } from "hono/jsx"
import { logEvent } from "../../platform/log.ts"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { fromIn, Paging } from "../layout/paging.tsx"
import { bundlePath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { ApiResponse, PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { changesBetween, linesOf, type Change, type Named } from "./changes.ts"
import { contentsOf, type Contents } from "./contents.ts"
import { HISTORY } from "./list.tsx"
import { bundle, bundles, type Bundles, type Publication } from "../../api/contract/bundles.ts"

export const bundlePage = {
  path: "/policies/:digest",
  section: "policies",
  readers: "viewer",
  view: showBundle,
} as const satisfies PageDefinition

/** Longer bodies are compared where there is room: `narrowgate diff`. Both, and what is made of them, have to fit into an isolate. */
const MAX_BODY = 6_000_000
/** Of a page: changes, and what they take when they are written. */
const MAX_CHANGES = 40
const MAX_WEIGHT = 55_000
const MAX_LINE = 240
const MAX_LINES = 120

async function showBundle(request: PageRequest): Promise<Response> {
  const digest = request.c.req.param("digest") ?? ""
  const response = await request.callApi("GET", `/v1/bundles?limit=${HISTORY}`)
  if (response.status !== 200) return failurePage(request, response)
  const all = bundles.parse(response.body)
  const published = all.history.filter((each) => each.digest === digest && each.what !== "withdrawal")
  const asked = request.c.req.query("against")
  const against = asked !== undefined && /^[0-9a-f]{64}$/.test(asked) ? asked : beforeOf(digest, all)
  const mine = await contentsAt(request, digest)
  if ("status" in mine) return failurePage(request, mine)
  const other = against === null ? null : await contentsAt(request, against)
  const from = fromIn(request)
  const now = request.context.receivedAt
  const isLive = digest === all.deciding.digest
  return respondPage(
    <ConsolePage title="A bundle" request={request}>
      <p>
        <a href={SECTIONS.policies.href}>All bundles</a>
      </p>
      <h1>
        Bundle {digest.slice(0, 12)} {isLive && <span class="badge good">live</span>}
      </h1>
      <Publications of={published} now={now} />
      <h2>What it holds</h2>
      {mine.contents ? <Counts of={mine.contents} /> : <p class="notice warn">{mine.why}</p>}
      <h2>What it changed</h2>
      {against === null && <p class="empty card">Nothing that is known was published before it.</p>}
      {against !== null && (
        <p>
          Against{" "}
          <a class="mono" href={bundlePath(against)}>
            {against.slice(0, 12)}
          </a>
          {`, ${asked === undefined ? "the one before it" : "as you asked"}.`}
        </p>
      )}
      {other && "status" in other && <p class="notice warn">That one is not there any more.</p>}
      {other && !("status" in other) && (
        <>
          {other.contents && mine.contents ? (
            <Changes
              before={other.contents}
              after={mine.contents}
              from={from}
              here={`${bundlePath(digest)}?against=${against ?? ""}`}
            />
          ) : (
            <p class="notice warn">{other.why}</p>
          )}
        </>
      )}
    </ConsolePage>,
  )
}

/** Of a candidate the live one; of what was live the one that was live before. */
function beforeOf(digest: string, { history, deciding }: Bundles): string | null {
  const at = history.findIndex((each) => each.digest === digest && each.what === "pointer" && each.done)
  if (at < 0) return deciding.digest === digest ? null : deciding.digest
  const earlier = history.slice(at + 1).find((each) => each.what === "pointer" && each.done && each.digest !== digest)
  return earlier?.digest ?? null
}

interface BundlePage {
  /** Null: why it cannot be shown. */
  readonly contents: Contents | null
  readonly why: string
}

async function contentsAt(request: PageRequest, digest: string): Promise<BundlePage | ApiResponse> {
  const response = await request.callApi("GET", `/v1/bundles/${encodeURIComponent(digest)}`)
  if (response.status !== 200) return response
  const { body } = bundle.parse(response.body)
  if (body.length > MAX_BODY) {
    return {
      contents: null,
      why: "It is too large to be shown here: `narrowgate diff` compares it on a machine of yours.",
    }
  }
  try {
    return { contents: contentsOf(body, { seq: 0, digest }), why: "" }
  } catch (error) {
    logEvent("bundle_not_shown", { digest, error: String(error) })
    return { contents: null, why: "It was made by another version of Narrowgate, and cannot be read by this one." }
  }
}

const Publications: FC<{ readonly of: readonly Publication[]; readonly now: number }> = ({ of: published, now }) => {
  if (published.length === 0) return <p class="lead">Who published it is not known here.</p>
  return (
    <ul class="plain">
      {published.slice(0, 10).map(({ seq, what, by, why, at }) => (
        <li>
          <strong>{`${seq}, ${what === "candidate" ? "tried" : "made live"}`}</strong> by <Text of={by} most={120} />,{" "}
          <Moment at={at} now={now} />: <Text of={why} most={400} />
        </li>
      ))}
    </ul>
  )
}

const Counts: FC<{ readonly of: Contents }> = ({ of: contents }) => (
  <p>
    {[...contents]
      .filter(([, parts]) => parts.size > 0)
      .map(([kind, parts]) => `${parts.size} ${plural(kind, parts.size)}`)
      .join(", ")}
    .
  </p>
)

const plural = (kind: string, count: number): string => (count === 1 ? kind : `${kind}s`)

interface Compared {
  readonly before: Contents
  readonly after: Contents
  readonly from: number
  readonly here: string
}

const Changes: FC<Compared> = ({ before, after, from, here }) => {
  const all = changesBetween(before, after)
  if (all.length === 0) return <p class="empty card">Nothing: they hold the same.</p>
  const shown = fitting(all.slice(from, from + MAX_CHANGES), before, after)
  const next = from + shown.length
  return (
    <>
      <p>{summaryOf(all)}</p>
      {shown.map((change) => (
        <ChangeCard of={change} />
      ))}
      <Paging
        first={from > 0 && { href: here, text: "The first" }}
        next={next < all.length && { href: `${here}&from=${next}`, text: `${all.length - next} more` }}
      />
    </>
  )
}

/** `2 rules added, 1 changed; 3 tools removed` */
function summaryOf(all: readonly Named[]): string {
  const kinds = Map.groupBy(all, ({ kind }) => kind)
  return `${Array.from(kinds, ([kind, changes]) => {
    const hows = Map.groupBy(changes, ({ how }) => how)
    const counts = Array.from(hows, ([how, each]) => `${each.length} ${how}`).join(", ")
    return `${plural(kind, changes.length)}: ${counts}`
  }).join("; ")}.`
}

/** As many as a page takes, at least one. */
function fitting(all: readonly Named[], before: Contents, after: Contents): readonly Change[] {
  const shown: Change[] = []
  let weight = 0
  for (const each of all) {
    const lines = linesOf(each, before, after)
    const cut = lines.slice(0, MAX_LINES).map(({ text, how }) => ({ text: shortened(text, MAX_LINE), how }))
    const rest = lines.length - cut.length
    if (rest > 0) cut.push({ text: `… and ${rest} more lines`, how: "same" })
    weight += 300 + cut.reduce((sum, { text }) => sum + 40 + weightOf(text), 0)
    if (shown.length > 0 && weight > MAX_WEIGHT) break
    shown.push({ ...each, lines: cut })
  }
  return shown
}

/** Quotation marks and the like are written as five or six characters. */
const weightOf = (text: string): number => text.length + 5 * (text.match(/["&<>']/g)?.length ?? 0)

const TONES = { added: "good", removed: "bad", changed: "warn" } as const
const MARKS = { added: "+ ", removed: "− ", same: "  " } as const

const ChangeCard: FC<{ readonly of: Change }> = ({ of: { kind, name, how, lines } }) => (
  <details class="card change" open={lines.length <= 30}>
    <summary>
      <span class={`badge ${TONES[how]}`}>{how}</span> {kind} <Text of={name} most={160} />
    </summary>
    <pre tabindex={0}>
      {lines.map(({ text, how: line }) => (
        <span class={line}>{MARKS[line] + text}</span>
      ))}
    </pre>
  </details>
)
