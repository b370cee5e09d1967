/** The command's exit codes: `--help` names them, and docs/reference/commands.md explains them. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const

export const EXIT_MEANINGS: Readonly<Record<(typeof EXIT)[keyof typeof EXIT], string>> = {
  [EXIT.ok]: "The command has succeeded.",
  [EXIT.refused]: "The command has found errors or differences, or a server has denied its request.",
  [EXIT.usage]: "The command cannot be run as it was called.",
  [EXIT.unreachable]: "A server does not answer.",
}

/** A failure that a person can fix: no defect of the program, so it is reported without a stack trace. */
export class Failure extends Error {
  readonly fix: string
  readonly exitCode: number

  constructor(message: string, fix: string, exitCode: number = EXIT.refused) {
    super(message)
    this.name = "Failure"
    this.fix = fix
    this.exitCode = exitCode
  }
}
