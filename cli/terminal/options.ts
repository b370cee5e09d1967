/** Options that mean the same in every command that has them. */
import { Option, type Command } from "commander"
import { isObject } from "../../src/core/encoding/json.ts"
import { USERS_TEXT } from "../remote/local-stack.ts"
import { EXIT, Failure } from "./failure.ts"

const POLICIES = "policies"

export function policiesOption(description = "the policy directory"): Option {
  return new Option("--policies <DIR>", description).default(POLICIES)
}

/** For a command about a directory: its one argument, or `--policies` as in all other commands. */
export function inPolicies(command: Command, description = "the policy directory"): Command {
  return command
    .argument("[DIR]", `${description}; also as --policies`, POLICIES)
    .addOption(new Option("--policies <DIR>", description))
    .hook("preAction", (running) => {
      const { policies } = running.opts<{ policies?: string }>()
      const [named] = running.args
      if (policies === undefined || policies === named) return
      if (named !== undefined)
        throw new Failure(`the policies cannot be ${named} and ${policies}`, "Name one directory.", EXIT.usage)
      running.processedArgs[0] = policies
    })
}

/** Whether a person has named the directory. */
export const isPoliciesNamed = (command: Command): boolean =>
  command.args.length > 0 || command.getOptionValueSource("policies") !== undefined

export function argumentsOption(description: string): Option {
  return new Option("--arguments <JSON>", description).argParser(readArguments).default({}, "none")
}

function readArguments(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json)
    if (isObject(value)) return value
  } catch {
    // Reported below, like JSON that is not an object.
  }
  throw new Failure("`--arguments` is not a JSON object", `Write it as \`--arguments '{"ticket":"42"}'\`.`, EXIT.usage)
}

export function usersOption(description = "the users of the identity provider"): Option {
  return new Option("--users <FILE>", `${description}, in YAML: name: [group, …] (default: ${USERS_TEXT})`)
}

export interface UserName {
  /** Null: the only one whose users are known. */
  readonly issuer: string | null
  readonly subject: string
}

export function userOption(description: string): Option {
  const text = `${description}, as ISSUER|SUBJECT, or SUBJECT if there is only one issuer of users`
  return new Option("--user <NAME>", text).argParser(readUser)
}

/** An issuer is a URL, which has no `|`. */
export function readUser(text: string): UserName {
  const at = text.indexOf("|")
  return { issuer: at === -1 ? null : text.slice(0, at), subject: text.slice(at + 1) }
}
