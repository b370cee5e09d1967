/** An explanation: the answer first, then what grants say, then what the rules say of each principal. */
import type { FC } from "hono/jsx"
import * as z from "zod"
import type { Explanation, PrincipalSeen, RuleSeen } from "../../api/contract/explanations.ts"
import { Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { whyNot } from "../decisions/why.ts"
import { bundlePath, decisionPath } from "../layout/paths.ts"

/** Rules that are told of a principal, and texts of rules on the page. */
const MAX_RULES = 30
const MAX_TEXTS = 30_000
const MAX_FACTS = 40

export const Explained: FC<{ readonly of: Explanation }> = ({ of: explanation }) => {
  const { bundle, policy, recorded, untold: notRecorded, guardrails_untold } = explanation
  const { tone, text } = answerOf(explanation)
  const texts = textsFor(explanation)
  return (
    <section aria-label="The explanation">
      <div class={`notice ${tone}`} role="status">
        <p>
          <strong>{text}</strong>
        </p>
        <p>
          <Text of={callText(explanation)} most={600} />
        </p>
        <p class="quiet">
          By bundle <a href={bundlePath(bundle.digest)}>{`${bundle.seq}, ${bundle.digest.slice(0, 12)}`}</a>.
          {recorded && (
            <>
              {" "}
              It was {recorded.decision === "allow" ? "allowed" : `refused (${shortened(recorded.code, 40)})`} in{" "}
              <a href={decisionPath(recorded.id)}>{recorded.id}</a>
              {recorded.bundle && ` by bundle ${recorded.bundle.seq}`}.
            </>
          )}
        </p>
      </div>
      {notRecorded.length > 0 && (
        <p class="notice warn">
          The record does not tell <Text of={notRecorded.join(", ")} most={400} />
          {policy ? "." : ", so what the rules were asked cannot be told."}
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
            <Principal of={principal} texts={texts} told={toldBefore(policy.principals.slice(0, index))} />
          ))}
          <Read of={policy.read} />
        </>
      ) : (
        <p>They were not asked.</p>
      )}
      <h2>Guardrails</h2>
      <p>
        {guardrails_untold.length === 0 ? (
          recorded ? (
            "How they stood is told by the record, and by that they were asked again."
          ) : (
            "None is about this tool."
          )
        ) : (
          <>
            They remember, and nothing was counted for this question: it was taken that the call keeps to{" "}
            <Text of={guardrails_untold.join(", ")} most={400} />.
          </>
        )}
      </p>
    </section>
  )
}

function answerOf({ decision, code, recorded }: Explanation): { readonly tone: string; readonly text: string } {
  const verb = recorded ? "It is" : "It would be"
  switch (decision) {
    case "allow":
      return { tone: "good", text: `${verb} allowed.` }
    case "deny":
      return { tone: "bad", text: `${verb} refused: ${code ?? ""}.` }
    case "untold":
      return { tone: "warn", text: "It depends on what the record does not tell." }
    case "apart":
      return { tone: "warn", text: "It was not the rules that decided this, and they would not now." }
    default:
      return decision satisfies never
  }
}

function callText({ call, denial }: Explanation): string {
  const { chain, user, purpose, tool, action, sensitivity, gateway, environment } = call
  const who = chain.toReversed().join(", called by ")
  const what = [tool ?? "?", action, sensitivity].filter((part) => part !== null).join(", ")
  const where = environment === null || environment === "" ? "" : `, at ${gateway ?? "?"} (${environment})`
  const why = denial ? ` Why: ${whyNot(denial)}.` : ""
  return `${who}${user === null ? ", on nobody's behalf," : `, for ${user},`} calls ${what}, for ${purpose ?? "no purpose"}${where}.${why}`
}

const lacking = z.looseObject({ lacking: z.record(z.string(), z.object({ cap: z.string(), of: z.string() })) })

function grantText({ granted, decision, denial, call }: Explanation): string {
  if (granted === null) {
    return decision === "apart" && denial === null
      ? "What its task's grant holds was settled when the task was opened: see the decision."
      : "Its task was open, and its grant held the call."
  }
  if (!denial || granted) {
    return denial === null || denial.reason.startsWith("policy") || denial.reason === "approval_required"
      ? "A task of this purpose would be opened for it, and its grant would hold the call."
      : `A task of this purpose would be opened for it. Its call: ${whyNot(denial)}.`
  }
  const lack = lacking.safeParse(denial)
  const by = lack.success && call.tool !== null ? lack.data.lacking[call.tool] : undefined
  return by
    ? `No task would be opened for it: ${CAPS[by.cap] ?? by.cap} of ${by.of} does not hold it.`
    : `No task would be opened for it: ${whyNot(denial)}.`
}

const CAPS: Readonly<Record<string, string>> = {
  purpose: "the purpose",
  agent: "the ceiling",
  parent: "the grant above it",
  policy: "what policy lets be delegated in the name",
}

/** The texts that are told: of rules that decided, and of permits that failed where nothing else did; as many as fit. */
function textsFor({ policy }: Explanation): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  let size = 0
  for (const { id } of policy?.principals.flatMap(tellingOf) ?? []) {
    const text = policy?.rules[id]
    if (text === undefined || texts.has(id)) continue
    size += 2 * text.length
    if (size > MAX_TEXTS) break
    texts.set(id, text)
  }
  return texts
}

/** What decided; where nothing did, the permits that could have; and what could not be evaluated. */
function tellingOf({ rules }: PrincipalSeen): readonly RuleSeen[] {
  const decided = rules.filter(({ determined, outcome }) => determined || outcome === "errs")
  return decided.length > 0
    ? decided
    : rules.filter(({ effect, outcome }) => effect === "permit" && outcome === "fails")
}

/** A rule that decided for several is shown once. */
const toldBefore = (others: readonly PrincipalSeen[]): ReadonlySet<string> =>
  new Set(others.flatMap(tellingOf).map(({ id }) => id))

const OUTCOMES = {
  holds: "holds",
  fails: "does not hold",
  errs: "cannot be evaluated",
  "is about others": "is about others",
} as const

interface ExplainedProps {
  readonly of: PrincipalSeen
  readonly texts: ReadonlyMap<string, string>
  /** Rules whose texts stand above. */
  readonly told: ReadonlySet<string>
}

const Principal: FC<ExplainedProps> = ({ of, texts, told }) => {
  const { principal, allowed, rules, more } = of
  const telling = new Set(tellingOf(of).map(({ id }) => id))
  const others = rules.filter(({ id }) => !telling.has(id))
  return (
    <article class="card rule">
      <h3>
        <span class={allowed ? "badge good" : "badge bad"}>{allowed ? "permitted" : "not permitted"}</span>{" "}
        <Text of={principal} most={300} />
      </h3>
      {telling.size === 0 && <p>No rule that is about it permits anything here.</p>}
      {rules
        .filter(({ id }) => telling.has(id))
        .slice(0, MAX_RULES)
        .map((rule) => (
          <>
            <RuleLine of={rule} />
            {texts.has(rule.id) && !told.has(rule.id) && (
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

const RuleLine: FC<{ readonly of: RuleSeen }> = ({ of: { id, effect, outcome, at, determined, remedy } }) => (
  <p>
    <span class={effect === "permit" ? "badge good" : "badge bad"}>{effect}</span> <Text of={id} most={160} />{" "}
    {OUTCOMES[outcome]}
    {at !== null && ` at its condition ${at + 1}`}
    {determined && ", and decided"}
    {remedy !== null && (
      <>
        ; lifted by <Text of={remedy} most={100} />
      </>
    )}
  </p>
)

const Read: FC<{ readonly of: Readonly<Record<string, unknown>> }> = ({ of: read }) => {
  const facts = Object.entries(read)
  if (facts.length === 0) return null
  return (
    <>
      <h3>What they read</h3>
      <dl class="facts card">
        {facts.slice(0, MAX_FACTS).map(([name, value]) => (
          <>
            <dt>
              <Text of={name} most={80} />
            </dt>
            <dd>
              {value === null ? <span class="quiet">not there</span> : <Text of={JSON.stringify(value)} most={300} />}
            </dd>
          </>
        ))}
      </dl>
    </>
  )
}
