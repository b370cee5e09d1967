/** What is behind a gateway: several servers, each below a prefix of its own. */
import { createServer, request } from "node:http"
import { listen, type Listening } from "../../dev/loopback.ts"

/** @param routes prefix of the path → URL that takes its place */
export async function startUpstreams(routes: Readonly<Record<string, string>>): Promise<Listening> {
  const server = createServer((asked, answer) => {
    const { url = "/", method, headers } = asked
    const [prefix, to] = Object.entries(routes).find(([each]) => url.startsWith(each)) ?? []
    if (prefix === undefined || to === undefined) {
      answer.writeHead(404).end()
      return
    }
    const { host: _host, ...sent } = headers
    const passed = request(to + url.slice(prefix.length), { method, headers: sent }, (said) => {
      answer.writeHead(said.statusCode ?? 502, said.headers)
      // An event stream may be silent for long: its client waits for the headers.
      answer.flushHeaders()
      said.pipe(answer)
    })
    passed.once("error", () => answer.destroy())
    answer.once("close", () => passed.destroy())
    asked.pipe(passed)
  })
  return listen(server, 0)
}
