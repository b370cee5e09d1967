/** An explanation: the decision first, then the grants, then the rules for each principal. */
import type { FC } from "hono/jsx"
import * as z from "zod"
import type { Explanation, PrincipalSeen, RuleSeen } from "../../api/contract/explanations.ts"
import { MAX_MESSAGE } from "../../core/policy/cedar/message.ts"
import { Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { denialText } from "../decisions/denial-text.ts"
import { bundlePath, decisionPath } from "../layout/paths.ts"

/** The most rules of a principal, and the most characters of all rules, on the page. */
const MAX_RULES = 30
const MAX_TEXTS = 30_000
const MAX_FACTS = 40

export const Explained: FC<{ readonly of: Explanation }> = ({ of: explanation }) => {
  const { bundle, policy, recorded, untold: notRecorded, guardrails_untold } = explanation
  const { tone, text } = answerOf(explanation)
  const texts = textsFor(explanation)
  return (
    <section aria-label="Explanation">
      <div class={`notice ${tone}`} role="status">
        <p>
          <strong>{text}</strong>
        </p>
        <p>
          <Text of={callText(explanation)} most={600} />
        </p>
        <p class="quiet">
          Decided by bundle <a href={bundlePath(bundle.digest)}>{`${bundle.seq}, ${bundle.digest.slice(0, 12)}`}</a>.
          {recorded && (
            <>
              {" "}
              The decision was {recorded.decision === "allow"
                ? "allowed"
                : `denied (${shortened(recorded.code, 40)})`}:{" "}
              <a href={decisionPath(recorded.id)}>{recorded.id}</a>
              {recorded.bundle && ` by bundle ${recorded.bundle.seq}`}.
            </>
          )}
        </p>
      </div>
      {notRecorded.length > 0 && (
        <p class="notice warn">
          The record does not contain <Text of={notRecorded.join(", ")} most={400} />
          {policy ? "." : ", so the rules cannot be evaluated."}
        </p>
      )}
      <h2>Grants</h2>
      <p>
        <Text of={grantText(explanation)} most={900} />
      </p>
      <h2>Rules</h2>
      {policy ? (
        <>
          {policy.principals.map((principal, index) => (
            <Principal of={principal} texts={texts} shownAbove={rulesOf(policy.principals.slice(0, index))} />
          ))}
          <Read of={policy.read} />
        </>
      ) : (
        <p>No rule was evaluated.</p>
      )}
      <h2>Guardrails</h2>
      <p>
        {guardrails_untold.length === 0 ? (
          recorded ? (
            "Evaluated with the values of the record."
          ) : (
            "No guardrail applies to this tool."
          )
        ) : (
          <>
            Limits are not evaluated here: <Text of={guardrails_untold.join(", ")} most={400} />
          </>
        )}
      </p>
    </section>
  )
}

function answerOf({ decision, code, recorded }: Explanation): { readonly tone: string; readonly text: string } {
  const verb = recorded ? "Is" : "Would be"
  switch (decision) {
    case "allow":
      return { tone: "good", text: `${verb} allowed` }
    case "deny":
      return { tone: "bad", text: `${verb} denied: ${code ?? ""}` }
    case "untold":
      return { tone: "warn", text: "Unknown: the record does not contain all values." }
    case "apart":
      return { tone: "warn", text: "Rules did not decide this, and would not now." }
    default:
      return decision satisfies never
  }
}

function callText({ call, denial }: Explanation): string {
  const { chain, user, purpose, tool, action, sensitivity, gateway, environment } = call
  const who = chain.toReversed().join(", called by ")
  const what = [tool ?? "?", action, sensitivity].filter((part) => part !== null).join(", ")
  const where = environment === null || environment === "" ? "" : `, at ${gateway ?? "?"} (${environment})`
  const why = denial ? ` ${denialText(denial)}.` : ""
  return `${who}${user === null ? ", without a person," : `, for ${user},`} calls ${what}, for ${purpose ?? "no purpose"}${where}.${why}`
}

const lacking = z.looseObject({ lacking: z.record(z.string(), z.object({ cap: z.string(), of: z.string() })) })

function grantText({ granted, decision, denial, call }: Explanation): string {
  if (granted === null) {
    return decision === "apart" && denial === null
      ? "The grant was fixed when the task was opened. See the decision."
      : "The task was open, and its grant included the call."
  }
  if (!denial || granted) {
    return denial === null || denial.reason.startsWith("policy") || denial.reason === "approval_required"
      ? "A task for this purpose would be opened, and its grant would include the call."
      : `A task for this purpose would be opened. ${denialText(denial)}.`
  }
  const lack = lacking.safeParse(denial)
  const by = lack.success && call.tool !== null ? lack.data.lacking[call.tool] : undefined
  return by
    ? `No task would be opened: ${CAPS[by.cap] ?? by.cap} of ${by.of} does not include this tool.`
    : `No task would be opened. ${denialText(denial)}.`
}

const CAPS: Readonly<Record<string, string>> = {
  purpose: "the purpose",
  agent: "the ceiling",
  parent: "the parent grant",
  policy: "the delegation policy",
}

/** The texts of the rules that decided, or else of the permits that did not apply; as many as fit. */
function textsFor({ policy }: Explanation): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  let size = 0
  for (const { id } of policy?.principals.flatMap(decisiveRulesOf) ?? []) {
    const text = policy?.rules[id]
    if (text === undefined || texts.has(id)) continue
    size += 2 * text.length
    if (size > MAX_TEXTS) break
    texts.set(id, text)
  }
  return texts
}

/** The rules that decided, and those with an error. If there are none, the permits that did not apply. */
function decisiveRulesOf({ rules }: PrincipalSeen): readonly RuleSeen[] {
  const decided = rules.filter(({ determined, outcome }) => determined || outcome === "errs")
  return decided.length > 0
    ? decided
    : rules.filter(({ effect, outcome }) => effect === "permit" && outcome === "fails")
}

/** The text of a rule that decided for several principals is shown once. */
const rulesOf = (others: readonly PrincipalSeen[]): ReadonlySet<string> =>
  new Set(others.flatMap(decisiveRulesOf).map(({ id }) => id))

const OUTCOMES = {
  holds: "applies",
  fails: "does not apply",
  errs: "cannot be evaluated",
  "is about others": "is about other principals",
} as const

interface ExplainedProps {
  readonly of: PrincipalSeen
  readonly texts: ReadonlyMap<string, string>
  /** The rules whose texts the page shows above. */
  readonly shownAbove: ReadonlySet<string>
}

const Principal: FC<ExplainedProps> = ({ of, texts, shownAbove }) => {
  const { principal, allowed, rules, more } = of
  const decisive = new Set(decisiveRulesOf(of).map(({ id }) => id))
  const others = rules.filter(({ id }) => !decisive.has(id))
  return (
    <article class="card rule">
      <h3>
        <span class={allowed ? "badge good" : "badge bad"}>{allowed ? "Permitted" : "Denied"}</span>{" "}
        <Text of={principal} most={300} />
      </h3>
      {decisive.size === 0 && <p>No rule permits this principal anything here.</p>}
      {rules
        .filter(({ id }) => decisive.has(id))
        .slice(0, MAX_RULES)
        .map((rule) => (
          <>
            <RuleLine of={rule} />
            {texts.has(rule.id) && !shownAbove.has(rule.id) && (
              <pre tabindex={0}>
                <Lines of={texts.get(rule.id) ?? ""} />
              </pre>
            )}
          </>
        ))}
      {others.length > 0 && (
        <details>
          <summary>{`${others.length + more} other rules about this tool`}</summary>
          <ul>
            {others.slice(0, MAX_RULES).map((rule) => (
              <li>
                <RuleLine of={rule} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </article>
  )
}

const Lines: FC<{ readonly of: string }> = ({ of }) => (
  <>
    {of.split("\n").map((line) => (
      <span class="same">
        <Text of={line} most={1_000} />
      </span>
    ))}
  </>
)

const RuleLine: FC<{ readonly of: RuleSeen }> = ({ of: { id, effect, outcome, at, determined, remedy, message } }) => (
  <p>
    <span class={effect === "permit" ? "badge good" : "badge bad"}>{effect}</span> <Text of={id} most={160} />{" "}
    {OUTCOMES[outcome]}
    {at !== null && ` at condition ${at + 1}`}
    {determined && " and decided"}
    {remedy !== null && (
      <>
        . Remedy: <Text of={remedy} most={100} />
      </>
    )}
    {message !== null && (
      <>
        . Message: <Text of={message} most={MAX_MESSAGE} />
      </>
    )}
  </p>
)

const Read: FC<{ readonly of: Readonly<Record<string, unknown>> }> = ({ of: read }) => {
  const facts = Object.entries(read)
  if (facts.length === 0) return null
  return (
    <>
      <h3>Values used</h3>
      <dl class="facts card">
        {facts.slice(0, MAX_FACTS).map(([name, value]) => (
          <>
            <dt>
              <Text of={name} most={80} />
            </dt>
            <dd>
              {value === null ? <span class="quiet">absent</span> : <Text of={JSON.stringify(value)} most={300} />}
            </dd>
          </>
        ))}
      </dl>
    </>
  )
}
