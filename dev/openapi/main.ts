/** `npm run openapi`: writes the description of the endpoints, and the page that is rendered from it. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { openApiDocument, type OpenApiDocument } from "./document.ts"
import { markdownOf } from "./markdown.ts"

const ROOT = join(import.meta.dirname, "../..")

/** @param directory such as docs/reference */
export async function writeDescription(directory: string): Promise<void> {
  const manifest: unknown = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"))
  const document = openApiDocument(z.object({ version: z.string() }).parse(manifest).version)
  await writeFile(join(directory, "openapi.json"), textOf(document))
  await writeFile(join(directory, "http.md"), `${markdownOf(document)}\n`)
}

/** One line for each operation and each component: short to load, and a change shows which it is of. */
function textOf(document: OpenApiDocument): string {
  const { paths, components, ...head } = document
  const entries = (of: object, depth: number): string =>
    Object.entries(of)
      .map(
        ([name, value]) =>
          `${JSON.stringify(name)}:${depth === 0 ? JSON.stringify(value) : `{\n${entries(value, depth - 1)}}`}`,
      )
      .join(",\n")
  return `{${entries(head, 0)},\n"paths":{\n${entries(paths, 1)}},\n"components":{\n${entries(components, 1)}}}\n`
}

if (import.meta.main) await writeDescription(join(ROOT, "docs/reference"))
