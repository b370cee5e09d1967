/** What was published, by whom and why; what decides, and what is tried beside it. */
import type { FC } from "hono/jsx"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { fromIn, Paging } from "../layout/paging.tsx"
import { bundlePath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { bundles, candidateOf, type Bundles, type Publication } from "../../api/contract/bundles.ts"

export const policiesPage = {
  path: "/policies",
  section: "policies",
  readers: "viewer",
  view: listPolicies,
} as const satisfies PageDefinition

/** Publications on the page, and as far as the one before is looked for. */
const PAGE = 60
export const HISTORY = 500

async function listPolicies(request: PageRequest): Promise<Response> {
  const response = await request.callApi("GET", `/v1/bundles?limit=${HISTORY}`)
  if (response.status !== 200) return failurePage(request, response)
  const all = bundles.parse(response.body)
  const { deciding, live, history } = all
  const candidate = candidateOf(all)
  const now = request.context.receivedAt
  const from = fromIn(request)
  const shown = history.slice(from, from + PAGE)
  return respondPage(
    <ConsolePage title="Policies" request={request}>
      <div class="row">
        <h1>Policies</h1>
        <a class="button main end" href={`${SECTIONS.policies.href}/explain`}>
          Explain a call
        </a>
      </div>
      <p class="lead">Bundles that were published: rules, catalog, agents, guardrails, and who is trusted.</p>
      <div class="cards">
        <section class="card">
          <p>
            <span class="badge good">live</span>
          </p>
          <h2>
            <a href={bundlePath(deciding.digest)}>{`Bundle ${deciding.seq}`}</a>
          </h2>
          {live && live.seq === deciding.seq ? <Said of={live} now={now} /> : <p class="quiet">{reachOf(all)}</p>}
        </section>
        <section class="card">
          <p>
            <span class={candidate ? "badge warn" : "badge"}>candidate</span>
          </p>
          {candidate ? (
            <>
              <h2>
                <a href={bundlePath(candidate.digest)}>{`Bundle ${candidate.seq}`}</a>
              </h2>
              <Said of={candidate} now={now} />
              <p>
                <a href={`${SECTIONS.policies.href}/shadow`}>What it would have decided otherwise</a>
              </p>
            </>
          ) : (
            <>
              <p>None is tried.</p>
              <p class="quiet">
                <code>narrowgate publish --candidate</code> tries one beside the live one.{" "}
                <a href={`${SECTIONS.policies.href}/shadow`}>What earlier ones would have decided otherwise</a>
              </p>
            </>
          )}
        </section>
      </div>
      <h2>Published</h2>
      {history.length === 0 ? (
        <p class="empty card">
          Nothing that is known here: what decides was put into KV before publications were kept.
        </p>
      ) : (
        <Table caption="The latest first" columns={[{ number: "Number" }, "What", "Bundle", "By", "Why", "When"]}>
          {shown.map((each) => (
            <Row of={each} isLive={each.seq === deciding.seq} isTried={each === candidate} now={now} />
          ))}
        </Table>
      )}
      <Paging
        first={from > 0 && { href: SECTIONS.policies.href, text: "The latest" }}
        next={
          history.length > from + PAGE && {
            href: `${SECTIONS.policies.href}?from=${from + PAGE}`,
            text: "Earlier ones",
          }
        }
      />
    </ConsolePage>,
  )
}

function reachOf({ live, deciding }: Bundles): string {
  return live && live.seq > deciding.seq
    ? `Number ${live.seq} was published, and reaches this place within a minute or two.`
    : "Who published it, and why, is not known here."
}

const Said: FC<{ readonly of: Publication; readonly now: number }> = ({ of: { by, why, at }, now }) => (
  <>
    <p>
      <Text of={why} most={300} />
    </p>
    <p class="quiet">
      <Text of={by} most={120} />, <Moment at={at} now={now} />
    </p>
  </>
)

const WHAT = { pointer: "made live", candidate: "tried", withdrawal: "trial ended" } as const

interface PolicyListProps {
  readonly of: Publication
  readonly isLive: boolean
  readonly isTried: boolean
  readonly now: number
}

const Row: FC<PolicyListProps> = ({ of: { seq, what, digest, by, why, at, done }, isLive, isTried, now }) => (
  <tr>
    <td data-label="Number" class="number">
      {seq}
    </td>
    <td data-label="What">
      {WHAT[what]} {isLive && <span class="badge good">live</span>}{" "}
      {isTried && <span class="badge warn">candidate</span>} {!done && <span class="badge bad">not stored</span>}
    </td>
    <td data-label="Bundle">
      <a class="mono" href={bundlePath(digest)}>
        {digest.slice(0, 12)}
      </a>
    </td>
    <td data-label="By">
      <Text of={by} most={80} />
    </td>
    <td data-label="Why">
      <Text of={why} most={160} />
    </td>
    <td data-label="When">
      <Moment at={at} now={now} />
    </td>
  </tr>
)
