import type { Found } from "../found-tools.ts"

export interface Refusal {
  readonly message: string
  readonly mend: string
}

export type Read = { readonly found: Found } | Refusal

export type Members = Readonly<Record<string, unknown>>
