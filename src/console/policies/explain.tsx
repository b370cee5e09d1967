/** The playground: explains how the live bundle or the candidate decides a call, which a form describes or a decision has. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { Child, FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { respondPage } from "../../web/page.tsx"
import { Text } from "../../web/text.tsx"
import type { Explanation } from "../../api/contract/explanations.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import { descriptionOf, type ApiResponse, type PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { Explained } from "./explained.tsx"
import { explanationRequestOf, callFormOf, type CallForm } from "./call-form.ts"

export const explainPage = {
  path: "/policies/explain",
  section: "policies",
  readers: "viewer",
  view: explainDecision,
  forms: [{ senders: "viewer", act: explainCall }],
} as const satisfies PageDefinition

const HERE = `${SECTIONS.policies.href}/explain`

/** Explains the decision that the address names; an explanation changes nothing. */
async function explainDecision(request: PageRequest): Promise<Response> {
  const { c } = request
  const decision = c.req.query("decision")?.trim() ?? ""
  const written = callFormOf((name) => c.req.query(name))
  if (decision === "") return page(request, { written, decision, result: null })
  return explained(request, { decision, bundle: written.bundle }, { written, decision })
}

async function explainCall(request: PageRequest, form: Form): Promise<Response> {
  const written = callFormOf((name) => form.get(name))
  const question = explanationRequestOf(written)
  if ("wrong" in question) return page(request, { written, decision: "", result: question.wrong })
  return explained(request, question.body, { written, decision: "" })
}

async function explained(
  request: PageRequest,
  question: object,
  form: Omit<ExplanationProps, "result">,
): Promise<Response> {
  const response = await request.callApi("POST", "/v1/explanations", question)
  if (response.status === 401) return failurePage(request, response)
  return page(request, {
    ...form,
    result: response.status === 200 ? CONTRACT.explain.answer().parse(response.body) : errorOf(response),
  })
}

const errorOf = (response: ApiResponse): string =>
  descriptionOf(response) ?? `The API answered with status ${response.status}.`

interface ExplanationProps {
  readonly written: CallForm
  readonly decision: string
  /** A text says what is wrong with the form. Null if nothing was explained. */
  readonly result: Explanation | string | null
}

async function page(request: PageRequest, { written, decision, result }: ExplanationProps): Promise<Response> {
  const registered = await request.callApi("GET", "/v1/agents?limit=100")
  if (registered.status === 401) return failurePage(request, registered)
  const listedAgents = registered.status === 200 ? CONTRACT.listAgents.answer().parse(registered.body).agents : []
  const purposes = [...new Set(listedAgents.flatMap((each) => each.purposes))].slice(0, 100)
  return respondPage(
    <ConsolePage title="Playground" request={request}>
      <p>
        <a href={SECTIONS.policies.href}>Policies</a>
      </p>
      <h1>Playground</h1>
      {typeof result === "string" && (
        <p class="notice bad" role="alert">
          <Text of={result} most={600} />
        </p>
      )}
      {result !== null && typeof result !== "string" && <Explained of={result} />}
      <h2>{result === null ? "From a decision" : "Another decision"}</h2>
      <form method="get" action={HERE} class="filters card">
        <div>
          <label for="decision">Decision</label>
          <input id="decision" name="decision" class="mono" value={decision} placeholder="dec_…" size={32} required />
        </div>
        <Bundles id="of-decision" chosen={written.bundle} />
        <button>Explain</button>
      </form>
      <h2>New call</h2>
      <form method="post" action={HERE} class="card">
        <input type="hidden" name="csrf" value={request.reader.csrf} />
        <datalist id="agents">
          {listedAgents.map(({ id }) => (
            <option value={id} />
          ))}
        </datalist>
        <datalist id="purposes">
          {purposes.map((name) => (
            <option value={name} />
          ))}
        </datalist>
        <div class="form">
          <Field name="agent" label="Agent" of={written} list="agents" required />
          <Field name="tool" label="Tool" of={written} placeholder="crm.tickets.get" required />
          <Field
            name="purpose"
            label="Purpose"
            of={written}
            list="purposes"
            hint="Leave empty for the first purpose of the agent"
          />
          <Field
            name="user"
            label="Person"
            of={written}
            placeholder="issuer|subject"
            hint="Leave empty if no person is involved"
          />
          <Field name="groups" label="Groups of the person" of={written} hint="Separate groups with commas" />
          <Bundles id="of-call" chosen={written.bundle} />
          <div class="wide">
            <label for="arguments">Arguments</label>
            <textarea id="arguments" name="arguments" class="mono" placeholder='{"ticket": "42"}' spellcheck={false}>
              {written.arguments}
            </textarea>
          </div>
        </div>
        <details open={MORE.some((name) => written[name] !== "")}>
          <summary>Origin of the call, and state of its task</summary>
          <div class="form">
            <Field name="gateway" label="Gateway" of={written} hint="Leave empty for the first one" />
            <Field name="environment" label="Environment" of={written} hint="Leave empty for that of the gateway" />
            <Field name="labels" label="Labels" of={written} hint="Separate labels with commas" />
            <Field name="calls" label="Calls so far" of={written} />
            <Field name="risk" label="Risk score, 0 to 100" of={written} />
            <Field name="approvals" label="Approved as" of={written} hint="Separate names with commas" />
            <Field name="acr" label="Authentication level (acr)" of={written} />
            <Field name="auth_age" label="Seconds since the sign-in" of={written} />
            <label class="choice">
              <input type="checkbox" name="bound_key" value="yes" checked={written.bound_key !== ""} />
              The token is bound to a key
            </label>
          </div>
        </details>
        <p>
          <button class="main">Explain</button>
        </p>
      </form>
    </ConsolePage>,
  )
}

const MORE = ["gateway", "environment", "labels", "calls", "risk", "approvals", "acr", "auth_age", "bound_key"] as const

interface FieldProps {
  readonly name: keyof CallForm
  readonly label: Child
  readonly of: CallForm
  readonly hint?: string
  readonly list?: string
  readonly placeholder?: string
  readonly required?: boolean
}

const Field: FC<FieldProps> = ({ name, label, of, hint, list, placeholder, required = false }) => (
  <div>
    <label for={name}>{label}</label>
    <input
      id={name}
      name={name}
      value={of[name]}
      required={required}
      autocomplete="off"
      {...(list !== undefined && { list })}
      {...(placeholder !== undefined && { placeholder })}
      {...(hint !== undefined && { "aria-describedby": `${name}-hint` })}
    />
    {hint !== undefined && (
      <small class="quiet" id={`${name}-hint`}>
        {hint}
      </small>
    )}
  </div>
)

const Bundles: FC<{ readonly id: string; readonly chosen: string }> = ({ id, chosen }) => (
  <div>
    <label for={id}>Bundle</label>
    <select id={id} name="bundle">
      <option value="live" selected={chosen === "live"}>
        live
      </option>
      <option value="candidate" selected={chosen === "candidate"}>
        candidate
      </option>
    </select>
  </div>
)
