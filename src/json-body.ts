/** The JSON body of a request to us, read in one way only and held against its schema. */
import type { z } from "zod"
import { boundedText } from "./bounded-text.ts"
import { isDenied } from "./decision.ts"
import { parseJson } from "./json.ts"

/** @returns null where it is too long, no JSON that reads in one way, or not of the schema */
export async function readBody<Output>(
  request: Request,
  schema: z.ZodType<Output>,
  maxBytes: number,
): Promise<Output | null> {
  const text = await boundedText(request, maxBytes)
  const parsed = text === null ? null : parseJson(text)
  if (!parsed || isDenied(parsed)) return null
  const body = schema.safeParse(parsed.json)
  return body.success ? body.data : null
}
