/** The statement that a publisher sends with a request, which their key has signed just now. */
import type { Config } from "../platform/config.ts"
import { HISTORY_TYPE } from "../core/policy/bundle.ts"
import { publicationOf, readStatement, type Publication, type Statement } from "./signed-publication.ts"

/** Header of requests by a publisher. */
export const PUBLICATION_HEADER = "X-Narrowgate-Publication"

/** A statement is accepted for this long after it was made, and before, because clocks differ. */
const FRESH_MS = 300_000

/** Returns null if the header is no publication that a publisher's key has signed for this Worker just now. */
export async function readPublication(jws: string, config: Config, now: number): Promise<Publication | null> {
  const statement = await readFresh(jws, config, now)
  return statement && publicationOf(statement, jws)
}

/** The publisher as records name them. */
export const publisherOf = ({ kid }: Pick<Publication, "kid">): string => `publisher|${kid}`

/** The publisher who requests the history, by the `kid` of their key. Null if it is no publisher. */
export async function readHistoryRequest(
  jws: string,
  config: Config,
  now: number,
): Promise<Pick<Publication, "kid"> | null> {
  const statement = await readFresh(jws, config, now)
  return statement?.typ === HISTORY_TYPE ? { kid: statement.kid } : null
}

async function readFresh(jws: string, config: Config, now: number): Promise<Statement | null> {
  try {
    const statement = await readStatement(jws, config)
    return Math.abs(now - statement.at) <= FRESH_MS ? statement : null
  } catch {
    return null
  }
}
