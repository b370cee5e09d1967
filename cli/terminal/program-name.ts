/** How this command is called here, for commands that are printed to be run: npx runs what is linked below node_modules. */
export const CALLED = /[\\/]node_modules[\\/]\.bin[\\/]narrowgate$/u.test(process.argv[1] ?? "")
  ? "npx narrowgate"
  : "narrowgate"
