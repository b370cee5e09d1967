import { CompactSign, exportJWK, generateKeyPair, type CryptoKey } from "jose"
import { expect } from "vitest"
import { parse as parseYaml } from "yaml"
import { z } from "zod"
import { SVID_ALGORITHMS } from "../../src/core/keys/algorithm.ts"
import { readCompact } from "../../src/credentials/jws/compact.ts"
import { verifySvid } from "../../src/credentials/jwt-svid.ts"
import { readKeyDocument } from "../../src/credentials/key-sets/key-document.ts"
import { keyFor } from "../../src/credentials/key-sets/public-key.ts"
import {
  isRejected,
  type Rejected,
  type CredentialRejection,
} from "../../src/core/denials/terms/credential-rejection.ts"
import { trustDomainOf } from "../../src/credentials/spiffe-id.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import { US } from "../harness/issuers.ts"
import { conformance, type Cases } from "./conformance.ts"
import type { Deviation } from "./folders.ts"

conformance("spiffe", (cases) => {
  registerIds(cases)
  registerBundles(cases)
  registerSvids(cases)
  registerWit(cases)
})

function registerIds(cases: Cases): void {
  const { accept, reject } = cases.json(
    "spiffe-id-cases.json",
    z.strictObject({
      source: z.string(),
      licence: z.string(),
      note: z.string(),
      accept: z.array(z.string()).nonempty(),
      reject: z.array(z.strictObject({ id: z.string(), why: z.string() })).nonempty(),
    }),
  )
  for (const id of accept) {
    cases.case(`an id: ${id}`, async () => {
      expect(trustDomainOf(id)).toBe(id.split("/")[2])
    })
  }
  for (const { id, why } of reject) {
    cases.case(`no id, ${why}: "${id}"`, async () => {
      expect(trustDomainOf(id)).toBeNull()
    })
  }
}

const NAMELESS = {
  what: "a key without a key id costs itself only, the reference implementation refuses the whole set",
  why: "a bad key must not stop the tokens of the others; beside another of its algorithm, no token can choose one without a name",
}
const CERTIFICATES = {
  what: "certificates of a bundle are not looked at, the reference implementation refuses two in one entry",
  why: "X.509-SVIDs are not verified here: their entries are left out, whatever they hold",
}

/** What go-spiffe makes of its own test data (its bundle tests), or its error; and where we mean to differ. */
const BUNDLES: Readonly<
  Record<
    string,
    {
      readonly theirs: number | "error"
      readonly hint?: number
      readonly sequence?: bigint
      readonly deviation?: Pick<Deviation, "what" | "why">
    }
  >
> = {
  "jwks_valid_1.json": { theirs: 1 },
  "jwks_valid_2.json": { theirs: 2 },
  "jwks_missing_kid.json": { theirs: "error", deviation: NAMELESS },
  "spiffebundle_valid_1.json": { theirs: 1 },
  "spiffebundle_valid_2.json": { theirs: 6, hint: 60, sequence: 1n },
  "spiffebundle_valid_with_wit.json": { theirs: 2, hint: 60, sequence: 1n },
  "spiffebundle_missing_kid.json": { theirs: "error", deviation: NAMELESS },
  "spiffebundle_multiple_x509.json": { theirs: "error", deviation: CERTIFICATES },
  "spiffebundle_no_keys.json": { theirs: "error" },
}

const jwkSchema = z.looseObject({ kid: z.string().optional(), use: z.string().optional() })
type Jwk = z.infer<typeof jwkSchema>

/** SPIFFE Trust Domain and Bundle 4.1.2: where there is no hint. */
const RECOMMENDED_HINT_SECONDS = 300

function registerBundles(cases: Cases): void {
  for (const [file, { theirs, hint = RECOMMENDED_HINT_SECONDS, sequence = null, deviation }] of Object.entries(
    BUNDLES,
  )) {
    const text = cases.text(`go-spiffe-bundles/${file}`)
    const kind = file.startsWith("jwks_") ? "jwks" : "spiffe_bundle"
    const read = async () => readKeyDocument(text, kind, SVID_ALGORITHMS)
    cases.case(file, async () => {
      if (theirs === "error" && !deviation) {
        await expect(read()).rejects.toThrow()
        return []
      }
      const { keys, renewAfter, sequence: readSequence } = await read()
      const given = z.looseObject({ keys: z.array(jwkSchema) }).parse(JSON.parse(text)).keys
      const named = given.filter(({ kid, use }) => kid !== undefined && (kind === "jwks" || use === "jwt-svid"))
      if (theirs !== "error") expect(named).toHaveLength(theirs)
      await expectKeys(keys, named)
      // Whatever a token names, it is verified with one of those or not at all.
      for (const { kid = null } of [...given, {}]) {
        const key = keyFor(keys, kid, "ES256")
        if (key) expect(named.map(({ x }) => x)).toContain((await exportJWK(key)).x)
      }
      expect({ renewAfter, readSequence }).toEqual({ renewAfter: hint * 1000, readSequence: sequence })
      // Without their use, keys of a trust domain are none.
      if (kind === "jwks") expect((await readKeyDocument(text, "spiffe_bundle", SVID_ALGORITHMS)).keys).toEqual([])
      return deviation ? [{ ...deviation, evidence: `${named.length} usable of ${given.length}` }] : []
    })
  }
}

type Keys = Awaited<ReturnType<typeof readKeyDocument>>["keys"]

async function expectKeys(keys: Keys, named: readonly Jwk[]): Promise<void> {
  expect(keys.filter(({ kid }) => kid !== null).map(({ kid }) => kid)).toEqual(named.map(({ kid }) => kid))
  for (const { kid = null, x, y } of named) {
    const key = keyFor(keys, kid, "ES256")
    expect(key && (await exportJWK(key))).toMatchObject({ kty: "EC", crv: "P-256", x, y })
  }
}

const NOW = 1_700_000_000
const TRUST_DOMAIN = "example.org"

interface Signer {
  readonly key: CryptoKey
  readonly issuer: IssuerDefinition
}

async function signerOf(alg: string): Promise<Signer> {
  const { privateKey: key, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: "1", alg }
  const keys = { kind: "inline", jwks: { keys: [jwk] } } as const
  return { key, issuer: { id: "spiffe", keys, algorithms: [alg], trust_domain: TRUST_DOMAIN } }
}

interface Svid {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
}

const HEADER = { alg: "ES256", kid: "1", typ: "JWT" }
const PAYLOAD = { sub: "spiffe://example.org/agent/first", aud: US, exp: NOW + 300 }

/** Our verdict on it, signed by an issuer that may use its algorithm. */
async function ours({ header, payload }: Svid): Promise<{ readonly agent: string } | Rejected> {
  const alg = typeof header["alg"] === "string" ? header["alg"] : null
  const { key, issuer } = await signerOf(alg ?? "ES256")
  const body = bytesOf(payload)
  // The library signs nothing without an algorithm: there is no signature that could be right.
  const token = alg
    ? await new CompactSign(body).setProtectedHeader({ ...header, alg }).sign(key)
    : `${base64url(bytesOf(header))}.${base64url(body)}.AAAA`
  const compact = readCompact(token)
  return isRejected(compact) ? compact : verifySvid(compact, [issuer], US, reachAt(NOW))
}

const bytesOf = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json))
const base64url = (bytes: Uint8Array): string => bytes.toBase64({ alphabet: "base64url", omitPadding: true })
const reachAt = (seconds: number) => ({ now: seconds * 1000, local: false, background: () => undefined })

const schemaOfSchema = z.looseObject({
  properties: z.strictObject({
    header: z.looseObject({
      properties: z.strictObject({
        alg: z.looseObject({ enum: z.array(z.string()).nonempty() }),
        kid: z.unknown(),
        typ: z.looseObject({ enum: z.array(z.string()).nonempty() }),
      }),
      required: z.array(z.string()).nonempty(),
    }),
    payload: z.looseObject({
      properties: z.strictObject({ sub: z.unknown(), aud: z.unknown(), exp: z.unknown() }),
      required: z.array(z.string()).nonempty(),
    }),
  }),
})

function without(members: Svid["header"], member: string): Svid["header"] {
  return Object.fromEntries(Object.entries(members).filter(([name]) => name !== member))
}

function registerSvids(cases: Cases): void {
  const document: unknown = parseYaml(cases.text("JWT-SVID.schema"))
  const schema = z.fromJSONSchema(z.record(z.string(), z.unknown()).parse(document))
  const { header, payload } = schemaOfSchema.parse(document).properties
  const valid = (svid: Svid): boolean => schema.safeParse(svid).success

  const taken = (name: string, svid: Svid): void => {
    cases.case(`JWT-SVID.schema, taken: ${name}`, async () => {
      expect(valid(svid)).toBe(true)
      expect(await ours(svid)).toEqual({ agent: PAYLOAD.sub })
    })
  }
  const refused = (name: string, svid: Svid, reason: CredentialRejection["reason"]): void => {
    cases.case(`JWT-SVID.schema, refused: ${name}`, async () => {
      expect(valid(svid)).toBe(false)
      expect(await ours(svid)).toMatchObject({ rejected: { reason } })
    })
  }
  const takenBeyond = (name: string, svid: Svid, why: string): void => {
    cases.case(`JWT-SVID.schema, taken although the schema does not: ${name}`, async () => {
      expect(valid(svid)).toBe(false)
      const verified = await ours(svid)
      expect(verified).toEqual({ agent: PAYLOAD.sub })
      return [{ what: `${name} is taken, which the schema does not allow`, why, evidence: JSON.stringify(verified) }]
    })
  }

  for (const alg of header.properties.alg.enum) taken(`alg ${alg}`, { header: { ...HEADER, alg }, payload: PAYLOAD })
  for (const typ of header.properties.typ.enum) taken(`typ ${typ}`, { header: { ...HEADER, typ }, payload: PAYLOAD })
  for (const member of ["kid", "typ"]) taken(`no ${member}`, { header: without(HEADER, member), payload: PAYLOAD })

  for (const member of header.required) {
    refused(`header without ${member}`, { header: without(HEADER, member), payload: PAYLOAD }, "malformed")
  }
  for (const member of payload.required) {
    const reason = member === "sub" ? "trust_domain_unknown" : "claim_missing"
    refused(`payload without ${member}`, { header: HEADER, payload: without(PAYLOAD, member) }, reason)
  }
  refused("alg EdDSA", { header: { ...HEADER, alg: "EdDSA" }, payload: PAYLOAD }, "algorithm_refused")
  for (const typ of ["at+jwt", "dpop+jwt", "wit+jwt", "jwt", "application/jwt"]) {
    refused(`typ ${typ}`, { header: { ...HEADER, typ }, payload: PAYLOAD }, "type_refused")
  }
  refused("typ no text", { header: { ...HEADER, typ: 1 }, payload: PAYLOAD }, "malformed")
  refused("kid no text", { header: { ...HEADER, kid: 1 }, payload: PAYLOAD }, "malformed")
  refused("sub no text", { header: HEADER, payload: { ...PAYLOAD, sub: 1 } }, "trust_domain_unknown")
  refused("aud no text", { header: HEADER, payload: { ...PAYLOAD, aud: 1 } }, "audience_mismatch")
  refused("aud two", { header: HEADER, payload: { ...PAYLOAD, aud: [US, "https://b.test"] } }, "audience_mismatch")
  refused("exp no number", { header: HEADER, payload: { ...PAYLOAD, exp: String(PAYLOAD.exp) } }, "claim_mismatch")

  takenBeyond(
    "aud as a list of one",
    { header: HEADER, payload: { ...PAYLOAD, aud: [US] } },
    "the standard's text asks for one or more values (JWT-SVID 3.2), a text or a list (RFC 7519 4.1.3)",
  )
  takenBeyond(
    "exp with a fraction",
    { header: HEADER, payload: { ...PAYLOAD, exp: NOW + 300.5 } },
    "RFC 7519 2 allows fractions of a second, and they harm nothing",
  )
}

function registerWit(cases: Cases): void {
  const { wit_svid: token, note } = cases.json(
    "wit-svid-example.json",
    z.strictObject({ source: z.string(), wit_svid: z.string(), note: z.string() }),
  )
  cases.case("a WIT-SVID is no JWT-SVID", async () => {
    const compact = readCompact(token)
    if (isRejected(compact)) throw new Error(`it is not read: ${compact.rejected.reason}`)
    const exp = Number(/exp=([0-9]+)/.exec(note)?.[1])
    expect(compact.claims).toMatchObject({ exp, sub: "spiffe://example.com/my-workload" })
    const { key, issuer } = await signerOf("ES256")
    const issuers = [{ ...issuer, trust_domain: "example.com" }]
    const verdict = async (text: typeof compact) => verifySvid(text, issuers, US, reachAt(exp - 60))
    // By its type alone, while it is fresh, whoever signed it.
    expect(await verdict(compact)).toEqual({ rejected: { reason: "type_refused", typ: "wit+jwt" } })
    // Nor under another type, by a key that we trust: it is for nobody, and bound to a key that nobody proves here.
    const disguised = async (more: object) => {
      const body = bytesOf({ ...compact.claims, ...more })
      const signed = readCompact(await new CompactSign(body).setProtectedHeader(HEADER).sign(key))
      return isRejected(signed) ? signed : verdict(signed)
    }
    expect(await disguised({})).toEqual({ rejected: { reason: "claim_missing", claim: "aud" } })
    expect(await disguised({ aud: US })).toEqual({ rejected: { reason: "bound" } })
  })
}
