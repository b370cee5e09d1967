import { createServer } from "node:http"
import {
  accessToken,
  type Issuer,
  openTask,
  publicKeys,
  readTicket,
  requestTask,
  session,
  SUPPORT,
  UNTIL_LEASES_EXPIRE,
} from "../dev/drill/agents.ts"
import { drill, expected, valueOf } from "../dev/drill/drill.ts"
import { editPolicies, namesIn, entryOf } from "../dev/drill/policies.ts"
import { startStackPlace, type StackPlace } from "../dev/drill/stack-place.ts"
import { callHttp, makeKey } from "../dev/demo/agent.ts"
import { listen } from "../dev/loopback.ts"

const AUDIENCE = "https://api.partner.example"
/** The client by which people of that provider manage Narrowgate. */
const OPERATORS = "drill-operators"

interface ProviderPlace extends StackPlace {
  /** The provider, with the signing key that was stolen. */
  readonly partner: Issuer
}

async function start(directory: string): Promise<ProviderPlace> {
  const key = await makeKey()
  const keys = JSON.stringify(publicKeys(key).jwks)
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(keys)
  })
  const partner = await listen(server, 0)
  const place = await startStackPlace(directory, async (policies) => {
    await editPolicies(policies, "issuers.yaml", (document) => {
      document.setIn(["issuers", namesIn(document, "issuers", "id").length], {
        id: "partner",
        issuer: partner.origin,
        keys: { jwks_uri: `${partner.origin}/jwks` },
        algorithms: ["ES256"],
        users: { audiences: [AUDIENCE], clients: ["drill-app"], claims: { groups: "groups" } },
        operators: { clients: [OPERATORS] },
      })
    })
    await editPolicies(policies, "operators.yaml", (document) => {
      const operator = { issuer: "partner", subject: "mallory", roles: ["viewer", "operator"] }
      document.setIn(["operators", namesIn(document, "operators", "subject").length], operator)
    })
  }).catch(async (error: unknown) => {
    await partner.close()
    throw error
  })
  return {
    ...place,
    partner: { origin: partner.origin, key },
    async close() {
      await place.close()
      await partner.close()
    },
  }
}

const forgedSession = async ({ partner }: ProviderPlace): Promise<string> =>
  accessToken(partner, "mallory", { aud: AUDIENCE, client_id: "drill-app", groups: ["support"] })

/** The status that the thief gets who lists, as an operator, what is suspended. */
async function listAsThief({ partner, stack }: ProviderPlace): Promise<string> {
  const token = await accessToken(partner, "mallory", { aud: stack.origin, client_id: OPERATORS })
  return String((await callHttp("GET", `${stack.origin}/v1/revocations`, token)).status)
}

export const providerCompromised = drill<ProviderPlace>({
  name: "provider-compromised",
  practises:
    "Suspends everything when the signing key of an identity provider was stolen, stops trusting it, and resumes.",
  runbook: "an-identity-provider-is-compromised",
  start,
  steps: [
    {
      title: "The thief signs a session of a user who does not exist; an agent opens a task for it, and reads.",
      async run(place) {
        const { token } = await openTask(place, { agent: SUPPORT, subject: await forgedSession(place) })
        place.variables.set("FORGED", token)
        return expected(await readTicket(place, token), "200 allowed")
      },
    },
    {
      command: 'npx narrowgate revoke --everything --reason "the signing key of partner was stolen"',
      shows: /in force {2}now/,
      keep: { SUSPENSION: /^(swi_\S+)/m },
    },
    {
      title: "No call is allowed, and no task is opened, for any user.",
      async run(place) {
        const call = expected(await readTicket(place, valueOf(place, "FORGED")), "401 invalid_token")
        const alice = await requestTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        return `${call}; alice: ${expected(alice.answer, "400 unauthorized_client")}`
      },
    },
    {
      title: "The thief is an operator too, as some log in at that provider: it could lift the suspension.",
      run: async (place) => expected(await listAsThief(place), "200"),
    },
    {
      title: "The operator takes the provider out of issuers.yaml and operators.yaml.",
      async run({ policies }) {
        await editPolicies(policies, "operators.yaml", (document) =>
          document.deleteIn(entryOf(document, "operators", "subject", "mallory")),
        )
        await editPolicies(policies, "issuers.yaml", (document) =>
          document.deleteIn(entryOf(document, "issuers", "id", "partner")),
        )
        return "neither file names it any more"
      },
    },
    {
      command: 'npx narrowgate publish "$POLICIES" --key "$KEY" --why "partner is not trusted"',
      shows: /bundle 2/,
    },
    {
      title: "The thief is no operator any more.",
      run: async (place) => expected(await listAsThief(place), "401"),
    },
    {
      command:
        'npx narrowgate revoke --everything --before "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --reason "given while partner was trusted"',
      shows: /in force {2}now/,
    },
    { command: 'npx narrowgate revoke lift "$SUSPENSION"', shows: /resumed/ },
    { command: "npx narrowgate decisions tail --kind exchange --since 7d", shows: /for mallory/ },
    UNTIL_LEASES_EXPIRE,
    {
      title: "The thief tries the token and a new session; alice logs in anew, at the provider that is trusted.",
      async run(place) {
        const call = expected(await readTicket(place, valueOf(place, "FORGED")), "401 invalid_token")
        const request = await requestTask(place, { agent: SUPPORT, subject: await forgedSession(place) })
        const { token } = await openTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        const alice = expected(await readTicket(place, token), "200 allowed")
        return `${call}; ${expected(request.answer, "400 invalid_request")}; alice: ${alice}`
      },
    },
  ],
})
