/** Each gateway has a key, and the one that is given, or that the local stack has given it, opens the Worker. */
import { createHash } from "node:crypto"
import type { GatewayDefinition } from "../../../src/core/policy/definition/gateways.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import { developmentKey } from "../../remote/local-stack-policies.ts"
import { mayCarrySecrets } from "../../remote/worker.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import { ask } from "../ask.ts"
import { about, failed, ok, problem, skipped, warn, type Finding } from "../finding.ts"
import { withoutPolicies, type Subject } from "../subject.ts"

export async function checkGatewayKeys(subject: Subject): Promise<readonly Finding[]> {
  const { body, gateway: given } = subject
  if (!body) return [withoutPolicies(subject)]
  const { gateways } = body
  if (given && !gateways.some(({ id }) => id === given.id)) {
    const ids = gateways.map(({ id }) => id)
    return [about(given.id, problem("no gateway has this id", suggest(given.id, ids, "Register it in gateways.yaml.")))]
  }
  return Promise.all(gateways.map(async (gateway) => about(gateway.id, await judge(gateway, subject))))
}

async function judge(gateway: GatewayDefinition, subject: Subject): Promise<Finding> {
  const { id, key_sha256: hashes } = gateway
  if (hashes.length === 0) {
    const fix = `Make a key (openssl rand -hex 32), and add the SHA-256 of it to \`key_sha256\` of ${id} in gateways.yaml.`
    return problem("it has no key, so each of its requests is denied", fix)
  }
  const { isLocal, gateway: given, url } = subject
  const key = given?.id === id ? given.key : isLocal ? developmentKey(id) : null
  const notGiven = skipped(`its key is not given: --gateway ${id} --key-env VARIABLE`)
  if (key === null) return notGiven
  const wrong = ofAnother(key, gateway, subject)
  if (wrong) return wrong
  const missing = await subject.withoutWorker()
  if (missing) return missing
  if (!mayCarrySecrets(url)) return skipped(`${url} is not https: the key would be sent unencrypted`)
  // A Worker of this machine that does not know the local stack's key is another deployment, or has other policies.
  return (await opens(key, gateway, subject)) ?? (given?.id === id ? unknownKey(subject) : notGiven)
}

/** What the local policies show of a key, so that no request to the Worker is needed. */
function ofAnother(key: string, { id, key_sha256: hashes }: GatewayDefinition, { body }: Subject): Finding | null {
  const hash = createHash("sha256").update(key).digest("hex")
  if (hashes.includes(hash)) return null
  const other = body?.gateways.find((each) => each.key_sha256.includes(hash))
  if (other) return problem(`the key is that of ${other.id}`, `Give ${id} its own key, and ${other.id} its own.`)
  const trimmed = createHash("sha256").update(key.trim()).digest("hex")
  if (hashes.includes(trimmed))
    return problem("the key has white space at its end", "Store it without: `printf %s`, not `echo`.")
  return problem(
    "the key is not the one of gateways.yaml",
    `Configure the right one, or add to \`key_sha256\`: ${hash}`,
  )
}

function unknownKey({ url, directory }: Subject): Finding {
  return problem("the Worker does not know the key, which is that of gateways.yaml here", publishing(directory, url))
}

const publishing = (directory: string, url: string): string =>
  `Publish: ${CALLED} publish ${directory} --url ${url} --why "…"`

/**
 * By a list of tools to filter, without a token: no gateway's answer to it is an allow.
 * @returns null if the Worker does not know the key
 */
async function opens(key: string, { id, origins }: GatewayDefinition, subject: Subject): Promise<Finding | null> {
  const { url, directory, body, signal } = subject
  const server = body?.servers.find(({ origin }) => origins.includes(origin))
  const headers = {
    "content-type": "application/json",
    "x-narrowgate-filter-key": key,
    ...(server && { "x-narrowgate-server": server.name }),
  }
  const list = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools: [] } })
  const init = { method: "POST", headers, body: list }
  const answer = await ask(new URL("/v1/tools/filter", url), init, signal)
  if (answer instanceof Failure) return failed(answer)
  const code = answer.headers.get("x-narrowgate-code")
  const observes = answer.status === 200 && answer.headers.has("x-narrowgate-decision")
  if (code === "missing_token" || (!server && code === "malformed_call") || observes)
    return ok("the Worker knows its key")
  if (code === "unknown_gateway") return null
  const publish = publishing(directory, url)
  if (code === "unknown_tool")
    return warn(`the Worker knows the key, and ${id} does not stand before ${server?.name} there`, publish)
  if (code === "unavailable") return problem("the Worker cannot decide: it has no policies", publish)
  return problem(`the Worker answers HTTP ${answer.status} to its key`, "Look at the Worker's log.")
}
