/** `narrowgate erase`: erases a person, and says what is left of them elsewhere. */
import type { Command } from "commander"
import { hasIssuer, NO_USER_NAME } from "../../src/api/contract/names.ts"
import { users } from "../../src/api/contract/users.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"
import { atWorker } from "./worker-options.ts"

interface EraseOptions extends WorkerOptions {
  readonly reason?: string
  readonly json?: boolean
}

export function addErase(program: Command): void {
  atWorker(program.command("erase"))
    .description("erase a person: end all of their tasks, and delete what the ledgers and the record logs say of them")
    .argument("<USER>", "the user, as ISSUER|SUBJECT")
    .option("--reason <TEXT>", "the reason, which is recorded")
    .option("--json", "print the result as JSON")
    .addHelpText("after", '\nExample:\n  narrowgate erase "https://id.example|42" --reason "their request of 3 May"\n')
    .action(erase)
}

async function erase(user: string, options: EraseOptions): Promise<void> {
  if (!hasIssuer(user)) throw new Failure(`the user cannot be ${user}`, NO_USER_NAME, EXIT.usage)
  const body = { user, ...(options.reason !== undefined && { reason: options.reason }) }
  const input = { parameters: {}, body, schema: users.eraseUser.answer() }
  const answer = await requestApi(options, await operatorBearer(options), "eraseUser", input)
  if (options.json) return console.log(jsonText(answer, 0))
  const { ended, erased, records, remains } = answer
  if (erased === 0)
    console.error(
      `note: nothing was there: it was erased before, or nobody has this name. Records show names: \`narrowgate decisions tail --json\`.`,
    )
  console.log(
    `${printableText(answer.user)}: erased\n  tasks ended        ${ended}\n  task trees deleted ${erased}\n  records erased     ${records}\nWhat is left:`,
  )
  for (const { what, until } of remains)
    console.log(`  ${until === null ? "" : `until ${new Date(until).toISOString()}: `}${printableText(what)}`)
}
