/** Milliseconds since the epoch: the time of the first record that waits for its position in a log. Null if none does. */
export function waitingSince(sql: SqlStorage): number | null {
  const query = `SELECT json_extract(body, '$[0].at') AS at FROM batches
    WHERE id > coalesce((SELECT high FROM segments ORDER BY first DESC LIMIT 1), 0) ORDER BY id LIMIT 1`
  return sql.exec<{ at: number }>(query).toArray()[0]?.at ?? null
}
