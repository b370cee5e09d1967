/** What `npm run provenance` says of a build. */
import { execFileSync } from "node:child_process"
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { VERSION } from "../../cli/package.ts"
import { commitOf, envelopeOf, statementOf } from "../../dev/provenance.ts"
import { isInstalled } from "./is-installed.ts"

const BUILD = { commit: "c".repeat(40), made: { "a.tgz": "a".repeat(64) }, lockFile: "b".repeat(64), node: "v24.0.0" }

// `npm test` needs Node and npm alone. `.ci/run` works in a clone, so there git is.
describe.skipIf(!isInstalled("git"))("a statement", () => {
  let repository = ""
  const git = (...args: readonly string[]): string =>
    execFileSync("git", ["-c", "user.name=ann", "-c", "user.email=ann@example.org", ...args], { cwd: repository })
      .toString()
      .trim()

  beforeAll(() => {
    repository = mkdtempSync(join(tmpdir(), "narrowgate-provenance-"))
    git("init", "--quiet")
    writeFileSync(join(repository, "a.txt"), "a")
    git("add", "a.txt")
    git("commit", "--quiet", "--message", "a")
  })
  afterAll(() => rmSync(repository, { recursive: true, force: true }))

  test("names the commit only if nothing differs from it", async () => {
    expect(await commitOf(repository)).toBe(git("rev-parse", "HEAD"))
    git("config", "status.showUntrackedFiles", "no")
    writeFileSync(join(repository, "b.txt"), "b")
    await expect(commitOf(repository)).rejects.toThrow("there is something that is not committed")
  })
})

test("a statement has the digest of each file, the commit, and that of the lock file", () => {
  expect(statementOf(BUILD)).toMatchObject({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "a.tgz", digest: { sha256: BUILD.made["a.tgz"] } }],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        externalParameters: { version: VERSION },
        resolvedDependencies: [{ digest: { gitCommit: BUILD.commit } }, { digest: { sha256: BUILD.lockFile } }],
      },
    },
  })
})

const envelope = z.object({
  payloadType: z.literal("application/vnd.in-toto+json"),
  payload: z.base64(),
  signatures: z.tuple([z.object({ keyid: z.literal("ci"), sig: z.base64() })]),
})

test("a signature is over the type and the very bytes of the statement (DSSE)", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const jwk = JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid: "ci" })
  const statement = JSON.stringify(statementOf({ ...BUILD, node: "ü" }))
  const { payload, payloadType, signatures } = envelope.parse(envelopeOf(statement, jwk))
  const bytes = Buffer.from(payload, "base64")
  expect(bytes.toString()).toBe(statement)
  const isSigned = (type: string): boolean =>
    verify(
      "sha256",
      Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${bytes.length} `), bytes]),
      createPublicKey(publicKey.export({ format: "pem", type: "spki" })),
      Buffer.from(signatures[0].sig, "base64"),
    )
  expect(isSigned(payloadType)).toBe(true)
  expect(isSigned("text/plain")).toBe(false)
})

const pair = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" })
const own = pair()

test.each([
  ["text", "not-a-key"],
  ["a key without its public half", '{"kty":"EC","crv":"P-256","d":"c2VjcmV0"}'],
  ["a point that is not on the curve", JSON.stringify({ ...own, x: "AAAA" })],
  ["an empty private half", JSON.stringify({ ...own, d: "" })],
  ["a private half that is too long", JSON.stringify({ ...own, d: `${own.d}AAAA` })],
  ["halves of two keys", JSON.stringify({ ...pair(), d: own.d })],
])("%s signs nothing, and is not shown", (_what, text) => {
  const failing = () => envelopeOf("{}", text)
  expect(failing).toThrow(/^PROVENANCE_KEY holds no private EC key on P-256$/u)
})
