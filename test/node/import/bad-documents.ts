/** What is not read as an OpenAPI document, and what is said of it. */
interface BadDocument {
  readonly name: string
  readonly text: string
  readonly message: RegExp
  readonly fix: RegExp
}

const PATHS = "paths: { /a: { get: {} } }\n"

export const BAD_DOCUMENTS: readonly BadDocument[] = [
  {
    name: "Swagger 2.0",
    text: `swagger: "2.0"\n${PATHS}`,
    message: /Swagger \(OpenAPI\) 2\.0, which is not read/,
    fix: /Convert/,
  },
  {
    name: "a version to come",
    text: `openapi: 3.2.0\n${PATHS}`,
    message: /OpenAPI `3\.2\.0`; 3\.0 and 3\.1 are read/,
    fix: /in quotes/,
  },
  {
    name: "a version that YAML takes for a number",
    text: `openapi: 3.0\n${PATHS}`,
    message: /OpenAPI `3`/,
    fix: /in quotes/,
  },
  {
    name: "a version with more to it",
    text: `openapi: "3.1.0\\nx"\n${PATHS}`,
    message: /OpenAPI `3\.1\.0/,
    fix: /in quotes/,
  },
  {
    name: "something else",
    text: "name: x\n",
    message: /no OpenAPI document: it has no `openapi`/,
    fix: /Name an OpenAPI/,
  },
  { name: "an empty file", text: "", message: /holds no map/, fix: /in JSON or YAML/ },
  { name: "a list", text: "[1, 2]", message: /holds no map/, fix: /in JSON or YAML/ },
  { name: "no operations", text: 'openapi: "3.1.0"\n', message: /has no `paths`/, fix: /describes operations/ },
  {
    name: "paths in a list",
    text: 'openapi: "3.1.0"\npaths: []\n',
    message: /has no `paths`/,
    fix: /describes operations/,
  },
  {
    name: "broken YAML",
    text: 'openapi: "3.1.0"\npaths:\n\t/a: {}\n',
    message: /document\.yaml:3:1: .*[Tt]ab/,
    fix: /spaces|Correct/,
  },
  { name: "broken JSON", text: '{ "openapi": "3.1.0", "paths": {', message: /document\.yaml:1:\d+: /, fix: /./ },
  {
    name: "a path that stands twice",
    text: `openapi: "3.1.0"\npaths:\n  /a: {}\n  /a: {}\n`,
    message: /:4:3: Map keys must be unique/,
    fix: /Keep one/,
  },
  {
    name: "a server without a URL",
    text: `openapi: "3.1.0"\nservers: [{}]\n${PATHS}`,
    message: /path of `servers\[0\]\.url` cannot be read/,
    fix: /--base-path/,
  },
  {
    name: "a server whose variables are not there",
    text: `openapi: "3.1.0"\nservers: [{ url: "https://{a}.example" }]\n${PATHS}`,
    message: /path of `servers\[0\]\.url` cannot be read/,
    fix: /--base-path/,
  },
  {
    name: "aliases that multiply",
    text: `openapi: "3.1.0"\na: &a [${"x,".repeat(9)}]\nb: &b [${"*a,".repeat(9)}]\nc: &c [${"*b,".repeat(9)}]\nd: [${"*c,".repeat(9)}]\n${PATHS}`,
    message: /Excessive alias count/,
    fix: /Write out/,
  },
  {
    name: "brackets without end",
    text: `openapi: "3.1.0"\nx: ${"[".repeat(200_000)}`,
    message: /nested too deeply|:\d+:\d+: /,
    fix: /./,
  },
  {
    name: "brackets deep within",
    text: `openapi: "3.1.0"\nx: ${"[".repeat(20_000)}${"]".repeat(20_000)}\n${PATHS}`,
    message: /nested too deeply/,
    fix: /Check/,
  },
  {
    name: "more operations than anybody registers",
    text: JSON.stringify({
      openapi: "3.0.0",
      paths: Object.fromEntries(Array.from({ length: 5_001 }, (_, index) => [`/p${index}`, { get: {} }])),
    }),
    message: /has 5001 operations; 5000 are the most/,
    fix: /document of their own/,
  },
]
