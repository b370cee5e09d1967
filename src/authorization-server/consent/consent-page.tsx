/**
 * The consent page. It quotes what the program says about itself as the words of the program, and makes none of it a link
 * or a picture.
 */
import type { Child, FC } from "hono/jsx"
import { Page, plainPage, respondPage } from "../../web/page.tsx"
import { Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
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
import {
  ACTION_WORDS,
  callsInWords,
  lifeInWords,
  OFFLINE_IN_WORDS,
  SENSITIVITY_WORDS,
} from "../../core/task/grant-words.ts"
import { formTargetOf, isOwnMachine } from "../../core/encoding/redirect-uri.ts"
import { describeOAuthError, statusOf, type OAuthError } from "../../core/denials/oauth-error.ts"
import type { ResourceOwner } from "./resource-owner.ts"

interface ConsentProps {
  readonly request: AuthorizationRequest
  readonly purpose: PurposeDefinition | undefined
  readonly view: ConsentView
  /** The digest of what is shown, which the form sends back. */
  readonly pageField: string
  /** Why the page is shown again; null if it is shown for the first time. */
  readonly notice: string | null
  readonly owner: ResourceOwner
}

export async function consentPage(consent: ConsentProps): Promise<Response> {
  const { request, owner } = consent
  const { session, person } = owner
  return respondPage(
    <Page
      title={`Allow ${shortened(consentName(request.client), 80)}?`}
      reader={{ name: person.user.subject, csrf: session.csrf }}
      narrow
    >
      <ConsentForm {...consent} />
    </Page>,
    { formTargets: [formTargetOf(request.client.redirectUri)], headers: OPENED },
  )
}

/** A web program opens a window for the consent. Its own page in that window reports the answer to the opener. */
const OPENED = { "Cross-Origin-Opener-Policy": "unsafe-none" } as const

/** The errors that the page shows to the user only, and with status 403. */
const SHOWN_TO_USER: ReadonlySet<OAuthError["reason"]> = new Set([
  "form_refused",
  "person_refused",
  "stopped",
  "nothing_left",
])

/** The errors of a client, or of a redirect URI, that is not registered. */
const UNREGISTERED: ReadonlySet<OAuthError["reason"]> = new Set(["client_unknown", "redirect_uri_refused"])

/** @param back the redirect URI with the error `access_denied`; null if it is not certain */
export async function errorPage(refused: OAuthError, id: string, back: string | null): Promise<Response> {
  const isShownToUser = SHOWN_TO_USER.has(refused.reason)
  // The record says which rule left nothing. The page does not, as that would reveal the rules.
  const reason =
    refused.reason === "nothing_left" ? "Your account cannot grant this access." : describeOAuthError(refused)
  const text = (
    <>
      <p>{reason}</p>
      {back === null ? (
        <p>
          {UNREGISTERED.has(refused.reason)
            ? "You were not redirected: the address is not registered."
            : "You were not redirected."}
        </p>
      ) : (
        <p>
          <a class="button" href={back}>
            Return to the program
          </a>
        </p>
      )}
      <p class="quiet">
        Nothing was allowed. Decision <code>{id}</code>.
      </p>
    </>
  )
  const status = isShownToUser ? 403 : statusOf(refused)
  const headers = { ...OPENED, "X-Narrowgate-Decision": id, ...(status === 503 && { "Retry-After": "5" }) }
  return plainPage("Cannot continue", text, { status, headers })
}

const ConsentForm: FC<ConsentProps> = ({ request, purpose, view, pageField, notice, owner }) => (
  <>
    <h1>
      Allow <Text of={consentName(request.client)} most={160} /> to act for you?
    </h1>
    {notice === null ? null : (
      <p class="notice warn" role="alert">
        {notice}
      </p>
    )}
    <Program {...request.client} />
    {purpose?.description === undefined ? (
      <p>
        Purpose: <strong>{purpose?.name}</strong>
      </p>
    ) : (
      <p>
        Purpose: <strong>{purpose.description}</strong> ({purpose.name})
      </p>
    )}
    <form method="post">
      <input type="hidden" name="csrf" value={owner.session.csrf} />
      <input type="hidden" name="shown" value={pageField} />
      <h2>Audience</h2>
      <p>
        <code>
          <Text of={request.audience} />
        </code>{" "}
        only.
      </p>
      <h2>Tools</h2>
      <Tools by={view.by} servers={view.servers} />
      {view.environments === null ? null : <p>Environments: {view.environments.join(", ")}</p>}
      {view.plan === null ? null : (
        <>
          <h2>{view.plan.ordered ? "Plan, in this order" : "Plan, in any order"}</h2>
          <ol>
            {view.plan.steps.map(({ tools, times }) => (
              <li>
                {tools.join(" or ")}, {times === 1 ? "once" : `${times} times at most`}
              </li>
            ))}
          </ol>
        </>
      )}
      <h2>Limits</h2>
      <Limits view={view} />
      <p class="row actions">
        <button class="main" name="decision" value="allow">
          Allow
        </button>
        <button class="stop" name="decision" value="refuse">
          Don't allow
        </button>
      </p>
    </form>
  </>
)

/**
 * The host of an id that is a URL, else its last segment. The card below shows the whole id. That of a client which has
 * registered itself begins with our own host, which does not vouch for it.
 */
function consentName({ agent }: AuthorizationRequest["client"]): string {
  if (agent.client?.registered === true) return "a program that registered itself"
  if (agent.id.startsWith("https://")) return URL.parse(agent.id)?.host ?? agent.id
  return agent.id.split("/").findLast((part) => part !== "") ?? agent.id
}

const Program: FC<AuthorizationRequest["client"]> = ({ agent, claimedName, isProven, redirectUri }) => (
  <>
    <div class="card">
      <dl class="facts">
        <dt>Program</dt>
        <dd>
          <code>{agent.id}</code>
        </dd>
        <dt>Owner</dt>
        <dd>{agent.owner}</dd>
        {claimedName === null ? null : (
          <>
            <dt>Unverified name</dt>
            <dd>
              <q>
                <Text of={claimedName} />
              </q>{" "}
              (chosen by the program)
            </dd>
          </>
        )}
        <dt>Returns to</dt>
        <dd>{isOwnMachine(redirectUri) ? "a program on this computer" : <code>{new URL(redirectUri).host}</code>}</dd>
      </dl>
    </div>
    {isProven ? (
      <p>The program must prove its identity before it gets access.</p>
    ) : (
      <p class="notice warn" role="alert">
        <strong>This program is not verified.</strong> Continue only if you started it yourself.
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
          , only if <Text of={bounds} />
        </>
      )}
    </span>
  </label>
)

/** The numbers of the tools, if there are too many to list them. */
const Totals: FC<{ readonly servers: readonly ServerView[] }> = ({ servers }) => (
  <>
    <p>Tools of {servers.length} servers, too many to list:</p>
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
    <label for="calls">Calls</label>
    <select id="calls" name="calls">
      <option value="">{callsInWords(view.calls)}</option>
      {fewerCalls(view).map((few) => (
        <option value={String(few)}>{callsInWords(few)}</option>
      ))}
    </select>
    <label for="life">Ends after</label>
    <select id="life" name="life">
      {lives(view).map((seconds) => (
        <option value={String(seconds)}>{lifeInWords(seconds * 1_000)}</option>
      ))}
    </select>
    {view.isOffline && <p class="notice warn">{OFFLINE_IN_WORDS}</p>}
  </>
)
