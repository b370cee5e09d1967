import { createServer } from "node:http"
import { SignJWT } from "jose"
import { openTask, readTicket, requestTask, session, SUPPORT, UNTIL_LEASES_EXPIRE } from "../dev/drill/agents.ts"
import { drill, expected } from "../dev/drill/drill.ts"
import { editPolicies, namesIn, entryOf } from "../dev/drill/policies.ts"
import { startStackPlace, type StackPlace } from "../dev/drill/stack-place.ts"
import { makeKey, type Key } from "../dev/demo/agent.ts"
import { listen } from "../dev/loopback.ts"

const AUDIENCE = "https://api.partner.example"
/** The client by which people of that provider manage Narrowgate. */
const OPERATORS = "drill-operators"

interface ProviderPlace extends StackPlace {
  /** The origin of the provider whose signing key was stolen. */
  readonly partner: string
  readonly stolen: Key
}

async function start(): Promise<ProviderPlace> {
  const stolen = await makeKey()
  const keys = JSON.stringify({ keys: [{ ...stolen.publicJwk, kid: stolen.thumbprint, alg: "ES256", use: "sig" }] })
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(keys)
  })
  const partner = await listen(server, 0)
  const place = await startStackPlace(async (policies) => {
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
    partner: partner.origin,
    stolen,
    async close() {
      await place.close()
      await partner.close()
    },
  }
}

/** An access token as the provider would issue it. */
async function forge({ partner, stolen }: ProviderPlace, claims: Readonly<Record<string, unknown>>): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: "ES256", kid: stolen.thumbprint, typ: "at+jwt" })
    .setIssuer(partner)
    .setSubject("mallory")
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(stolen.privateKey)
}

const forgedSession = async (place: ProviderPlace): Promise<string> =>
  forge(place, { aud: AUDIENCE, client_id: "drill-app", groups: ["support"] })

/** What the thief is answered who reads, as an operator, what is suspended. */
async function readAsOperator(place: ProviderPlace): Promise<string> {
  const token = await forge(place, { aud: place.stack.origin, client_id: OPERATORS })
  const headers = { authorization: `Bearer ${token}` }
  return String((await fetch(`${place.stack.origin}/v1/revocations`, { headers })).status)
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
      title: "No call is allowed, and no task is opened, for anybody.",
      async run(place) {
        const call = expected(await readTicket(place, place.variables.get("FORGED") ?? ""), "401 invalid_token")
        const alice = await requestTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        return `${call}; alice: ${expected(alice.answer, "400 unauthorized_client")}`
      },
    },
    {
      title: "The thief is an operator too, as some log in at that provider: it could lift the suspension.",
      run: async (place) => expected(await readAsOperator(place), "200"),
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
        return "both have the others alone"
      },
    },
    {
      command: 'npx narrowgate publish "$POLICIES" --key "$KEY" --why "partner is not trusted"',
      shows: /bundle 2/,
    },
    {
      title: "The thief is no operator any more.",
      run: async (place) => expected(await readAsOperator(place), "401"),
    },
    {
      command: "npx narrowgate decisions tail --kind exchange --since 7d",
      shows: /for mallory/,
    },
    {
      command:
        'npx narrowgate revoke --everything --before "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --reason "given while partner was trusted"',
      shows: /in force {2}now/,
    },
    { command: 'npx narrowgate revoke lift "$SUSPENSION"', shows: /resumed/ },
    UNTIL_LEASES_EXPIRE,
    {
      title: "The thief tries the token and a new session; alice logs in anew, at the provider that is trusted.",
      async run(place) {
        const call = expected(await readTicket(place, place.variables.get("FORGED") ?? ""), "401 invalid_token")
        const request = await requestTask(place, { agent: SUPPORT, subject: await forgedSession(place) })
        const { token } = await openTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        const alice = expected(await readTicket(place, token), "200 allowed")
        return `${call}; ${expected(request.answer, "400 invalid_request")}; alice: ${alice}`
      },
    },
  ],
})
