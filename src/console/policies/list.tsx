/** The published bundles, by whom and why; the live one, and the candidate. */
import { CONTRACT } from "../../api/contract/contract.ts"
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
import { candidateOf, type Bundles, type Publication } from "../../api/contract/bundles.ts"

export const policiesPage = {
  path: "/policies",
  section: "policies",
  readers: "viewer",
  view: listPolicies,
} as const satisfies PageDefinition

/** The publications of a page, and those among which the one before a bundle is searched. */
const PAGE = 60
export const HISTORY = 500

async function listPolicies(request: PageRequest): Promise<Response> {
  const response = await request.callApi("GET", `/v1/bundles?limit=${HISTORY}`)
  if (response.status !== 200) return failurePage(request, response)
  const all = CONTRACT.listBundles.answer().parse(response.body)
  const { deciding, live, history } = all
  const candidate = candidateOf(all)
  const now = request.context.receivedAt
  const from = fromIn(request)
  const page = history.slice(from, from + PAGE)
  return respondPage(
    <ConsolePage title="Policies" request={request}>
      <div class="row">
        <h1>Policies</h1>
        <a class="button main end" href={`${SECTIONS.policies.href}/explain`}>
          Playground
        </a>
      </div>
      <p class="lead">Published versions of rules, tools, agents and limits.</p>
      <div class="cards">
        <section class="card">
          <p>
            <span class="badge good">live</span>
          </p>
          <h2>
            <a href={bundlePath(deciding.digest)}>{`Bundle ${deciding.seq}`}</a>
          </h2>
          {live && live.seq === deciding.seq ? (
            <PublicationNote of={live} now={now} />
          ) : (
            <p class="quiet">{reachOf(all)}</p>
          )}
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
              <PublicationNote of={candidate} now={now} />
              <p>
                <a href={`${SECTIONS.policies.href}/shadow`}>Candidate impact</a>
              </p>
            </>
          ) : (
            <>
              <p>No candidate.</p>
              <p class="quiet">
                <code>narrowgate publish --candidate</code> tests a version on live traffic.{" "}
                <a href={`${SECTIONS.policies.href}/shadow`}>Impact of earlier candidates</a>
              </p>
            </>
          )}
        </section>
      </div>
      <h2>Versions</h2>
      {history.length === 0 ? (
        <p class="empty card">No publications are known.</p>
      ) : (
        <Table caption="Latest first" columns={[{ number: "Version" }, "Status", "Bundle", "By", "Reason", "Time"]}>
          {page.map((each) => (
            <Row of={each} isLive={each.seq === deciding.seq} isCandidate={each === candidate} now={now} />
          ))}
        </Table>
      )}
      <Paging
        first={from > 0 && { href: SECTIONS.policies.href, text: "Newest" }}
        next={
          history.length > from + PAGE && {
            href: `${SECTIONS.policies.href}?from=${from + PAGE}`,
            text: "Older",
          }
        }
      />
    </ConsolePage>,
  )
}

function reachOf({ live, deciding }: Bundles): string {
  return live && live.seq > deciding.seq
    ? `Version ${live.seq} is published, and becomes live here within two minutes.`
    : "No publication of this bundle is known."
}

const PublicationNote: FC<{ readonly of: Publication; readonly now: number }> = ({ of: { by, why, at }, now }) => (
  <>
    <p>
      <Text of={why} most={300} />
    </p>
    <p class="quiet">
      <Text of={by} most={120} />, <Moment at={at} now={now} />
    </p>
  </>
)

const STATUS = { pointer: "Published", candidate: "Candidate", withdrawal: "Withdrawn" } as const

interface PolicyListProps {
  readonly of: Publication
  readonly isLive: boolean
  readonly isCandidate: boolean
  readonly now: number
}

const Row: FC<PolicyListProps> = ({ of: { seq, what, digest, by, why, at, done }, isLive, isCandidate, now }) => (
  <tr>
    <td data-label="Version" class="number">
      {seq}
    </td>
    <td data-label="Status">
      {STATUS[what]} {isLive && <span class="badge good">live</span>}{" "}
      {isCandidate && <span class="badge warn">candidate</span>} {!done && <span class="badge bad">not stored</span>}
    </td>
    <td data-label="Bundle">
      <a class="mono" href={bundlePath(digest)}>
        {digest.slice(0, 12)}
      </a>
    </td>
    <td data-label="By">
      <Text of={by} most={80} />
    </td>
    <td data-label="Reason">
      <Text of={why} most={160} />
    </td>
    <td data-label="Time">
      <Moment at={at} now={now} />
    </td>
  </tr>
)
