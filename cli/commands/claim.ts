/** `narrowgate claim`: the first operator makes a new deployment theirs. */
import type { Command } from "commander"
import type { JWK } from "jose"
import { claimAt } from "../remote/claim.ts"
import { KEY_VARIABLE, publisherKey } from "../remote/publisher-key.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { exists } from "../terminal/exists.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { askSecret, isSomebodyThere } from "../terminal/prompts.ts"
import { CALLED } from "../terminal/program-name.ts"
import { makeKey } from "./keygen.ts"
import { workerOption } from "./worker-options.ts"

interface ClaimOptions {
  readonly url: string
  readonly key?: string
  readonly json?: boolean
}

const SECRET_VARIABLE = "NARROWGATE_CLAIM"
const KEY_FILE = "publisher.jwk"

export function addClaim(program: Command): void {
  program
    .command("claim")
    .description("make a new deployment yours: register a publisher's key, and fix the URL by which it is known")
    .addOption(workerOption())
    .option(
      "--key <FILE>",
      `the publisher's private key, which is made if there is none (default: ${KEY_FILE}, or ${KEY_VARIABLE} in the environment)`,
    )
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `\nExample:\n  ${CALLED} claim --url https://authz.example\n\nThe secret CLAIM of the deployment is read from ${SECRET_VARIABLE}, from standard input, or from a prompt.\nIt works once, and is not sent.\n`,
    )
    .action(claim)
}

async function claim({ url, key: file, json }: ClaimOptions): Promise<void> {
  const secret = await secretOf()
  const key = await keyOf(file)
  const done = await claimAt(url, key.jwk, secret)
  if (json) {
    console.log(jsonText({ claimed: done !== null, key: key.file, ...done }))
    return
  }
  const publish = `${CALLED} publish --url ${new URL(url).origin}${key.file === null ? "" : ` --key ${key.file}`} --why "the first rules"`
  console.log(
    done
      ? colors.green(
          `${printableText(done.issuer)} is yours: bundles are accepted by the key ${printableText(done.kid)}`,
        )
      : `${url} is yours already: it accepts bundles by this key`,
  )
  console.log(
    `next: ${publish}\nThe secret CLAIM is of no more use: on Cloudflare, npx wrangler secret delete CLAIM; where \`narrowgate serve\` runs, unset it if it is set`,
  )
}

/** Never an argument: every user who may list processes sees their arguments. */
async function secretOf(): Promise<string> {
  const secret =
    process.env[SECRET_VARIABLE] ?? (isSomebodyThere() ? await askSecret("The secret CLAIM") : await piped())
  if (secret !== null && secret.trim() !== "") return secret.trim()
  throw new Failure("no secret", `Set ${SECRET_VARIABLE}, or write the secret to standard input.`, EXIT.usage)
}

async function piped(): Promise<string> {
  let text = ""
  for await (const part of process.stdin.setEncoding("utf8")) text += part
  return text
}

interface KeyInUse {
  readonly jwk: JWK
  /** Null: it is the environment's. */
  readonly file: string | null
}

async function keyOf(named: string | undefined): Promise<KeyInUse> {
  if (named === undefined && (process.env[KEY_VARIABLE] ?? "") !== "")
    return { jwk: await publisherKey(undefined), file: null }
  const file = named ?? KEY_FILE
  const isThere = await exists(file)
  if (isThere) return { jwk: await publisherKey(file), file }
  const { privateJwk } = await makeKey(file)
  console.error(`${file}: a new publisher's key, readable by you alone. Keep it out of the repository.`)
  return { jwk: privateJwk, file }
}
