/** Members of evidence that several reasons share. */
import { CONSEQUENCES } from "../terms/consequence.ts"
import { NUMBER, optional, plain, TEXT, TEXTS } from "../terms/evidence.ts"
import * as z from "zod"

export const WHAT = plain(TEXT, "What is wrong: the reason of a rejected credential, a claim, or a few words.")
export const HASH = plain(
  TEXT,
  "First 16 hex digits of the SHA-256 of the denied token or proof, as in `token_hash`; of what is no JWS, of all of it.",
)
export const HEADER = plain(TEXT, "The header that is missing or differs.")
export const ARGUMENT = plain(TEXT, "Name of the argument.")
export const TASK = plain(TEXT, "The task: the one that makes the call, or one above it.")
export const SCOPE = plain(TEXT, "The scope that would have been needed.")
export const GUARDRAIL = plain(TEXT, "The guardrail that denies the call.")
export const LIMIT = plain(NUMBER, "How much there may be.")
export const SECONDS = plain(NUMBER, "Length of the window, in seconds.")
export const RETRY_AFTER = plain(NUMBER, "Seconds until one more call fits.")
export const CONSEQUENCE = plain(
  z.enum(CONSEQUENCES),
  "What follows for the task: nothing (`deny`), people are asked, it is quarantined, or it is revoked.",
)
export const PRINCIPAL = plain(TEXT, "The principal that policy does not permit.")
export const RULES = plain(TEXTS, "Ids of the rules that forbid it.")
export const MESSAGE = optional(plain(TEXT, "What these rules say to the agent (`@message`); absent: nothing."))
export const SWITCH = plain(TEXT, "Id of the revocation.")
export const TOOL = plain(TEXT, "The tool.")
