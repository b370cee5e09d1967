/** The command's exit codes; `--help` tells them. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const

/** What a person can fix: no defect of the program, so it is told without a stack trace. */
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
