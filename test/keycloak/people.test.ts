/**
 * People of a real Keycloak, which is set up by the very commands of its page: their sessions in an agent's hands, their
 * sign-in to our pages, what they consent to and approve. Its tokens are as it issues them by default.
 */
import { createHash } from "node:crypto"
import { decodeJwt, decodeProtectedHeader } from "jose"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { workloadIdentity } from "../../cli/remote/local-stack-login.ts"
import { callHttp, connectV2 } from "../../dev/demo/agent.ts"
import { type Parts, startParts } from "../../dev/demo/parts.ts"
import { approve } from "../../dev/demo/person.ts"
import { WRITTEN_WORKER } from "../../cli/remote/local-stack-policies.ts"
import { fieldsOf } from "../node/interop/at-browser.ts"
import { Browser, logIn, token as tokenOf, type Tokens } from "./browser.ts"
import { installed, type Keycloak, startKeycloak } from "./keycloak.ts"
import { Page } from "./page.ts"
import { policiesWith } from "./policies.ts"

const SUPPORT = "spiffe://example.org/agent/support"
const DESK = "https://desk.example.org/agent"
const ANN = "5f6a7b8c-9d0e-4f1a-8b3c-4d5e6f7a8b9c"
const OLGA = "6a7b8c9d-0e1f-4a2b-8c3d-5e6f7a8b9c0d"
const [PEOPLE, ACCOUNTS] = [new Page("keycloak.md"), new Page("keycloak-service-accounts.md")]
const NIGHTLY = "https://id.acme.test/agents/nightly"
/** Where the local stack is only follows from policies that name the account. */
const UNKNOWN_YET = "https://narrowgate.acme.test"
const APP = { client: "support-app", redirect: "http://127.0.0.1/callback" }

const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"

const home = installed()
const isRequired = process.env["KEYCLOAK_REQUIRED"] === "yes"
const name = home === null ? "Keycloak: skipped, KEYCLOAK names no directory of test/keycloak/install.sh" : "Keycloak"

test.runIf(isRequired)("Keycloak is installed", () => expect(home).not.toBeNull())

describe.skipIf(home === null)(name, () => {
  const parting = new AsyncDisposableStack()
  let keycloak: Keycloak
  let parts: Parts
  /** Our own URL. */
  let us: string
  /** Of the app that people log in to: what agents get. */
  let ann: Tokens
  /** Of our own client, as a sign-in to our pages gets them. */
  let olga: Tokens

  beforeAll(async () => {
    keycloak = parting.use(await startKeycloak(home ?? ""))
    const account = /"id" : "([^"]+)"/.exec(await keycloak.shell(ACCOUNTS.commands(keycloak.origin, UNKNOWN_YET)))?.[1]
    const agents = `${keycloak.origin}/realms/agents`
    const entries = {
      people: PEOPLE.entry("issuers.yaml", {
        "https://id.example/realms/acme": keycloak.issuer,
        "https://authz.example": WRITTEN_WORKER,
      }),
      accounts: ACCOUNTS.entry("issuers.yaml", { "https://id.example/realms/agents": agents }),
      agent: ACCOUNTS.entry("agents.yaml", {
        "https://id.example/agents/nightly": NIGHTLY,
        "7b8c9d0e-1f2a-4b3c-9d4e-6f7a8b9c0d1e": account ?? "none",
      }),
    }
    const policies = parting.use(await policiesWith(entries, OLGA))
    parts = parting.adopt(await startParts(policies.path), async (each) => each.close())
    us = parts.stack.origin
    await keycloak.shell(PEOPLE.commands(keycloak.origin, us))
    ann = await logIn(keycloak.issuer, { user: "ann", ...APP })
    olga = await ofConsole("olga")
  })
  afterAll(async () => parting.disposeAsync())

  test("its tokens have the shapes that the page shows", () => {
    const { access_token: access, id_token: id } = ann
    expect(decodeProtectedHeader(access)).toMatchObject({ alg: "RS256", typ: "JWT" })
    expect(decodeProtectedHeader(id)).toMatchObject({ alg: "RS256", typ: "JWT" })
    const both = { iss: keycloak.issuer, sub: ANN, azp: "support-app", groups: ["support"], acr: "1" }
    expect(decodeJwt(access)).toMatchObject({ ...both, typ: "Bearer", aud: [us, "account"], scope: expect.any(String) })
    expect(decodeJwt(id)).toMatchObject({ ...both, typ: "ID", aud: "support-app", auth_time: expect.any(Number) })
    expect(decodeJwt(olga.access_token)).toMatchObject({
      typ: "Bearer",
      aud: [us, "account"],
      azp: "narrowgate-console",
    })
    expect(decodeJwt(olga.id_token)).toMatchObject({ typ: "ID", aud: "narrowgate-console", nonce: "n", sub: OLGA })
  })

  describe("a session in an agent's hands", () => {
    test.for(["access_token", "id_token"] as const)("by %s is the person, with their groups", async (kind) => {
      const granted = await exchange(ann[kind], kind === "id_token" ? ID_TOKEN : ACCESS_TOKEN)
      expect(granted).toMatchObject({ status: 200 })
      // Policy lets those of the group `support` read tickets, and nobody else.
      expect(await callHttp("GET", `${parts.edge.origin}/crm/tickets/42`, granted.token)).toMatchObject({ status: 200 })
      const headers = { "x-narrowgate-user": `${keycloak.issuer}|${ANN}` }
      expect(parts.api.received().at(-1)).toMatchObject({ headers })
    })

    test("without the group has no right to what the group may", async () => {
      const { access_token: session } = await logIn(keycloak.issuer, { user: "olga", ...APP })
      const { status, error } = await exchange(session, ACCESS_TOKEN)
      expect({ status, error }).toEqual({ status: 400, error: "invalid_scope" })
    })

    test("of one kind is not taken for the other", async () => {
      const swapped = await exchange(ann.id_token, ACCESS_TOKEN)
      expect(swapped).toMatchObject(refused({ reason: "audience_mismatch", got: ["support-app"] }))
      const back = await exchange(ann.access_token, ID_TOKEN)
      expect(back).toMatchObject(refused({ reason: "audience_mismatch", got: [us, "account"] }))
    })

    test("of our own client is none: what manages never comes from an agent", async () => {
      const odd = { reason: "client_mismatch", got: "narrowgate-console" }
      expect(await exchange(olga.access_token, ACCESS_TOKEN)).toMatchObject(refused(odd))
      const other = { reason: "audience_mismatch", got: ["narrowgate-console"] }
      expect(await exchange(olga.id_token, ID_TOKEN)).toMatchObject(refused(other))
    })

    test("is no refresh token, which only the realm can verify", async () => {
      const odd = { reason: "algorithm_refused", alg: "HS512" }
      expect(await exchange(ann.refresh_token, ACCESS_TOKEN)).toMatchObject(refused(odd))
    })
  })

  describe("a person at our pages", () => {
    test("signs in, and sees the console as the operator that they are", async () => {
      const page = await new Browser("olga").open(`${us}/console`)
      expect(page).toMatchObject({ status: 200, url: { pathname: expect.stringMatching(/^\/console/) } })
      expect(page.html).toContain(OLGA)
      expect(page.html).toContain("/console/tasks")
    })

    test("signs in without a role, and sees what is theirs", async () => {
      const page = await new Browser("ann").open(`${us}/console`)
      expect(page).toMatchObject({ status: 200 })
      expect(page.html).not.toContain("/console/tasks")
    })

    test("consents to a program's work in their own name", async () => {
      const browser = new Browser("ann")
      const verifier = "v".repeat(43)
      const start = new URL(`${us}/oauth/authorize`)
      const redirect = "http://127.0.0.1:5000/callback"
      const client = { client_id: DESK, redirect_uri: redirect }
      start.search = new URLSearchParams({
        ...client,
        response_type: "code",
        state: "s",
        scope: "crm.tickets.*:read",
        code_challenge: createHash("sha256").update(verifier).digest("base64url"),
        code_challenge_method: "S256",
      }).toString()
      const page = await browser.open(start)
      expect(page, page.html).toMatchObject({ status: 200, url: { pathname: "/oauth/authorize" } })
      const form = fieldsOf(page.html)
      form.set("decision", "allow")
      const { url } = await browser.open(page.url, { method: "POST", body: form }, `${redirect}?`)
      const code = url.searchParams.get("code") ?? ""
      const granted = await ask({ ...client, grant_type: "authorization_code", code, code_verifier: verifier })
      expect(granted).toMatchObject({ status: 200 })
      expect(decodeJwt(granted.token)).toMatchObject({ sub: `${keycloak.issuer}|${ANN}`, client_id: DESK })
    })
  })

  describe("a person who is elsewhere", () => {
    test.for(["id_token", "access_token"] as const)("consents (CIBA) by the %s of our own client", async (kind) => {
      const mine = await ofConsole("ann")
      const hint = { login_hint: `${keycloak.issuer}|${ANN}`, scope: "crm.tickets.*:read" }
      const form = new URLSearchParams({ ...hint, ...(await proof()) })
      const asked = await fetch(`${us}/oauth/bc-authorize`, { method: "POST", body: form })
      const { auth_req_id } = z.object({ auth_req_id: z.string() }).parse(await asked.json())
      const [task = ""] = auth_req_id.split(".")
      // The session that the agent could have is another client's.
      expect(await answer(task, ann[kind])).toBe(401)
      // Nobody answers for somebody else, operator or not.
      expect(await answer(task, olga[kind])).toBe(404)
      expect(await answer(task, mine[kind])).toBe(200)
      const poll = { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id, ...(await proof()) }
      const granted = await ask(poll)
      expect(granted).toMatchObject({ status: 200 })
      expect(decodeJwt(granted.token)).toMatchObject({ sub: `${keycloak.issuer}|${ANN}` })
    })

    test("approves one call of somebody else's task, by the group that approvers.yaml names", async () => {
      const { token } = await exchange(ann.access_token, ACCESS_TOKEN, "refund-order")
      const billing = await connectV2(`${parts.edge.origin}/billing/mcp`, token)
      const refund = async () => billing.call("refund", { order: "1001", amount: 24_900 })
      expect(await refund()).toMatchObject({ code: "approval_required" })
      const where = { narrowgate: us, provider: keycloak.issuer }
      expect(await approve(where, olga.id_token)).toMatchObject({ status: 200 })
      expect(await refund()).toMatchObject({ status: 200 })
      await billing.close()
    })
  })

  test("a token by a new key is accepted at once, one by a key that is gone no more", async () => {
    const before = (await logIn(keycloak.issuer, { user: "ann", ...APP })).access_token
    expect(await exchange(before, ACCESS_TOKEN)).toMatchObject({ status: 200 })
    await keycloak.shell(`
      kcadm.sh create components -r acme -s name=next -s providerId=rsa-generated \\
        -s providerType=org.keycloak.keys.KeyProvider -s 'config.priority=["1000"]' -s 'config.algorithm=["RS256"]'
    `)
    const after = (await logIn(keycloak.issuer, { user: "ann", ...APP })).access_token
    expect(kidOf(after)).not.toBe(kidOf(before))
    expect(await exchange(after, ACCESS_TOKEN)).toMatchObject({ status: 200 })
    // Both are published, until the older one is removed.
    expect(await exchange(before, ACCESS_TOKEN)).toMatchObject({ status: 200 })
    await keycloak.shell(`
      old=$(kcadm.sh get components -r acme -q name=rsa-generated --fields id --format csv --noquotes)
      kcadm.sh delete components/$old -r acme
      kcadm.sh create components -r acme -s name=third -s providerId=rsa-generated \\
        -s providerType=org.keycloak.keys.KeyProvider -s 'config.priority=["2000"]' -s 'config.algorithm=["RS256"]'
    `)
    // A token by a key that is not known yet makes the keys be fetched again, and the older one is not among them.
    const newest = (await logIn(keycloak.issuer, { user: "ann", ...APP })).access_token
    await expect.poll(async () => exchange(newest, ACCESS_TOKEN), PATIENCE).toMatchObject({ status: 200 })
    const gone = refused({ reason: "key_unknown", kid: kidOf(before) })
    expect(await exchange(before, ACCESS_TOKEN)).toMatchObject(gone)
  })

  describe("a service account", () => {
    let machine: string
    /** Of our own client. */
    let ours: string
    beforeAll(async () => {
      // What the page says to leave off: on, with the secrets that it takes.
      for (const client of ["support-app", "narrowgate-console"]) {
        await keycloak.shell(`
          id=$(kcadm.sh get clients -r acme -q clientId=${client} --fields id --format csv --noquotes)
          kcadm.sh update clients/$id -r acme -s publicClient=false -s serviceAccountsEnabled=true -s secret=s
        `)
      }
      const own = async (client_id: string): Promise<string> =>
        z
          .object({ access_token: z.string() })
          .parse(await tokenOf(keycloak.issuer, { grant_type: "client_credentials", client_id, client_secret: "s" }))
          .access_token
      machine = await own("support-app")
      ours = await own("narrowgate-console")
    })

    test("has a token that is like a person's", () => {
      expect(decodeProtectedHeader(machine)).toMatchObject({ typ: "JWT" })
      const claims = { typ: "Bearer", aud: [us, "account"], azp: "support-app", client_id: "support-app" }
      expect(decodeJwt(machine)).toMatchObject({ ...claims, preferred_username: "service-account-support-app" })
    })

    test("is no person to an agent", async () => {
      expect(await exchange(machine, ACCESS_TOKEN)).toMatchObject(refused({ reason: "no_person", mark: "client_id" }))
      expect(await exchange(machine, ID_TOKEN)).toMatchObject({ status: 400, error: "invalid_request", token: "" })
    })

    test("consents to nothing, approves of nothing, manages nothing", async () => {
      for (const path of ["/v1/approvals", "/v1/decisions"]) {
        const response = await fetch(`${us}${path}`, { headers: { authorization: `Bearer ${ours}` } })
        expect(response.status).toBe(401)
      }
    })
  })

  describe("an agent with an account", () => {
    const nightly = async (): Promise<string> => {
      const form = { grant_type: "client_credentials", client_id: "nightly-agent", client_secret: secret }
      return z.object({ access_token: z.string() }).parse(await tokenOf(`${keycloak.origin}/realms/agents`, form))
        .access_token
    }
    const open = async (identity: string) =>
      ask({
        grant_type: "client_credentials",
        purpose: "nightly-report",
        client_assertion: identity,
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      })
    let secret: string
    let client: string
    beforeAll(async () => {
      client = (
        await keycloak.shell(
          "kcadm.sh get clients -r agents -q clientId=nightly-agent --fields id --format csv --noquotes",
        )
      ).trim()
      const shown = await keycloak.shell(`kcadm.sh get clients/${client}/client-secret -r agents`)
      secret = z.object({ value: z.string() }).parse(JSON.parse(shown)).value
    })

    test("whose token is for another Narrowgate is told that its audience is wrong", async () => {
      const { status, error, description, denial } = await open(await nightly())
      expect([status, error]).toEqual([401, "invalid_client"])
      expect(description).toContain("Its aud must be")
      expect(denial).toMatchObject({ because: { reason: "audience_mismatch", got: [UNKNOWN_YET, "account"] } })
    })

    test("gets a task by a token with the default roles, and not by one for an API too", async () => {
      await keycloak.shell(`
        models=clients/${client}/protocol-mappers/models
        old=$(kcadm.sh get $models -r agents --fields id,name --format csv --noquotes | grep 'narrowgate audience' | cut -d, -f1)
        kcadm.sh update $models/$old -r agents -s 'config."included.custom.audience"=${us}' \
          -s protocol=openid-connect -s protocolMapper=oidc-audience-mapper -s 'name=narrowgate audience' \
          -s 'config."access.token.claim"=true'
      `)
      const identity = await nightly()
      expect(decodeProtectedHeader(identity)).toMatchObject({ alg: "RS256", typ: "JWT" })
      expect(decodeJwt(identity)).toMatchObject({ typ: "Bearer", aud: [us, "account"], azp: "nightly-agent" })
      const granted = await open(identity)
      expect(granted).toMatchObject({ status: 200 })
      expect(decodeJwt(granted.token)).toMatchObject({ sub: NIGHTLY, client_id: NIGHTLY })
      expect(await callHttp("GET", `${parts.edge.origin}/crm/tickets`, granted.token)).toMatchObject({ status: 200 })
      await keycloak.shell(`
        kcadm.sh create clients/${client}/protocol-mappers/models -r agents -s name=api -s protocol=openid-connect \
          -s protocolMapper=oidc-audience-mapper -s 'config."included.custom.audience"=billing-api' \
          -s 'config."access.token.claim"=true'
      `)
      const { status, description, denial } = await open(await nightly())
      expect(status).toBe(401)
      expect(description).toContain("Its aud names others than")
      expect(description).not.toContain("Its iss")
      expect(denial).toMatchObject({ because: { reason: "audience_mismatch" } })
    })
  })

  /** Tokens of our own client, whose redirect URI is ours: the code is taken before it gets there. */
  async function ofConsole(user: string): Promise<Tokens> {
    return logIn(keycloak.issuer, { user, client: "narrowgate-console", redirect: `${us}/sign-in/callback` })
  }

  async function proof(): Promise<Record<string, string>> {
    const identity = await workloadIdentity({ origin: parts.stack.provider, id: SUPPORT, audience: us })
    return {
      client_assertion: identity,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    }
  }

  async function exchange(session: string, kind: string, purpose?: string) {
    return ask({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: session,
      subject_token_type: kind,
      ...(purpose === undefined ? {} : { purpose }),
      ...(await proof()),
    })
  }

  async function ask(form: Record<string, string>) {
    const response = await fetch(`${us}/oauth/token`, { method: "POST", body: new URLSearchParams(form) })
    const answer = answerSchema.parse(await response.json())
    const { access_token: token = "", error = null, error_description: description = "" } = answer
    const denial = response.ok ? null : await denialOf(response.headers.get("x-narrowgate-decision") ?? "")
    return { status: response.status, token, error, description, denial }
  }

  async function answer(task: string, bearer: string): Promise<number> {
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" }
    const body = JSON.stringify({ decision: "approve" })
    return (await fetch(`${us}/v1/approvals/${task}`, { method: "POST", headers, body })).status
  }

  /** What the record says, which follows the answer within a second: why it was refused is told nowhere else. */
  async function denialOf(decision: string): Promise<unknown> {
    const headers = { authorization: `Bearer ${parts.operator}` }
    const record = await vi.waitUntil(async () => {
      const response = await fetch(`${us}/v1/decisions/${decision}`, { headers })
      return response.ok ? recordSchema.parse(await response.json()) : null
    }, PATIENCE)
    return record.denial
  }
})

/** Longer than the Worker waits between two refreshes because of unknown keys. */
const PATIENCE = { timeout: 15_000, interval: 200 }

const answerSchema = z.object({
  access_token: z.string().optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
})
const recordSchema = z.object({ denial: z.unknown() })

const refused = (because: Readonly<Record<string, unknown>>) => ({
  status: 400,
  error: "invalid_request",
  token: "",
  denial: { reason: "subject_rejected", because },
})

const kidOf = (jwt: string): string | undefined => decodeProtectedHeader(jwt).kid
