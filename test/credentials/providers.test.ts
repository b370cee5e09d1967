/**
 * Tokens as real providers shape them, signed with keys of this run, at the real token endpoint. The entries that are
 * tested are those of docs/guides/identity-providers/: a page that says something else fails here.
 */
import { runInDurableObject } from "cloudflare:test"
import { CompactSign, decodeJwt, exportJWK, generateKeyPair, type JWK } from "jose"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parseAllDocuments } from "yaml"
import { z } from "zod"
import { agentsFile, type Identity } from "../../cli/compiler/schema/agents.ts"
import { issuersFile } from "../../cli/compiler/schema/issuers.ts"
import auth0Page from "../../docs/guides/identity-providers/auth0.md?raw"
import entraPage from "../../docs/guides/identity-providers/entra.md?raw"
import googlePage from "../../docs/guides/identity-providers/google.md?raw"
import githubPage from "../../docs/guides/identity-providers/github-actions.md?raw"
import keycloakAccountsPage from "../../docs/guides/identity-providers/keycloak-service-accounts.md?raw"
import keycloakPage from "../../docs/guides/identity-providers/keycloak.md?raw"
import kubernetesPage from "../../docs/guides/identity-providers/kubernetes.md?raw"
import oktaPage from "../../docs/guides/identity-providers/okta.md?raw"
import readmePage from "../../docs/guides/identity-providers/README.md?raw"
import spiffePage from "../../docs/guides/identity-providers/spiffe.md?raw"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { AgentDefinition, IdentityDefinition } from "../../src/core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import {
  ACCESS_TOKEN,
  exchangeForm,
  ID_TOKEN,
  JWT_BEARER,
  postForm,
  AUDIENCE,
  type TokenAnswer,
} from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { US } from "../harness/issuers.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { recordOf } from "../harness/records.ts"
import auth0OwnProfile from "./providers/auth0-own-profile.json"
import auth0 from "./providers/auth0.json"
import entraV1 from "./providers/entra-v1.json"
import entraWorkload from "./providers/entra-workload.json"
import entra from "./providers/entra.json"
import github from "./providers/github.json"
import google from "./providers/google.json"
import keycloakDefault from "./providers/keycloak-default.json"
import keycloakAccounts from "./providers/keycloak-service-accounts.json"
import keycloak from "./providers/keycloak.json"
import kubernetes from "./providers/kubernetes.json"
import oktaOrg from "./providers/okta-org.json"
import okta from "./providers/okta.json"
import spiffe from "./providers/spiffe.json"
import { ledgerOf } from "../harness/ledgers.ts"

const PAGES: Readonly<Record<string, string>> = {
  "auth0.md": auth0Page,
  "entra.md": entraPage,
  "github-actions.md": githubPage,
  "google.md": googlePage,
  "keycloak-service-accounts.md": keycloakAccountsPage,
  "keycloak.md": keycloakPage,
  "kubernetes.md": kubernetesPage,
  "okta.md": oktaPage,
  "README.md": readmePage,
  "spiffe.md": spiffePage,
}

/** Seconds from now; in claims and in what is expected of them. */
const time = z.strictObject({ offset: z.int() })
const refused = z.looseObject({ reason: z.string() })
const outcome = z.union([
  z.strictObject({ refused }),
  z.strictObject({ accepted: z.strictObject({ agent: z.string() }) }),
  z.strictObject({ accepted: z.strictObject({ person: z.literal(true) }) }),
  z.strictObject({
    accepted: z.strictObject({
      user: z.string(),
      groups: z.array(z.string()),
      acr: z.string().optional(),
      auth_time: time.optional(),
    }),
  }),
])
const tokenShape = z.strictObject({
  name: z.string(),
  /** As what it is offered, whatever it is. A person's is their own: it answers what they are asked. */
  kind: z.enum(["id_token", "access_token", "workload", "person"]),
  header: z.looseObject({ alg: z.enum(["RS256", "ES256", "HS256", "HS512"]) }),
  claims: z.record(z.string(), z.unknown()),
  expect: outcome,
  /** What becomes of it the second time; absent: not tried. */
  again: z.strictObject({ refused }).optional(),
})
const providerFile = z.strictObject({
  provider: z.string(),
  /** In docs/guides/identity-providers/, which shows the very entries. */
  page: z.string(),
  /** Of issuers.yaml; the keys are replaced by those of this run. */
  issuer: z.looseObject({}),
  /** Of agents.yaml: id and identities. */
  agents: z.array(z.strictObject({ id: z.string(), identities: z.array(z.unknown()).optional() })).default([]),
  tokens: z.array(tokenShape).min(1),
})
type ProviderFile = z.infer<typeof providerFile>
type Token = z.infer<typeof tokenShape>

const PROVIDERS = [
  keycloak,
  keycloakDefault,
  keycloakAccounts,
  auth0,
  auth0OwnProfile,
  entra,
  entraV1,
  entraWorkload,
  okta,
  oktaOrg,
  google,
  github,
  kubernetes,
  spiffe,
].map((file) => providerFile.parse(file))

const rsa = await signerOf("RS256")
const ec = await signerOf("ES256")
const SIGNERS = { RS256: rsa, ES256: ec }

async function signerOf(alg: "RS256" | "ES256") {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const publicJwk: JWK = { ...(await exportJWK(publicKey)), kid: `key-${alg}`, alg, use: "sig" }
  return { privateKey, publicJwk }
}

const seconds = (): number => Math.floor(Date.now() / 1000)

/** Each `{offset}` wherever it stands, as seconds since the epoch. */
function withTimes(value: unknown, now: number): unknown {
  const relative = time.safeParse(value)
  if (relative.success) return now + relative.data.offset
  if (Array.isArray(value)) return value.map((each) => withTimes(each, now))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withTimes(each, now)]))
}

async function signed({ header, claims }: Token, now: number): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(withTimes(claims, now)))
  const { alg } = header
  if (alg === "HS256" || alg === "HS512") {
    const secret = crypto.getRandomValues(new Uint8Array(64))
    return new CompactSign(bytes).setProtectedHeader({ ...header, kid: "secret" }).sign(secret)
  }
  const { privateKey, publicJwk } = SIGNERS[alg]
  return new CompactSign(bytes).setProtectedHeader({ ...header, kid: publicJwk.kid ?? "" }).sign(privateKey)
}

/** The yard with the provider's entry in place of the tests' own providers, and its agents. */
async function bundleOf({ issuer, agents }: ProviderFile): Promise<BundleBody> {
  const body = await yard()
  const [entry] = issuersFile.parse({ issuers: [issuer] }).issuers
  const [first] = body.agents
  if (!entry || !first) throw new Error("no entry, or no agent to take after")
  const keys = [SIGNERS.RS256.publicJwk, SIGNERS.ES256.publicJwk].map((jwk) => ({ ...jwk }))
  const provider: IssuerDefinition = { ...entry, keys: { kind: "inline", jwks: { keys } } }
  // Its agents take after one of the yard's. One that is known by its SPIFFE ID is proven by the provider alone.
  const registered = identitiesOf(agents).map(({ id, identities }): AgentDefinition => ({
    ...first,
    id,
    ...(identities ? { identities: identities.map(definitionOf) } : {}),
    purposes: ["alone"],
    delegates_to: [],
  }))
  const rivals = body.issuers.filter(
    ({ trust_domain }) => trust_domain !== undefined && trust_domain !== entry.trust_domain,
  )
  return { ...body, issuers: [provider, ...rivals], agents: [...body.agents, ...registered] }
}

/** As agents.yaml has them: an agent's further fields are none of the provider's business. */
function identitiesOf(agents: ProviderFile["agents"]) {
  const further = {
    owner: "yard",
    ceiling: { tools: ["files.*:read"], max_sensitivity: "internal" },
    purposes: ["alone"],
  }
  return agentsFile.parse({ purposes: [], agents: agents.map((agent) => ({ ...agent, ...further })) }).agents
}

function definitionOf({ issuer = "", subject = "", claims = {} }: Identity): IdentityDefinition {
  return { kind: "workload", issuer, subject, claims }
}

/** What a person is asked needs no role, and is for people alone. */
async function offerAsPerson(token: string): Promise<Response> {
  return knock(new Request(`${US}/v1/approvals`, { headers: { authorization: `Bearer ${token}` } }))
}

async function offer({ kind }: Token, token: string): Promise<TokenAnswer> {
  if (kind === "workload") {
    const assertion = { client_assertion: token, client_assertion_type: JWT_BEARER }
    return postForm({ grant_type: "client_credentials", audience: AUDIENCE, purpose: "alone", ...assertion })
  }
  const subject = { subject_token: token, subject_token_type: kind === "id_token" ? ID_TOKEN : ACCESS_TOKEN }
  return postForm({ ...(await exchangeForm("first")), ...subject })
}

const denial = z.looseObject({ reason: z.string(), because: z.looseObject({ reason: z.string() }) })
const userFacts = z.strictObject({
  issuer: z.string(),
  subject: z.string(),
  groups: z.array(z.string()),
  acr: z.string().optional(),
  auth_time: z.number().optional(),
  until: z.number(),
})

/** What the ledger keeps of the person behind a task: the facts that rules read. */
async function userOf(task: string) {
  const row = await runInDurableObject(ledgerOf(task), async (_ledger, { storage }) =>
    storage.sql.exec<{ user: string }>("SELECT user FROM trees WHERE root = ?", task).one(),
  )
  const { issuer, subject, until: _until, ...facts } = userFacts.parse(JSON.parse(row.user))
  return { user: `${issuer}|${subject}`, ...facts }
}

async function refusalOf({ status, headers }: Pick<TokenAnswer, "status" | "headers">): Promise<unknown> {
  expect(status).toBeGreaterThanOrEqual(400)
  const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
  return denial.parse(record.denial).because
}

describe.each(PROVIDERS)("$provider", (provider) => {
  beforeAll(async () => {
    await publish(await bundleOf(provider))
  })
  afterAll(freshIsolate)

  // Each waits for its record: all at once.
  test.concurrent.each(provider.tokens)("$kind: $name", async (token) => {
    const now = seconds()
    const compact = await signed(token, now)
    if (token.kind === "person") {
      const answer = await offerAsPerson(compact)
      if ("refused" in token.expect) expect(await refusalOf(answer)).toMatchObject(token.expect.refused)
      else expect(answer.status).toBe(200)
      return
    }
    const answer = await offer(token, compact)
    if ("refused" in token.expect) {
      expect(await refusalOf(answer)).toMatchObject(token.expect.refused)
    } else {
      expect(answer.refused).toBeNull()
      const { accepted } = token.expect
      const { sub, client_id } = decodeJwt(answer.issued?.access_token ?? "")
      if ("agent" in accepted) expect([sub, client_id]).toEqual([accepted.agent, accepted.agent])
      else if ("user" in accepted) expect(await userOf(answer.issued?.task ?? "")).toEqual(withTimes(accepted, now))
    }
    if (token.again) expect(await refusalOf(await offer(token, compact))).toMatchObject(token.again.refused)
  })
})

describe("docs/guides/identity-providers/", () => {
  const blocksOf = (page: string): readonly unknown[] =>
    [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
      parseAllDocuments(block).map((document): unknown => document.toJS()),
    )
  const issuersBlock = z.strictObject({ issuers: z.array(z.unknown()) })
  const agentsBlock = z.strictObject({ agents: z.array(z.looseObject({ id: z.string() })) })

  test.each(PROVIDERS)("$page has the tested entries of $provider", ({ page, issuer, agents }) => {
    const blocks = blocksOf(PAGES[page] ?? "")
    const issuers = blocks.flatMap((block) => issuersBlock.safeParse(block).data?.issuers ?? [])
    const registered = blocks.flatMap((block) => agentsBlock.safeParse(block).data?.agents ?? [])
    expect(issuers).toContainEqual(issuer)
    for (const agent of agents) expect(registered).toContainEqual(expect.objectContaining(agent))
  })

  test.each(Object.entries(PAGES))("%s shows no entry that would not be accepted", (_page, text) => {
    for (const block of blocksOf(text)) {
      const isIssuers = issuersBlock.safeParse(block).success
      if (isIssuers) issuersFile.parse(block)
      else if (agentsBlock.safeParse(block).success)
        agentsFile.parse({ purposes: [], ...z.looseObject({}).parse(block) })
    }
  })
})
