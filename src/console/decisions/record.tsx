/** One decision: in words first, then the record as it is stored. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { Child, FC } from "hono/jsx"
import { Json, partsOf } from "../../web/json.tsx"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { agentPath, bundlePath, taskPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { requestText, callerText } from "./decision-text.ts"
import type { Decision } from "../../api/contract/decisions.ts"
import { Verdict } from "./verdict.tsx"
import { denialText } from "./denial-text.ts"

export const decisionPage = {
  path: "/decisions/:id",
  section: "live",
  readers: "viewer",
  view: showDecision,
} as const satisfies PageDefinition

async function showDecision(request: PageRequest): Promise<Response> {
  const id = request.c.req.param("id") ?? ""
  const response = await request.callApi("GET", `/v1/decisions/${encodeURIComponent(id)}`)
  if (response.status !== 200) return failurePage(request, response)
  const record = CONTRACT.showDecision.answer().parse(response.body)
  const isAllowed = record.decision === "allow"
  const title = `${isAllowed ? "Allowed" : "Denied"}: ${requestText(record)}`
  return respondPage(
    <ConsolePage title={shortened(`${requestText(record)} ${isAllowed ? "allowed" : "denied"}`, 120)} request={request}>
      <p class="row">
        <Verdict decision={record.decision} code={record.code} />
        {record.mode === "observe" && <span class="badge warn">Observed only: the gateway allowed the call</span>}
        <span class="quiet">
          <Moment at={record.at} now={request.context.receivedAt} />
        </span>
      </p>
      <h1 class="wrap">
        <Text of={title} most={200} />
      </h1>
      <p class="lead">
        <Text of={sentenceOf(record)} most={900} />
      </p>
      <Facts of={record} />
      {record.kind === "call" && (
        <p>
          <a class="button" href={`/console/policies/explain?decision=${encodeURIComponent(record.id)}`}>
            Explain
          </a>
        </p>
      )}
      <Candidate of={record} />
      <h2>Record</h2>
      {partsOf(record, []).map((pieces) => (
        <Json pieces={pieces} />
      ))}
    </ConsolePage>,
  )
}

/** Who made the request, what it was for, and why it was allowed or denied. */
function sentenceOf(record: Decision): string {
  const { decision, denial, rules, approvals } = record
  const who = callerText(record)
  const request = `${who}: ${requestText(record)}`
  if (denial) return `${request}. Denied: ${denialText(denial)}.`
  if (decision === "deny") return `${request}. Denied.`
  const by = rules.length > 0 ? ` by ${rules.length === 1 ? "rule" : "rules"} ${rules.join(", ")}` : ""
  const people = approvals.flatMap(({ by: voters }) => voters)
  return `${request}. Allowed${by}${people.length > 0 ? `, approved by ${people.join(" and ")}` : ""}.`
}

const Facts: FC<{ readonly of: Decision }> = ({ of: record }) => {
  const { bundle, calls, chain, denial, gateway, environment, listing } = record
  const facts: readonly (readonly [string, Child])[] = [
    ["Why", denial && <Text of={denialText(denial)} most={900} />],
    ["Rules", named(record.rules)],
    ["Denied for", text(record.principal)],
    ["Agents", chain.length > 0 && <Agents chain={chain} />],
    ["Person", text(record.user)],
    ["Groups", named(record.groups)],
    ["Operator", text(record.operator)],
    ["Tool", text(record.tool && [record.tool, record.action, record.sensitivity].join(", "))],
    ["Request", text(record.path && `${record.method ?? ""} ${record.path}`)],
    ["Gateway", text(gateway && `${gateway}, ${environment ?? ""}`)],
    ["Task", record.task && <a href={taskPath(record.task)}>{shortened(record.task, MAX_TEXT)}</a>],
    ["Purpose", text(record.purpose)],
    ["Scope", text(record.scope)],
    ["Audience", text(record.audience)],
    ["Arguments", pairs(record.arguments)],
    ["Values used by rules", pairs(record.facts)],
    ["Labels", named(record.labels)],
    ["Labels carried", named(record.carried.map(({ label, decision }) => `${label}, since ${decision}`))],
    [
      "Limits",
      named(record.windows.map(({ window, used, limit, seconds }) => `${window}: ${used} of ${limit} in ${seconds} s`)),
    ],
    ["Guardrails", named(record.guardrails.map(guardrailText))],
    ["Calls of the task", text(calls && `${calls.used}${calls.limit === null ? "" : ` of ${calls.limit}`}`)],
    [
      "Approved by",
      named(record.approvals.map(({ name, guardrail, by }) => `${name ?? guardrail ?? "?"}: ${by.join(" and ")}`)),
    ],
    ["Tools hidden", listing && named(Object.entries(listing.hidden).map(([why, count]) => `${count}: ${why}`))],
    ["Truncated", named(record.cut)],
    ["Bundle", bundle && <a href={bundlePath(bundle.digest)}>{`${bundle.seq}, ${bundle.digest.slice(0, 12)}`}</a>],
    ["Key", record.bound && "Proved by DPoP"],
    ["Duration", `${record.total_ms} ms`],
  ]
  return (
    <dl class="facts card">
      {facts.map(([name, value]) =>
        value === null || value === false || value === "" ? null : (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ),
      )}
    </dl>
  )
}

/** The most entries of a list, and the most characters of each. */
const MAX_LISTED = 40
const MAX_TEXT = 400

const text = (of: string | null): Child => of !== null && of !== "" && <Text of={of} most={MAX_TEXT} />

function named(names: readonly string[]): Child {
  if (names.length === 0) return null
  const more = names.length - MAX_LISTED
  return (
    <>
      {names.slice(0, MAX_LISTED).map((name, index) => (
        <>
          {index > 0 && ", "}
          <Text of={name} most={MAX_TEXT} />
        </>
      ))}
      {more > 0 && `, and ${more} more`}
    </>
  )
}

const pairs = (of: Readonly<Record<string, unknown>>): Child =>
  named(Object.entries(of).map(([name, value]) => `${name} = ${JSON.stringify(value)}`))

/** The calling agent first. */
const Agents: FC<{ readonly chain: readonly string[] }> = ({ chain }) => (
  <>
    {chain.toReversed().map((agent, index) => (
      <>
        {index > 0 && ", called by "}
        <a href={agentPath(agent)}>
          <Text of={agent} most={MAX_TEXT} />
        </a>
      </>
    ))}
  </>
)

function guardrailText({ guardrail, holds, used, limit }: Decision["guardrails"][number]): string {
  const figures = used === undefined ? "" : ` ${used}${limit === undefined ? "" : ` of ${limit}`}`
  return `${guardrail}${figures}${holds ? "" : ": exceeded"}`
}

const Candidate: FC<{ readonly of: Decision }> = ({ of: { candidate } }) => {
  if (!candidate) return null
  const { bundle, differs } = candidate
  const name = `Candidate ${bundle.seq}`
  if (!differs) return <p class="quiet">{`${name}: same decision`}</p>
  const { denial, code, rules } = differs
  const because = denial ? `: ${denialText(denial)}` : rules.length > 0 ? `, by ${rules.join(", ")}` : ""
  return (
    <p class="notice warn">
      <Text of={`${name}: ${code === "ok" ? "allowed" : `denied, ${code}`}${because}.`} most={900} />
    </p>
  )
}
