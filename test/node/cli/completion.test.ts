/** Completion in real shells: bash is asked as readline asks it; fish and zsh where they are installed. */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DIALECT_NAMES } from "../../../src/core/policy/definition/gateways.ts"
import { isInstalled } from "../is-installed.ts"
import { run } from "./run.ts"

const exec = promisify(execFile)

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-completion-"))
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await run(directory, ["completion", shell])
    expect(code).toBe(0)
    await writeFile(join(directory, `script.${shell}`), stdout)
  }
  await mkdir(join(directory, "my policies"))
  await writeFile(join(directory, "my document.yaml"), "")
})
afterAll(() => rm(directory, { recursive: true }))

/** @param words as readline splits the line; the last is the one at the cursor */
async function bash(...words: readonly string[]): Promise<string[]> {
  const line = `source <(cat script.bash); COMP_WORDS=(narrowgate "$@"); COMP_CWORD=$#; _narrowgate; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await exec("bash", ["-c", line, "bash", ...words], { cwd: directory })
  return stdout.split("\n").filter((word) => word !== "")
}

describe("bash completes", () => {
  it("commands", async () => {
    expect(await bash("")).toEqual(expect.arrayContaining(["init", "check", "import", "try", "completion"]))
    expect(await bash("im")).toEqual(["import"])
    expect(await bash("import", "")).toEqual(["mcp", "openapi", "help"])
  })

  it("options of the very command", async () => {
    expect(await bash("import", "mcp", "--re")).toEqual(["--repin"])
    expect(await bash("import", "openapi", "--re")).toEqual(["--reroute"])
    expect(await bash("check", "--repin")).toEqual([])
    // A group that does something itself.
    expect(await bash("revoke", "--e")).toEqual(["--everything"])
    expect(await bash("revoke", "l")).toEqual(["list", "lift"])
    expect(await bash("revoke", "list", "--e")).toEqual([])
  })

  it("values that are known beforehand", async () => {
    expect(await bash("init", "--gateway", "")).toEqual([...DIALECT_NAMES])
    expect(await bash("init", "--gateway", "=", "n")).toEqual(["nginx"])
    expect(await bash("completion", "z")).toEqual(["zsh"])
  })

  it("nothing where nobody knows them, were they a command's name or not", async () => {
    expect(await bash("init", "--agent", "")).toEqual([])
    expect(await bash("keygen", "--out", "import", "--")).toEqual(["--out", "--json", "--help"])
  })

  it("files and directories, blanks in their names included", async () => {
    expect(await bash("init", "--openapi", "my")).toEqual(expect.arrayContaining(["my document.yaml"]))
    expect(await bash("check", "my")).toEqual(["my policies"])
  })
})

it.skipIf(!isInstalled("fish"))("fish tells what each means", async () => {
  const ask = async (line: string) => {
    const { stdout } = await exec(
      "fish",
      ["--no-config", "-c", `source script.fish; complete -C ${JSON.stringify(line)}`],
      {
        cwd: directory,
      },
    )
    return stdout
  }
  expect(await ask("narrowgate comp")).toBe("completion\tprint the script by which a shell completes this command\n")
  expect(await ask("narrowgate decisions tail --decision d")).toMatch(/^deny\t/u)
})

it.skipIf(!isInstalled("zsh"))("zsh reads its script", async () => {
  await exec("zsh", ["-f", "-n", "script.zsh"], { cwd: directory })
})

it("no other shell is promised", async () => {
  expect((await run(directory, ["completion", "tcsh"])).code).toBe(2)
})
