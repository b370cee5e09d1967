/** A copy of the example policies, and the command as people run it beside it. */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const ROOT = join(import.meta.dirname, "../../..")

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class Stage {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  static async begin(): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), "narrowgate-import-"))
    await cp(join(ROOT, "policies"), join(directory, "policies"), { recursive: true })
    return new Stage(directory)
  }

  end(): Promise<void> {
    return rm(this.directory, { recursive: true })
  }

  get policies(): string {
    return join(this.directory, "policies")
  }

  catalog(): Promise<string> {
    return readFile(join(this.policies, "catalog.yaml"), "utf8")
  }

  schema(): Promise<string> {
    return readFile(join(this.policies, "schema.cedarschema"), "utf8")
  }

  write(text: string): Promise<void> {
    return writeFile(join(this.policies, "catalog.yaml"), text)
  }

  async edit(find: string, replace: string): Promise<void> {
    const text = await this.catalog()
    if (!text.includes(find)) throw new Error(`the catalog has no ${find}`)
    await this.write(text.replace(find, replace))
  }

  /** Nobody is at its stdin. */
  run(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
    return new Promise((resolve) => {
      const options = { cwd: this.directory, env: { PATH: process.env["PATH"], NO_COLOR: "1", ...env } }
      const child = execFile(
        process.execPath,
        [join(ROOT, "bin/narrowgate.ts"), ...args],
        options,
        (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      )
    })
  }

  narrowgate(...args: readonly string[]): Promise<Ran> {
    return this.run({}, ...args)
  }
}
