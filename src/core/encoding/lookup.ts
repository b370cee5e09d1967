/** What is asked for by name: a Map, or what is read when it is first asked for (policy/table.ts). */
export interface Lookup<Value> {
  get(name: string): Value | undefined
  has(name: string): boolean
  values(): Iterable<Value>
}
