/** As much as guardrails' storage uses of the SQLite of a Durable Object, for what runs it in Node. */
type SqlStorageValue = ArrayBuffer | string | number | null

interface SqlStorageCursor<Row> extends Iterable<Row> {
  toArray(): Row[]
  one(): Row
}

interface SqlStorage {
  exec<Row extends Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageValue[]
  ): SqlStorageCursor<Row>
}
