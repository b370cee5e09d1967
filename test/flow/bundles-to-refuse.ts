/** What may stand in KV in place of a bundle that can be relied on. */
import { env } from "cloudflare:workers"
import { CompactSign, generateKeyPair, importJWK, SignJWT, type CryptoKey } from "jose"
import { inject } from "vitest"
import { SAID } from "../harness/publisher.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { bodyKey, POINTER_KEY } from "../../src/bundles/store.ts"
import { yard } from "../harness/bundles.ts"

/** The same policies but for one tool more, so that body and digest differ. */
export async function otherBody() {
  const body = await yard()
  const [first, ...guardrails] = body.guardrails
  if (first?.kind !== "limit") throw new Error("the yard begins with no limit")
  return { ...body, guardrails: [{ ...first, limit: first.limit + 1 }, ...guardrails] }
}

export async function writePointer(text: string): Promise<void> {
  await env.BUNDLES.put(POINTER_KEY, text)
}

async function publisherKey(): Promise<CryptoKey> {
  const key = await importJWK(inject("publisher"), "ES256")
  if (key instanceof Uint8Array) throw new Error("no asymmetric key")
  return key
}

const statement = (claims: object): object => ({ iat: Math.floor(Date.now() / 1000), ...SAID, ...claims })

async function signed(claims: object, header: object = {}, key?: CryptoKey): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(statement(claims)))
  const protectedHeader = { alg: "ES256", typ: "narrowgate-pointer+jwt", kid: inject("publisher").kid ?? "", ...header }
  return new CompactSign(bytes).setProtectedHeader(protectedHeader).sign(key ?? (await publisherKey()))
}

/** Writes a good body; each case then names it wrongly, or spoils it. */
async function writeBody(spoil: (bytes: Uint8Array<ArrayBuffer>) => BufferSource = (bytes) => bytes): Promise<string> {
  const bytes = canonicalBytes(await otherBody())
  const digest = await digestOf(bytes)
  await env.BUNDLES.put(bodyKey(digest), await new Response(spoil(bytes)).arrayBuffer())
  return digest
}

/** Signed, and named by its own digest. */
export async function publishText(text: string): Promise<void> {
  const bytes = Uint8Array.from(new TextEncoder().encode(text))
  const digest = await digestOf(bytes)
  await env.BUNDLES.put(bodyKey(digest), bytes.buffer)
  await writePointer(await signed({ seq: 2, digest }))
}

export const BAD: readonly (readonly [string, () => Promise<void>])[] = [
  ["no pointer", async () => env.BUNDLES.delete(POINTER_KEY)],
  ["a pointer that is no JWS", async () => writePointer('{"seq":2}')],
  [
    "another publisher's signature",
    async () => {
      const { privateKey } = await generateKeyPair("ES256")
      await writePointer(await signed({ seq: 2, digest: await writeBody() }, {}, privateKey))
    },
  ],
  [
    "a broken signature",
    async () => {
      const pointer = await signed({ seq: 2, digest: await writeBody() })
      await writePointer(`${pointer.slice(0, -4)}${pointer.endsWith("AAAA") ? "BBBA" : "AAAA"}`)
    },
  ],
  [
    "a payload changed under the signature",
    async () => {
      const [header = "", , signature = ""] = (await signed({ seq: 2, digest: "0".repeat(64) })).split(".")
      const payload = btoa(JSON.stringify(statement({ seq: 2, digest: await writeBody() }))).replaceAll("=", "")
      await writePointer(`${header}.${payload}.${signature}`)
    },
  ],
  [
    "a token of the publisher's key of another type",
    async () => writePointer(await signed({ seq: 2, digest: await writeBody() }, { typ: "JWT" })),
  ],
  [
    "what is only to be tried",
    async () => writePointer(await signed({ seq: 2, digest: await writeBody() }, { typ: "narrowgate-candidate+jwt" })),
  ],
  [
    "no type at all",
    async () => {
      const kid = inject("publisher").kid ?? ""
      const token = new SignJWT({ ...statement({ seq: 2, digest: await writeBody() }) }).setProtectedHeader({
        alg: "ES256",
        kid,
      })
      await writePointer(await token.sign(await publisherKey()))
    },
  ],
  [
    "a pointer for another Worker of the same publisher",
    async () => writePointer(await signed({ seq: 2, digest: await writeBody(), aud: "https://staging.test" })),
  ],
  [
    "a pointer for nobody",
    async () => writePointer(await signed({ seq: 2, digest: await writeBody(), aud: undefined })),
  ],
  ["a pointer without seq", async () => writePointer(await signed({ digest: await writeBody() }))],
  ["a seq that is no integer", async () => writePointer(await signed({ seq: 2.5, digest: await writeBody() }))],
  ["a digest that is none", async () => writePointer(await signed({ seq: 2, digest: "../pointer" }))],
  ["a body that is missing", async () => writePointer(await signed({ seq: 2, digest: "f".repeat(64) }))],
  [
    "a truncated body",
    async () => writePointer(await signed({ seq: 2, digest: await writeBody((bytes) => bytes.slice(0, -100)) })),
  ],
  [
    "a body of another digest",
    async () =>
      writePointer(
        await signed({ seq: 2, digest: await writeBody((bytes) => bytes.map((byte) => (byte === 51 ? 57 : byte))) }),
      ),
  ],
  ["an unknown format", async () => publishText(JSON.stringify({ ...(await otherBody()), format: 99 }))],
]
