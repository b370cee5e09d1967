/** Lines of JSON. */

export const NDJSON = "application/x-ndjson"

export const jsonLine = (value: object): string => `${JSON.stringify(value)}\n`
