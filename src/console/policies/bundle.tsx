/** One bundle: who published it, its contents, and its changes against another one, by default the one before it. */
import { CONTRACT } from "../../api/contract/contract.ts"
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
import { changesBetween, linesOf, type Change, type NamedChange } from "./changes.ts"
import { contentsOf, type Contents } from "./contents.ts"
import { HISTORY } from "./list.tsx"
import type { Bundles, Publication } from "../../api/contract/bundles.ts"

export const bundlePage = {
  path: "/policies/:digest",
  section: "policies",
  readers: "viewer",
  view: showBundle,
} as const satisfies PageDefinition

/** Bytes. Two bodies and their parsed forms must fit into an isolate; `narrowgate diff` compares larger ones. */
const MAX_BODY = 6_000_000
/** The most changes of a page, and the most characters of their HTML. */
const MAX_CHANGES = 40
const MAX_WEIGHT = 55_000
const MAX_LINE = 240
const MAX_LINES = 120

async function showBundle(request: PageRequest): Promise<Response> {
  const digest = request.c.req.param("digest") ?? ""
  const response = await request.callApi("GET", `/v1/bundles?limit=${HISTORY}`)
  if (response.status !== 200) return failurePage(request, response)
  const all = CONTRACT.listBundles.answer().parse(response.body)
  const publications = all.history.filter((each) => each.digest === digest && each.what !== "withdrawal")
  const requested = request.c.req.query("against")
  const against = requested !== undefined && /^[0-9a-f]{64}$/.test(requested) ? requested : beforeOf(digest, all)
  const current = await contentsAt(request, digest)
  if ("status" in current) return failurePage(request, current)
  const other = against === null ? null : await contentsAt(request, against)
  const from = fromIn(request)
  const now = request.context.receivedAt
  const isLive = digest === all.deciding.digest
  return respondPage(
    <ConsolePage title={`Bundle ${digest.slice(0, 12)}`} request={request}>
      <p>
        <a href={SECTIONS.policies.href}>Policies</a>
      </p>
      <h1>
        Bundle {digest.slice(0, 12)} {isLive && <span class="badge good">live</span>}
      </h1>
      <Publications of={publications} now={now} />
      <h2>Contents</h2>
      {current.contents ? <Counts of={current.contents} /> : <p class="notice warn">{current.why}</p>}
      <h2>Changes</h2>
      {against === null && <p class="empty card">No earlier bundle is known.</p>}
      {against !== null && (
        <p>
          Compared with{" "}
          <a class="mono" href={bundlePath(against)}>
            {against.slice(0, 12)}
          </a>
          {`, ${requested === undefined ? "the one before it" : "as requested"}.`}
        </p>
      )}
      {other && "status" in other && <p class="notice warn">The other bundle is no longer stored.</p>}
      {other && !("status" in other) && (
        <>
          {other.contents && current.contents ? (
            <Changes
              before={other.contents}
              after={current.contents}
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

/** The bundle to compare with: for a candidate the live one, else the one that was live before. */
function beforeOf(digest: string, { history, deciding }: Bundles): string | null {
  const at = history.findIndex((each) => each.digest === digest && each.what === "pointer" && each.done)
  if (at < 0) return deciding.digest === digest ? null : deciding.digest
  const earlier = history.slice(at + 1).find((each) => each.what === "pointer" && each.done && each.digest !== digest)
  return earlier?.digest ?? null
}

interface BundlePage {
  /** Null if the bundle cannot be shown; then `why` says why. */
  readonly contents: Contents | null
  readonly why: string
}

async function contentsAt(request: PageRequest, digest: string): Promise<BundlePage | ApiResponse> {
  const response = await request.callApi("GET", `/v1/bundles/${encodeURIComponent(digest)}`)
  if (response.status !== 200) return response
  const { body } = CONTRACT.showBundle.answer().parse(response.body)
  if (body.length > MAX_BODY) {
    return {
      contents: null,
      why: "This bundle is too large for this page. Run `narrowgate diff` to compare it.",
    }
  }
  try {
    return { contents: contentsOf(body, { seq: 0, digest }), why: "" }
  } catch (error) {
    logEvent("bundle_not_shown", { digest, error: String(error) })
    return {
      contents: null,
      why: "This bundle was made by another version of Narrowgate, and this version cannot read it.",
    }
  }
}

const Publications: FC<{ readonly of: readonly Publication[]; readonly now: number }> = ({ of: publications, now }) => {
  if (publications.length === 0) return <p class="lead">No publication of this bundle is known.</p>
  return (
    <ul class="plain">
      {publications.slice(0, 10).map(({ seq, what, by, why, at }) => (
        <li>
          <strong>{`${seq}: ${what === "candidate" ? "Candidate" : "Published"}`}</strong> by{" "}
          <Text of={by} most={120} />, <Moment at={at} now={now} />: <Text of={why} most={400} />
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

interface ChangesProps {
  readonly before: Contents
  readonly after: Contents
  readonly from: number
  readonly here: string
}

const Changes: FC<ChangesProps> = ({ before, after, from, here }) => {
  const all = changesBetween(before, after)
  if (all.length === 0) return <p class="empty card">No changes.</p>
  const page = fitting(all.slice(from, from + MAX_CHANGES), before, after)
  const next = from + page.length
  return (
    <>
      <p>{summaryOf(all)}</p>
      {page.map((change) => (
        <ChangeCard of={change} />
      ))}
      <Paging
        first={from > 0 && { href: here, text: "First" }}
        next={next < all.length && { href: `${here}&from=${next}`, text: `${all.length - next} more` }}
      />
    </>
  )
}

/** `2 rules added, 1 rule changed, 3 tools removed` */
function summaryOf(all: readonly NamedChange[]): string {
  const kinds = Map.groupBy(all, ({ kind }) => kind)
  return Array.from(kinds, ([kind, changes]) => {
    const hows = Map.groupBy(changes, ({ how }) => how)
    return Array.from(hows, ([how, each]) => `${each.length} ${plural(kind, each.length)} ${how}`).join(", ")
  }).join(", ")
}

/** As many changes as fit on a page, at least one. */
function fitting(all: readonly NamedChange[], before: Contents, after: Contents): readonly Change[] {
  const fit: Change[] = []
  let weight = 0
  for (const each of all) {
    const lines = linesOf(each, before, after)
    const cut = lines.slice(0, MAX_LINES).map(({ text, how }) => ({ text: shortened(text, MAX_LINE), how }))
    const rest = lines.length - cut.length
    if (rest > 0) cut.push({ text: `… and ${rest} more lines`, how: "same" })
    weight += 300 + cut.reduce((sum, { text }) => sum + 40 + weightOf(text), 0)
    if (fit.length > 0 && weight > MAX_WEIGHT) break
    fit.push({ ...each, lines: cut })
  }
  return fit
}

/** HTML writes these characters as five or six. */
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
