/**
 * `npm run provenance`: packs, describes, and writes an in-toto statement (SLSA provenance v1) of what was built of which
 * commit, in `build/`. By itself it is a claim of the user who runs this: nothing proves it.
 * PROVENANCE_KEY, a private JWK on P-256, signs it as a DSSE envelope. Only this program reads the key: dev/pack.ts takes
 * it out of the environment of the programs that build.
 */
import { execFile } from "node:child_process"
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"
import { PACKAGE, VERSION } from "../cli/package.ts"
import { Failure } from "../cli/terminal/failure.ts"
import { digestOf, PACKED_FILE, SBOM_FILE, WORKER_FILE } from "./sbom.ts"

const OUT = join(PACKAGE, "build")
const STATEMENT_FILE = `narrowgate-${VERSION}.intoto.json`
const ENVELOPE_FILE = `narrowgate-${VERSION}.dsse.json`
export const KEY_VARIABLE = "PROVENANCE_KEY"

const PAYLOAD_TYPE = "application/vnd.in-toto+json"

/** Both say what was done, and lead nowhere: no server of ours describes them. */
const BUILD_TYPE = "urn:narrowgate:build:npm-run-pack:v1"
const BUILDER = "urn:narrowgate:builder:unidentified"

interface Build {
  readonly commit: string
  /** Hex SHA-256, by the name of the file. */
  readonly made: Readonly<Record<string, string>>
  /** The same of what determines every package that takes part. */
  readonly lockFile: string
  readonly node: string
}

export const statementOf = ({ commit, made, lockFile, node }: Build): object => ({
  _type: "https://in-toto.io/Statement/v1",
  subject: Object.entries(made).map(([name, sha256]) => ({ name, digest: { sha256 } })),
  predicateType: "https://slsa.dev/provenance/v1",
  predicate: {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { version: VERSION },
      internalParameters: { node },
      resolvedDependencies: [
        { name: "source", digest: { gitCommit: commit } },
        { name: "package-lock.json", digest: { sha256: lockFile } },
      ],
    },
    runDetails: { builder: { id: BUILDER } },
  },
})

/** @throws Failure if the tree is not that of the commit, as the statement would then be wrong */
export async function commitOf(repository: string): Promise<string> {
  const git = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)("git", args, { cwd: repository })).stdout.trim()
  // Said in full, because the user's own configuration of git may hide files that are new, and these are packed too.
  if ((await git("status", "--porcelain", "--untracked-files=normal")) === "") return git("rev-parse", "HEAD")
  throw new Failure("there is something that is not committed", "Commit it, pack again, then say what was built of it.")
}

const privateKey = z.object({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string().optional(),
})

/**
 * Signs with ECDSA and SHA-256, in DER. A `d` that does not belong to `x` and `y` would make signatures that the public
 * half of the same JWK does not verify, so that is tried at once.
 * @param jwk the private key, as JSON
 * @throws Failure, which contains nothing of the key
 */
function signatureOf(text: string, jwk: string): { readonly keyid?: string; readonly sig: string } {
  const bytes = Buffer.from(text)
  try {
    const { kid, ...key } = privateKey.parse(JSON.parse(jwk))
    const { d: _private, ...publicHalf } = key
    const signature = sign("sha256", bytes, createPrivateKey({ key, format: "jwk" }))
    if (verify("sha256", bytes, createPublicKey({ key: publicHalf, format: "jwk" }), signature)) {
      return { ...(kid !== undefined && { keyid: kid }), sig: signature.toString("base64") }
    }
  } catch {
    // What the parser or the platform says may quote the key.
  }
  throw new Failure(`${KEY_VARIABLE} holds no private EC key on P-256`, "Write a JWK, as `narrowgate keygen` does.")
}

/**
 * DSSE v1: what is signed has the type and both lengths before the payload.
 * @param jwk the private key, as JSON
 */
export function envelopeOf(statement: string, jwk: string): object {
  const length = Buffer.byteLength(statement)
  return {
    payloadType: PAYLOAD_TYPE,
    payload: Buffer.from(statement).toString("base64"),
    signatures: [signatureOf(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${length} ${statement}`, jwk)],
  }
}

async function state(): Promise<void> {
  const commit = await commitOf(PACKAGE)
  const files = { [PACKED_FILE]: PACKED_FILE, "worker/index.js": WORKER_FILE, [SBOM_FILE]: SBOM_FILE }
  const made: Record<string, string> = {}
  for (const [name, file] of Object.entries(files)) made[name] = await digestOf(file)
  const lock = await readFile(join(PACKAGE, "package-lock.json"))
  const lockFile = createHash("sha256").update(lock).digest("hex")
  const statement = JSON.stringify(statementOf({ commit, made, lockFile, node: process.version }), null, 2)
  const key = process.env[KEY_VARIABLE]
  const envelope = key === undefined || key === "" ? null : envelopeOf(statement, key)
  await writeFile(join(OUT, STATEMENT_FILE), `${statement}\n`)
  if (!envelope) {
    console.log(`build/${STATEMENT_FILE}: not signed, as ${KEY_VARIABLE} is not set`)
    return
  }
  await writeFile(join(OUT, ENVELOPE_FILE), `${JSON.stringify(envelope, null, 2)}\n`)
  console.log(`build/${STATEMENT_FILE}, and signed build/${ENVELOPE_FILE}`)
}

if (import.meta.main) {
  try {
    await state()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    console.error(`error: ${error.message}\n  fix: ${error.fix}`)
    process.exitCode = error.exitCode
  }
}
