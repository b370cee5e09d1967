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
  const place = await startStackPlace(directory, async (policies, variables) => {
    variables.set("PROVIDER", partner.origin)
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
    "Suspends all people of an identity provider whose signing key was stolen, stops trusting it, and ends what was given.",
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
      command: 'npx narrowgate revoke --issuer "$PROVIDER" --reason "its signing key was stolen"',
      shows: /in force {2}now/,
      keep: { SUSPENSION: /^(swi_\S+)/m },
    },
    {
      title: "No call is allowed for its people, and no task is opened; alice, who logs in elsewhere, notices nothing.",
      async run(place) {
        const call = expected(await readTicket(place, valueOf(place, "FORGED")), "401 invalid_token")
        const request = await requestTask(place, { agent: SUPPORT, subject: await forgedSession(place) })
        const { token } = await openTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        const alice = expected(await readTicket(place, token), "200 allowed")
        return `${call}; ${expected(request.answer, "400 unauthorized_client")}; alice: ${alice}`
      },
    },
    {
      title: "The thief is an operator too, as some log in at that provider: it cannot lift the suspension.",
      run: async (place) => expected(await listAsThief(place), "401"),
    },
    { command: "npx narrowgate decisions tail --kind exchange --since 7d", shows: /for mallory/ },
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
    { command: 'npx narrowgate revoke lift "$SUSPENSION"', shows: /resumed; what was given before .+ stays revoked/ },
    UNTIL_LEASES_EXPIRE,
    {
      title: "The thief tries the token, a new session, and to be an operator.",
      async run(place) {
        const call = expected(await readTicket(place, valueOf(place, "FORGED")), "401 invalid_token")
        const request = await requestTask(place, { agent: SUPPORT, subject: await forgedSession(place) })
        const lists = expected(await listAsThief(place), "401")
        return `${call}; ${expected(request.answer, "400 invalid_request")}; ${lists}`
      },
    },
  ],
})
