/** What the test build is started with: the policies of a directory, and keys for everybody whom they trust. */
import { fileURLToPath } from "node:url"
import { exportJWK, generateKeyPair } from "jose"
import { compileFiles } from "../cli/compiler/compile.ts"
import { readPolicies } from "../cli/compiler/model/read-directory.ts"
import { reportProblems } from "../cli/compiler/report.ts"
import { generatePublisherKey } from "../cli/compiler/sign.ts"
import { developmentKey, fitToStack } from "../cli/remote/local-stack-policies.ts"
import type { BundleBody } from "../src/core/policy/bundle.ts"
import type { KeySource } from "../src/core/policy/definition/keys.ts"
import { canonicalBytes, digestOf } from "../src/core/policy/digest.ts"
import { NarrowgateTestError } from "./kit/error.ts"
import { refuseUnknown, USER } from "./kit/options.ts"
import { ALGORITHM } from "./kit/provider.ts"
import type { Setup } from "./kit/setup.ts"
import type { TestPolicies } from "./types.ts"

export async function setupOf({ policies, files = {}, users = {} }: TestPolicies): Promise<Omit<Setup, "issuer">> {
  for (const [name, user] of Object.entries(users)) refuseUnknown(`the user \`${name}\``, user, USER)
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
    publisher,
    policies: { agents, gateways, issuers, queries, routes, servers, tools },
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
    issuers: fitted.issuers.map((issuer) => Object.assign({}, issuer, trusted)),
    agents: fitted.agents.map((agent) => {
      const identities = agent.identities?.map((each) =>
        each.kind === "private_key_jwt" ? Object.assign({}, each, trusted) : each,
      )
      return identities ? Object.assign({}, agent, { identities }) : agent
    }),
  }
}
