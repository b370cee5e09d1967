/**
 * The page on which a person at their browser is asked. What the program says of itself is shown as its own word, and
 * nothing that it says is a link or a picture.
 */
import type { Child, FC } from "hono/jsx"
import { Page, plainPage, respondPage } from "../../web/page.tsx"
import { Text } from "../../web/text.tsx"
import type { PurposeDefinition } from "../../core/policy/definition/agents.ts"
import type { AuthorizationRequest } from "./authorization-request.ts"
import {
  countsOf,
  fewerCalls,
  lives,
  type ConsentView,
  type Count,
  type ServerView,
  type ToolView,
} from "../../core/task/consent-view.ts"
import { ACTION_WORDS, callsInWords, lifeInWords, SENSITIVITY_WORDS } from "../../core/task/grant-words.ts"
import { formTargetOf, isOwnMachine } from "../../core/encoding/redirect-uri.ts"
import { describeRefusal, statusOf, type OAuthError } from "../../core/denials/oauth-error.ts"
import type { ResourceOwner } from "./resource-owner.ts"

interface Consenting {
  readonly request: AuthorizationRequest
  readonly purpose: PurposeDefinition | undefined
  readonly view: ConsentView
  /** That its form sends back. */
  readonly shown: string
  /** Why they are asked again; null: for the first time. */
  readonly notice: string | null
  readonly visitor: ResourceOwner
}

export async function consentPage(consenting: Consenting): Promise<Response> {
  const { request, visitor } = consenting
  const { session, person } = visitor
  return respondPage(
    <Page title="Consent" reader={{ name: person.user.subject, csrf: session.csrf }} narrow>
      <ConsentForm {...consenting} />
    </Page>,
    { formTargets: [formTargetOf(request.client.redirectUri)], headers: OPENED },
  )
}

/** Programs on the web open a window for this, to which their own page, when it comes back there, tells the answer. */
const OPENED = { "Cross-Origin-Opener-Policy": "unsafe-none" } as const

/** What keeps a program from being allowed anything, shown to the person alone. */
const OF_THE_PERSON: ReadonlySet<OAuthError["reason"]> = new Set([
  "form_refused",
  "person_refused",
  "stopped",
  "nothing_left",
])

/** @param back where they may go, without anything; null: whose place that would be is not known */
export async function refusalPage(refused: OAuthError, id: string, back: string | null): Promise<Response> {
  const isOfPerson = OF_THE_PERSON.has(refused.reason)
  // What is left for which reason is told in the record: it would say much about the rules.
  const reason = refused.reason === "nothing_left" ? "You may not allow what it asks for." : describeRefusal(refused)
  const details = (
    <>
      <p>{reason}</p>
      {back === null ? (
        <p>You were not sent on: nobody knows where that would be.</p>
      ) : (
        <p>
          <a class="button" href={back}>
            Back to the program, without anything
          </a>
        </p>
      )}
      <p class="quiet">
        Nothing was allowed. Decision <code>{id}</code>.
      </p>
    </>
  )
  const status = isOfPerson ? 403 : statusOf(refused)
  const headers = { ...OPENED, "X-Narrowgate-Decision": id, ...(status === 503 && { "Retry-After": "5" }) }
  return plainPage("This does not work", details, { status, headers })
}

const ConsentForm: FC<Consenting> = ({ request, purpose, view, shown, notice, visitor }) => (
  <>
    <h1>May this program work for you?</h1>
    {notice === null ? null : (
      <p class="notice warn" role="alert">
        {notice}
      </p>
    )}
    <Program {...request.client} />
    {purpose?.description === undefined ? (
      <p>
        Its purpose is <strong>{purpose?.name}</strong>.
      </p>
    ) : (
      <p>
        It asks to <strong>{purpose.description}</strong> ({purpose.name}).
      </p>
    )}
    <form method="post">
      <input type="hidden" name="csrf" value={visitor.session.csrf} />
      <input type="hidden" name="shown" value={shown} />
      <h2>Where it may work</h2>
      <p>
        Only at{" "}
        <code>
          <Text of={request.audience} />
        </code>
        , and nowhere else.
      </p>
      <h2>What it may do</h2>
      <Tools by={view.by} servers={view.servers} />
      {view.environments === null ? null : <p>Only in: {view.environments.join(", ")}.</p>}
      {view.plan === null ? null : (
        <>
          <h2>{view.plan.ordered ? "In this order" : "Each so often"}</h2>
          <ol>
            {view.plan.steps.map(({ tools, times }) => (
              <li>
                {tools.join(" or ")}, {times === 1 ? "once" : `${times} times at most`}
              </li>
            ))}
          </ol>
        </>
      )}
      <h2>How much</h2>
      <Limits view={view} />
      <p class="row actions">
        <button class="main" name="decision" value="allow">
          Allow
        </button>
        <button class="stop" name="decision" value="refuse">
          Refuse
        </button>
      </p>
    </form>
  </>
)

const Program: FC<AuthorizationRequest["client"]> = ({ agent, claimedName, isProven, redirectUri }) => (
  <>
    <div class="card">
      <dl class="facts">
        <dt>Program</dt>
        <dd>
          <code>{agent.id}</code>
        </dd>
        <dt>Whose it is</dt>
        <dd>{agent.owner}</dd>
        {claimedName === null ? null : (
          <>
            <dt>What it calls itself</dt>
            <dd>
              <q>
                <Text of={claimedName} />
              </q>{" "}
              (its own word, which nobody has checked)
            </dd>
          </>
        )}
        <dt>Where your answer goes</dt>
        <dd>
          {isOwnMachine(redirectUri) ? "to a program on this computer" : <code>{new URL(redirectUri).host}</code>}
        </dd>
      </dl>
    </div>
    {isProven ? (
      <p>It gets nothing before it has proven that it is this program.</p>
    ) : (
      <p class="notice warn" role="alert">
        <strong>This program has not proven who it is.</strong> Go on only if you have just started it yourself.
      </p>
    )}
  </>
)

const Tools: FC<Pick<ConsentView, "by" | "servers">> = ({ by, servers }) => {
  switch (by) {
    case "tool":
      return <>{servers.map(EachTool)}</>
    case "server":
      return <>{servers.map(WholeServer)}</>
    default:
      return <Totals servers={servers} />
  }
}

const EachTool = ({ name, tools }: ServerView): Child => (
  <fieldset>
    <legend>{name}</legend>
    {tools.map((tool) => (
      <Tool {...tool} />
    ))}
  </fieldset>
)

const WholeServer = ({ name, tools }: ServerView): Child => (
  <label class="choice">
    <input type="checkbox" name="keep" value={`${name}.*`} checked />
    <span>
      {name}: {countsOf(tools).map(inWords).join(", ")}
    </span>
  </label>
)

const Tool: FC<ToolView> = ({ name, action, sensitivity, bounds }) => (
  <label class="choice">
    <input type="checkbox" name="keep" value={name} checked />
    <span>
      {ACTION_WORDS[action]} <code>{name}</code> <span class="quiet">({SENSITIVITY_WORDS[sensitivity]})</span>
      {bounds === "" ? null : (
        <>
          , only where <Text of={bounds} />
        </>
      )}
    </span>
  </label>
)

/** Too many to be shown one by one. */
const Totals: FC<{ readonly servers: readonly ServerView[] }> = ({ servers }) => (
  <>
    <p>These tools of {servers.length} servers, which are too many to be named here:</p>
    <ul>
      {countsOf(servers.flatMap(({ tools }) => tools)).map((count) => (
        <li>{inWords(count)}</li>
      ))}
    </ul>
  </>
)

function inWords({ action, tools, sensitivity }: Count): string {
  const most = tools === 1 ? SENSITIVITY_WORDS[sensitivity] : `up to ${SENSITIVITY_WORDS[sensitivity]}`
  return `${ACTION_WORDS[action]} ${tools} tool${tools === 1 ? "" : "s"} (${most})`
}

const Limits: FC<{ readonly view: ConsentView }> = ({ view }) => (
  <>
    <label for="calls">How many calls</label>
    <select id="calls" name="calls">
      <option value="">{callsInWords(view.calls)}</option>
      {fewerCalls(view).map((few) => (
        <option value={String(few)}>{callsInWords(few)}</option>
      ))}
    </select>
    <label for="life">How long; then it ends by itself</label>
    <select id="life" name="life">
      {lives(view).map((seconds) => (
        <option value={String(seconds)}>{lifeInWords(seconds * 1_000)}</option>
      ))}
    </select>
  </>
)
