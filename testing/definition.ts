/** What the test build is started with: the policies of a directory, and keys for everybody whom they trust. */
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { exportJWK, generateKeyPair } from "jose"
import { compileFiles } from "../cli/compiler/compile.ts"
import { readPolicies } from "../cli/compiler/model/read-directory.ts"
import { reportProblems } from "../cli/compiler/report.ts"
import { generatePublisherKey } from "../cli/compiler/sign.ts"
import { developmentKey, fitToStack } from "../cli/remote/local-stack-policies.ts"
import { builtWorker } from "../dev/built-worker.ts"
import { readManifest } from "../dev/manifest.ts"
import type { BundleBody } from "../src/core/policy/bundle.ts"
import type { KeySource } from "../src/core/policy/definition/keys.ts"
import { canonicalBytes, digestOf } from "../src/core/policy/digest.ts"
import { NarrowgateTestError } from "./kit/error.ts"
import { ALGORITHM } from "./kit/provider.ts"
import type { Setup } from "./kit/setup.ts"
import type { JsonValue, TestPolicies, WorkerDefinition } from "./types.ts"

export async function definitionOf(name: string, setup: Setup): Promise<WorkerDefinition> {
  const { compatibilityDate, compatibilityFlags, durableObjects } = await readManifest()
  const { d: _private, ...publisher } = setup.publisher
  const test: JsonValue = JSON.parse(JSON.stringify(setup))
  return {
    name,
    modules: [{ type: "ESModule", path: "narrowgate.js", contents: await (script ??= readWorker()) }],
    compatibilityDate,
    compatibilityFlags: [...compatibilityFlags],
    bindings: {
      PUBLISHER_KEYS: JSON.stringify({ keys: [publisher] }),
      SIGNING_ALGORITHM: ALGORITHM,
      RECORD_DELAY_SECONDS: "0",
      LOCAL: "true",
      NARROWGATE_TEST: test,
    },
    kvNamespaces: ["BUNDLES"],
    durableObjects: Object.fromEntries(
      durableObjects.map(({ binding, className }) => [binding, { className, useSQLite: true }]),
    ),
  }
}

let script: Promise<string> | undefined

async function readWorker(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-testing-"))
  try {
    return await readFile(await builtWorker("test", directory), "utf8")
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export async function setupOf({ policies, files = {}, users = {} }: TestPolicies): Promise<Setup> {
  const directory = typeof policies === "string" ? policies : fileURLToPath(policies.href)
  const [compiled, publisher, pair] = await Promise.all([
    compile(directory, files),
    generatePublisherKey(),
    generateKeyPair(ALGORITHM, { extractable: true }),
  ])
  const identities = { ...(await exportJWK(pair.privateKey)), kid: "narrowgate-testing", alg: ALGORITHM }
  const { d: _private, ...trusted } = identities
  const body = fitToTest(compiled, { kind: "inline", jwks: { keys: [trusted] } })
  const bytes = canonicalBytes(body)
  const { agents, gateways, issuers, queries, routes, servers, tools } = body
  return {
    bundle: new TextDecoder().decode(bytes),
    digest: await digestOf(bytes),
    publisher: publisher.privateJwk,
    world: { agents, gateways, issuers, queries, routes, servers, tools },
    identities,
    keys: Object.fromEntries([...gateways, ...queries].map(({ id }) => [id, developmentKey(id)])),
    users,
  }
}

async function compile(directory: string, replaced: Readonly<Record<string, string | null>>): Promise<BundleBody> {
  const read = await readPolicies(directory)
  const texts = new Map(read.texts)
  for (const [file, text] of Object.entries(replaced)) {
    if (text === null) texts.delete(file)
    else texts.set(file, text)
  }
  const compiled = compileFiles({ ...read, texts })
  if (compiled.body) return compiled.body
  const errors = compiled.problems.filter(({ severity }) => severity === "error")
  throw new NarrowgateTestError(
    "policies_invalid",
    `the policies do not check:\n${reportProblems(directory, { ...compiled, problems: errors })}`,
  )
}

/**
 * The same policies, whose issuers and agents sign with the key of the test, and whose gateways have the development key
 * beside their own. Nothing else differs.
 */
function fitToTest(body: BundleBody, keys: KeySource): BundleBody {
  const trusted = { keys, algorithms: [ALGORITHM] }
  const fitted = fitToStack(body, new Map())
  return {
    ...fitted,
    issuers: fitted.issuers.map((issuer) => ({ ...issuer, ...trusted })),
    agents: fitted.agents.map((agent) => ({
      ...agent,
      ...(agent.identities && {
        identities: agent.identities.map((identity) =>
          identity.kind === "private_key_jwt" ? { ...identity, ...trusted } : identity,
        ),
      }),
    })),
  }
}
