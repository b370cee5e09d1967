/**
 * What is beside a first policy directory: a `package.json` by which `npx narrowgate` is this version, with the packages of
 * the local stack; for a repository of policies also what reviews and publishes them. Nothing that is there is changed.
 */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"
import { installCommand, LOCAL_STACK, PACKAGE, versionOf } from "../package.ts"

export interface Project {
  readonly written: readonly string[]
  /** Files that were there, and are as they were. */
  readonly unchanged: readonly string[]
  /** The command after which `npx narrowgate` works here; null if nothing is missing. */
  readonly install: string | null
}

/** A publisher's key is no part of a repository. */
const IGNORED = "node_modules/\n.narrowgate/\n*.jwk\n"
/** Of `template/`, at the same places. */
const OF_A_REPOSITORY = [".github/workflows/policies.yaml", "README.md"]

const manifestSchema = z.looseObject({
  name: z.string().optional(),
  dependencies: z.record(z.string(), z.unknown()).default({}),
  devDependencies: z.record(z.string(), z.unknown()).default({}),
})

/**
 * @param directory of the policies, as it is named from here
 * @param isRepository with what reviews and publishes them
 * @param isLocal the policies are for the local stack
 */
export async function writeProject(directory: string, isRepository: boolean, isLocal: boolean): Promise<Project> {
  // The page of a repository says how to try its policies in the local stack.
  const packages = ["narrowgate", ...(isLocal || isRepository ? LOCAL_STACK : [])]
  const manifest = await readFile("package.json", "utf8").catch(() => null)
  const [written, unchanged]: [string[], string[]] = [[], []]
  const put = async (file: string, write: () => Promise<void>): Promise<void> => {
    try {
      await write()
      written.push(file)
    } catch (error) {
      if (!(error instanceof Error && "code" in error && /EEXIST/u.test(String(error.code)))) throw error
      unchanged.push(file)
    }
  }
  const putText = async (file: string, text: string): Promise<void> =>
    put(file, async () => writeFile(file, text, { flag: "wx" }))
  if (manifest === null) {
    await putText("package.json", manifestFor(directory, packages))
  }
  if (manifest === null || isRepository) await putText(".gitignore", IGNORED)
  for (const file of isRepository ? OF_A_REPOSITORY : []) {
    await mkdir(dirname(file), { recursive: true })
    await put(file, async () => cp(join(PACKAGE, "template", file), file, { errorOnExist: true, force: false }))
  }
  return { written, unchanged, install: manifest === null ? "npm install" : missingFrom(manifest, packages) }
}

function manifestFor(directory: string, packages: readonly string[]): string {
  const named = (option: string): string => (directory === "policies" ? "" : `${option} ${JSON.stringify(directory)}`)
  const manifest = {
    private: true,
    scripts: {
      ...(packages.length > 1 && { dev: `narrowgate dev --gateway${named(" --policies")}` }),
      check: `narrowgate check${named("")}`,
      test: `narrowgate test${named("")}`,
    },
    devDependencies: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
    // It works without the script that it would run when it is installed.
    allowScripts: { workerd: false },
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** In the repository of Narrowgate itself nothing is. */
function missingFrom(text: string, packages: readonly string[]): string | null {
  const read = manifestSchema.safeParse(parsed(text))
  const { name, dependencies, devDependencies } = read.data ?? { dependencies: {}, devDependencies: {} }
  const missing = packages.filter((each) => !(each in dependencies || each in devDependencies))
  return name === "narrowgate" || missing.length === 0 ? null : installCommand(missing)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
