/** The example policies, but for whom agents' identities are believed from. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseDocument } from "yaml"
import { z } from "zod"

const EXAMPLE = resolve(import.meta.dirname, "../../policies")
const issuersSchema = z.object({ issuers: z.array(z.object({ trust_domain: z.string().optional() })) })

export interface PolicyDirectory extends AsyncDisposable {
  readonly path: string
}

/** @param bundle URL of the SPIFFE bundle of example.org */
export async function policiesBelieving(bundle: string): Promise<PolicyDirectory> {
  const path = await mkdtemp(join(tmpdir(), "narrowgate-policies-"))
  const dispose = async (): Promise<void> => rm(path, { recursive: true, force: true })
  try {
    await cp(EXAMPLE, path, { recursive: true })
    const file = join(path, "issuers.yaml")
    const document = parseDocument(await readFile(file, "utf8"))
    const { issuers } = issuersSchema.parse(document.toJS())
    const index = issuers.findIndex(({ trust_domain }) => trust_domain === "example.org")
    if (index === -1) throw new Error("policies/issuers.yaml has no entry for example.org")
    document.setIn(["issuers", index, "keys"], { spiffe_bundle: bundle })
    await writeFile(file, document.toString())
    return { path, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
