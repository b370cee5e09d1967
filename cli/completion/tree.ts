/** What can be typed after `narrowgate`, from commander's own tree: one source for parser, help and shell. */
import type { Argument, Command, Option } from "commander"

/** A command, or a group of commands. */
export interface CompletionPlace {
  /** Names of the commands that lead to it, each after a slash; empty for the program itself. */
  readonly at: string
  readonly commands: readonly Word[]
  readonly options: readonly Flag[]
  /** Values of its first argument. */
  readonly values: Values
}

interface Word {
  readonly name: string
  readonly says: string
}

export interface Flag {
  /** `--json`, and the short form if there is one. */
  readonly names: readonly string[]
  readonly says: string
  /** Null if the option takes no value. */
  readonly values: Values | null
}

/** `none`: the values are not known in advance. */
export type Values =
  | { readonly kind: "files" | "directories" | "none" }
  | { readonly kind: "words"; readonly words: readonly string[] }

export function placesOf(command: Command, at = ""): readonly CompletionPlace[] {
  const help = command.createHelp()
  const commands = help
    .visibleCommands(command)
    .map((each) => ({ name: each.name(), says: help.subcommandDescription(each) }))
  const [argument] = command.registeredArguments
  const place = {
    at,
    commands,
    options: help.visibleOptions(command).map(flagOf),
    values: argument ? valuesOf(argument, argument.name()) : NONE,
  }
  return [place, ...command.commands.flatMap((each) => placesOf(each, `${at}/${each.name()}`))]
}

const NONE: Values = { kind: "none" }

function flagOf(option: Option): Flag {
  const { long, short, description, flags, required, optional } = option
  return {
    names: [long, short].filter((name) => name !== undefined),
    says: description,
    values: required || optional ? valuesOf(option, flags) : null,
  }
}

/** The help's own convention: `<FILE>` and `<DIR>` are paths. */
function valuesOf({ argChoices }: Argument | Option, named: string): Values {
  if (argChoices && argChoices.length > 0) return { kind: "words", words: argChoices }
  if (/\bFILE\b/u.test(named)) return { kind: "files" }
  return /\bDIR\b/u.test(named) ? { kind: "directories" } : NONE
}
