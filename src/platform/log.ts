/** What an operator finds in the Worker's log: events with fields, never a token, a key or an argument. */
export function logEvent(event: string, fields: Readonly<Record<string, string | number>>): void {
  // oxlint-disable-next-line no-console -- the one place that writes
  console.error(JSON.stringify({ event, ...fields }))
}
